"""Exports of a PACS, tables of spreadsheets, and a platform that does not answer."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from manifest_uploader.cli import command
from manifest_uploader.errors import UsageError
from manifest_uploader.init.arguments import make_parser, read
from manifest_uploader.init.ask import Sockets
from manifest_uploader.init.cases import Folder
from manifest_uploader.init.complete import propose
from manifest_uploader.init.fit import Wanted
from manifest_uploader.init.offers import ProposedSocket
from manifest_uploader.init.options import Options
from manifest_uploader.init.paths import find
from manifest_uploader.init.view import View
from manifest_uploader.platform.address import Patience
from manifest_uploader.system import extras
from tests.box import Box
from tests.e2e.data import dicom_slice, mha, write
from tests.helpers import TOKEN
from tests.init import trees

SOON = Patience(stall_s=1, give_up_s=0.5, first_pause_s=0.001)


def add_series(folder: Path, series: int, slices: int, description: str, ending: str = "") -> None:
    for place in range(slices):
        data = trees.with_series_description(dicom_slice(series, place, side=8), description)
        write(folder / f"{place + 1:08}{ending}", data)


def proposed(folder: Path, *given: str) -> Options:
    options = read([str(folder), "--output", str(folder.parent / "manifest.yaml"), *given])
    return propose(options, find(options))


def offered(folder: Path, each: str) -> list[ProposedSocket]:
    options = read([str(folder), "--each", each])
    looked = Folder(find(options), options)
    return looked.sockets(looked.cases(each, options), options)


class Init:
    """Runs `uploader init` in a folder, in this process."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capture = folder, capture

    def __call__(self, *words: str, code: int = 0) -> str:
        with contextlib.chdir(self.folder):
            ended = command(["init", *words])
        said = self._capture.readouterr()
        assert code == ended, said.err
        return said.err

    def cases(self) -> list[Any]:
        text = (self.folder / "manifest.yaml").read_text(encoding="utf-8")
        found: list[Any] = yaml.safe_load(text)["cases"]
        return found


@pytest.fixture
def init(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Init:
    return Init(tmp_path, capsys)


# ── folders that a PACS has named ───────────────────────────────────────────────────────────


def test_a_patient_is_a_case_and_folders_with_uids_are_not(tmp_path: Path) -> None:
    home = trees.write_pacs_export(tmp_path)

    options = proposed(home, "--table", str(home / "Befunde.csv"))

    assert options.each == "*"
    assert [(one.socket, one.pattern, one.series, one.column) for one in options.sockets] == [
        ("thorax-1-0-b70f-image", "DICOM/*/*/*/*", "Thorax 1.0 B70f", None),
        ("topogramm-image", "DICOM/*/*/*/*", "Topogramm", None),
        ("groe", "", None, "Größe"),
        ("bemerkung", "", None, "Bemerkung"),
        ("geboren", "", None, "Geboren"),
    ]
    assert (options.encoding, options.decimal_comma, options.title) == ("cp1252", True, "@Titel")


def test_patients_on_one_medium_are_the_cases(tmp_path: Path) -> None:
    for number in range(1, 5):
        study = tmp_path / "cd" / "DICOM" / f"PA{number:06}" / "ST000001"
        add_series(study / "SE000001", number, 2, "Thorax")
        add_series(study / "SE000002", 100 + number, 1, "Scout")
    write(tmp_path / "cd" / "DICOMDIR", "x")

    options = proposed(tmp_path / "cd")

    assert options.each == "DICOM/PA*"
    assert [(one.socket, one.pattern) for one in options.sockets] == [
        ("ct-image", "ST000001/SE000001/*"),
        ("ct-image-2", "ST000001/SE000002/*"),
    ]


def test_files_named_by_uids_have_no_endings(tmp_path: Path) -> None:
    for number in range(1, 4):
        for place in range(3):
            path = tmp_path / "data" / f"p{number}" / f"1.2.276.{number}.5.{place}"
            write(path, dicom_slice(number, place, side=8))

    [offer] = offered(tmp_path / "data", "p*")

    assert (offer.rule.pattern, offer.what, offer.count) == ("*", "CT, 3 slices", 3)


def test_a_series_is_shown_with_its_description_and_number_of_slices(tmp_path: Path) -> None:
    for number in range(1, 4):
        add_series(tmp_path / "data" / f"p{number}" / "a", number, 1 + number, "Abdomen 3.0")
        add_series(tmp_path / "data" / f"p{number}" / "b", 10 + number, 1, f"Topo {number}")

    assert [one.what for one in offered(tmp_path / "data", "p*")] == [
        "CT 'Abdomen 3.0', 2 to 4 slices",
        "CT, 1 slice",
    ]


def test_where_descriptions_differ_the_series_with_the_most_slices_is_taken_and_named(
    tmp_path: Path, init: Init
) -> None:
    for number in range(1, 4):
        folder = tmp_path / "data" / f"p{number}"
        add_series(folder, number, 3, f"Abdomen {number}", ".dcm")
        scout = trees.with_series_description(dicom_slice(50 + number, 0, side=8), "")
        write(folder / "x.dcm", scout)
    [offer] = offered(tmp_path / "data", "p*")

    said = init(
        "data", "--slug", "a", "--each", "p*", "--socket", "ct=*.dcm", "--series", "ct=@largest"
    )

    assert (offer.rule.series, offer.what) == (
        "@largest",
        "CT series with the most slices, 3 slices",
    )
    assert [one["sockets"]["ct"]["files"] for one in init.cases()] == [
        f"p{number}/0000000*.dcm" for number in (1, 2, 3)
    ]
    assert "cases whose largest series goes into 'ct':\n    p1: CT 'Ab" in said


def test_of_two_series_that_are_as_large_none_is_taken(tmp_path: Path, init: Init) -> None:
    for place, description in enumerate(("a", "b")):
        write(
            tmp_path / "data" / "p1" / f"{place}.dcm",
            trees.with_series_description(dicom_slice(place, 0, side=8), description),
        )
    write(tmp_path / "data" / "p1" / "r.pdf", "x")
    words = ("--socket", "ct=*.dcm", "--series", "ct=@largest", "--socket", "r=r.pdf")

    said = init("data", "--slug", "a", "--each", "p*", *words, "--explicit")

    assert "cases without 'ct': DICOM files of more than one series lie together" in said


def test_files_of_a_viewer_are_not_proposed(tmp_path: Path) -> None:
    for number in range(1, 4):
        folder = tmp_path / "data" / f"p{number}"
        add_series(folder / "DICOM", number, 2, "Thorax")
        write(folder / "DICOMDIR", "x")
        write(folder / "VIEWER" / "manual.pdf", "%PDF")
        write(folder / "VIEWER" / "logo.png", "x")
        write(folder / "report.pdf", "x" * number)

    assert [one.what for one in offered(tmp_path / "data", "p*")] == [
        "CT 'Thorax', 2 slices",
        "report.pdf",
    ]


# ── tables ──────────────────────────────────────────────────────────────────────────────────


def test_a_number_that_a_spreadsheet_has_shortened_is_matched_only_if_asked_for(
    tmp_path: Path, init: Init
) -> None:
    for number in (7, 8, 10):
        write(tmp_path / "data" / f"{number:03}" / "ct.mha", mha(number))
    write(tmp_path / "data" / "scores.csv", "Nr;Wert\n7;1,5\n8.0;2,5\n010;3,5\n")
    options = proposed(tmp_path / "data")
    words = ("--slug", "a", "--each", "*", "--socket", "ct=ct.mha", "--table", "scores.csv")
    words = (*words, "--key", "Nr", "--socket", "s=@Wert", "--decimal-comma", "--explicit")

    without = init("data", *words)
    plain = init.cases()
    said = init("data", *words, "--match-numbers", "--force")

    assert (options.keys, options.match_numbers, options.decimal_comma) == (("Nr",), True, True)
    assert [one["sockets"].get("s") for one in plain] == [None, None, 3.5]
    assert "cases without a row in scores.csv:\n    007\n    008\n" in without
    assert [one["sockets"].get("s") for one in init.cases()] == [1.5, 2.5, 3.5]
    fits = "rows of scores.csv that match a case only by number"
    assert f"- {fits}:\n    7 -> 007 (line 2)\n    8.0 -> 008 (line 3)\n" in said


def test_if_no_row_fits_but_by_number_the_option_is_named(tmp_path: Path, init: Init) -> None:
    write(tmp_path / "data" / "007" / "ct.mha", mha(1))
    write(tmp_path / "t.csv", "nr,v\n7,1\n")
    words = ("--slug", "a", "--each", "*", "--socket", "ct=ct.mha", "--table", "t.csv")

    said = init("data", *words, "--key", "nr", "--socket", "v=@v", code=2)

    assert "hint: --match-numbers matches 7 to 007; spreadsheets drop zeros" in said


def test_a_table_in_another_encoding_is_read_as_one_says(tmp_path: Path, init: Init) -> None:
    write(tmp_path / "data" / "Jürgen" / "ct.mha", mha(1))
    write(tmp_path / "t.csv", "wer;v\nJürgen;groß\n".encode("cp1252"))
    words = ("--slug", "a", "--each", "*", "--socket", "ct=ct.mha", "--table", "t.csv")
    words = (*words, "--key", "wer", "--socket", "v=@v")

    refused = init("data", *words, code=2)
    init("data", *words, "--encoding", "cp1252")

    assert "'t.csv' is not UTF-8" in refused
    assert "--encoding cp1252" in refused
    text = (tmp_path / "manifest.yaml").read_text(encoding="utf-8")
    assert "table: {file: t.csv, encoding: cp1252} # " in text
    with contextlib.chdir(tmp_path):
        assert command(["validate", "--offline", "manifest.yaml"]) == 0


def test_notices_about_columns_that_are_left_out_are_left_out(tmp_path: Path, init: Init) -> None:
    write(tmp_path / "data" / "p1" / "ct.mha", mha(1))
    write(tmp_path / "t.csv", "p;v;w\np1;#N/A;1,5\n")
    words = ("data", "--slug", "a", "--each", "*", "--socket", "ct=ct.mha", "--table", "t.csv")

    said = init(*words, "--key", "p", "--socket", "v=@v")

    assert "column 'v' has cells in which Excel shows #N/A instead of a value" in said
    assert "column 'w'" not in said


def test_a_missing_extra_is_told_before_anything_else(
    tmp_path: Path, init: Init, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "data" / "p1" / "ct.mha", mha(1))
    write(tmp_path / "t.xlsx", "x")
    find = extras.find_spec
    monkeypatch.setattr(
        extras, "find_spec", lambda name: None if name == "openpyxl" else find(name)
    )

    said = init("data", "--table", "t.xlsx", code=2)

    assert said.startswith(
        "uploader: reading Excel files needs a package that is not installed\n  hint: "
    )
    assert "save the table as CSV (UTF-8), or install it with: " in said


def test_the_sheet_that_names_the_cases_is_found(tmp_path: Path) -> None:
    from openpyxl import Workbook

    write(tmp_path / "data" / "p1" / "ct.mha", mha(1))
    book = Workbook()
    assert book.active is not None
    book.active.append(["About", "this"])
    values = book.create_sheet("Values")
    for row in (["patient", "v"], ["p1", 2]):
        values.append(row)
    book.save(tmp_path / "data" / "t.xlsx")
    book.close()

    options = proposed(tmp_path / "data")

    assert (options.sheet, options.keys) == ("Values", ("patient",))


# ── the platform ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("case", ["no token", "no answer", "no address", "a wrong token"])
def test_without_an_answer_of_the_platform_nothing_is_looked_up_and_that_is_said_once(
    case: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/api/v1/"
    monkeypatch.setattr("manifest_uploader.init.view._PATIENCE", SOON)
    if case != "no token":
        monkeypatch.setenv("GRAND_CHALLENGE_AUTHORIZATION", TOKEN if case[-5:] != "token" else "x")
    if case == "no address":
        address = "http://example.org/api/v1/"
    view = View(make_parser().parse_args(["data", "--platform", address]))

    assert (view.study("lung"), view.every(), view.study("lung")) == (None, (), None)

    said = capsys.readouterr().err
    words = "There is no token" if case == "no token" else "ockets are not looked up: "
    assert said.count(words) == 1


def test_for_a_study_without_items_all_sockets_are_looked_through(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAND_CHALLENGE_AUTHORIZATION", box.running.token)
    view = View(make_parser().parse_args(["data", "--platform", box.running.url]))

    study = view.study("lung")
    sockets = Sockets(view, study)
    score = Wanted(("Score",), values=(1.5,))

    assert study is not None
    assert (study.kinds, study.has_items) == (("reader-study", "archive"), False)
    assert sockets.proposal(Wanted(("ct-image",), is_dicom=True), "x", ()) == "ct-image"
    assert sockets.proposal(score, "score", ()) == "-"
    assert [one.slug for one in sockets.candidates(score, ())] == ["some-score"]
    with pytest.raises(UsageError, match="no reader study, archive or algorithm 'lunk'"):
        view.study("lunk")
    assert view.is_told("lunk")
