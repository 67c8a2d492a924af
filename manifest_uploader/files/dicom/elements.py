"""What a reading of a DICOM file collects, and the tags that it looks for."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct

from manifest_uploader.files.dicom.patient import (
    KEYWORDS,
    PRIVATE,
    PRIVATE_ATTRIBUTES,
    STAFF_NAMES,
    Identity,
)

TRANSFER_SYNTAX: Final = 0x00020010
MEDIA_CLASS: Final = 0x00020002
SOP_CLASS: Final = 0x00080016
INSTANCE: Final = 0x00080018
STUDY_DATE: Final = 0x00080020
CONTENT_TIME: Final = 0x00080033
ACCESSION: Final = 0x00080050
MODALITY: Final = 0x00080060
PATIENT_ID: Final = 0x00100020
METHOD: Final = 0x00120063
"""DeidentificationMethod."""
SLICE_SPACING: Final = 0x00180088
EXPOSURE: Final = 0x00181152
VIEW: Final = 0x00185101
STUDY: Final = 0x0020000D
SERIES: Final = 0x0020000E
STUDY_ID: Final = 0x00200010
SERIES_NUMBER: Final = 0x00200011
NUMBER: Final = 0x00200013
PATIENT_ORIENTATION: Final = 0x00200020
POSITION: Final = 0x00200032
ORIENTATION: Final = 0x00200037
SIDE: Final = 0x00200062
STACK: Final = 0x00209056
TEMPORAL: Final = 0x00209128
SAMPLES: Final = 0x00280002
PHOTOMETRIC: Final = 0x00280004
PLANAR: Final = 0x00280006
FRAMES: Final = 0x00280008
ROWS: Final = 0x00280010
COLUMNS: Final = 0x00280011
PIXEL_SPACING: Final = 0x00280030
BITS: Final = 0x00280100
BITS_STORED: Final = 0x00280101
SIGNED: Final = 0x00280103
BURNED_IN: Final = 0x00280301
CENTER: Final = 0x00281050
INTERCEPT: Final = 0x00281052
SLOPE: Final = 0x00281053
FRAME_GROUPS: Final = 0x52009230
FLOAT_PIXELS: Final = 0x7FE00008
DOUBLE_PIXELS: Final = 0x7FE00009
PIXELS: Final = 0x7FE00010

WANTED: Final = {
    TRANSFER_SYNTAX: ("TransferSyntaxUID", b"UI"),
    MEDIA_CLASS: ("MediaStorageSOPClassUID", b"UI"),
    SOP_CLASS: ("SOPClassUID", b"UI"),
    INSTANCE: ("SOPInstanceUID", b"UI"),
    STUDY_DATE: ("StudyDate", b"DA"),
    CONTENT_TIME: ("ContentTime", b"TM"),
    ACCESSION: ("AccessionNumber", b"SH"),
    MODALITY: ("Modality", b"CS"),
    PATIENT_ID: ("PatientID", b"LO"),
    METHOD: ("DeidentificationMethod", b"LO"),
    SLICE_SPACING: ("SpacingBetweenSlices", b"DS"),
    EXPOSURE: ("Exposure", b"IS"),
    VIEW: ("ViewPosition", b"CS"),
    STUDY: ("StudyInstanceUID", b"UI"),
    SERIES: ("SeriesInstanceUID", b"UI"),
    STUDY_ID: ("StudyID", b"SH"),
    SERIES_NUMBER: ("SeriesNumber", b"IS"),
    NUMBER: ("InstanceNumber", b"IS"),
    PATIENT_ORIENTATION: ("PatientOrientation", b"CS"),
    POSITION: ("ImagePositionPatient", b"DS"),
    ORIENTATION: ("ImageOrientationPatient", b"DS"),
    SIDE: ("ImageLaterality", b"CS"),
    STACK: ("StackID", b"SH"),
    TEMPORAL: ("TemporalPositionIndex", b"UL"),
    SAMPLES: ("SamplesPerPixel", b"US"),
    PHOTOMETRIC: ("PhotometricInterpretation", b"CS"),
    PLANAR: ("PlanarConfiguration", b"US"),
    FRAMES: ("NumberOfFrames", b"IS"),
    ROWS: ("Rows", b"US"),
    COLUMNS: ("Columns", b"US"),
    PIXEL_SPACING: ("PixelSpacing", b"DS"),
    BITS: ("BitsAllocated", b"US"),
    BITS_STORED: ("BitsStored", b"US"),
    SIGNED: ("PixelRepresentation", b"US"),
    BURNED_IN: ("BurnedInAnnotation", b"CS"),
    CENTER: ("WindowCenter", b"DS"),
    INTERCEPT: ("RescaleIntercept", b"DS"),
    SLOPE: ("RescaleSlope", b"DS"),
}
"""The attributes that a header is made of: keyword, and the VR that implicit files leave out."""

AT_ANY_DEPTH: Final = frozenset({ORIENTATION, PIXEL_SPACING})
"""Of these the importer takes the first that it meets, inside sequences too."""

PIXEL_TAGS: Final = frozenset({PIXELS, FLOAT_PIXELS, DOUBLE_PIXELS})

INTEREST: Final = frozenset({*WANTED, *KEYWORDS, *PIXEL_TAGS, FRAME_GROUPS})
"""All tags at which a reading stops for a moment."""


_NOTHING: Final = (b"", b"")


class Pixels(Struct, frozen=True):
    """Where a file's pixels are, and whether they are all there; lengths in bytes."""

    tag: int
    length: int
    """As the element says; of encapsulated pixels, the bytes of all fragments."""
    found: int
    """How many of them the file has."""
    encapsulated: bool = False
    fragments: int = 0
    offsets: int = 0
    """Frames in the basic offset table; 0 without one."""
    ended: bool = True
    """Encapsulated pixels have their end mark, or fill their element."""


class Elements:
    """What a reading has collected so far; what it found remains if the file then ends."""

    __slots__ = ("creators", "first", "frame_groups", "identity", "little", "pixels", "values")

    def __init__(self) -> None:
        self.values: dict[int, tuple[bytes, bytes]] = {}
        """VR (empty if implicit) and bytes of the `WANTED` at the top level."""
        self.first: dict[int, tuple[bytes, bytes]] = {}
        """The first of those `AT_ANY_DEPTH`."""
        self.identity = Identity()
        """The attributes that identify a patient."""
        self.frame_groups: int | None = None
        """Items of PerFrameFunctionalGroupsSequence; None if it is missing."""
        self.pixels: Pixels | None = None
        self.little = True
        """Numbers are little endian."""
        self.creators: dict[int, AbstractSet[int]] = {}
        """What is known of blocks of private elements, by the tag of their creator."""

    def note(self, tag: int, vr: bytes, value: bytes, *, top: bool) -> None:
        """Note an element if it matters; `vr` is empty if the file leaves it out."""
        if tag in KEYWORDS:
            self.identity.note(tag, value)
        elif vr == b"PN" and (tag >> 16 & 1 or tag not in STAFF_NAMES):
            self.identity.note(PRIVATE, value)
        if tag in WANTED:
            if top:
                self.values[tag] = (vr, value)
            if tag in AT_ANY_DEPTH:
                self.first.setdefault(tag, (vr, value))

    def note_creator(self, tag: int, name: bytes) -> None:
        """Note who keeps what in a block of private elements (PS3.5, 7.8.1)."""
        known = PRIVATE_ATTRIBUTES.get(name.decode("latin-1").strip(" \0"))
        if known is not None:
            self.creators[tag] = known

    def keeps_people(self, tag: int) -> bool:
        """Whether a private element's creator is known to keep a patient's name or number there."""
        known = self.creators.get(tag & 0xFFFF0000 | tag >> 8 & 0xFF, frozenset())
        return (tag >> 16 << 8 | tag & 0xFF) in known

    def text(self, tag: int) -> str:
        """The value of a `WANTED` attribute as text; empty if it is missing."""
        return self.values.get(tag, _NOTHING)[1].decode("latin-1").strip(" \0")
