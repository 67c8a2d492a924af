"""`uploader report` through the entry point: what it writes, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

from tests.entry import uploader
from tests.report.helpers import (
    NOON,
    binding,
    entry,
    pk,
    whole_case,
    write_manifest,
    write_state,
)

HOSTILE = ("<script>alert(1)<script>", "=cmd|' C calc'!A0", "\u202etxt.exe", "a\u200fb", "-1+1")
FORGETFUL = (
    "from importlib import util; find = util.find_spec; "
    "util.find_spec = lambda name, *more: None if name == 'pygal' else find(name, *more); "
    "from manifest_uploader.__main__ import main; main()"
)
WITHOUT_EXTRA = (sys.executable, "-c", FORGETFUL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A manifest of two cases and its state: one done, one failed."""
    write_manifest(tmp_path / "m.yaml", [entry("a", title="Jörg"), entry("b")])
    lines = [*whole_case("a", NOON, title="Jörg"), *whole_case("b", NOON, words="no image")]
    write_state(tmp_path / "m.state.jsonl", lines)
    return tmp_path


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_the_page_is_written_beside_the_manifest_and_names_no_other_place(folder: Path) -> None:
    ended = uploader("report", "m.yaml", cwd=folder).expect(0)

    page = (folder / "m.report.html").read_text(encoding="utf-8")
    assert ended.err == "wrote m.report.html\n"
    assert "https://grand-challenge.org/reader-studies/lung-nodules/" in page
    assert f"/reader-studies/lung-nodules/display-sets/{pk('a')}/" in page
    assert "no image" in page
    assert {"https://grand-challenge.org/reader-studies/lung-nodules"} == {
        address.split("/display-sets")[0].rstrip("/")
        for address in page.split('href="')[1:]
        for address in [address.split('"')[0]]
        if address != "data:,"
    }
    assert "src=" not in page
    assert "@import" not in page


def test_tables_are_written_where_they_are_asked_for(folder: Path) -> None:
    uploader(*("report", "m.yaml", "--output", "o.html", "--csv", "t.csv", "--json", "t.json"),
             cwd=folder).expect(0)  # fmt: skip

    table = rows((folder / "t.csv").read_text(encoding="utf-8"))
    same = json.loads((folder / "t.json").read_text())
    assert [row["socket"] for row in table] == ["ct-image", "some-score"] * 2
    assert [row["item"] for row in table] == [row["item"] for row in same]
    assert (folder / "o.html").is_file()
    assert not (folder / "m.report.html").exists()


def test_a_table_goes_to_standard_output_alone(folder: Path) -> None:
    ended = uploader("report", "m.yaml", "--csv", "-", cwd=folder).expect(0)

    assert len(rows(ended.out)) == 4


def test_readers_answers_are_joined_with_patients_by_the_item(folder: Path) -> None:
    answers = f"display_set,answer\n{pk('b')},benign\n{pk('a')},malignant\n"

    table = rows(uploader("report", "m.yaml", "--csv", "-", cwd=folder).expect(0).out)

    case_of = {row["item"]: row["case"] for row in table}
    joined = {case_of[row["display_set"]]: row["answer"] for row in rows(answers)}
    assert joined == {"a": "malignant", "b": "benign"}


def test_before_any_run_all_is_new(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.yaml", [entry("a")])

    ended = uploader("report", "m.yaml", "--csv", "-", cwd=tmp_path).expect(0)

    assert {"new"} == {row["standing"] for row in rows(ended.out)}
    assert "nothing was sent yet" in (tmp_path / "m.report.html").read_text()


def test_receipts_name_the_files_if_they_are_there(folder: Path) -> None:
    files = [{"name": "IM1.dcm", "sha256": "ef" * 32, "size": 5}]
    receipt = {"case": "a", "socket": "ct-image", "upload": pk("a", "ct-image"), "files": files}
    lines = f"{json.dumps(receipt)}\nno json\n[1]\n"
    (folder / "m.receipts.jsonl").write_text(lines)

    table = rows(uploader("report", "m.yaml", "--csv", "-", cwd=folder).expect(0).out)

    assert table[0]["files"] == "IM1.dcm"


def test_hostile_names_are_harmless_everywhere(tmp_path: Path) -> None:
    lines = [line for name in HOSTILE for line in whole_case(name, NOON, words=f"<b>{name}\x1b[2J")]
    write_manifest(tmp_path / "m.yaml", [entry(name) for name in HOSTILE])
    write_state(tmp_path / "m.state.jsonl", lines)

    ended = uploader("report", "m.yaml", "--csv", "t.csv", cwd=tmp_path).expect(0)

    page = (tmp_path / "m.report.html").read_text(encoding="utf-8")
    text = (tmp_path / "t.csv").read_text(encoding="utf-8-sig")
    assert (page.count("<script>"), page.count("<b>&lt;")) == (1, 0)
    assert not {"\u202e", "\u200f", "\x1b"} & {*page, *text, *ended.err}
    assert {"'=cmd|' C calc'!A0", "'-1+1"} <= {row["case"] for row in rows(text)}


def test_without_the_extra_the_page_is_refused_in_one_line_with_the_command(folder: Path) -> None:
    ended = uploader("report", "m.yaml", cwd=folder, entry=WITHOUT_EXTRA).expect(3)

    assert ended.err == (
        "uploader: the page needs the packages that draw it: "
        "pip install 'manifest-uploader[report]'\n"
    )


def test_without_the_extra_tables_are_written(folder: Path) -> None:
    ended = uploader("report", "m.yaml", "--csv", "t.csv", cwd=folder, entry=WITHOUT_EXTRA)

    ended.expect(0)
    assert len(rows((folder / "t.csv").read_text(encoding="utf-8-sig"))) == 4
    assert "without the page" in ended.err
    assert not (folder / "m.report.html").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--output", "m.yaml"),
        ("--csv", "m.state.jsonl"),
        ("--json", "m.receipts.jsonl"),
        ("--csv", "x", "--json", "./x"),
        ("--output", "no/such/folder.html"),
    ],
)
def test_nothing_that_is_needed_is_written_over(folder: Path, arguments: tuple[str, ...]) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    uploader("report", "m.yaml", *arguments, cwd=folder).expect(2)

    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_state_of_another_target_is_refused(folder: Path) -> None:
    write_state(folder / "m.state.jsonl", [], first=binding(slug="other"))

    ended = uploader("report", "m.yaml", cwd=folder).expect(3)

    assert "belongs to the reader-study 'other'" in ended.err


def test_a_manifest_that_was_broken_since_the_run_is_reported_as_far_as_it_goes(
    folder: Path,
) -> None:
    with (folder / "m.yaml").open("a") as file:
        file.write("casse: []\n")

    ended = uploader("report", "m.yaml", "--csv", "-", cwd=folder).expect(0)

    assert len(rows(ended.out)) == 4
    assert "note: m.yaml has 1 problem ('uploader validate' tells)" in ended.err


def test_what_is_no_manifest_is_refused(folder: Path) -> None:
    (folder / "m.yaml").write_text("{")

    uploader("report", "m.yaml", cwd=folder).expect(2)

    assert not (folder / "m.report.html").exists()
