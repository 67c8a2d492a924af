from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from manifest_uploader.engine.results import CaseEnd, End
from manifest_uploader.output import plan_lines, run_lines
from manifest_uploader.platform.traffic import Traffic
from manifest_uploader.state.events import Failure, OpenUpload
from manifest_uploader.state.standing import CaseStanding, Standing
from tests.helpers import (
    STUDY,
    case,
    facts_of,
    few_examples,
    file_value,
    inputs,
    json_value,
    past_of_events,
    pk,
    plan_of,
)
from tests.output.records import progress_of, summary_of

# ── before a run ────────────────────────────────────────────────────────────────────────────


def test_what_a_run_is_about_to_do() -> None:
    from tests.plan.test_cases import done

    past = past_of_events(*done("b"), *done("c", item=3))
    plan = plan_of(
        case("a", file_value("ct-image"), json_value("some-score", 1)),
        case("b", file_value("ct-image"), json_value("some-score", 2)),
        case("c", file_value("ct-image"), json_value("some-score", 9)),
        history=past,
        values={("a", "ct-image"): facts_of(size=3 * 2**20)},
    )

    found = run_lines.begin_line(plan, STUDY)

    assert found == (
        "reader study lung: 3 cases: 1 to make, 1 to update, 1 needs nothing; 3.0 MiB to send"
    )


def test_of_an_upload_that_was_begun_some_may_be_there() -> None:
    plan = plan_of(case("a", file_value("ct-image")))
    [one] = plan.cases
    row = OpenUpload(pk(1), "sid", 8 * 2**20, "stat:1")
    begun = replace(one, uploads=tuple(replace(upload, row=row) for upload in one.uploads))

    found = run_lines.begin_line(replace(plan, cases=(begun,)), STUDY)

    assert found.endswith("; at most 100 B to send")


def test_a_plan_for_people_ends_with_that_nothing_was_sent() -> None:
    one = case("a", file_value("ct-image"), title="")
    before = inputs(one, rows_used=7)

    found = plan_lines.plan_lines(plan_of(one), before.facts, 2000).split("\n")

    assert found[0].startswith("a: create without a title: ct-image (a.mha, 100 B)")
    assert "upload rows: 7 of 2000 in use, 1 needed" in found[-2]
    assert found[-1] == "nothing was sent"


# ── during a run ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({}, "4 of 10 cases finished"),
        ({"cases": 1, "ended": 0}, "0 of 1 case finished"),
        ({"waiting": 3}, "4 of 10 cases finished, 3 importing"),
        (
            {"is_sending": False, "doubted": 2},
            (
                "4 of 10 cases finished, nothing to send now, "
                "looking for 2 jobs whose start was not answered"
            ),
        ),
        ({"eased": True}, "4 of 10 cases finished, slower: the platform is busy"),
        (
            {"total_bytes": 100 * 2**20, "sent_bytes": 20 * 2**20, "speed": 2.0 * 2**20},
            "4 of 10 cases finished, 20.0 MiB of 100.0 MiB, 2.0 MiB/s, 40 s left",
        ),
        (
            {"total_bytes": 1024, "sent_bytes": 4096, "speed": 409.6},
            "4 of 10 cases finished, 1.0 KiB of 1.0 KiB, 410 B/s",
        ),
        ({"total_bytes": 1024}, "4 of 10 cases finished, 0 B of 1.0 KiB"),
        (
            {
                "total_bytes": 1024,
                "sent_bytes": 1024,
                "speed": 99.0,
                "is_sending": False,
                "waiting": 3,
            },
            "4 of 10 cases finished, 1.0 KiB of 1.0 KiB, nothing to send now, 3 importing",
        ),
    ],
)
def test_where_a_run_is_in_one_line(more: dict[str, Any], line: str) -> None:
    assert run_lines.progress_line(progress_of(**more)) == line


def test_nobody_knows_how_long_a_pause_takes() -> None:
    progress = progress_of(total_bytes=1024, speed=1.0)

    assert "17 min left" in run_lines.progress_line(progress)
    assert "left" not in run_lines.progress_line(progress, is_paused=True)


def test_an_answer_that_is_waited_for_is_told_after_three_seconds() -> None:
    assert "answer" not in run_lines.progress_line(progress_of(silent_s=2.0))
    assert run_lines.progress_line(progress_of(silent_s=12.0)).endswith(
        "waiting for an answer (12 s)"
    )


def test_why_uploads_pause_and_since_when() -> None:
    paused = run_lines.pause_line("too many uploads", 90.0)

    assert paused.startswith("uploads pause since 2 min: too many uploads")
    assert "it goes on by itself" in paused
    assert run_lines.pause_line(None, 0.0) == "uploads go on"


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_the_live_lines_tell_everything(width: int) -> None:
    found = run_lines.live_lines(
        progress_of(trouble="no connection", stopping=True),
        width,
        run_lines.pause_line("too many uploads", 1.0),
    )

    assert found[0].startswith("[")
    assert "4 of 10 cases finished" in found[0]
    assert [word for word in ("pause", "trouble: no connection", "stopping")
            if not any(word in line for line in found)] == []  # fmt: skip


@few_examples
@given(st.integers(0, 9), st.integers(0, 2000), st.integers(0, 1000))
def test_the_share_that_is_done_lies_between_none_and_all(
    ended: int, sent: int, total: int
) -> None:
    found = run_lines.share_done(progress_of(ended=ended, total_bytes=total, sent_bytes=sent))

    assert 0.0 <= found <= 1.0


def test_an_empty_run_is_done() -> None:
    assert run_lines.share_done(progress_of(cases=0, ended=0)) == 1.0


# ── after a run ─────────────────────────────────────────────────────────────────────────────


def summary_lines(*ends: CaseEnd, **more: Any) -> list[str]:
    return run_lines.summary_lines(summary_of(*ends, **more)).split("\n")


def test_a_run_in_which_all_went_well_says_so() -> None:
    found = summary_lines(CaseEnd("a", End.DONE), CaseEnd("b", End.DONE, unchanged=True))

    sent = "sent 2.0 KiB in 2 uploads, 7 requests, 3.0 s"
    assert found == [f"all 2 cases done and seen on the platform (1 needed nothing); {sent}"]


def test_what_failed_is_told_with_its_words_and_what_to_do() -> None:
    found = summary_lines(
        CaseEnd("a", End.DONE),
        CaseEnd(
            "b",
            End.FAILED,
            failures=(
                Failure("ct", "No."),
                Failure("seg", "No."),
            ),
        ),
    )

    assert found[0] == "failed: b: ct: No.; seg: No."
    assert found[1].startswith("1 of 2 cases done and seen on the platform")
    assert found[2].startswith("next: mend what failed and run the same command")


@pytest.mark.parametrize(
    ("end", "start", "following"),
    [
        (End.UNSURE, "not sure: a", "next: mend what failed"),
        (End.WAITING, "still being imported: a", "next: run the same command; it goes on"),
        (End.PENDING, "not finished: a", "next: run the same command; it goes on"),
    ],
)
def test_every_end_has_its_section_and_its_next_step(end: End, start: str, following: str) -> None:
    found = summary_lines(CaseEnd("a", end))

    assert found[0].startswith(start)
    assert found[-1].startswith(following)


@pytest.mark.parametrize(
    ("end", "start", "following"),
    [
        (End.FAILED, "failed: a", "only with --retry-failed, and costs credits again"),
        (End.UNSURE, "not sure: a", "only with --retry-failed, and costs credits again"),
        (End.WAITING, "still running: a", "it goes on where this run ended"),
    ],
)
def test_of_jobs_their_own_words_are_said(end: End, start: str, following: str) -> None:
    found = summary_lines(CaseEnd("a", end), jobs=True)

    assert found[0].startswith(start)
    assert found[-1].endswith(following)


def test_deleted_cases_are_made_anew_by_a_word() -> None:
    found = summary_lines(
        CaseEnd("a", End.FAILED, failures=(Failure(None, "it was deleted"),), gone=True)
    )

    assert found[-1] == "next: run the same command with --recreate to make deleted ones anew"


def test_of_many_failures_only_some_are_named() -> None:
    found = summary_lines(
        *(CaseEnd(f"c{n}", End.FAILED, failures=(Failure(None, "No."),)) for n in range(500))
    )

    assert len(found) < 30
    assert any("and 477 more" in line for line in found)


def test_leftovers_and_notes_are_told() -> None:
    found = summary_lines(
        CaseEnd("a", End.FAILED, failures=(Failure(None, "No."),)),
        leftovers=(("a", pk(1)),),
        notes=("case 'z' is no longer in the manifest",),
    )

    assert any(line.startswith("left over: ") and pk(1) in line for line in found)
    assert "note: case 'z' is no longer in the manifest" in found


def test_items_of_late_requests_are_told_with_their_pages() -> None:
    found = summary_lines(CaseEnd("a", End.DONE), late_items=("https://x/1/", "https://x/2/"))

    assert [line for line in found if "late" in line] == [
        "a request that took effect late made an empty item, which belongs to no case; "
        f"delete it at https://x/{number}/"
        for number in (1, 2)
    ]


def test_retries_are_told_only_if_there_were_any() -> None:
    found = summary_lines(CaseEnd("a", End.DONE), traffic=Traffic(7, 1, 0), uploads=1)

    assert found[0].endswith("sent 0 B in 1 upload, 7 requests, 1 retry, 3.0 s")


# ── status ──────────────────────────────────────────────────────────────────────────────────


def test_where_a_case_stands() -> None:
    failed = CaseStanding("a", "A", Standing.FAILED, pk(1), (Failure(None, "No image."),))
    new = CaseStanding("b", "B", Standing.NEW, None, ())

    assert run_lines.stand_line(failed) == f"a: failed: No image. ({pk(1)})"
    assert run_lines.stand_line(new) == "b: new"
    counts = {Standing.FAILED: 1, Standing.FILLED: 4, Standing.NEW: 2}
    assert run_lines.status_line(counts) == "7 cases: 1 failed, 4 importing, 2 new"
