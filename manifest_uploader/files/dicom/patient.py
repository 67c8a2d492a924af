"""Which DICOM attributes identify a patient, and whether they hold more than a placeholder.

The list is narrower than the basic profile of PS3.15, annex E, which also removes what merely
describes the patient (sex, age, weight) and whom the study passed through (physicians, devices,
institutions). Here stands what leads to one person: names, numbers that a hospital can look up,
birth date, address, telephone, relatives, and the comments where operators type all of these. The
code of a clinical trial (group 0012) is made to be shown. No function returns a value.
"""

from __future__ import annotations

import re
from typing import Final

PRIVATE_NAME: Final = "private name"
"""What stands for a private element that holds a person's name or number."""

PREAMBLE_TEXT: Final = "preamble text"
"""What stands for words in the 128 bytes before the mark, which de-identifiers leave alone."""

PRIVATE: Final = 0
"""What stands for the tag of such an element."""

KEYWORDS: Final = {
    0x00080050: "AccessionNumber",  # the hospital's number of the examination
    0x00100010: "PatientName",
    0x00100012: "NameToUse",
    0x00100020: "PatientID",
    0x00100030: "PatientBirthDate",
    0x00100032: "PatientBirthTime",
    0x00100033: "PatientBirthDateInAlternativeCalendar",
    0x00100034: "PatientDeathDateInAlternativeCalendar",
    0x00101000: "OtherPatientIDs",
    0x00101001: "OtherPatientNames",
    0x00101005: "PatientBirthName",
    0x00101040: "PatientAddress",
    0x00101050: "InsurancePlanIdentification",
    0x00101060: "PatientMotherBirthName",
    0x00101090: "MedicalRecordLocator",
    0x00102152: "RegionOfResidence",
    0x00102154: "PatientTelephoneNumbers",
    0x00102155: "PatientTelecomInformation",
    0x00102297: "ResponsiblePerson",  # a parent
    0x00104000: "PatientComments",
    0x00380010: "AdmissionID",
    0x00380060: "ServiceEpisodeID",
    0x00380400: "PatientInstitutionResidence",
    0x00402016: "PlacerOrderNumberImagingServiceRequest",
    0x00402017: "FillerOrderNumberImagingServiceRequest",
    0x0040A123: "PersonName",  # in a report: the patient or an observer
}
"""The attributes that identify a patient, by tag, wherever in a file they stand."""

STAFF_NAMES: Final = frozenset(
    {
        *(0x00080090, 0x0008009C, 0x00081048, 0x00081050, 0x00081060, 0x00081070, 0x00140104),
        *(0x00142006, 0x00321032, 0x00400006, 0x00401010, 0x00402008, 0x00404037, 0x0040A067),
        *(0x0040A075, 0x0040A307, 0x0040A352, 0x00700084, 0x0072006A, 0x300600A6, 0x300E0008),
        *(0x40080102, 0x4008010A, 0x4008010C, 0x40080114, 0x40080119),
    }
)
"""The other attributes of VR PN in the standard: physicians, operators, authors."""

PRIVATE_ATTRIBUTES: Final = {
    "BRIT Systems, Inc.": {0x002102, 0x002111},
    "GEMS_GENIE_1": {0x000940},
    "HMC - CT - ID": {0x000900, 0x000901},
    "IDEXX": {0x001102},
    "MITRA LINKED ATTRIBUTES 1.0": {0x003120},
    "MITRA OBJECT UTF8 ATTRIBUTES 1.0": {0x003302, 0x003313, 0x003314, 0x003315},
    "Philips MR Imaging DD 004": {0x200591},
    "Philips RAD Imaging DD 001": {0x200B00},
    "SIEMENS CM VA0  CMS": {0x001320, 0x001330, 0x001332},
    "SIEMENS ISI": {0x001103, 0x001104, 0x0011B0, 0x0011B2, 0x0011D2},
    "SIEMENS RIS": {0x001110, 0x001111, 0x001130, 0x001131},
    "SIENET": {0x009120},
    "SPI-P Release 1": {0x001110},
    "Sound Technologies": {0xF0010A},
    "TOSHIBA_MEC_OT3": {0x701985},
}
"""What manufacturers are known to keep of a patient, by private creator: group and last two digits.

Source: pydicom's private dictionary. With implicit VR nothing else tells what an element holds.
"""

_BIRTH_DATE: Final = 0x00100030
_PLATFORMS_DATE: Final = b"20000101"
"""What the platform's own de-identifier writes; it could be a birth date elsewhere."""
_ESCAPES: Final = re.compile(rb"\x1b[$()*+,\-./][$()*+,\-./]?[@-~]|\x1b\$[@AB]")
"""The escape sequences of ISO 2022, which switch character sets."""
_WORDS: Final = re.compile(rb"[A-Za-z]{3}|[0-9]{6}|[\x80-\xff]{6}")
_HARMLESS: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"PAPYRUS")
"""What a preamble is for: the start of a TIFF file; and a program that signs there."""
_SEPARATORS: Final = re.compile(r"[\s\0^=_,;:-]+", re.ASCII)
"""No others: in some character sets, Latin-1's blanks are halves of letters."""
_FILLER: Final = re.compile(r"[X*?. ]+|[0. ]+")
_PLACEHOLDERS: Final = frozenset(
    {
        *("ANON", "ANONYM", "ANONYMOUS", "ANONYMIZED", "ANONYMISED", "ANONYMISIERT", "ANONYME"),
        *("ANONIEM", "GEANONIMISEERD", "ANONIMO", "ANONYMOUS PATIENT", "ANONYMIZED PATIENT"),
        *("ANONYMISED PATIENT", "PATIENT ANONYMOUS", "ANON PATIENT", "NO NAME", "NONAME"),
        *("DEIDENTIFIED", "DE IDENTIFIED", "DEIDENTIFIED PATIENT", "DE IDENTIFIED PATIENT"),
        *("REMOVED", "NAME REMOVED", "DELETED", "ERASED", "REDACTED", "HIDDEN", "MASKED"),
        *("CONFIDENTIAL", "WITHHELD", "UNKNOWN", "UNKNOWN PATIENT", "UNNAMED", "UNDEFINED"),
        *("UNSPECIFIED", "NOT SPECIFIED", "NOT AVAILABLE", "NOT APPLICABLE", "NOT PROVIDED"),
        *("N/A", "N.A.", "NONE", "NULL", "EMPTY", "PATIENT", "SUBJECT", "DUMMY", "DUMMY PATIENT"),
        *("DUMMY LONG STRING", "DUMMY LONG TEXT", "DUMMY SHORT TEXT", "DUMMY UNLIMITED TEXT"),
        *("DUMMY UNLIMITED CHARACTERS", "19000101", "1900.01.01", "1900 01 01"),
        *("00010101", "0001.01.01", "0001 01 01"),
    }
)
"""Whole values that stand for nobody; what is also a surname (Blank, Na) is left out."""


class Identity:
    """Gathers which attributes of a file identify its patient; no value is kept."""

    __slots__ = ("_filled", "_platforms", "was_asked")

    def __init__(self) -> None:
        self._filled: set[str] = set()
        self._platforms = False
        """There is a birth date that the platform's de-identifier could have written."""
        self.was_asked = False
        """The file has one of the attributes, be it empty."""

    def note(self, tag: int, value: bytes) -> None:
        """Note an attribute of `KEYWORDS`, or a `PRIVATE` one."""
        self.was_asked = True
        keyword = KEYWORDS.get(tag, PRIVATE_NAME)
        if keyword in self._filled or not is_filled(value):
            return
        if tag == _BIRTH_DATE and value.strip(b" \0") == _PLATFORMS_DATE:
            self._platforms = True
        else:
            self._filled.add(keyword)

    def add(self, other: Identity) -> None:
        """Add what another reading of the same file found."""
        self._filled |= other._filled
        self._platforms |= other._platforms

    def keywords(self, *, by_platform: bool) -> set[str]:
        """The attributes that hold more than a placeholder.

        `by_platform`: the file says that the platform's own de-identifier has been through it.
        """
        dates = {KEYWORDS[_BIRTH_DATE]} if self._platforms and not by_platform else set()
        return self._filled | dates


def is_filled(value: bytes) -> bool:
    """Whether an attribute's bytes, in whatever character set, hold more than a placeholder."""
    text = _ESCAPES.sub(b"", value).decode("latin-1").upper()
    return any(_is_somebody(part) for part in text.split("\\"))


def _is_somebody(text: str) -> bool:
    words = [word for word in _SEPARATORS.split(text) if word]
    phrase = words[0] if len(set(words)) == 1 else " ".join(words)  # ANON^ANON
    return bool(phrase) and phrase not in _PLACEHOLDERS and not _FILLER.fullmatch(phrase)


def is_written_on(preamble: bytes) -> bool:
    """Whether a preamble holds words or numbers."""
    return any(preamble) and not preamble.startswith(_HARMLESS) and bool(_WORDS.search(preamble))
