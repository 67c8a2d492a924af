"""`uploader init` writes one description that stands for what an entry for each case would."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from manifest_uploader.cli import command
from tests.e2e.data import PDF, dicom_slice, mask, mha, write, write_series
from tests.e2e.helpers import FULL

TABLE = ("--table", "scores.csv", "--key", "patient", "--socket", "some-score=@score")
SOCKETS = (
    *("--slug", "lung", "--each", "patient-*", "--socket", "ct-image=ct/*.dcm"),
    *("--socket", "airway-segmentation=airways.mha", "--socket", "report=report.pdf"),
    *("--title", "@label", "--order", "@rank", *TABLE),
)


class Folder:
    """A folder in which commands run."""

    def __init__(self, path: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.path, self._capture = path, capture

    def __call__(self, *words: str, code: int = 0) -> tuple[str, str]:
        with contextlib.chdir(self.path):
            ended = command(list(words))
        said = self._capture.readouterr()
        assert code == ended, said.err
        return said.out, said.err

    def both(self, *words: str) -> tuple[str, list[Any], list[Any], str]:
        """The short text, the cases it stands for, those of the explicit form, and what is said."""
        _, said = self("init", "data", *words, "--output", "short.yaml")
        self("init", "data", *words, "--output", "explicit.yaml", "--explicit")
        short = (self.path / "short.yaml").read_text(encoding="utf-8")
        expanded, _ = self("expand", "short.yaml")
        explicit = (self.path / "explicit.yaml").read_text(encoding="utf-8")
        return short, yaml.safe_load(expanded)["cases"], yaml.safe_load(explicit)["cases"], said


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Folder:
    return Folder(tmp_path, capsys)


def patients(folder: Folder, count: int, *, slices: int = 2) -> None:
    """Patients with a series, a segmentation, a report for some, and a row with a score."""
    rows = ["patient,label,rank,score"]
    for number in range(1, count + 1):
        name = f"patient-{number:03}"
        write_series(folder.path / "data" / name / "ct", number, slices, side=8)
        write(folder.path / "data" / name / "airways.mha", mask(number))
        if number % 3 == 0:
            write(folder.path / "data" / name / "report.pdf", PDF)
        rows.append(f"{name},Patient {number},{number},{number / 4 if number % 5 else ''}")
    (folder.path / "scores.csv").write_text("\n".join(rows))


def test_a_study_takes_thirty_lines_and_stands_for_the_explicit_form(folder: Folder) -> None:
    patients(folder, 500 if FULL else 12)

    short, cases, explicit, _ = folder.both(*SOCKETS)

    assert len(short.splitlines()) <= 30
    assert len(cases) == (500 if FULL else 12)
    assert cases == explicit
    folder("validate", "--offline", "short.yaml")


def test_what_a_single_case_has_different_is_an_exception(folder: Folder) -> None:
    patients(folder, 4)
    data = folder.path / "data"
    write(data / "patient-002" / "ct" / "other.dcm", dicom_slice(9, 1, side=8))
    for slice_ in sorted((data / "patient-003" / "ct").iterdir())[1:]:
        slice_.unlink()
    (data / "patient-005").mkdir()

    short, cases, explicit, said = folder.both(*SOCKETS)

    written = yaml.safe_load(short)
    assert written["cases"] == [{"name": "patient-002", "sockets": {"ct-image": None}}]
    assert "# ct-image: 2 match; choose one" in short
    assert cases == explicit
    assert cases[2]["sockets"]["ct-image"] == {"file": "patient-003/ct/IM0001.dcm"}
    assert "exceptions" in said
    folder("validate", "--offline", "short.yaml")


@pytest.mark.parametrize("title", ["@label", "Scan of {label}"])
def test_a_title_that_the_table_lacks_is_the_name(folder: Folder, title: str) -> None:
    patients(folder, 3)
    table = folder.path / "scores.csv"
    table.write_text(table.read_text().replace("Patient 2", ""))

    short, cases, explicit, said = folder.both(*SOCKETS, "--title", title)

    assert yaml.safe_load(short)["cases"] == [{"name": "patient-002", "title": "patient-002"}]
    assert cases.pop(1) == explicit.pop(1) | {"title": "patient-002"}
    assert cases == explicit
    assert "cases without a title of their own: readers see the name" in said


@pytest.mark.parametrize(
    ("files", "words", "lines"),
    [
        (
            ["a.mha", "b.MHA", "b_note.txt"],
            ["--each", "*.mha", "--socket", "ct=*.mha"],
            ['each: "*.mha" ', 'ct: {file: "{file}"}'],
        ),
        (
            ["x/1/s/ct.mha", "y/1/s/ct.mha"],
            ["--each", "{site}/{patient}/s", "--socket", "ct=c*", "--title", "{patient}, {site}"],
            ['name: "{site}-{patient}"', 'title: "{patient}, {site}"'],
        ),
        (
            ["scans/p1.mha", "scans/p2.mha"],
            ["--each", "scans/{id}.mha", "--socket", "ct"],
            ['name: "{name}"', 'ct: {file: "{file}"}'],
        ),
    ],
)  # fmt: skip
def test_other_trees(folder: Folder, files: list[str], words: list[str], lines: list[str]) -> None:
    for name in files:
        write(folder.path / "data" / name, mha(name))
    short, cases, explicit, _ = folder.both("--slug", "a", *words)

    assert cases == explicit
    assert all(line in short for line in lines), short


def test_cases_that_cannot_be_are_excluded(folder: Folder) -> None:
    for name in ("a:b", "c", "<b>"):
        write(folder.path / "data" / name / "ct.mha", mha(name))

    short, cases, explicit, _ = folder.both("--slug", "a", "--each", "*", "--socket", "ct=ct.mha")

    assert yaml.safe_load(short)["exclude"] == ["<b>", "a:b"]
    assert sorted(cases, key=str) == sorted(explicit, key=str)


def test_what_one_description_cannot_say_has_an_entry_for_each_case(folder: Folder) -> None:
    for name in ("x/1/s", "y/1/s"):
        write(folder.path / "data" / name / "ct.mha", mha(name))

    _, said = folder("init", "data", "--slug", "a", "--each", "*/*/s", "--socket", "ct=ct.mha")

    text = (folder.path / "manifest.yaml").read_text()
    assert [one["name"] for one in yaml.safe_load(text)["cases"]] == ["x-1", "y-1"]
    assert "one description cannot express this" in said


def test_update_says_why_it_is_gone(folder: Folder) -> None:
    (folder.path / "data").mkdir()

    _, said = folder("init", "data", "--update", code=2)

    assert "init has no --update any more: a manifest with 'each:' finds new folders" in said
    assert "sends nothing twice" in said
