from __future__ import annotations

import io
import json
import re
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from manifest_uploader.engine.progress import Progress
from manifest_uploader.engine.results import CaseEnd, End, Summary
from manifest_uploader.errors import StateLocked
from manifest_uploader.manifest.problems import Place, Problem
from manifest_uploader.output import console
from manifest_uploader.platform.traffic import Traffic
from manifest_uploader.state.events import (
    Confirmed,
    Done,
    Failed,
    Failure,
    ImportFailed,
    Noticed,
    Unsure,
)
from manifest_uploader.state.standing import CaseStanding, Standing
from tests.helpers import (
    STUDY,
    case,
    facts_of,
    files,
    image,
    inputs,
    past_of_events,
    pk,
    plain,
    plan_of,
    some,
    step_id,
)

OBEYED = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What a terminal would obey; line ends are ours."""


class Terminal(io.TextIOWrapper):
    """A terminal of an encoding, and what it was sent."""

    def __init__(self, encoding: str) -> None:
        self.sent = io.BytesIO()
        super().__init__(self.sent, encoding=encoding, newline="\n")


def progress(**more: Any) -> Progress:
    usual: dict[str, Any] = {
        "cases": 10,
        "ended": 4,
        "waiting": 0,
        "total_bytes": 0,
        "traffic": Traffic(),
        "elapsed_s": 10.0,
    }
    return Progress(**{**usual, **more})


def summary(*ends: CaseEnd, **more: Any) -> Summary:
    usual: dict[str, Any] = {"uploads": 2, "traffic": Traffic(7, 0, 2048), "elapsed_s": 3.0}
    return Summary(ends, **{**usual, **more})


# ── saying ──────────────────────────────────────────────────────────────────────────────────


def test_a_line_is_printed_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("3 cases: é ☃")

    assert capsys.readouterr() == ("", "3 cases: é ☃\n")


@some
@given(st.text())
def test_no_control_character_reaches_a_terminal(text: str) -> None:
    terminal = Terminal("utf-8")

    console.say(text, terminal)

    assert not OBEYED.search(terminal.sent.getvalue().decode())


@some
@given(st.text(), st.sampled_from(["cp1252", "ascii", "latin-1", "cp437"]))
def test_a_narrow_terminal_crashes_nothing(text: str, encoding: str) -> None:
    terminal = Terminal(encoding)

    console.say(text, terminal)

    assert terminal.sent.getvalue().endswith(b"\n")


def test_what_a_narrow_terminal_lacks_becomes_a_question_mark() -> None:
    terminal = Terminal("cp1252")

    console.say("café – ☃", terminal)

    assert terminal.sent.getvalue().decode("cp1252") == "café – ?\n"


def test_a_reader_that_went_away_ends_no_run() -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    console.say("x", Gone())


def test_json_is_one_line_of_ascii_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    console.say_json({"words": "é\n☃\x1b"})

    out = capsys.readouterr().out
    assert out == '{"words": "\\u00e9\\n\\u2603\\u001b"}\n'


# ── words ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *[(0, "0.0 s"), (1.26, "1.3 s"), (9.9, "9.9 s"), (10, "10 s"), (59.4, "59 s")],
        *[(60, "1 min"), (150, "2 min"), (3569, "59 min"), (3600, "1 h 0 min")],
        *[(3599, "1 h 0 min"), (9000, "2 h 30 min"), (90_000, "25 h 0 min")],
    ],
)
def test_seconds_for_people(seconds: float, words: str) -> None:
    assert console.time_words(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [
        *[(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB")],
        *[
            (5 * 2**20, "5.0 MiB"),
            (3 * 2**30, "3.0 GiB"),
            (2**40, "1.0 TiB"),
            (2**50, "1024.0 TiB"),
        ],
    ],
)
def test_bytes_for_people(size: int, words: str) -> None:
    assert console.size_words(size) == words


def test_one_of_a_thing_is_singular() -> None:
    assert [console.cases_words(count) for count in (0, 1, 2)] == ["0 cases", "1 case", "2 cases"]


# ── progress ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({}, "4 of 10 cases finished"),
        ({"elapsed_s": 0.0}, "4 of 10 cases finished"),
        ({"cases": 1, "ended": 0}, "0 of 1 case finished"),
        ({"waiting": 3}, "4 of 10 cases finished, 3 being imported"),
        ({"eased": True}, "4 of 10 cases finished, slower: the platform is busy"),
        (
            {"total_bytes": 100 * 2**20, "traffic": Traffic(bytes_sent=20 * 2**20)},
            "4 of 10 cases finished, 20.0 MiB of 100.0 MiB, 2.0 MiB/s, 40 s left",
        ),
        (
            {"total_bytes": 1024, "traffic": Traffic(bytes_sent=4096)},
            "4 of 10 cases finished, 1.0 KiB of 1.0 KiB, 410 B/s",
        ),
        (
            {"total_bytes": 1024, "elapsed_s": 0.0},
            "4 of 10 cases finished, 0 B of 1.0 KiB, 0 B/s",
        ),
    ],
)
def test_where_a_run_is_in_one_line(more: dict[str, Any], line: str) -> None:
    assert console.progress_line(progress(**more)) == line


def test_why_uploads_pause_and_since_when() -> None:
    paused = console.pause_line(progress(paused="too many uploads", paused_s=90.0))

    assert paused.startswith("uploads pause since 2 min: too many uploads")
    assert "it goes on by itself" in paused
    assert console.pause_line(progress()) == "uploads go on"


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_the_live_lines_tell_everything(width: int) -> None:
    found = console.live_lines(
        progress(paused="too many uploads", trouble="no connection", stopping=True), width
    )

    assert found[0].startswith("[")
    assert "4 of 10 cases finished" in found[0]
    assert [word for word in ("pause", "trouble: no connection", "stopping")
            if not any(word in line for line in found)] == []  # fmt: skip


@some
@given(st.integers(0, 9), st.integers(0, 2000), st.integers(0, 1000))
def test_the_share_that_is_done_lies_between_none_and_all(
    ended: int, sent: int, total: int
) -> None:
    found = console.share_done(
        progress(ended=ended, total_bytes=total, traffic=Traffic(bytes_sent=sent))
    )

    assert 0.0 <= found <= 1.0


def test_an_empty_run_is_done() -> None:
    assert console.share_done(progress(cases=0, ended=0)) == 1.0


def test_words_of_the_platform_cannot_move_the_live_line() -> None:
    words = "too many\x1b[2J\nuploads"

    found = console.live_lines(progress(paused=words, trouble=words), 80)

    assert not [line for line in found if OBEYED.search(line) or "\n" in line]


# ── the beginning ───────────────────────────────────────────────────────────────────────────


def test_what_a_run_is_about_to_do() -> None:
    from tests.plan.test_cases import done

    past = past_of_events(*done("b"), *done("c", item=3))
    plan = plan_of(
        case("a", files("ct-image"), plain("some-score", 1)),
        case("b", files("ct-image"), plain("some-score", 2)),
        case("c", files("ct-image"), plain("some-score", 9)),
        history=past,
        values={("a", "ct-image"): facts_of(size=3 * 2**20)},
    )

    found = console.begin_line(plan, STUDY)

    assert found == (
        "reader study lung: 3 cases: 1 to make, 1 to update, 1 needs nothing; 3.0 MiB to send"
    )


# ── the end ─────────────────────────────────────────────────────────────────────────────────


def lines(*ends: CaseEnd, **more: Any) -> list[str]:
    return console.summary_lines(summary(*ends, **more)).split("\n")


def test_a_run_in_which_all_went_well_says_so() -> None:
    found = lines(CaseEnd("a", End.DONE), CaseEnd("b", End.DONE, unchanged=True))

    sent = "sent 2.0 KiB in 2 uploads, 7 requests, 3.0 s"
    assert found == [f"all 2 cases done and seen on the platform (1 needed nothing); {sent}"]


def test_what_failed_is_told_with_its_words_and_what_to_do() -> None:
    found = lines(
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
    found = lines(CaseEnd("a", end))

    assert found[0].startswith(start)
    assert found[-1].startswith(following)


def test_deleted_cases_are_made_anew_by_a_word() -> None:
    found = lines(CaseEnd("a", End.FAILED, failures=(Failure(None, "it was deleted"),), gone=True))

    assert found[-1] == "next: run the same command with --recreate to make deleted ones anew"


def test_of_many_failures_only_some_are_named() -> None:
    found = lines(
        *(CaseEnd(f"c{n}", End.FAILED, failures=(Failure(None, "No."),)) for n in range(500))
    )

    assert len(found) < 30
    assert any("and 477 more" in line for line in found)


def test_leftovers_and_notes_are_told() -> None:
    found = lines(
        CaseEnd("a", End.FAILED, failures=(Failure(None, "No."),)),
        leftovers=(("a", pk(1)),),
        notes=("case 'z' is no longer in the manifest",),
    )

    assert any(line.startswith("left over: ") and pk(1) in line for line in found)
    assert "note: case 'z' is no longer in the manifest" in found


def test_retries_are_told_only_if_there_were_any() -> None:
    found = lines(CaseEnd("a", End.DONE), traffic=Traffic(7, 1, 0), uploads=1)

    assert found[0].endswith("sent 0 B in 1 upload, 7 requests, 1 retry, 3.0 s")


@some
@given(st.lists(st.builds(CaseEnd, st.text(), st.sampled_from(End), st.booleans()), max_size=30))
def test_the_counts_of_a_summary_add_up(ends: list[CaseEnd]) -> None:
    found = console.summary_json(summary(*ends))

    cases = found["cases"]
    assert sum(cases[end.value] for end in End) == cases["total"] == len(ends)
    assert found["event"] == "summary"
    assert {"uploads", "bytes_sent", "requests", "retries", "elapsed_s"} <= found.keys()


# ── problems, errors, plans, stands ─────────────────────────────────────────────────────────


def test_problems_are_told_with_their_number() -> None:
    one = Problem("unknown key 'titel'", Place("lung.yaml", 8, 5), "did you mean 'title'?")

    assert console.problem_lines([one]) == (
        "lung.yaml:8:5: unknown key 'titel'\n  hint: did you mean 'title'?\n"
        "1 problem; nothing was sent"
    )
    assert console.problem_lines([one, one]).endswith("2 problems; nothing was sent")
    assert console.problem_json(one) == {
        "file": "lung.yaml",
        "line": 8,
        "column": 5,
        "message": "unknown key 'titel'",
        "hint": "did you mean 'title'?",
    }
    assert console.problem_json(replace(one, place=None))["line"] is None


def test_an_error_is_told_with_what_to_do() -> None:
    assert console.error_lines(StateLocked("held by alice", hint="wait")) == (
        "uploader: held by alice\n  hint: wait"
    )
    assert console.error_lines(StateLocked("held by alice")) == "uploader: held by alice"


def test_a_plan_names_its_requests_and_what_readers_will_see() -> None:
    plan = plan_of(
        case("a", files("ct-image"), plain("some-score", 1), image("mr-image"), title="A"),
        values={("a", "ct-image"): facts_of("ct", size=20 * 2**20)},
    )
    [one] = plan.cases

    found = console.plan_json(one, calls=True)

    assert (found["case"], found["title"], found["action"]) == ("a", "A", "create")
    assert (found["uploads"], found["bytes"], found["names"]) == (1, 20 * 2**20, ["ct.mha"])
    assert found["requests"] == 3 + 3 + 1 + 1
    assert found["sockets"] == ["ct-image", "some-score", "mr-image"]
    assert found["calls"][0].startswith("POST reader-studies/display-sets/ {")
    assert "<" in found["calls"][1]
    assert json.dumps(found)
    assert "calls" not in console.plan_json(one, calls=False)


def test_a_plan_for_people_ends_with_that_nothing_was_sent() -> None:
    one = case("a", files("ct-image"), title="")
    before = inputs(one, rows_used=7)

    found = console.plan_lines(plan_of(one), before.facts, 2000).split("\n")

    assert found[0].startswith("a: create without a title: ct-image (a.mha, 100 B)")
    assert "upload rows: 7 of 2000 in use, 1 needed" in found[-2]
    assert found[-1] == "nothing was sent"


def test_where_a_case_stands() -> None:
    stand = CaseStanding("a", "A", Standing.FAILED, pk(1), (Failure(None, "No image."),))

    assert console.stand_line(stand) == f"a: failed: No image. ({pk(1)})"
    assert console.stand_json(stand) == {
        "case": "a",
        "title": "A",
        "state": "failed",
        "action": None,
        "item": pk(1),
        "words": "No image.",
    }
    assert console.stand_line(CaseStanding("a", "A", Standing.NEW, None, ())) == "a: new"


# ── observers ───────────────────────────────────────────────────────────────────────────────


def json_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_event_is_a_json_line_with_the_promised_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    observer = console.JsonLines()
    observer.begins(plan_of(), STUDY)
    observer.event(Done("a", step_id("a:create"), pk=pk(1)))
    observer.event(ImportFailed("a", step_id("a/ct-image"), "ct-image", "No image."))
    observer.case_ended(CaseEnd("a", End.FAILED))
    observer.tick(progress())
    observer.note("a note")
    observer.ends(summary(CaseEnd("a", End.FAILED)))

    first, second, last = json_lines(capsys)
    assert first == {
        "event": "done",
        "case": "a",
        "step": "a:create",
        "socket": None,
        "pk": pk(1),
    }
    assert (second["event"], second["socket"]) == ("import-failed", "ct-image")
    assert last["event"] == "summary"


@pytest.mark.parametrize(
    "event", [Noticed((pk(1),)), Failed("a", step_id("a:fill"), words="", final=False)]
)
def test_what_is_no_news_of_a_case_is_no_json_line(
    capsys: pytest.CaptureFixture[str], event: Any
) -> None:
    console.JsonLines().event(event)

    assert json_lines(capsys) == []


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def test_people_are_told_what_goes_wrong_and_which_case_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    observer = console.Lines()
    observer.event(Done("a", step_id("a:create"), pk=pk(1)))
    observer.event(Confirmed("a", step_id("a/x"), "x", None))
    observer.event(Failed("a", step_id("a/x"), socket="x", words="No.", final=True))
    observer.event(Failed("a", step_id("a:fill"), words="", final=False))
    observer.event(Unsure("a", step_id("a:fill"), "nobody knows"))
    observer.event(ImportFailed("a", step_id("a/x"), "x", "No image."))
    observer.case_ended(CaseEnd("a", End.DONE))
    observer.case_ended(CaseEnd("b", End.DONE, unchanged=True))
    observer.case_ended(CaseEnd("c", End.FAILED))
    observer.note("a note")

    assert said(capsys) == [
        "a/x: No.",
        "a:fill: not sure: nobody knows",
        "a/x: not imported: No image.",
        "a: done",
        "a note",
    ]


def test_the_quiet_hear_only_what_goes_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    observer = console.Lines(quiet=True)
    observer.begins(plan_of(), STUDY)
    observer.case_ended(CaseEnd("a", End.DONE))
    observer.event(Failed("a", step_id("a/x"), socket="x", words="No.", final=True))

    assert said(capsys) == ["a/x: No."]


def test_the_verbose_hear_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    observer = console.Lines(verbose=True)
    observer.event(Done("a", step_id("a:create"), pk=pk(1)))
    observer.event(Noticed((pk(1),)))

    assert said(capsys) == ["a:create: done"]


def test_a_line_every_half_minute_and_one_for_every_pause(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    observer = console.Lines()
    for second in range(100):
        now = float(second)
        observer.tick(progress(paused="too many uploads" if 40 <= second < 50 else None))

    found = said(capsys)
    assert [line.split(":")[0] for line in found] == [
        "4 of 10 cases finished",
        "uploads pause since 0.0 s",
        "uploads go on",
        "4 of 10 cases finished",
        "4 of 10 cases finished",
    ]


def test_standard_output_is_left_alone_by_people(capsys: pytest.CaptureFixture[str]) -> None:
    console.Lines().ends(summary(CaseEnd("a", End.DONE)))

    assert len(said(capsys)) == 1
    assert sys.stdout is not sys.stderr
