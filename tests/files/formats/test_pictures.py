"""PNG and JPEG pictures."""

from __future__ import annotations

import random
import struct
import tempfile
from functools import cache
from pathlib import Path

import pytest

from manifest_uploader.files.formats.about import About
from manifest_uploader.files.looks import Flaw, FlawKind, Format, ImageHeader
from tests.files.formats.helpers import abouts, kinds, look
from tests.files.formats.make import png

NOISE = random.Random(1).randbytes(600 * 601)


@cache
def jpeg() -> bytes:
    """A colour picture of 40 x 30 pixels."""
    import numpy as np
    import SimpleITK

    values = np.frombuffer(NOISE[:3600], "u1").reshape(30, 40, 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jpg"
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values, isVector=True), str(path))
        return path.read_bytes()


@pytest.mark.parametrize(
    ("depth", "colour", "channels", "voxel", "about"),
    [
        (8, 0, 1, "uint8", []),
        (16, 0, 1, "uint16", []),
        (4, 0, 1, "uint8", []),
        (1, 0, 1, "uint8", [About.BIT_DEPTH]),
        (8, 2, 3, "uint8", []),
        (16, 2, 3, "uint8", []),
        (8, 4, 2, "uint8", [About.CHANNELS]),
        (16, 4, 4, "uint8", []),
        (8, 6, 4, "uint8", []),
        (8, 3, 1, "uint8", []),
    ],
)
def test_a_png_is_read_as_the_importer_reads_it(
    depth: int, colour: int, channels: int, voxel: str, about: list[str]
) -> None:
    shown = look(png(depth=depth, colour=colour), "a.jpg")

    assert shown.format is Format.PNG
    assert shown.image == ImageHeader(
        8, 4, channels=channels, voxel=voxel, dimensions=2, vector=colour == 3
    )
    assert [flaw.about for flaw in shown.flaws] == about


@pytest.mark.parametrize(("width", "height"), [(30, 20), (600, 600)])
def test_a_png_that_lacks_pixels_is_cut(width: int, height: int) -> None:
    rows = b"".join(b"\0" + NOISE[row * width :][:width] for row in range(height))
    whole = png(width, height, rows=rows)

    assert look(whole).flaws == ()
    assert look(whole + b"more").flaws == ()
    for less in (40, 100, len(whole) // 2, len(whole) - 60):
        assert look(whole[:-less]).flaws == (
            Flaw(FlawKind.CUT, expected=len(whole), found=len(whole) - less),
        )


def test_a_png_that_lacks_only_its_end_is_whole_to_the_importer() -> None:
    whole = png(30, 20)

    assert [look(whole[:-less]).flaws for less in (1, 12, 16)] == [()] * 3


def test_an_interlaced_png_is_counted_pass_by_pass() -> None:
    # 9 x 9 pixels: passes of 2x2, 1x2, 3x1, 2x3, 5x2, 4x5 and 9x4, a byte more for each row
    rows = bytes(81 + 2 + 2 + 1 + 3 + 2 + 5 + 4)
    whole = png(9, 9, interlaced=True, rows=rows)

    assert look(whole[:-12]).flaws == ()
    assert kinds(png(9, 9, interlaced=True, rows=rows[:-1])) == [FlawKind.CUT]


def test_a_damaged_png_is_unreadable() -> None:
    whole = png()

    assert kinds(whole[:18] + b"\7" + whole[19:]) == [FlawKind.UNREADABLE]
    assert kinds(whole[:43] + b"\xff\xff\xff" + whole[46:]) == [FlawKind.UNREADABLE]


@pytest.mark.parametrize(("width", "are_many"), [(13_377, False), (13_378, True)])
def test_too_many_pixels_are_an_attack(width: int, *, are_many: bool) -> None:
    empty = png(width, 13_377, rows=b"")

    assert (About.PIXELS in abouts(empty)) is are_many


def test_a_jpeg_is_read() -> None:
    shown = look(jpeg())

    assert shown.flaws == ()
    assert shown.image == ImageHeader(40, 30, channels=3, voxel="uint8", dimensions=2)


def test_a_jpeg_that_lacks_anything_is_cut() -> None:
    whole = jpeg()

    found = {tuple(kinds(whole[:length])) for length in range(3, len(whole))}

    assert found == {(FlawKind.CUT,)}
    assert look(whole + bytes(100)).flaws == ()
    assert look(whole + bytes(200_000)).flaws == ()
    assert kinds(whole[:-900].ljust(len(whole), b"\0")) == [FlawKind.CUT]


def test_a_thumbnails_end_is_not_the_pictures() -> None:
    inside = b"\xff\xe1" + struct.pack(">H", 2 + len(jpeg())) + jpeg()
    whole = jpeg()[:2] + inside + jpeg()[2:]

    assert look(whole).flaws == ()
    assert kinds(whole[:-1]) == [FlawKind.CUT]


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (0, b"\x0c", About.BIT_DEPTH),
        (5, b"\2", About.CHANNELS),
        (1, b"\xff\xff\xff\xff", About.PIXELS),
    ],
)
def test_a_jpeg_that_the_importer_does_not_take_is_named(
    place: int, value: bytes, expected: str
) -> None:
    whole = bytearray(jpeg())
    frame = max(whole.find(b"\xff\xc0"), whole.find(b"\xff\xc2")) + 4
    whole[frame + place : frame + place + len(value)] = value

    assert abouts(bytes(whole)) == [expected]


def _index(pictures: int, order: str) -> bytes:
    """The segment that says how many pictures a file holds."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHII", 0xB001, 4, 1, pictures)
    data = b"MPF\0" + mark + struct.pack(order + "IH", 8, 1) + entry + bytes(4)
    return b"\xff\xe2" + struct.pack(">H", len(data) + 2) + data


@pytest.mark.parametrize("order", ["<", ">"])
def test_several_pictures_in_one_are_refused(order: str) -> None:
    one, two = (jpeg()[:2] + _index(count, order) + jpeg()[2:] for count in (1, 2))
    gain_map = b"\xff\xe1\0\x20" + b'xmp hdrgm:Version="1.0"'.ljust(30)

    assert look(one).flaws == ()
    assert abouts(two) == [About.SEVERAL_PICTURES]
    assert look(two[:2] + gain_map + two[2:]).flaws == ()


@pytest.mark.parametrize("data", [b"GIF89a\1\0\1\0", b"BM" + bytes(12) + b"(\0\0\0" + bytes(40)])
def test_other_pictures_are_refused(data: bytes) -> None:
    assert look(data).flaws == (Flaw(FlawKind.UNSUPPORTED, about=About.FORMAT),)


@pytest.mark.parametrize("between", [b"xx", b"\xff\0", b"\xff\xd9"])
def test_a_jpeg_with_something_else_between_its_segments_is_unreadable(between: bytes) -> None:
    whole = jpeg()
    second = 4 + int.from_bytes(whole[4:6])

    assert look(whole[:second] + b"\xff\xff\xff" + whole[second:]).flaws == ()
    assert kinds(whole[:second] + between + whole[second:]) == [FlawKind.UNREADABLE]
