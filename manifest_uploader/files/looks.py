"""What a look into a file shows: its format, its header, what is wrong, whom it names.

A look reads headers, opens each file once, and judges nothing: which format a socket takes, and
which files make one image, is decided from these records.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

WHOLE_SLIDE: Final = "1.2.840.10008.5.1.4.1.1.77.1.6"
"""The SOP class of whole slides: several files of different sizes make one image."""
AGREEING: Final = (
    *("StudyInstanceUID", "SeriesInstanceUID", "PatientID", "StudyID", "StudyDate"),
    *("AccessionNumber", "SeriesNumber"),
)
"""Grand Challenge: attributes that must be the same in all files of a DICOM image set."""
SINGLE_FRAME_COLOUR: Final = "single-frame colour"
BIG_ENDIAN_PIXELS: Final = "big-endian pixels"
"""`about` of UNSUPPORTED where it names no attribute; `plan.series` knows when neither matters."""


class Format(StrEnum):
    """What the bytes of a file are, whatever its name says."""

    EMPTY = "empty"
    POINTER = "pointer"
    """What Git LFS, git-annex or DVC leave in the place of a file that was not fetched."""
    DICOM = "DICOM"
    METAIMAGE = "MetaImage"
    NIFTI = "NIfTI"
    NIFTI2 = "NIfTI-2"
    ANALYZE = "Analyze"
    """A `.hdr` of Analyze 7.5, or of a NIfTI image that has its data in an `.img`."""
    NRRD = "NRRD"
    TIFF = "TIFF"
    OCT = "OCT"
    """A scan of the retina as Topcon (`.fds`, `.fda`) or Heidelberg (`.e2e`) stores it."""
    PNG = "PNG"
    JPEG = "JPEG"
    GIF = "GIF"
    BMP = "BMP"
    PDF = "PDF"
    ZIP = "ZIP"
    GZIP = "gzip"
    """Compressed, and no NIfTI image inside."""
    TEXT = "text"
    """Printable from the first byte on: CSV, JSON, XML, a note."""
    OTHER = "other"


class FlawKind(StrEnum):
    """What is wrong with a file, whatever it is meant for."""

    EMPTY = "empty"
    POINTER = "pointer"
    CUT = "cut"
    """Shorter than its header says; `expected` and `found` are in bytes, or what `about` says."""
    UNREADABLE = "unreadable"
    """Its header cannot be read."""
    NO_MARK = "no-mark"
    """DICOM without the preamble and its mark `DICM`."""
    NO_CLASS = "no-class"
    """DICOM without an attribute that the importer groups by; `about` names it."""
    NO_PIXELS = "no-pixels"
    """DICOM that is no image: a report, a structure set, a DICOMDIR."""
    SEPARATE_DATA = "separate-data"
    """The header's data is in another file, which the importer does not read; `about` names it."""
    NO_DATA = "no-data"
    """The file with the header's data, which `about` names, is not among the files."""
    UNSUPPORTED = "unsupported"
    """The format, or this use of it, is not one that the importer reads; `about` says what."""
    LOCKED = "locked"
    """An archive, or a member of one, that cannot be looked into: encrypted, damaged, too deep."""


class Flaw(Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with a file."""

    kind: FlawKind
    expected: int | None = None
    found: int | None = None
    about: str = ""
    """Which attribute, format, file or member; never a value from the file."""


class ImageHeader(Struct, frozen=True, omit_defaults=True):
    """What the header of an image says; also of a picture."""

    width: int
    height: int
    depth: int = 1
    timepoints: int = 1
    channels: int = 1
    voxel: str = ""
    """As numpy names it: `uint8`, `int16`, `float32` …; empty if the header does not say."""
    scaled: bool = False
    """The voxels are multiplied or shifted when they are read, and become floats."""
    dimensions: int = 0
    """2, 3 or 4, as the importer reads the image; 0 if unknown."""
    vector: bool = False
    """Voxels are read as vectors, even those of one channel: as in a picture with a palette."""
    pages: int = 1
    """Of a TIFF: the pages as large as the first, which is the only one that is imported."""
    value_range: tuple[int, int] | None = None
    """Of a TIFF: the lowest and the highest voxel value as its tags tell the importer."""


class VoxelData(Struct, frozen=True, omit_defaults=True):
    """Where the voxels of a MetaImage, NIfTI or NRRD image lie, in their file; all in bytes."""

    length: int
    """Unpacked."""
    start: int = 0
    """Of the voxels, or of the compressed stream."""
    packing: str = ""
    """`zlib` (one stream, zlib or gzip), `gzip` (one or more members), `ascii` (numbers in text),
    `hex`, or empty."""
    packed: int | None = None
    """The compressed stream's length, if the header says it."""
    skip: int = 0
    """What comes before the voxels in the unpacked stream."""
    at_end: bool = False
    """The voxels are the last `length` bytes, wherever they start."""
    numbers: int = 0
    """How many numbers there must be where they are written as text."""


class DicomHeader(Struct, frozen=True, omit_defaults=True):
    """What the importer groups and orders slices by; lengths in mm."""

    sop_class: str = ""
    instance: str = ""
    """SOPInstanceUID."""
    study: str = ""
    series: str = ""
    """SeriesInstanceUID."""
    stack: str = ""
    """StackID, which takes the place of the series where it is there."""
    modality: str = ""
    rows: int = 0
    columns: int = 0
    frames: int = 1
    samples: int = 1
    bits: int = 0
    """Allocated for each sample."""
    number: int | None = None
    """InstanceNumber."""
    temporal: int | None = None
    """TemporalPositionIndex."""
    position: tuple[float, float, float] | None = None
    orientation: tuple[float, float, float, float, float, float] | None = None
    has_times: bool = True
    """Has ContentTime and Exposure, which the importer needs of 4D images."""
    scaled: bool = False
    """Voxels are multiplied or shifted when they are read, and become floats."""
    view: str = ""
    """ViewPosition, PatientOrientation and ImageLaterality, which tell projections apart."""
    spacing: tuple[float, ...] | None = None
    """PixelSpacing."""
    agreeing: tuple[str | None, ...] = ()
    """A digest of each of the `AGREEING`; None: the file lacks it."""
    burned_in: bool = False
    """It says that its pixels show text (BurnedInAnnotation)."""


class FileLook(Struct, frozen=True, omit_defaults=True):
    """What a look into one file shows."""

    format: Format
    flaws: tuple[Flaw, ...] = ()
    image: ImageHeader | None = None
    """Of MetaImage, NIfTI, NRRD, TIFF, PNG and JPEG; None if the header cannot be read."""
    dicom: DicomHeader | None = None
    data_file: str | None = None
    """The separate file with the data, as a MetaImage or NRRD header names it, without `./`."""
    voxels: VoxelData | None = None
    """Of MetaImage, NIfTI and NRRD, in this file or in `data_file`; None if unknown."""
    names: tuple[str, ...] = ()
    """Keywords of the DICOM attributes that identify a patient, sorted; of all members too."""
    members: int = 0
    """Files inside a ZIP archive."""
