"""What the platform's own importer makes of the files of one image: its verdict, as data."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Failure(StrEnum):
    """Why the importer gave no verdict, or ended without one."""

    UNEXPECTED = "unexpected"
    """It raised an exception: the platform says "An unexpected error occurred"."""
    CRASHED = "crashed"
    """Its process ended, also when nothing else ran beside it."""
    MEMORY = "memory"
    """It ran out of memory."""
    BAD_ARCHIVE = "bad-archive"
    """A ZIP archive is encrypted, damaged, nested too deep, or leads out of its folder."""
    UNREADABLE = "unreadable"
    """A file is gone, or cannot be opened."""
    NO_ROOM = "no-room"
    """The temporary folder is too small to unpack or copy the files. They may be fine."""
    NO_LIBRARY = "no-library"
    """Slides need libvips and OpenSlide, which this machine lacks. The files may be fine."""


class Reason(StrEnum):
    """Why the importer did not use a file, where it says so in words of its own."""

    DICOM_PIXELS = "dicom-pixels"
    """The DICOM headers fit together, but not the pixels: they are cut off, of another size, or
    compressed in an unknown way, or an attribute that orders the slices is missing."""
    TIMEPOINTS = "timepoints"
    """A DICOM series over time has not the same number of slices at each time."""
    DATA_FILE = "data-file"
    """The file with a MetaImage header's data is missing or has another name."""
    METAIMAGE_DATA = "metaimage-data"
    """A MetaImage header is fine, but its data cannot be read."""
    DETACHED_NRRD = "detached-nrrd"
    """An NRRD header has its data in another file."""
    CHANNELS = "channels"
    """More than 4 channels."""
    RESOLUTION = "resolution"
    """A TIFF image does not say how large its pixels are."""
    COLORS = "colors"
    """A TIFF image has colors that the importer does not know."""


class Verdict(Struct, frozen=True, omit_defaults=True):
    """What the importer makes of the files of one image.

    If it makes several images, the fields after `images` are about the one of the most files.
    """

    key: str
    """Of the bundle."""
    images: int = 0
    """How many images it makes; the platform wants exactly one."""
    width: int = 0
    """Voxels."""
    height: int = 0
    """Voxels."""
    depth: int | None = None
    """Slices; None for a two-dimensional image."""
    timepoints: int | None = None
    """None unless the image has four dimensions and is no segmentation."""
    spacing: tuple[float, ...] = ()
    """mm, along width, height and depth; empty if the format does not tell it."""
    segments: tuple[int, ...] | None = None
    """The voxel values of an 8-bit image with one channel, sorted; None for any other image."""
    channels: int = 0
    apart: tuple[str, ...] = ()
    """Files that became further images; at most 20."""
    dropped: tuple[str, ...] = ()
    """Files that became no image, in natural order; `ct.zip/IM4` for those inside an archive."""
    reasons: tuple[Reason, ...] = ()
    """Why, of the dropped files, as far as the importer tells it."""
    failure: Failure | None = None
