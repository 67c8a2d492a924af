"""The words that the `about` of a flaw can hold, so that a message can be made of each."""

from __future__ import annotations

from enum import StrEnum


class About(StrEnum):
    """What the platform's importer does not read, or cannot.

    A flaw about one field of a header has the name of that field instead: `DimSize`, `sizes`,
    `WindowCenter`.
    """

    NAME = "name"
    """It reads NIfTI images only from files whose names end in `.nii` or `.nii.gz`, lower case."""
    COMPRESSED_NAME = "compressed name"
    """Compressed, but not named `.nii.gz`."""
    FORMAT = "format"
    """It does not read this format: NIfTI-2, Analyze, GIF, BMP."""
    VERSION = "version"
    """It reads NRRD0001 to NRRD0005."""
    CHANNELS = "channels"
    """It reads images of 1, 3 or 4 channels."""
    DIMENSIONS = "dimensions"
    """It reads images of 2, 3 or 4 dimensions."""
    VOXEL_TYPE = "voxel type"
    ENCODING = "encoding"
    """Voxels as text in a MetaImage; an NRRD encoding other than raw, gzip, hex and ascii."""
    COMPRESSED_SIZE = "compressed size"
    """Without CompressedDataSize it reads the header as if it were data."""
    HEADER_SIZE = "header size"
    """HeaderSize points into the header itself, which it then reads as voxels."""
    DATA_FILES = "data files"
    """The header names several data files: a LIST or a pattern."""
    HEADER_LENGTH = "header length"
    DIRECTION = "direction"
    """The axes are not perpendicular, or two of them are parallel."""
    SPACING = "spacing"
    RESOLUTION = "resolution"
    """A TIFF has no XResolution, YResolution and ResolutionUnit (inch or cm) above 0."""
    PHOTOMETRIC = "photometric"
    """A TIFF is not MinIsBlack, RGB or YCbCr."""
    BIT_DEPTH = "bit depth"
    """A PNG of one bit, a JPEG of more than eight."""
    PIXELS = "pixels"
    """More than 178,956,970, where a PNG or JPEG is taken for an attack."""
    SEVERAL_PICTURES = "several pictures"
    """A JPEG of the multi-picture kind, as phones and some cameras write it."""
    COMPRESSED_DATA = "compressed data"
    """Of UNREADABLE: the compressed data is damaged."""
    HEADER = "header"
    """Of UNREADABLE: the header as a whole."""
    GIT_LFS = "Git LFS"
    GIT_ANNEX = "git-annex"
    DVC = "DVC"
