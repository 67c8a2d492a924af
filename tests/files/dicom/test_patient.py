"""Which attributes identify a patient, and which values stand for nobody."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from manifest_uploader.files.dicom.patient import (
    KEYWORDS,
    PRIVATE_ATTRIBUTES,
    STAFF_NAMES,
    is_filled,
    is_written_on,
)
from tests.files.dicom.samples import dicom_bytes, names_in, slice_bytes, slice_set

NEWER = {"NameToUse"}
"""Attributes that pydicom's dictionary does not have yet."""


def test_the_keywords_are_those_of_the_dictionary() -> None:
    known = {tag: word for tag, word in KEYWORDS.items() if word not in NEWER}

    assert {tag: keyword_for_tag(tag) for tag in known} == known
    assert {dictionary_VR(tag) for tag in STAFF_NAMES} == {"PN"}
    assert not STAFF_NAMES & set(KEYWORDS)


def add(data: Dataset, tag: int) -> None:
    """Add an attribute with a value that its VR allows."""
    vr = "LO" if KEYWORDS[tag] in NEWER else dictionary_VR(tag)
    data.add_new(tag, vr, "194503" if vr == "TM" else "19450312")


@pytest.mark.parametrize("tag", KEYWORDS, ids=KEYWORDS.get)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_each_attribute_is_found(tag: int, syntax: str) -> None:
    data = slice_set()
    add(data, tag)

    assert names_in(dicom_bytes(data, syntax)) == (KEYWORDS[tag],)


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b"  ", b"\0\0", b"^^^^", b"^", b" ^ ", b"= =", b"\\", b"^^^^\0", b"-", b"?", b"***"),
        *(b"ANON", b"Anonymous", b"anonymous^", b"Anonymous^Patient", b"ANONYMIZED", b"anonymised"),
        *(b"REMOVED", b"De-identified", b"DE_IDENTIFIED", b"Deidentified ", b"Unknown", b"unknown"),
        *(b"none", b"NULL", b"N/A", b"n.a.", b"NO^NAME", b"NoName", b"Not available", b"DUMMY"),
        *(b"DUMMY^PATIENT^^^", b"DUMMY_LONG_STRING", b"DUMMY LONG TEXT", b"DUMMY SHORT TEXT"),
        *(b"DUMMY UNLIMITED CHARACTERS", b"X", b"XXXX^XXX", b"0", b"000000", b"0000-00-00", b"x"),
        *(
            b"19000101",
            b"00010101",
            b"1900.01.01",
            b"Anonymous\\Anonymous",
            b"anon^anon",
            b"",
            b"\x1b$B\x1b(B",
        ),
    ],
)
def test_placeholders_stand_for_nobody(value: bytes) -> None:
    assert not is_filled(value)


@pytest.mark.parametrize(
    "value",
    [
        *(b"Doe^Jane", b"LIDC-IDRI-0001", b"4711", b"1", b"A", b"^Jane", b"Null^Maria", b"Blank"),
        *(b"Na^Ri", b"No^Mu", b"Anon^Yvonne", b"ANON0012", b"19450312", b"20000101", b"19700101"),
        *(
            b"Patient^Zero",
            b"Dummy^Ida",
            b"Xu",
            b"Xxu^Li",
            b"Yamada^Tarou",
            b"M\xfcller",
            b"\xb6\xbd",
        ),
        *(
            "Müller".encode(),
            "山田".encode(),
            "山田".encode("gb18030"),
            b"0815",
            b"10.5.1960",
            b"\xff",
        ),
        b"\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
        b"\x1b$)C\xb1\xe8",
        *("厖".encode("gbk"), "爡".encode("gbk"), "匼".encode("gbk")),
        b"De^Long",
        b"Text^Short",
    ],
)
def test_names_and_numbers_stand_for_somebody(value: bytes) -> None:
    assert is_filled(value)


def test_what_describes_and_who_works_is_nobodys_identity() -> None:
    file = slice_bytes(
        PatientSex="F",
        PatientAge="041Y",
        PatientWeight="70",
        ReferringPhysicianName="House^Gregory",
        OperatorsName="Op",
        InstitutionName="St Mary",
        StudyID="12",
        ClinicalTrialSubjectID="S-12",
        PatientIdentityRemoved="YES",
    )

    assert names_in(file) == ()


def test_several_attributes_are_sorted_and_told_once() -> None:
    inner = Dataset()
    inner.PatientName = "Doe^Jane"
    file = slice_bytes(
        PatientName="Doe^Jane", PatientID="1", OtherPatientIDsSequence=[inner], AccessionNumber="7"
    )

    assert names_in(file) == ("AccessionNumber", "PatientID", "PatientName")


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_what_a_manufacturer_is_known_to_keep_is_found(syntax: str) -> None:
    for creator, elements in PRIVATE_ATTRIBUTES.items():
        for element in elements:
            data = slice_set()
            data.private_block(element >> 8, creator, create=True).add_new(
                element & 0xFF, "UN", b"4711"
            )
            assert names_in(dicom_bytes(data, syntax)) == ("private name",), creator


def test_other_private_elements_are_nobodys_name() -> None:
    data = slice_set()
    data.private_block(0x0011, "SIEMENS RIS", create=True).add_new(0x50, "LO", "fast")
    data.private_block(0x0013, "ACME", create=True).add_new(0x10, "LO", "4711")

    assert names_in(dicom_bytes(data)) == ()


@pytest.mark.parametrize(
    "preamble", [b"", b"II*\0\x10\0\0\0", b"MM\0*abcdef", b"PAPYRUS 3.0", b"\x01\x02ab"]
)
def test_a_preamble_without_words_is_no_name(preamble: bytes) -> None:
    assert not is_written_on(preamble.ljust(128, b"\0"))


@pytest.mark.parametrize("preamble", [b"Doe, Jane", b"*1945-03-12 450312", "山田太郎".encode()])
def test_words_in_a_preamble_are_told(preamble: bytes) -> None:
    file = preamble.ljust(128, b"\0") + slice_bytes()[128:]

    assert names_in(file) == ("preamble text",)


def test_what_the_platforms_own_de_identifier_writes_is_clean(tmp_path: Path) -> None:
    package = pytest.importorskip("grand_challenge_dicom_de_identifier.deidentifier")
    inner = Dataset()
    inner.PatientID, inner.PatientBirthDate = "1", "19450312"
    data = slice_set(OtherPatientIDsSequence=[inner], ReferencedPatientSequence=[inner])
    for tag in KEYWORDS:
        add(data, tag)
    data.private_block(0x0009, "ACME", create=True).add_new(1, "PN", "Doe^Jane")
    before, after = io.BytesIO(dicom_bytes(data)), io.BytesIO()

    package.DicomDeidentifier().deidentify_file(before, output=after)

    assert len(names_in(before.getvalue())) == len(KEYWORDS) + 1
    assert b"20000101" in after.getvalue()
    assert names_in(after.getvalue()) == ()


def test_the_platforms_date_of_birth_is_a_date_elsewhere() -> None:
    assert names_in(slice_bytes(PatientBirthDate="20000101")) == ("PatientBirthDate",)
