"""NRRD files: what their headers say, and what is wrong with them."""

from __future__ import annotations

import bz2

import pytest

from manifest_uploader.files.formats.about import About
from manifest_uploader.files.looks import Flaw, FlawKind, Format, ImageHeader, VoxelData
from tests.files.formats.helpers import abouts, kinds, look
from tests.files.formats.make import VOXELS, gzipped, nrrd

NUMBERS = b" ".join(b"%d" % one for one in VOXELS)


def test_a_header_is_read() -> None:
    data = nrrd(VOXELS * 2, type="unsigned short", lines=["key:=value", "# a comment"])

    shown = look(data, "a.nrrd")

    assert shown.format is Format.NRRD
    assert shown.flaws == ()
    assert shown.image == ImageHeader(4, 3, 2, voxel="uint16", dimensions=3)
    assert shown.voxels == VoxelData(48, start=len(data) - 48)


@pytest.mark.parametrize(
    ("kind", "sizes", "channels", "vector"),
    [
        ("vector domain domain domain", "3 4 3 2", 3, True),
        ("domain domain domain RGBA-color", "4 3 2 4", 4, True),
        ("scalar domain domain domain", "1 4 3 2", 1, False),
        ("list domain domain domain", "1 4 3 2", 1, True),
    ],
)
def test_kinds_tell_channels_from_axes(
    kind: str, sizes: str, channels: int, *, vector: bool
) -> None:
    shown = look(nrrd(VOXELS * 4, dimension=4, sizes=sizes, kinds=kind))

    assert shown.flaws == ()
    assert shown.image == ImageHeader(
        4, 3, 2, channels=channels, voxel="uint8", dimensions=3, vector=vector
    )


@pytest.mark.parametrize(
    "data",
    [
        nrrd(VOXELS + b"more"),
        nrrd(nl="\r\n"),
        nrrd(b"12345" + VOXELS, byte_skip=5),
        nrrd(b"12345" + VOXELS, byte_skip=-1),
        nrrd(b"ab\ncd\n" + VOXELS, line_skip=2),
        nrrd(gzipped(VOXELS), encoding="gzip"),
        nrrd(gzipped(VOXELS) + b"more", encoding="gz"),
        nrrd(gzipped(b"12345" + VOXELS), encoding="gzip", byte_skip=5),
        nrrd(VOXELS, encoding="gzip"),
        nrrd(NUMBERS, encoding="ascii"),
        nrrd(NUMBERS.replace(b" ", b",\r\n"), encoding="txt"),
        nrrd(VOXELS.hex("\n", 5).encode(), encoding="hex"),
    ],
)
def test_a_whole_file_is_whole_however_it_is_encoded(data: bytes) -> None:
    assert look(data).flaws == ()


@pytest.mark.parametrize(
    "data",
    [
        nrrd(VOXELS[:-1]),
        nrrd(b"12345" + VOXELS[:-1], byte_skip=5),
        nrrd(VOXELS[:-1], byte_skip=-1),
        nrrd(b"ab\ncd\n" + VOXELS[:-1], line_skip=2),
        nrrd(b"ab\ncd\n" + VOXELS[:-1], line_skip=20),
        nrrd(gzipped(VOXELS)[:-12], encoding="gzip"),
        nrrd(gzipped(VOXELS[:-1]), encoding="gzip"),
        nrrd(gzipped(VOXELS), encoding="gzip", byte_skip=5),
        nrrd(NUMBERS[:-2], encoding="ascii"),
        nrrd(VOXELS.hex().encode()[:-1], encoding="hex"),
        nrrd(b"")[:40],
        nrrd(b"").rstrip(b"\n"),
    ],
)
def test_a_file_that_lacks_something_is_cut(data: bytes) -> None:
    assert kinds(data) == [FlawKind.CUT]


def test_a_cut_file_says_how_many_bytes_it_lacks() -> None:
    whole = nrrd()

    assert look(whole[:-5]).flaws == (
        Flaw(FlawKind.CUT, expected=len(whole), found=len(whole) - 5),
    )


def test_numbers_are_counted_across_the_pieces_of_a_long_text() -> None:
    count = 50 * 40 * 30
    numbers = b" ".join(b"%d" % (place % 1000) for place in range(count))
    fields = {"encoding": "ascii", "type": "short", "sizes": "50 40 30"}

    assert look(nrrd(numbers, **fields)).flaws == ()
    assert kinds(nrrd(numbers[:-4], **fields)) == [FlawKind.CUT]


@pytest.mark.parametrize("line", ["data file: a.raw", "datafile: ./a.raw", "DATA FILE: a.raw"])
def test_the_importer_reads_no_separate_data_file(line: str) -> None:
    shown = look(nrrd(b"", lines=[line]), "a.nhdr")

    assert shown.data_file == "a.raw"
    assert [flaw.kind for flaw in shown.flaws] == [FlawKind.SEPARATE_DATA]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"magic": "NRRD0006"}, About.VERSION),
        ({"type": "block"}, About.VOXEL_TYPE),
        ({"encoding": "bzip2"}, About.ENCODING),
        ({"dimension": 1, "sizes": "24"}, About.DIMENSIONS),
        ({"dimension": 5, "sizes": "2 3 2 2 1"}, About.DIMENSIONS),
        ({"kinds": "list domain domain", "sizes": "2 4 3"}, About.CHANNELS),
        ({"kinds": "RGB-color domain domain", "sizes": "4 3 2"}, "kinds"),
        ({"sizes": "4 3"}, "sizes"),
        ({"sizes": "4 3 0"}, "sizes"),
        ({"type": "short", "endian": None}, "endian"),
        ({"lines": ["sizes: 4 3 2"]}, "sizes"),
        ({"lines": ["foo: bar"]}, About.HEADER),
        ({"lines": ["spacings: 0 1 1"]}, About.SPACING),
        ({"lines": ["WindowCenter:=wide"]}, "WindowCenter"),
        ({"lines": ["space: LPS", "space directions: (1,0,0) (2,0,0) (0,0,1)"]}, About.DIRECTION),
        ({"lines": ["measurement frame: (1,0,0) (0,1,0) (0,0,1)"]}, "measurement frame"),
    ],
)
def test_what_the_importer_does_not_read_is_named(fields: dict[str, object], expected: str) -> None:
    data = bz2.compress(VOXELS) if fields.get("encoding") == "bzip2" else VOXELS * 2

    assert abouts(nrrd(data, **fields)) == [expected]  # type: ignore[arg-type]
