"""Each case has a row with its job and the job's outputs."""

from __future__ import annotations

import pytest

from manifest_uploader.plan.fetched import CaseFiles, FetchedFile, FileState, Why
from manifest_uploader.plan.job_rows import JobRow, JobState, job_rows, output_sockets
from manifest_uploader.platform.jobs import OutputValue
from manifest_uploader.platform.model import Interface, ItemSeen, SocketSeen
from manifest_uploader.state.history import EMPTY
from tests.helpers import case, json_value, pk

HELD = SocketSeen("1", None)


def job(status: str, *outputs: str) -> ItemSeen:
    return ItemSeen(pk(1), None, None, {}, status=status, outputs=dict.fromkeys(outputs, HELD))


def output(name: str, state: FileState, *, is_output: bool = True) -> FetchedFile:
    return FetchedFile("p", "p", "scan", name, state, is_output=is_output)


def test_short_values_stand_in_the_row_and_all_else_by_its_name() -> None:
    values = {
        "score": OutputValue(0, "score.json"),
        "is-good": OutputValue(False, "is-good.json"),
        "remark": OutputValue("", "remark.json"),
        "findings": OutputValue({}, "findings.json"),
    }
    one = CaseFiles(case("p"), EMPTY, job("Succeeded", *values, "scan", "lost"), values)
    files = [
        output("p/scan/a.mhd", FileState.FETCHED),
        output("p/scan/a.zraw", FileState.THERE),
        output("p/scan/b.mha", FileState.KEPT),
        output("p/inputs/scan/b.mha", FileState.FETCHED, is_output=False),
        FetchedFile("p", "p", "findings", "p/findings/f.json", FileState.THERE, is_output=True),
        FetchedFile("p", "p", "lost", None, FileState.MISSING, Why.NO_FILES, is_output=True),
    ]

    (row,) = job_rows([one], files, lambda job: f"https://host/{job}")

    assert row == JobRow(
        *("p", pk(1), "Succeeded", f"https://host/{pk(1)}"),
        {
            "score": 0,
            "is-good": False,
            "remark": "",
            "findings": "p/findings/f.json",
            "scan": "p/scan/a.mhd; p/scan/a.zraw",
        },
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Succeeded", JobState.SUCCEEDED),
        ("Failed", JobState.FAILED),
        ("Cancelled", JobState.FAILED),
        ("Validating inputs", JobState.RUNNING),
        ("External Execution In Progress", JobState.RUNNING),
    ],
)
def test_the_status_tells_how_far_a_job_is(status: str, state: JobState) -> None:
    (row,) = job_rows([CaseFiles(case("p"), EMPTY, job(status))], [], str)

    assert (row.status, row.state) == (status, state)


def test_a_case_without_a_job_has_a_row() -> None:
    (row,) = job_rows([CaseFiles(case("p"), EMPTY, None)], [], str)

    assert row == JobRow("p", None, None, None, {})
    assert row.state is JobState.ABSENT


def test_the_outputs_are_those_of_the_cases_in_the_order_of_the_algorithm() -> None:
    interfaces = (
        Interface(("other",), ("x", "a")),
        Interface(("score",), ("b", "c", "a")),
    )
    waiting = CaseFiles(case("p", json_value("score", 1)), EMPTY, job("Queued"))
    old = CaseFiles(case("q"), EMPTY, job("Succeeded", "older", "c"))

    assert output_sockets([waiting], interfaces) == ("a", "b", "c")
    assert output_sockets([waiting, old], interfaces) == ("a", "b", "c", "older")
    assert output_sockets([old], ()) == ("older", "c")
