"""What came of a fetch, in words and as tables."""

from __future__ import annotations

import csv
import io

import pytest

from manifest_uploader.engine.activity import Activity, Stage
from manifest_uploader.engine.fetch_folder import Put
from manifest_uploader.engine.fetching import Fetched
from manifest_uploader.output.csv_cells import csv_bytes, safe_lines
from manifest_uploader.output.fetch_lines import (
    fetch_lines,
    fetch_summary_json,
    file_json,
    is_complete,
    is_waiting,
    tables,
)
from manifest_uploader.output.progress_lines import doing_line
from manifest_uploader.plan.fetched import FetchedFile, FileState, Why
from manifest_uploader.plan.job_rows import JobRow
from tests.helpers import ALGORITHM, STUDY, pk

NO_FILES = (
    "the platform offers no file of this image: it is a DICOM image set, or you may not see it"
)
NOT_GIVEN = "the platform does not send this file: it was deleted, or you may not see it"


def file(state: FileState, number: int = 0, why: Why | None = None) -> FetchedFile:
    name = None if why in {Why.NO_VALUE, Why.NO_ITEM} else f"p{number}/ct/a.mha"
    socket = None if why is Why.NO_ITEM else "ct"
    return FetchedFile(f"p{number}", "P", socket, name, state, why, 1024, "ab")


def lines_of(found: Fetched, put: dict[str, Put] | None = None) -> list[str]:
    return fetch_lines(found, put or {}, lambda name: f"out/{name}").splitlines()


def test_what_is_there_is_counted_and_trouble_is_named() -> None:
    files = (
        file(FileState.FETCHED),
        *(file(FileState.THERE, number) for number in range(1200)),
        file(FileState.CHANGED, 1),
        file(FileState.KEPT, 2),
        file(FileState.MISSING, 3, Why.NOT_GIVEN),
        file(FileState.MISSING, 4, Why.NO_VALUE),
        file(FileState.MISSING, 5, Why.NO_FILES),
        file(FileState.MISSING, 6, Why.NO_ITEM),
    )
    found = Fetched(STUDY, 9, ("p6", "p7"), (), files)

    assert lines_of(found, {"items.csv": Put.WRITTEN}) == [
        "wrote out/items.csv",
        "0 answers",
        "2 files fetched (2.0 KiB), 1,200 already there",
        "kept: p2/ct/a.mha: differs from the platform's file; --force replaces it",
        "differs: p1/ct/a.mha: the platform's file is not the one that was sent",
        "missing: p4/ct: nothing is in this socket on the platform",
        f"missing: p5/ct/a.mha: {NO_FILES}",
        f"missing: p3/ct/a.mha: {NOT_GIVEN}",
        "2 cases have no display set on the platform: p6, p7",
        "Next: upload what is missing with 'uploader run', then run the same command again",
    ]
    assert fetch_summary_json(found, {})["files"] == {
        "fetched": 1,
        "there": 1200,
        "changed": 1,
        "kept": 1,
        "missing": 4,
    }


def test_jobs_are_counted_and_those_that_did_not_succeed_are_named() -> None:
    rows = (
        JobRow("a", pk(1), "Succeeded", "https://host/1", {"score": -1, "status": "=x"}),
        *(JobRow(f"f{n}", pk(2), "Cancelled", "https://host/2", {}) for n in range(22)),
        JobRow("r", pk(3), "Queued", "https://host/3", {}),
        JobRow("n", None, None, None, {}),
    )
    found = Fetched(
        ALGORITHM, 25, ("n",), None, (), with_items=False, jobs=rows, outputs=("score", "status")
    )

    lines = lines_of(found)
    assert lines[:2] == [
        "24 jobs: 1 succeeded, 22 failed, 1 running",
        "failed: f0: the job's status is 'Cancelled'; see https://host/2",
    ]
    assert lines[21:] == [
        "failed: 2 more; jobs.csv lists all",
        "running: r: the job's status is 'Queued'; see https://host/3",
        "0 files fetched (0 B)",
        "1 case has no job on the platform: n",
        "Next: upload what is missing with 'uploader run', then run the same command again",
    ]
    text = tables(found)["jobs.csv"].decode().splitlines()
    assert text[:2] == [
        "case,job,status,page,score,status (output)",
        f"a,{pk(1)},Succeeded,https://host/1,-1,'=x",
    ]
    assert text[-1] == "n,,,,,"
    assert tables(found).keys() == {"jobs.csv"}
    counts = {"succeeded": 1, "failed": 22, "running": 1, "absent": 1}
    assert fetch_summary_json(found, {})["jobs"] == counts
    assert lines_of(Fetched(ALGORITHM, 0, (), None, jobs=())) == ["0 jobs"]


@pytest.mark.parametrize(
    ("status", "complete", "waiting"),
    [("Succeeded", True, False), ("Failed", False, False), ("Executing", True, True)],
)
def test_a_job_that_failed_or_runs_is_not_all(status: str, complete: bool, waiting: bool) -> None:
    row = JobRow("a", pk(1), status, "", {})
    found = Fetched(ALGORITHM, 1, (), None, (), jobs=(row,))

    assert (is_complete(found, {}), is_waiting(found)) == (complete, waiting)


def test_how_far_it_is_is_told() -> None:
    activity = Activity()
    activity.downloaded(files=1)
    activity.stage = Stage.DOWNLOADS
    assert doing_line(activity.now()) == "fetching files"

    activity.begin_downloads(1200)
    activity.downloaded(size=2048)
    activity.downloaded(files=3)
    assert doing_line(activity.now()) == "fetching files: 3 of 1,200, 2.0 KiB"


def test_of_very_much_trouble_only_the_first_is_named() -> None:
    found = Fetched(STUDY, 1, (), None, tuple(file(FileState.KEPT, one) for one in range(1020)))

    lines = lines_of(found)

    assert len(lines) == 23
    assert lines[-2:] == [
        "kept: 1,000 more; --json names all",
        "Next: run the same command with --force, or with another folder",
    ]


@pytest.mark.parametrize("state", FileState)
def test_it_is_complete_if_all_is_there_as_it_was_sent(state: FileState) -> None:
    found = Fetched(STUDY, 1, (), (), (file(state),))

    assert is_complete(found, {}) == (state in {FileState.FETCHED, FileState.THERE})
    assert file_json(found.files[0])["state"] == state  # type: ignore[index]


def test_it_is_not_complete_without_a_case_or_with_a_table_that_was_kept() -> None:
    assert is_complete(Fetched(STUDY, 1, (), ()), {"answers.csv": Put.UNCHANGED})
    assert not is_complete(Fetched(STUDY, 1, ("a",), ()), {})
    assert not is_complete(Fetched(STUDY, 1, (), ()), {"answers.csv": Put.KEPT})


def test_the_table_lists_what_is_in_its_place() -> None:
    found = Fetched(STUDY, 1, (), None, tuple(file(state) for state in FileState))

    rows = list(csv.DictReader(io.StringIO(tables(found)["items.csv"].decode())))

    assert len(rows) == 3
    assert list(rows[0].items()) == [
        *(("case", "p0"), ("title", "P"), ("socket", "ct"), ("file", "p0/ct/a.mha")),
        *(("size", "1024"), ("sha256", "ab")),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("\n=1", "\n'=1"),
        ("a;-1\x1b[2J", "a;'-1\\x1b[2J"),
    ],
)
def test_texts_of_several_lines_are_harmless(text: str, expected: str) -> None:
    assert safe_lines(text) == expected
    table = csv_bytes(["a"], [[text]], breaks=True).decode()
    assert list(csv.reader(io.StringIO(table, newline=""))) == [["a"], [expected]]
