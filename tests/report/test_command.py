"""`uploader report` as a user runs it: what it writes and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from manifest_uploader.state import lock
from manifest_uploader.system.extras import install_command
from tests.entry import environment, uploader
from tests.report.helpers import (
    NOON,
    binding,
    entry,
    pk,
    whole_case,
    write_manifest,
    write_state,
)
from tests.report.picture import EXAMPLES

HOSTILE = ("<script>alert(1)<script>", "=cmd|' C calc'!A0", "\u202etxt.exe", "a\u200fb", "-1+1")
FORGETFUL = (
    "from importlib import util; find = util.find_spec; "
    "util.find_spec = lambda name, *more: None if name == 'pygal' else find(name, *more); "
    "from manifest_uploader.__main__ import main; main()"
)
WITHOUT_EXTRA = (sys.executable, "-c", FORGETFUL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a manifest of two cases and its state: one is done, one failed."""
    write_manifest(tmp_path / "m.yaml", [entry("a", title="Jörg"), entry("b")])
    lines = [*whole_case("a", NOON, title="Jörg"), *whole_case("b", NOON, words="no image")]
    write_state(tmp_path / "m.state.jsonl", lines)
    return tmp_path


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_the_page_is_written_beside_the_manifest_and_names_no_other_place(folder: Path) -> None:
    result = uploader("report", "m.yaml", cwd=folder).expect(0)

    page = (folder / "m.report.html").read_text(encoding="utf-8")
    assert result.err == "wrote m.report.html\n"
    assert "https://grand-challenge.org/reader-studies/lung-nodules/" in page
    assert f"/reader-studies/lung-nodules/display-sets/{pk('a')}/" in page
    assert "No image" in page
    assert {"https://grand-challenge.org/reader-studies/lung-nodules"} == {
        address.split("/display-sets")[0].rstrip("/")
        for address in page.split('href="')[1:]
        for address in [address.split('"')[0]]
        if not address.startswith(("data:", "#"))
    }
    assert "src=" not in page
    assert "@import" not in page


def test_what_was_written_is_in_colour_if_colours_are_asked_for(folder: Path) -> None:
    result = uploader("report", "m.yaml", "--color", "always", cwd=folder).expect(0)

    assert result.err == "\x1b[32mwrote\x1b[0m m.report.html\n"


def test_commands_on_the_page_name_what_the_report_was_asked_for(folder: Path) -> None:
    (folder / "m.state.jsonl").rename(folder / "other.jsonl")

    uploader(*("report", "m.yaml", "--state", "other.jsonl", "--root", "."), cwd=folder).expect(0)

    page = (folder / "m.report.html").read_text(encoding="utf-8")
    assert "uploader run --retry-failed --state other.jsonl --root . m.yaml" in page


def test_links_to_a_platform_on_this_machine_have_its_port(folder: Path) -> None:
    lines = whole_case("a", NOON)
    write_state(folder / "m.state.jsonl", lines, first=binding(platform="127.0.0.1/api/v1/"))
    address = "http://127.0.0.1:8123/api/v1/"

    uploader("report", "m.yaml", cwd=folder).expect(0)
    without = (folder / "m.report.html").read_text(encoding="utf-8")
    uploader("report", "m.yaml", "--platform", address, cwd=folder).expect(0)
    page = (folder / "m.report.html").read_text(encoding="utf-8")

    assert "127.0.0.1:8123/reader-studies/lung-nodules/display-sets/" in page
    assert 'href="http' not in without


@pytest.mark.skipif(os.name == "nt", reason="BROWSER is of Unix")
def test_the_page_is_opened_in_the_browser(folder: Path) -> None:
    browser = folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{folder}/shown"\n')
    browser.chmod(0o755)
    given = {**environment(), "BROWSER": str(browser)}

    uploader("report", "m.yaml", "--open", cwd=folder, given=given).expect(0)

    assert (folder / "m.report.html").as_uri() == (folder / "shown").read_text().strip()


def test_a_run_writes_the_report_at_its_end(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.yaml", [{"name": "a", "sockets": {"some-score": 2.5}}])

    result = uploader("run", "m.yaml", "--sandbox", "--report", "--no-wait", cwd=tmp_path).expect(0)

    page = (tmp_path / "m.report.html").read_text(encoding="utf-8")
    assert "1 case uploaded and verified" in page
    assert "uploader verify --sandbox m.yaml" in page
    assert "rehearsal in a sandbox" in page
    assert 'href="http' not in page
    assert result.err.endswith("wrote m.report.html\n")


def test_the_report_says_of_jobs_that_they_succeeded(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "algorithm", tmp_path, dirs_exist_ok=True)

    uploader("run", "manifest.yaml", "--sandbox", "--report", cwd=tmp_path).expect(0)

    page = (tmp_path / "manifest.report.html").read_text(encoding="utf-8")
    assert "All 2 jobs succeeded" in page
    assert "uploaded and verified" not in page


def test_the_report_says_of_jobs_that_they_are_running(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "algorithm", tmp_path, dirs_exist_ok=True)

    run = ("run", "manifest.yaml", "--sandbox", "--report", "--no-wait")
    uploader(*run, cwd=tmp_path).expect(4)

    page = (tmp_path / "manifest.report.html").read_text(encoding="utf-8")
    assert 'data-state="importing">running<' in page
    assert "2 jobs are still running. See what became of them:" in page


def test_a_run_that_cannot_write_its_report_says_so_before_it_sends(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.yaml", [{"name": "a", "sockets": {"some-score": 2.5}}])
    run = ("run", "m.yaml", "--sandbox")

    missing = uploader(*run, "--report", cwd=tmp_path, entry=WITHOUT_EXTRA).expect(3)
    swapped = uploader("run", "--sandbox", "--report", "m.yaml", cwd=tmp_path).expect(2)
    uploader(*run, "--report=m.sandbox.state.jsonl", cwd=tmp_path).expect(2)

    assert "the page needs packages that are not installed" in missing.err
    assert "write the manifest first, or --report=FILE" in swapped.err
    assert [path.name for path in tmp_path.iterdir()] == ["m.yaml"]


def test_a_report_that_could_not_be_written_is_told_to_the_quiet_too(folder: Path) -> None:
    break_it = (
        "from manifest_uploader.errors import UsageError; "
        "from manifest_uploader.report import page; "
        "page.render = lambda *_: (_ for _ in ()).throw(UsageError('no room')); "
        "from manifest_uploader.__main__ import main; main()"
    )
    write_manifest(folder / "q.yaml", [{"name": "a", "sockets": {"some-score": 2.5}}])

    ran = uploader("run", "q.yaml", "--sandbox", "--report", "--quiet", cwd=folder,
                   entry=(sys.executable, "-c", break_it)).expect(0)  # fmt: skip

    assert "the report was not written: no room\n" in ran.err


def test_while_a_run_is_at_work_the_page_says_how_to_follow_it(folder: Path) -> None:
    with lock.held(folder / "m.state.jsonl", take_over=False, command=""):
        uploader("report", "m.yaml", cwd=folder).expect(0)

    page = (folder / "m.report.html").read_text(encoding="utf-8")
    assert "An upload has been running since" in page
    assert "uploader status --watch m.yaml" in page
    assert "uploader run" not in page


def test_tables_are_written_to_the_files_that_were_given(folder: Path) -> None:
    uploader(*("report", "m.yaml", "--output", "o.html", "--csv", "t.csv", "--json", "t.json"),
             cwd=folder).expect(0)  # fmt: skip

    table = read_csv((folder / "t.csv").read_text(encoding="utf-8"))
    same = json.loads((folder / "t.json").read_text())
    assert [row["socket"] for row in table] == ["ct-image", "some-score"] * 2
    assert [row["item"] for row in table] == [row["item"] for row in same]
    assert (folder / "o.html").is_file()
    assert not (folder / "m.report.html").exists()


def test_standard_output_has_only_the_table(folder: Path) -> None:
    result = uploader("report", "m.yaml", "--csv", "-", cwd=folder).expect(0)

    assert len(read_csv(result.out)) == 4


def test_readers_answers_can_be_joined_with_cases_by_the_item(folder: Path) -> None:
    answers = f"display_set,answer\n{pk('b')},benign\n{pk('a')},malignant\n"

    table = read_csv(uploader("report", "m.yaml", "--csv", "-", cwd=folder).expect(0).out)

    case_of = {row["item"]: row["case"] for row in table}
    joined = {case_of[row["display_set"]]: row["answer"] for row in read_csv(answers)}
    assert joined == {"a": "malignant", "b": "benign"}


def test_before_the_first_run_all_values_are_new(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.yaml", [entry("a")])

    result = uploader("report", "m.yaml", "--csv", "-", cwd=tmp_path).expect(0)

    assert {"new"} == {row["standing"] for row in read_csv(result.out)}
    assert "nothing was uploaded yet" in (tmp_path / "m.report.html").read_text()


def test_files_are_named_by_receipts_if_there_are_any(folder: Path) -> None:
    files = [{"name": "IM1.dcm", "sha256": "ef" * 32, "size": 5}]
    receipt = {"case": "a", "socket": "ct-image", "upload": pk("a", "ct-image"), "files": files}
    lines = f"{json.dumps(receipt)}\nno json\n[1]\n"
    (folder / "m.receipts.jsonl").write_text(lines)

    table = read_csv(uploader("report", "m.yaml", "--csv", "-", cwd=folder).expect(0).out)

    assert table[0]["files"] == "IM1.dcm"


def test_hostile_names_are_harmless_everywhere(tmp_path: Path) -> None:
    lines = [line for name in HOSTILE for line in whole_case(name, NOON, words=f"<b>{name}\x1b[2J")]
    write_manifest(tmp_path / "m.yaml", [entry(name) for name in HOSTILE])
    write_state(tmp_path / "m.state.jsonl", lines)

    result = uploader("report", "m.yaml", "--csv", "t.csv", cwd=tmp_path).expect(0)

    page = (tmp_path / "m.report.html").read_text(encoding="utf-8")
    text = (tmp_path / "t.csv").read_text(encoding="utf-8-sig")
    assert (page.count("<script>"), page.count("<b>&lt;")) == (1, 0)
    assert not {"\u202e", "\u200f", "\x1b"} & {*page, *text, *result.err}
    assert {"'=cmd|' C calc'!A0", "'-1+1"} <= {row["case"] for row in read_csv(text)}


def test_without_the_extra_one_line_says_how_to_install_it(folder: Path) -> None:
    result = uploader("report", "m.yaml", cwd=folder, entry=WITHOUT_EXTRA).expect(3)

    assert result.err == (
        "uploader: the page needs packages that are not installed\n"
        f"  hint: install them with: {install_command('report')}\n"
    )


def test_without_the_extra_tables_are_written(folder: Path) -> None:
    result = uploader("report", "m.yaml", "--csv", "t.csv", cwd=folder, entry=WITHOUT_EXTRA)

    result.expect(0)
    assert len(read_csv((folder / "t.csv").read_text(encoding="utf-8-sig"))) == 4
    assert "without the page" in result.err
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
def test_files_that_the_report_needs_are_never_overwritten(
    folder: Path, arguments: tuple[str, ...]
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    uploader("report", "m.yaml", *arguments, cwd=folder).expect(2)

    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_state_of_another_target_is_refused(folder: Path) -> None:
    write_state(folder / "m.state.jsonl", [], first=binding(slug="other"))

    result = uploader("report", "m.yaml", cwd=folder).expect(3)

    assert "belongs to the reader-study 'other'" in result.err


def test_the_readable_part_of_a_broken_manifest_is_reported(
    folder: Path,
) -> None:
    with (folder / "m.yaml").open("a") as file:
        file.write("casse: []\n")

    result = uploader("report", "m.yaml", "--csv", "-", cwd=folder).expect(0)

    assert len(read_csv(result.out)) == 4
    assert "note: m.yaml has 1 problem (see 'uploader validate')" in result.err


def test_a_file_that_is_not_a_manifest_is_refused(folder: Path) -> None:
    (folder / "m.yaml").write_text("{")

    uploader("report", "m.yaml", cwd=folder).expect(2)

    assert not (folder / "m.report.html").exists()
