"""NIfTI images: what their headers say, and what is wrong with them."""

from __future__ import annotations

import random

import pytest

from manifest_uploader.files.formats.about import About
from manifest_uploader.files.looks import Flaw, FlawKind, Format, ImageHeader, VoxelData
from tests.files.formats.helpers import abouts, look
from tests.files.formats.make import VOXELS, gzipped, nifti

LARGE = nifti(random.Random(1).randbytes(500_000), dim=(3, 100, 100, 50, 1, 1, 1, 1))
PACKED = gzipped(LARGE)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_header_is_read(order: str) -> None:
    data = nifti(VOXELS * 2, datatype=4, slope=2, order=order)

    shown = look(data, "a.nii")

    assert shown.format is Format.NIFTI
    assert shown.flaws == ()
    assert shown.image == ImageHeader(4, 3, 2, voxel="int16", scaled=True, dimensions=3)
    assert shown.voxels == VoxelData(48, start=352)


@pytest.mark.parametrize(
    ("dim", "expected"),
    [
        ((2, 6, 4, 0, 0, 0, 0, 0), (6, 4, 1, 1, 2)),
        ((4, 4, 3, 2, 1, 1, 1, 1), (4, 3, 2, 1, 3)),
        ((4, 2, 3, 2, 2, 1, 1, 1), (2, 3, 2, 2, 4)),
        ((7, 2, 3, 4, 1, 1, 1, 1), (2, 3, 4, 1, 3)),
    ],
)
def test_dimensions_of_one_at_the_end_do_not_count(
    dim: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    image = look(nifti(dim=dim), "a.nii").image

    assert image is not None
    found = image.width, image.height, image.depth, image.timepoints, image.dimensions
    assert found == expected


@pytest.mark.parametrize(
    ("slope", "intercept", "scaled"),
    [(1, 0, False), (0, 0, False), (2, 0, True), (1, 5, True), (0, 5, True)],
)
def test_a_slope_of_zero_is_none(slope: float, intercept: float, *, scaled: bool) -> None:
    image = look(nifti(slope=slope, intercept=intercept), "a.nii").image

    assert image is not None
    assert image.scaled is scaled


@pytest.mark.parametrize("missing", [1, 24, 40])
def test_a_cut_file_says_how_many_bytes_it_lacks(missing: int) -> None:
    whole = nifti(between=bytes(20), offset=368)

    shown = look(whole[:-missing], "a.nii")

    assert shown.flaws == (Flaw(FlawKind.CUT, expected=392, found=392 - missing),)


def test_damage_inside_a_compressed_file_is_found() -> None:
    """The importer would make an image of zeros from there on, and say nothing."""
    damaged = PACKED[:1000] + b"damaged!" + PACKED[1008:]
    one_bit = PACKED[:1000] + bytes([PACKED[1000] ^ 1]) + PACKED[1001:]

    assert look(PACKED, "a.nii.gz").flaws == ()
    assert abouts(damaged, "a.nii.gz") == [About.COMPRESSED_DATA]
    assert abouts(one_bit, "a.nii.gz") == [About.COMPRESSED_DATA]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_cut_compressed_file_is_counted(share: float) -> None:
    shown = look(PACKED[: int(len(PACKED) * share)], "a.nii.gz")

    (flaw,) = shown.flaws
    assert (flaw.kind, flaw.expected) == (FlawKind.CUT, len(LARGE))
    assert flaw.found is not None
    assert abs(flaw.found / len(LARGE) - share) < 0.05


@pytest.mark.parametrize(
    "data",
    [
        PACKED + bytes(100),
        PACKED[:-8],
        b"".join(gzipped(LARGE[place : place + 9999]) for place in range(0, 500_400, 9999)),
        gzipped(LARGE + b"more"),
        gzipped(LARGE, 0),
        LARGE,
    ],
    ids=["padded", "no trailer", "many members", "more", "stored", "not compressed"],
)
def test_a_whole_compressed_file_is_whole_however_it_is_written(data: bytes) -> None:
    assert look(data, "a.nii.gz").flaws == ()


@pytest.mark.parametrize(
    "data",
    [
        PACKED[:200_000].ljust(len(PACKED), b"\0"),
        gzipped(LARGE[:-1]),
        gzipped(LARGE[:900]) + b"\0" + gzipped(LARGE[900:]),
        gzipped(nifti())[:-12] + b"damage!!" + gzipped(nifti())[-4:],
    ],
    ids=["second half zeros", "voxel missing", "gap", "small and damaged"],
)
def test_a_compressed_file_that_lacks_something_is_refused(data: bytes) -> None:
    (flaw,) = look(data, "a.nii.gz").flaws

    assert flaw.kind in (FlawKind.CUT, FlawKind.UNREADABLE)


def test_a_header_that_promises_more_than_can_be_packed_is_not_unpacked() -> None:
    data = gzipped(nifti(dim=(4, 32767, 32767, 32767, 32767, 1, 1, 1), datatype=64))

    (flaw,) = look(data, "a.nii.gz").flaws

    assert (flaw.kind, flaw.found) == (FlawKind.CUT, None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.nii", []),
        ("a.b.nii", []),
        ("a.NII", [About.NAME]),
        ("a.img", [About.NAME]),
        ("a", [About.NAME]),
    ],
)
def test_the_importer_goes_by_the_name(name: str, expected: list[str]) -> None:
    assert abouts(nifti(), name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.nii.gz", []), ("a.nii", [About.COMPRESSED_NAME]), ("a.NII.gz", [About.COMPRESSED_NAME])],
)
def test_a_compressed_file_needs_the_ending(name: str, expected: list[str]) -> None:
    assert abouts(gzipped(nifti()), name) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"datatype": 1}, About.VOXEL_TYPE),
        ({"datatype": 1536}, About.VOXEL_TYPE),
        ({"dim": (5, 2, 3, 2, 1, 2, 1, 1)}, About.DIMENSIONS),
        ({"dim": (1, 24, 1, 1, 1, 1, 1, 1)}, About.DIMENSIONS),
        ({"dim": (5, 2, 2, 2, 1, 2, 1, 1), "intent": 1007}, About.CHANNELS),
        ({"dim": (0, 4, 3, 2, 1, 1, 1, 1)}, "dim"),
        ({"rows": ((1, 0.01, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0))}, About.DIRECTION),
        ({"rows": ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 0, 0))}, About.DIRECTION),
    ],
)
def test_what_the_importer_does_not_read_is_named(fields: dict[str, object], expected: str) -> None:
    assert abouts(nifti(VOXELS, **fields), "a.nii") == [expected]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fields",
    [{"qform": 1}, {"sform": 0}, {"rows": ((0.8, 0.6, 0, 0), (-0.6, 0.8, 0, 0), (0, 0, 1, 0))}],
)
def test_axes_that_are_not_used_or_only_turned_are_fine(fields: dict[str, object]) -> None:
    skewed = {"rows": ((1, 0.01, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0))}

    assert look(nifti(**{**skewed, **fields}), "a.nii").flaws == ()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("magic", "name"), [(b"ni1\0", "a.hdr"), (bytes(4), "a.hdr"), (b"ni1\0", "a.nii")]
)
def test_a_header_whose_voxels_are_elsewhere_is_not_read(magic: bytes, name: str) -> None:
    shown = look(nifti(b"", magic=magic, offset=0), name)

    assert shown.format is Format.ANALYZE
    assert shown.flaws == (Flaw(FlawKind.UNSUPPORTED, about=About.FORMAT),)
