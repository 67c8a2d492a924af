"""TIFF files: what their first page says, and whether all pages are there."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from manifest_uploader.files.formats.about import About
from manifest_uploader.files.looks import Flaw, FlawKind, Format, ImageHeader
from tests.files.formats.helpers import abouts, kinds, look
from tests.files.formats.make import page, tiff

ROWS = [bytes([row]) * 8 for row in range(4)]
BY_ROWS: dict[str, Any] = {"t278": (3, (1,))}
VARIANTS: list[dict[str, Any]] = [
    {"big": big, "order": order, "after": after}
    for big in (False, True)
    for order in ("<", ">")
    for after in (False, True)
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_first_page_is_read(variant: dict[str, Any]) -> None:
    shown = look(tiff((page(**BY_ROWS), ROWS), **variant), "a.tif")

    assert shown.format is Format.TIFF
    assert shown.flaws == ()
    assert shown.image == ImageHeader(8, 4, voxel="uint8", dimensions=2)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_file_that_ends_before_a_strip_a_page_or_its_tags_is_cut(variant: dict[str, Any]) -> None:
    whole = tiff(*[(page(**BY_ROWS), ROWS)] * 3, **variant)
    last = 16 if variant["after"] else 1

    for length in (*range(6, len(whole) - last, 7), len(whole) - last):
        (flaw,) = look(whole[:length], "a.tif").flaws
        assert (flaw.kind, flaw.found) == (FlawKind.CUT, length), length
        assert flaw.expected is not None
        assert length < flaw.expected <= len(whole)


def test_pages_of_the_same_size_are_counted() -> None:
    small = (page(4, 2), [bytes(8)])
    large = (page(), [bytes(32)])

    found = [look(tiff(*pages)).image for pages in ([large, large, small], [large, small])]

    assert [image and image.pages for image in found] == [2, 1]


def test_trailing_bytes_do_not_matter() -> None:
    assert look(tiff((page(), [bytes(32)])) + b"more").flaws == ()


def test_tiles_that_were_left_out_are_not_missed() -> None:
    tags = page(32, 32, t322=(3, (16,)), t323=(3, (16,)), t259=(3, (7,)))
    data = tiff((tags, [b"", b"jpeg", b"", b"jpeg"]), tiled=True, after=False)

    assert look(data).flaws == ()
    assert kinds(data[:-1]) == [FlawKind.CUT]


@pytest.mark.parametrize("count", [0, 32, 33, 2**31])
def test_a_wrong_count_of_the_bytes_of_the_only_strip_does_not_matter(count: int) -> None:
    data = tiff((page(), [bytes(32)]), counts=[count], after=False)

    assert look(data).flaws == ()
    assert look(data[:-1]).flaws == (Flaw(FlawKind.CUT, len(data), len(data) - 1),)


def test_pages_below_a_page_are_followed() -> None:
    pages = [(page(t330=(4, (0,))), [bytes(32)]), (page(4, 2), [bytes(8)])]
    data = bytearray(tiff(*pages, after=False))
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    link = first + 2 + 12 * count
    (second,) = struct.unpack_from("<I", data, link)
    below = data.index(struct.pack("<HHI", 330, 4, 1), first) + 8
    struct.pack_into("<I", data, link, 0)
    struct.pack_into("<I", data, below, second)

    assert look(bytes(data)).flaws == ()
    assert kinds(bytes(data[:-1])) == [FlawKind.CUT]
    assert kinds(bytes(data[:second])) == [FlawKind.CUT]


def test_a_loop_of_directories_ends() -> None:
    data = bytearray(tiff((page(), [bytes(32)])))
    (where,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, where)
    struct.pack_into("<I", data, where + 2 + 12 * count, where)

    assert look(bytes(data)).flaws == ()


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"t262": (3, (0,))}, [About.PHOTOMETRIC]),
        ({"t262": (3, (3,))}, [About.PHOTOMETRIC]),
        ({"t262": None}, [About.PHOTOMETRIC]),
        ({"t262": (3, (2,))}, []),
        ({"t262": (3, (6,))}, []),
        ({"t282": None}, [About.RESOLUTION]),
        ({"t283": (5, (0, 1))}, [About.RESOLUTION]),
        ({"t283": (5, (1, 0))}, [About.RESOLUTION]),
        ({"t296": None}, [About.RESOLUTION]),
        ({"t296": (3, (1,))}, [About.RESOLUTION]),
        ({"t296": (3, (3,))}, []),
        ({"t282": None, "t305": (2, b"Philips DP v1.0\0")}, []),
        ({"t282": None, "t270": (2, b"Aperio Image Library\0")}, []),
    ],
)
def test_what_the_importer_does_not_take_is_named(
    tags: dict[str, Any], expected: list[str]
) -> None:
    data = tiff((page(**tags), [bytes(32)]))

    assert abouts(data, "a.tif") == expected
    assert abouts(data, "a.svs") == []


def test_a_large_hamamatsu_slide_is_not_judged() -> None:
    class Endless:
        """A file of five gigabytes, of which only the beginning is there."""

        def __init__(self, data: bytes) -> None:
            self.data = data
            self.place = 0

        def seek(self, place: int) -> None:
            self.place = place

        def read(self, size: int) -> bytes:
            found = self.data[self.place : self.place + size]
            self.place += size
            return found.ljust(size, b"\xff")

    from manifest_uploader.files.formats.tiff import look_tiff

    wrapped = [bytes(32)]
    slide = tiff((page(t65420=(4, (1,))), wrapped), counts=[2**32 - 1])
    other = tiff((page(t259=(3, (7,))), wrapped), counts=[2**32 - 1])

    assert look_tiff(Endless(slide), 5 * 10**9, "a.ndpi").flaws == ()  # type: ignore[arg-type]
    assert kinds(other, "a.tif") == [FlawKind.CUT]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"t280": (3, (1,)), "t281": (3, (3,))}, (1, 3)),
        ({"t280": (3, (0,)), "t281": (3, (3,))}, None),
        ({"t340": (1, (0,)), "t341": (1, (3,))}, (0, 3)),
        ({"t280": (3, (0,)), "t340": (1, (0,)), "t281": (3, (3,))}, (0, 3)),
        ({"t280": (3, (1,)), "t281": (3, (3,)), "t277": (3, (3,))}, None),
        ({"t280": (3, (1,)), "t281": (3, (3,)), "t339": (3, (3,))}, None),
    ],
)
def test_the_range_of_values_is_what_the_importer_takes_it_for(
    tags: dict[str, Any], expected: tuple[int, int] | None
) -> None:
    image = look(tiff((page(**tags), [bytes(96)]))).image

    assert image is not None
    assert image.value_range == expected


@pytest.mark.parametrize("data", [b"II*\0", b"II*\0\x08\0\0\0", b"II+\0\x08\0\0\0\0\0"])
def test_a_file_that_is_only_a_beginning_is_cut(data: bytes) -> None:
    assert kinds(data) == [FlawKind.CUT]


def test_a_file_without_a_directory_is_unreadable() -> None:
    assert kinds(b"II*\0\0\0\0\0") == [FlawKind.UNREADABLE]
    assert kinds(tiff((page(t256=(3, (0,))), [bytes(32)]))) == [FlawKind.UNREADABLE]
