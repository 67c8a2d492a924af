"""Whether an image can be a segmentation, by its header and by its voxels."""

from __future__ import annotations

import io
import zlib
from typing import Any

import pytest

from manifest_uploader.files.formats.segmentation import (
    SegmentationFlaw,
    SegmentationFlawKind,
    StrayValues,
    segmentation_flaws,
    stray_values,
)
from tests.files.formats.helpers import look
from tests.files.formats.make import VOXELS, gzipped, metaimage, nifti, nrrd, page, png, tiff

KINDS = SegmentationFlawKind
LABELS = bytes([0, 0, 1, 2, 255, 7] * 4)
LARGE = (bytes(999) + b"\1") * 1000 + b"\t"


def stray(data: bytes, allowed: set[int] | None, name: str = "a.mha") -> StrayValues | None:
    """The values besides the allowed ones of a file that is only in memory."""
    wanted = None if allowed is None else frozenset(allowed)
    return stray_values(io.BytesIO(data), look(data, name), wanted, size=len(data))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (metaimage(), ()),
        (metaimage(ElementType="MET_CHAR"), ()),
        (nifti(), ()),
        (nrrd(), ()),
        (png(), ()),
        (png(depth=4), ()),
        (
            metaimage(VOXELS * 2, ElementType="MET_SHORT"),
            (SegmentationFlaw(KINDS.VOXELS, about="int16"),),
        ),
        (
            metaimage(VOXELS * 3, ElementNumberOfChannels=3),
            (SegmentationFlaw(KINDS.CHANNELS, found=3),),
        ),
        (nifti(VOXELS * 4, datatype=16), (SegmentationFlaw(KINDS.VOXELS, about="float32"),)),
        (nifti(slope=0.5), (SegmentationFlaw(KINDS.SCALED),)),
        (png(colour=2), (SegmentationFlaw(KINDS.CHANNELS, found=3),)),
        (png(colour=3), (SegmentationFlaw(KINDS.VECTOR),)),
        (png(depth=16), (SegmentationFlaw(KINDS.VOXELS, about="uint16"),)),
        (
            metaimage(bytes(65), NDims=4, DimSize="1 1 1 65", ElementSpacing=None),
            (SegmentationFlaw(KINDS.VOLUMES, found=65),),
        ),
        (tiff((page(), [bytes(32)])), (SegmentationFlaw(KINDS.NO_RANGE),)),
        (
            tiff((page(t280=(3, (1,)), t281=(3, (65,))), [bytes(32)])),
            (SegmentationFlaw(KINDS.RANGE, found=65),),
        ),
        (tiff((page(t280=(3, (1,)), t281=(3, (64,))), [bytes(32)])), ()),
        (b"no image", ()),
    ],
)
def test_a_header_says_whether_an_image_can_be_a_segmentation(
    data: bytes, expected: tuple[SegmentationFlaw, ...]
) -> None:
    assert segmentation_flaws(look(data, "a.nii")) == expected


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (metaimage(LABELS), "a.mha"),
        (metaimage(LABELS + b"\x09\x09"), "a.mha"),
        (
            metaimage(
                zlib.compress(LABELS),
                CompressedData=True,
                CompressedDataSize=len(zlib.compress(LABELS)),
            ),
            "a.mha",
        ),
        (nifti(LABELS), "a.nii"),
        (gzipped(nifti(LABELS)), "a.nii.gz"),
        (gzipped(nifti(LABELS)[:100]) + gzipped(nifti(LABELS)[100:]), "a.nii.gz"),
        (nrrd(LABELS), "a.nrrd"),
        (nrrd(gzipped(b"\x09" + LABELS), encoding="gzip", byte_skip=1), "a.nrrd"),
        (nrrd(b"\x09\x09" + LABELS, byte_skip=-1), "a.nrrd"),
    ],
)
def test_values_that_are_not_allowed_are_found(data: bytes, name: str) -> None:
    assert stray(data, {0, 1, 2}, name) == StrayValues((7, 255))
    assert stray(data, {0, 1, 2, 7, 255, 300, -1}, name) == StrayValues(())


def test_signed_voxels_have_signed_values() -> None:
    data = metaimage(LABELS, ElementType="MET_CHAR")

    assert stray(data, {0, 1, 2}) == StrayValues((-1, 7))
    assert stray(data, {0, 1, 2, 7, -1}) == StrayValues(())
    assert stray(data, {0, 1, 2, 7, 255}) == StrayValues((-1,))


def test_a_value_in_the_last_voxel_of_many_is_found() -> None:
    data = gzipped(nifti(LARGE, dim=(3, 1001, 143, 7, 1, 1, 1, 1)))
    large = nifti(LARGE[:1_000_001], dim=(3, 101, 9901, 1, 1, 1, 1, 1))

    assert stray(data, {0, 1}, "a.nii.gz") is not None
    assert stray(large, {0, 1}, "a.nii") == StrayValues((9,))
    assert stray(gzipped(large), {0, 1}, "a.nii.gz") == StrayValues((9,))


def test_a_separate_data_file_is_read() -> None:
    shown = look(metaimage(b"", ElementDataFile="a.raw"))
    header, data = io.BytesIO(b"header"), (io.BytesIO(LABELS), len(LABELS))

    found = stray_values(header, shown, frozenset((0, 1, 2)), size=6, data=data)

    assert found == StrayValues((7, 255))
    assert stray_values(header, shown, frozenset((0, 1, 2)), size=6) is None


@pytest.mark.parametrize(
    ("voxels", "allowed", "expected"),
    [
        (VOXELS, {1, 2}, StrayValues((), volumes=True)),
        (VOXELS, {1}, StrayValues((2,), volumes=True)),
        (VOXELS, {5, 6}, StrayValues((1, 2), volumes=True)),
        (LABELS, {1, 2}, StrayValues((2, 7, 255))),
    ],
)
def test_in_four_dimensions_volumes_are_segments(
    voxels: bytes, allowed: set[int], expected: StrayValues
) -> None:
    data = metaimage(voxels, NDims=4, DimSize="2 3 2 2", ElementSpacing=None)

    assert stray(data, allowed) == expected


def test_a_tiffs_values_are_what_its_tags_say() -> None:
    tags: dict[str, Any] = {"t280": (3, (1,)), "t281": (3, (3,))}
    data = tiff((page(**tags), [bytes(32)]))

    assert stray(data, {1, 2}) == StrayValues((3,))
    assert stray(data, {1, 2, 3}) == StrayValues(())


@pytest.mark.parametrize(
    "data",
    [
        png(),
        metaimage(VOXELS * 2, ElementType="MET_SHORT"),
        nrrd(VOXELS.hex().encode(), encoding="hex"),
        b"no image",
    ],
)
def test_what_cannot_be_told_cheaply_is_not_told(data: bytes) -> None:
    assert stray(data, {0}) is None


def test_damaged_voxels_tell_nothing() -> None:
    whole = gzipped(nifti(LABELS))
    shown = look(whole, "a.nii.gz")
    damaged = whole[:10] + b"\xff\xff\xff\xff" + whole[14:]

    found = stray_values(io.BytesIO(damaged), shown, frozenset((0,)), size=len(damaged))

    assert found is None


@pytest.mark.parametrize("allowed", [None, set()])
def test_a_socket_that_names_no_values_takes_any(allowed: set[int] | None) -> None:
    assert stray(metaimage(LABELS), allowed) == StrayValues(())
