"""Which files are DICOM, and which of them name their patients."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

from manifest_uploader.files.dicom.earlier import (
    _require_pydicom,
    check,
    is_dicom,
    looks_dicom,
    patient_words,
)
from tests.files.helpers import make_dicom, stat_file


@pytest.mark.parametrize("name", ["a.dcm", "A.DCM", "a.ima", "a", "1.2.840.113619", "a.mr"])
def test_dicom_is_known_by_its_bytes(tmp_path: Path, name: str) -> None:
    assert is_dicom(make_dicom(tmp_path / name))


@pytest.mark.parametrize(
    "name", ["a.mha", "a.raw", "a.nii.gz", "a.TIFF", "a.pdf", "a.zip", "a.dat"]
)
def test_a_file_whose_ending_says_otherwise_is_not_opened(tmp_path: Path, name: str) -> None:
    assert not is_dicom(make_dicom(tmp_path / name))


@pytest.mark.parametrize("data", [b"", b"DICM", b"\x08\x00 an odd text" * 9, b"x" * 999])
@pytest.mark.parametrize("name", ["a.dcm", "a"])
def test_other_bytes_are_not_dicom(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)

    assert not is_dicom(tmp_path / name)
    assert patient_words(tmp_path / name) is None


def test_a_missing_file_is_not_dicom(tmp_path: Path) -> None:
    assert not is_dicom(tmp_path / "no.dcm")
    assert patient_words(tmp_path / "no.dcm") is None


def test_the_ending_is_enough_for_a_look(tmp_path: Path) -> None:
    assert looks_dicom(tmp_path / "not-there.dcm")
    assert not looks_dicom(tmp_path / "not-there")


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({}, None),
        ({"PatientName": "  ", "PatientID": "\0"}, None),
        ({"PatientSex": "F", "PatientAge": "041Y"}, None),
        ({"PatientName": "Doe^Jane"}, "PatientName is filled"),
        ({"PatientBirthDate": "19700101"}, "PatientBirthDate is filled"),
        (
            {"PatientName": "Doe^Jane", "PatientID": "4711"},
            "PatientName and PatientID are filled",
        ),
        (
            {"PatientAddress": "Elm St", "PatientID": "1", "OtherPatientNames": ["A", "B"]},
            "PatientID is filled",
        ),
    ],
)
def test_the_words_name_the_attributes_that_are_filled(
    tmp_path: Path, attributes: dict[str, object], words: str | None
) -> None:
    assert patient_words(make_dicom(tmp_path / "a.dcm", **attributes)) == words


@pytest.mark.parametrize("name", ["a.dcm", "a"])
@pytest.mark.parametrize("implicit", [True, False])
def test_a_patient_is_found_in_a_file_without_preamble(
    tmp_path: Path, name: str, implicit: bool
) -> None:
    path = write_bare(make_dicom(tmp_path / name, PatientID="4711"), implicit=implicit)

    assert b"DICM" not in path.read_bytes()[:132]
    assert patient_words(path) == "PatientID is filled"


def write_bare(path: Path, *, implicit: bool) -> Path:
    """Write a DICOM file again without its preamble and header."""
    data = pydicom.dcmread(path)
    del data.file_meta
    data.preamble = None
    pydicom.dcmwrite(
        path, data, implicit_vr=implicit, little_endian=True, enforce_file_format=False
    )
    return path


def test_no_value_reaches_warnings_or_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A header that says explicit and data that are implicit: pydicom warns, and reads on."""
    header = make_dicom(tmp_path / "explicit.dcm").read_bytes()
    header = header[: 132 + 12 + int.from_bytes(header[140:144], "little")]
    path = write_bare(make_dicom(tmp_path / "a.dcm", PatientID="4711"), implicit=True)
    path.write_bytes(header + path.read_bytes())

    with warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        words = patient_words(path)

    assert words == "PatientID is filled"
    assert not warned
    assert not caplog.records


def test_a_check_of_all_files_finds_the_one_that_names_a_patient(tmp_path: Path) -> None:
    make_dicom(tmp_path / "1.dcm")
    make_dicom(tmp_path / "2.dcm", PatientID="4711")
    files = [stat_file(tmp_path / "1.dcm"), stat_file(tmp_path / "2.dcm", "0002-IM1.dcm")]

    assert check(files, all_files=True) == ("0002-IM1.dcm", "PatientID is filled")
    assert check(files, all_files=False) is None


def test_a_quick_check_looks_at_the_first_dicom_file(tmp_path: Path) -> None:
    (tmp_path / "0.txt").write_bytes(b"notes")
    make_dicom(tmp_path / "1.dcm", PatientID="4711")
    files = [stat_file(tmp_path / "0.txt"), stat_file(tmp_path / "1.dcm")]

    assert check(files, all_files=False) == ("1.dcm", "PatientID is filled")


def test_files_that_are_not_dicom_name_nobody(tmp_path: Path) -> None:
    (tmp_path / "a.mha").write_bytes(b"x")

    assert check([stat_file(tmp_path / "a.mha")], all_files=True) is None


# ── slices that leave no doubt ──────────────────────────────────────────────────────────────


def data_set(**attributes: Any) -> Dataset:
    """A data set with these attributes."""
    data = Dataset()
    for name, content in attributes.items():
        setattr(data, name, content)
    return data


def write_dicom(path: Path, syntax: UID, data: Dataset) -> Path:
    """A DICOM file of a data set."""
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, generate_uid()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data["PixelData"].VR = "OW"
    pydicom.dcmwrite(path, data, enforce_file_format=True)
    return path


PIXELS: dict[str, Any] = {"Rows": 4, "Columns": 4, "BitsAllocated": 16, "PixelData": bytes(32)}


def nameless_data_set() -> Dataset:
    return data_set(PatientName="", PatientID="", PatientBirthDate="", **PIXELS)


SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
SYNTAXES += [DeflatedExplicitVRLittleEndian]
NAMES: list[dict[str, Any]] = [
    {},
    {"PatientName": "Doe^Jane"},
    {"PatientID": "4711"},
    {"PatientBirthDate": "19700101"},
    {"PatientBirthDate": "", "PatientName": "   "},
    {"OtherPatientIDsSequence": Sequence([data_set(PatientID="4711")])},
    {"IconImageSequence": Sequence([data_set(PatientName="Doe^Jane", **PIXELS)])},
]


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
@pytest.mark.parametrize("attributes", NAMES, ids=str)
def test_a_slice_is_judged_as_pydicom_reads_it(
    tmp_path: Path, attributes: dict[str, Any], syntax: UID
) -> None:
    path = write_dicom(tmp_path / "a.dcm", syntax, data_set(**PIXELS, **attributes))

    found = check([stat_file(path)], all_files=True)

    assert found == (("a.dcm", words) if (words := patient_words(path)) else None)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_pydicom_is_not_asked_where_the_bytes_leave_no_doubt(
    tmp_path: Path, syntax: UID, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices = [
        stat_file(write_dicom(tmp_path / f"{n}.dcm", syntax, nameless_data_set())) for n in range(3)
    ]
    monkeypatch.setattr("manifest_uploader.files.dicom.earlier._read", None)

    assert check(slices, all_files=True) is None
    assert check(slices, all_files=False) is None


@pytest.mark.parametrize("explicit", [True, False])
def test_a_name_behind_what_looks_like_pixels_is_found(tmp_path: Path, explicit: bool) -> None:
    """Elements may stand in any order, and a private one may hold any bytes."""
    syntax = ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian
    decoy = b"\xe0\x7f\x10\0OW\0\0\4\0\0\0" if explicit else b"\xe0\x7f\x10\0\4\0\0\0"
    data = data_set(PatientName="Doe^Jane", **PIXELS)
    data.add_new(0x00090010, "LO", "ACME")
    data.add_new(0x00091001, "OB", decoy)
    path = write_dicom(tmp_path / "a.dcm", syntax, data)

    assert check([stat_file(path)], all_files=True) == ("a.dcm", "PatientName is filled")


def test_a_check_without_pydicom_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nameless_slice = stat_file(
        write_dicom(tmp_path / "a.dcm", ExplicitVRLittleEndian, nameless_data_set())
    )
    monkeypatch.setattr("manifest_uploader.files.dicom.earlier.find_spec", lambda _: None)
    _require_pydicom.cache_clear()

    with pytest.raises(ModuleNotFoundError, match="pydicom is not installed"):
        check([nameless_slice], all_files=True)
