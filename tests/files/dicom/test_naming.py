"""Which files are DICOM, and which series they name."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from manifest_uploader.files.dicom.naming import (
    Series,
    is_dicom,
    is_named_dicom,
    looks_dicom,
    series_of,
)
from tests.files.dicom.samples import ROOT, bare, bare_implicit, slice_bytes

SLICE = slice_bytes(SeriesDescription="Thorax 1.0 B31f ")


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "name", ["a.dcm", "A.DCM", "a.ima", "a", "1.2.840.113619", "a.mr", "a.img", "a.nii.gz", "a.txt"]
)
def test_dicom_is_known_by_its_bytes_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, SLICE)

    assert is_dicom(path)
    assert looks_dicom(path)
    assert series_of(path) is not None


@pytest.mark.parametrize("data", [b"", b"DICM", b"\x08\x00 an odd text" * 9, b"x" * 999])
@pytest.mark.parametrize("name", ["a.dcm", "a"])
def test_other_bytes_are_not_dicom(tmp_path: Path, name: str, data: bytes) -> None:
    path = write(tmp_path / name, data)

    assert not is_dicom(path)
    assert series_of(path) is None


def test_what_cannot_be_read_is_not_dicom(tmp_path: Path) -> None:
    for path in (tmp_path / "no.dcm", tmp_path):
        assert not is_dicom(path)
        assert series_of(path) is None


@pytest.mark.parametrize(
    ("name", "named"),
    [("a.dcm", True), ("A.DICOM", True), ("a.IMA", True), ("a.img", False), ("dcm", False)],
)
def test_the_ending_is_enough_for_a_look(tmp_path: Path, name: str, named: bool) -> None:
    path = tmp_path / name

    assert not path.exists()
    assert is_named_dicom(path) is named
    assert looks_dicom(path) is named


@pytest.mark.parametrize(
    "data",
    [
        SLICE,
        slice_bytes(1, ImplicitVRLittleEndian, SeriesDescription="Thorax 1.0 B31f"),
        slice_bytes(1, DeflatedExplicitVRLittleEndian, SeriesDescription="Thorax 1.0 B31f"),
        bare(SLICE),
        bare_implicit(SeriesDescription="Thorax 1.0 B31f"),
        SLICE[:-20],
    ],
    ids=["explicit", "implicit", "deflated", "bare", "bare and implicit", "cut"],
)
def test_a_slice_names_its_series(tmp_path: Path, data: bytes) -> None:
    path = write(tmp_path / "IM1", data)

    assert series_of(path) == Series(f"{ROOT}1.1", "CT", "Thorax 1.0 B31f")


def test_what_a_slice_does_not_say_is_empty(tmp_path: Path) -> None:
    path = write(tmp_path / "IM1", slice_bytes(Modality=None, SeriesInstanceUID=None))

    assert series_of(path) == Series("", "", "")


def test_no_value_reaches_warnings_or_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A header that says explicit and data that are implicit: pydicom warns, and reads on."""
    header = SLICE[: len(SLICE) - len(bare(SLICE))]
    path = write(tmp_path / "IM1", header + bare_implicit(PatientID="4711"))

    with warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        found = series_of(path)

    assert found == Series(f"{ROOT}1.1", "CT", "")
    assert not warned
    assert not caplog.records


def test_a_description_in_a_broken_character_set_breaks_nothing(tmp_path: Path) -> None:
    data = slice_bytes(SpecificCharacterSet="ISO_IR 6", SeriesDescription="Thorax")
    path = write(tmp_path / "IM1", data.replace(b"Thorax", b"Th\xfe\xff\x1b$"))

    found = series_of(path)

    assert found is not None
    assert (found.uid, found.modality) == (f"{ROOT}1.1", "CT")
