"""What `init` says of the files it finds: the same as `uploader validate`."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from pydicom.uid import ImplicitVRLittleEndian

from manifest_uploader.cli import command
from manifest_uploader.init.remarks import Remark, remarks
from manifest_uploader.manifest.model import FileValue
from manifest_uploader.manifest.parser import parse
from tests.e2e.data import mha, write
from tests.files.dicom.folders import POINTER
from tests.files.dicom.samples import bare, slice_bytes

BROKEN = {
    "empty": (b"", "'IM3' is empty"),
    "pointer": (POINTER, "'IM3' is only a pointer of Git LFS; the file itself is not here"),
    "cut header": (slice_bytes(3)[:400], "'IM3' is cut short"),
    "cut pixels": (slice_bytes(3)[:-8], "'IM3' is cut short: 24 of 32 bytes"),
    "no mark": (bare(slice_bytes(3)), "'IM3' is DICOM without the mark 'DICM' at its start"),
    "no class": (slice_bytes(3, SOPClassUID=None), "'IM3' has no SOPClassUID"),
    "text": (b"lost and found\n", "the platform leaves out 'IM3' of the slices"),
    "twice": (slice_bytes(2), "'IM3': the same slice as 'IM2' (equal SOPInstanceUID)"),
    "scout": (
        slice_bytes(3, ImageOrientationPatient=[0, 1, 0, 0, 0, -1]),
        "slices in different planes, such as a scout: 'IM3' unlike the others",
    ),
}
"""One of six slices, and what is wrong with it."""


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_slice_stays_in_its_case_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    data, words = BROKEN[broken]
    for number in (1, 2, 4, 5, 6):
        write(tmp_path / f"data/p1/ct/IM{number}", slice_bytes(number))
    write(tmp_path / "data/p1/ct/IM3", data)
    order = ("init", "data", "--explicit", "--slug", "a", "--each", "p*", "--socket", "ct=ct/*")

    with contextlib.chdir(tmp_path):
        assert command(list(order)) == 0
        said = capsys.readouterr().err
        validated = command(["validate", "--offline", "manifest.yaml"])
        problems = capsys.readouterr().err

    [case] = parse((tmp_path / "manifest.yaml").read_bytes(), "manifest.yaml").cases
    [value] = case.values
    assert isinstance(value, FileValue)
    assert value.paths == ("p1/ct/*",)
    notice = "- files that 'uploader validate' rejects, although they belong to a case:"
    assert f"{notice}\n    p1/ct: {words}" in said
    assert validated == 2
    assert f"p1/ct: {words}" in problems


def paths(folder: Path, *contents: bytes) -> list[str]:
    """Files `IM1`, `IM2` and so on with these contents."""
    return [str(write(folder / f"IM{n}", data)) for n, data in enumerate(contents, 1)]


def test_of_whole_files_nothing_is_said(tmp_path: Path) -> None:
    series = paths(tmp_path, *(slice_bytes(n) for n in range(1, 5)))

    assert list(remarks(series, quick=False)) == []
    assert list(remarks([str(write(tmp_path / "a.mha", mha(1)))], quick=False)) == []


def test_what_is_odd_is_told_apart_from_what_is_refused(tmp_path: Path) -> None:
    series = [slice_bytes(n, ImplicitVRLittleEndian) for n in range(1, 9) if n != 5]

    [found] = remarks(paths(tmp_path, *series), quick=False)

    assert found == Remark(
        "files to check",
        "1 slice is probably missing between 'IM4' and 'IM5': 2 mm, not 1 mm",
    )


def test_a_quick_look_sees_the_first_file_only(tmp_path: Path) -> None:
    named = slice_bytes(1, PatientName="Doe^Jane")

    [found] = remarks(paths(tmp_path, named, b"", named), quick=True)

    assert found.about == "PatientName"
    assert found.sentence.startswith("DICOM files that identify their patients")


def test_files_that_are_gone_by_now_are_left_to_validate(tmp_path: Path) -> None:
    assert list(remarks([str(tmp_path / "none.mha"), str(tmp_path)], quick=False)) == []
