"""Judge whether an image can be a segmentation: the type and the values of its voxels.

The importer gives an image segments only if it has one channel of 8-bit voxels; in a 4D image each
volume is a segment, whose voxels must be 0 or 1, and there can be 64 of them. Of a TIFF it takes
the tags with the lowest and the highest value, whatever the voxels are. The platform refuses a
segmentation without segments, and one with others than its socket names. Source: panimg 0.18,
`models.py` and `image_builders/tiff.py`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import BinaryIO, Final

from msgspec import Struct

from manifest_uploader.files.formats.inflate import Damaged
from manifest_uploader.files.formats.voxels import TEXTS, voxel_bytes
from manifest_uploader.files.looks import FileLook, Format, ImageHeader

MOST_SEGMENTS: Final = 64

_EIGHT_BITS: Final = ("uint8", "int8")
_FOUR: Final = 4
_BINARY: Final = frozenset((0, 1))


class SegmentationFlawKind(StrEnum):
    """Why an image cannot be a segmentation."""

    CHANNELS = "channels"
    """It has several; `found` says how many."""
    VOXELS = "voxels"
    """They have more than 8 bits or are no whole numbers; `about` says what they are."""
    SCALED = "scaled"
    """Its header scales or shifts the voxels, so that they become floats."""
    VECTOR = "vector"
    """Its voxels are read as vectors: a picture with a palette, a list of one."""
    VOLUMES = "volumes"
    """It has more volumes than there can be segments; `found` says how many."""
    NO_RANGE = "no-range"
    """A TIFF without tags for its lowest and highest value."""
    RANGE = "range"
    """A TIFF whose tags span more values than there can be segments; `found` says how many."""


class SegmentationFlaw(Struct, frozen=True, omit_defaults=True):
    """One reason why an image cannot be a segmentation."""

    kind: SegmentationFlawKind
    found: int | None = None
    about: str = ""
    """The type of its voxels, as numpy names it."""


class StrayValues(Struct, frozen=True):
    """The segments of an image that its socket does not name."""

    values: tuple[int, ...]
    """Sorted; none if all are allowed."""
    volumes: bool = False
    """They are the numbers of the volumes of a 4D image, from 1 on, and no voxel values."""


def segmentation_flaws(look: FileLook) -> tuple[SegmentationFlaw, ...]:
    """Why an image cannot be a segmentation, by its header; nothing if it is not known."""
    image = look.image
    if image is None:
        return ()
    if look.format is Format.TIFF:
        return _tiff_flaws(image)
    kinds = SegmentationFlawKind
    found = []
    if image.channels != 1:
        found.append(SegmentationFlaw(kinds.CHANNELS, found=image.channels))
    if image.voxel and image.voxel not in _EIGHT_BITS:
        found.append(SegmentationFlaw(kinds.VOXELS, about=image.voxel))
    if image.scaled:
        found.append(SegmentationFlaw(kinds.SCALED))
    if image.vector and image.channels == 1:
        found.append(SegmentationFlaw(kinds.VECTOR))
    if image.timepoints > MOST_SEGMENTS:
        found.append(SegmentationFlaw(kinds.VOLUMES, found=image.timepoints))
    return tuple(found)


def stray_values(
    stream: BinaryIO,
    header: FileLook,
    allowed: frozenset[int] | None,
    *,
    size: int,
    data: tuple[BinaryIO, int] | None = None,
) -> StrayValues | None:
    """The segments of an image that its socket does not name.

    In a 4D image, values other than 0 and 1 come first: with them it has no segments at all.

    Args:
        stream: The file that was looked at, of `size` bytes.
        header: What the look showed; an image without flaws of either kind.
        allowed: The voxel values that the socket names; None or none of them: it takes any.
        size: Of the file.
        data: The separate file with the voxels, if the header names one, and its size.

    Returns:
        None if it cannot be told cheaply: of PNG and JPEG, of voxels in text, of damaged data.

    Raises:
        OSError: A file cannot be read.

    """
    image = header.image
    if image is None or segmentation_flaws(header):
        return None
    if not allowed:
        return StrayValues(())
    if image.value_range is not None:
        lowest, highest = image.value_range
        return _stray(frozenset(range(lowest, highest + 1)) - allowed)
    source = (stream, size) if header.data_file is None else data
    four = image.dimensions == _FOUR
    found = None if source is None else _others(*source, header, _BINARY if four else allowed)
    if found is None or found or not four:
        return None if found is None else _stray(found)
    return _stray(frozenset(range(1, image.timepoints + 1)) - allowed, volumes=True)


def _tiff_flaws(image: ImageHeader) -> tuple[SegmentationFlaw, ...]:
    kinds = SegmentationFlawKind
    if image.channels != 1:
        return (SegmentationFlaw(kinds.CHANNELS, found=image.channels),)
    if image.value_range is None:
        return (SegmentationFlaw(kinds.NO_RANGE),)
    lowest, highest = image.value_range
    if highest - lowest >= MOST_SEGMENTS:
        return (SegmentationFlaw(kinds.RANGE, found=highest - lowest + 1),)
    return ()


def _stray(values: frozenset[int], *, volumes: bool = False) -> StrayValues:
    return StrayValues(tuple(sorted(values)), volumes=volumes)


def _others(
    stream: BinaryIO, size: int, header: FileLook, expected: frozenset[int]
) -> frozenset[int] | None:
    """The voxel values besides those that are expected; None if the voxels cannot be read.

    Values already seen are dropped from each piece by `bytes.translate`, which takes a tenth of
    the time that reading does; what is left is empty from the first few pieces on.
    """
    voxels, image = header.voxels, header.image
    if voxels is None or image is None or voxels.packing in TEXTS:
        return None
    if voxels.at_end and voxels.packing:
        return None
    signed = image.voxel == "int8"
    known = {value & 0xFF for value in expected if _fits(value, signed=signed)}
    found: set[int] = set()
    try:
        for piece in voxel_bytes(stream, size, voxels):
            left = set(piece.translate(None, bytes(known)))
            known |= left
            found |= left
    except Damaged:
        return None
    return frozenset(value - 256 if signed and value > 127 else value for value in found)  # noqa: PLR2004


def _fits(value: int, *, signed: bool) -> bool:
    return -128 <= value < 128 if signed else 0 <= value < 256  # noqa: PLR2004
