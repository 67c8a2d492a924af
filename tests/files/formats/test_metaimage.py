"""MetaImage files: what their headers say, and what is wrong with them."""

from __future__ import annotations

import io
import zlib

import pytest

from manifest_uploader.files.formats.about import About
from manifest_uploader.files.formats.voxels import data_flaws
from manifest_uploader.files.looks import Flaw, FlawKind, Format, ImageHeader, VoxelData
from tests.files.formats.helpers import abouts, flaws_of, kinds, look
from tests.files.formats.make import VOXELS, metaimage

PACKED = zlib.compress(VOXELS)
LARGE = bytes(range(250)) * 4000
PACKED_LARGE = zlib.compress(LARGE)


def test_a_header_is_read() -> None:
    data = metaimage(VOXELS * 6, ElementType="MET_SHORT", ElementNumberOfChannels=3)

    shown = look(data)

    assert shown.format is Format.METAIMAGE
    assert shown.flaws == ()
    assert shown.image == ImageHeader(4, 3, 2, channels=3, voxel="int16", dimensions=3)
    assert shown.voxels == VoxelData(144, start=len(data) - 144)


def test_four_dimensions_are_three_and_time() -> None:
    shown = look(metaimage(NDims=4, DimSize="2 3 2 2", ElementSpacing="1 1 1 1"))

    assert shown.image == ImageHeader(2, 3, 2, 2, voxel="uint8", dimensions=4)


@pytest.mark.parametrize("missing", [1, 10, 24])
def test_a_cut_file_says_how_many_bytes_it_lacks(missing: int) -> None:
    whole = metaimage()

    assert look(whole[:-missing]).flaws == (
        Flaw(FlawKind.CUT, expected=len(whole), found=len(whole) - missing),
    )


@pytest.mark.parametrize("after", [b"", b"\0" * 512, b"more"])
@pytest.mark.parametrize("nl", ["\n", "\r\n"])
def test_what_comes_after_the_voxels_does_not_matter(after: bytes, nl: str) -> None:
    assert look(metaimage(VOXELS + after, nl=nl)).flaws == ()


def test_a_compressed_file_is_as_long_as_its_header_says() -> None:
    fields = {"CompressedData": True, "CompressedDataSize": len(PACKED_LARGE)}
    whole = metaimage(PACKED_LARGE, DimSize="1000 100 10", **fields)

    assert look(whole).flaws == ()
    assert look(whole[:-1]).flaws == (
        Flaw(FlawKind.CUT, expected=len(whole), found=len(whole) - 1),
    )


def test_a_compressed_file_that_ends_in_zeros_is_unpacked() -> None:
    fields = {"CompressedData": True, "CompressedDataSize": len(PACKED_LARGE)}
    half = PACKED_LARGE[: len(PACKED_LARGE) // 2].ljust(len(PACKED_LARGE), b"\0")

    shown = look(metaimage(half, DimSize="1000 100 10", **fields))

    assert shown.flaws[0].kind in (FlawKind.CUT, FlawKind.UNREADABLE)


def test_without_its_compressed_size_the_importer_reads_the_header_as_data() -> None:
    data = metaimage(PACKED, CompressedData=True)

    assert look(data).flaws == (Flaw(FlawKind.UNSUPPORTED, about=About.COMPRESSED_SIZE),)


@pytest.mark.parametrize(
    ("fields", "kind", "about"),
    [
        ({"ElementNumberOfChannels": 2}, FlawKind.UNSUPPORTED, About.CHANNELS),
        ({"NDims": 5, "DimSize": "2 3 2 2 1"}, FlawKind.UNSUPPORTED, About.DIMENSIONS),
        ({"NDims": -3}, FlawKind.UNREADABLE, "NDims"),
        ({"DimSize": "4 3"}, FlawKind.UNREADABLE, "DimSize"),
        ({"DimSize": "4 3 0"}, FlawKind.UNREADABLE, "DimSize"),
        ({"DimSize": "4 3 1e30"}, FlawKind.UNREADABLE, "DimSize"),
        ({"ElementType": None}, FlawKind.UNREADABLE, "ElementType"),
        ({"ElementType": "MET_NONE"}, FlawKind.UNSUPPORTED, About.VOXEL_TYPE),
        ({"ElementSpacing": "0 1 1"}, FlawKind.UNSUPPORTED, About.SPACING),
        ({"TransformMatrix": "1 0 0 1 0 0 0 0 1"}, FlawKind.UNSUPPORTED, About.DIRECTION),
        ({"BinaryData": "False"}, FlawKind.UNSUPPORTED, About.ENCODING),
        ({"HeaderSize": 10}, FlawKind.UNSUPPORTED, About.HEADER_SIZE),
        ({"Comment": "x" * 500}, FlawKind.UNSUPPORTED, About.HEADER_LENGTH),
        ({"Foo": "x" * 10_000}, FlawKind.UNSUPPORTED, About.HEADER_LENGTH),
        ({"ElementDataFile": "LIST"}, FlawKind.UNSUPPORTED, About.DATA_FILES),
        ({"ElementDataFile": "%03d.raw 0 9 1"}, FlawKind.UNSUPPORTED, About.DATA_FILES),
        ({"ElementDataFile": ""}, FlawKind.UNREADABLE, "ElementDataFile"),
        ({"WindowCenter": "wide"}, FlawKind.UNSUPPORTED, "WindowCenter"),
        ({"Exposures": "1 2"}, FlawKind.UNSUPPORTED, "Exposures"),
    ],
)
def test_what_the_importer_does_not_read_is_named(
    fields: dict[str, object], kind: FlawKind, about: str
) -> None:
    flaws = look(metaimage(VOXELS * 2, **{"ElementSpacing": None, **fields})).flaws

    assert [(flaw.kind, flaw.about) for flaw in flaws] == [(kind, about)]


def test_a_header_without_its_last_line_is_cut() -> None:
    header = metaimage(b"").partition(b"ElementDataFile")[0]

    assert kinds(header) == [FlawKind.CUT]
    assert abouts(header) == ["ElementDataFile"]


@pytest.mark.parametrize("name", ["a.raw", "./a.raw", "././a.raw"])
def test_a_separate_data_file_is_named_and_judged(name: str) -> None:
    header = metaimage(b"", ElementDataFile=name)

    shown = look(header, "a.mhd")

    assert shown.flaws == ()
    assert shown.data_file == "a.raw"
    assert data_flaws(shown, io.BytesIO(VOXELS), 24) == ()
    assert data_flaws(shown, io.BytesIO(VOXELS), 23) == (Flaw(FlawKind.CUT, expected=24, found=23),)
    assert data_flaws(shown, io.BytesIO(), 0) == (Flaw(FlawKind.EMPTY),)


@pytest.mark.parametrize(
    ("fields", "data", "flaws"),
    [
        ({"HeaderSize": 10}, bytes(10) + VOXELS, ()),
        ({"HeaderSize": 10}, bytes(9) + VOXELS, (Flaw(FlawKind.CUT, expected=34, found=33),)),
        ({"HeaderSize": -1}, bytes(9) + VOXELS, ()),
        ({"HeaderSize": -1}, VOXELS[1:], (Flaw(FlawKind.CUT, expected=24, found=23),)),
        ({"CompressedData": 1}, PACKED, ()),
        ({"CompressedData": 1}, PACKED + b"more", ()),
        ({"CompressedData": 1}, zlib.compress(VOXELS[1:]), (Flaw(FlawKind.CUT, 24, 23),)),
        (
            {"CompressedData": 1},
            b"x" + PACKED,
            (Flaw(FlawKind.UNREADABLE, about=About.COMPRESSED_DATA),),
        ),
        (
            {"CompressedData": 1, "CompressedDataSize": len(PACKED)},
            PACKED[:-1],
            (Flaw(FlawKind.CUT, expected=len(PACKED), found=len(PACKED) - 1),),
        ),
    ],
)
def test_a_data_file_is_as_its_header_says(
    fields: dict[str, object], data: bytes, flaws: tuple[Flaw, ...]
) -> None:
    files = {"a.mhd": metaimage(b"", ElementDataFile="a.raw", **fields), "a.raw": data}

    assert flaws_of(files) == flaws


def test_a_header_says_nothing_about_the_data_of_others() -> None:
    assert data_flaws(look(metaimage()), io.BytesIO(b"x"), 1) == ()
