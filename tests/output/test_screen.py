from __future__ import annotations

import re
import time

import pytest
from msgspec.structs import replace

from manifest_uploader.engine.local_files import Looking
from manifest_uploader.engine.results import CaseEnd, End
from manifest_uploader.manifest.problems import Place, Problem
from manifest_uploader.output import pauses, screen
from manifest_uploader.state.events import Confirmed, Done, Failed, Failure, ImportFailed, Noticed
from tests.helpers import STUDY, pk, plan_of, step_id
from tests.output.records import progress_of, summary_of


def written(capsys: pytest.CaptureFixture[str]) -> list[str]:
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def test_people_are_told_what_goes_wrong_and_which_case_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    observer = screen.Lines()
    observer.event(Done("a", step_id("a:create"), pk=pk(1)))
    observer.event(Confirmed("a", step_id("a/x"), "x", None))
    observer.event(Failed("c", step_id("c/x"), socket="x", words="No.", final=True))
    observer.case_ended(CaseEnd("a", End.DONE))
    observer.case_ended(CaseEnd("b", End.DONE, unchanged=True))
    failures = (Failure("x", "No."), Failure("y", "No image."))
    observer.case_ended(CaseEnd("c", End.FAILED, failures=failures))
    observer.case_ended(CaseEnd("d", End.UNSURE, failures=(Failure(None, "nobody knows"),)))
    observer.note("a note")

    assert written(capsys) == [
        "a: done",
        "c: failed: x: No. (and 1 more)",
        "d: unconfirmed: nobody knows",
        "a note",
    ]


def test_the_quiet_hear_only_what_goes_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    observer = screen.Lines(quiet=True)
    observer.begins(plan_of(), STUDY)
    observer.case_ended(CaseEnd("a", End.DONE))
    observer.case_ended(CaseEnd("b", End.FAILED, failures=(Failure("x", "No."),)))

    assert written(capsys) == ["b: failed: x: No."]


def test_the_verbose_hear_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    observer = screen.Lines(verbose=True)
    observer.event(Done("a", step_id("a:create"), pk=pk(1)))
    observer.event(Noticed((pk(1),)))

    observer.event(ImportFailed("a", step_id("a/x"), "x", "No image."))
    assert written(capsys) == ["a:create: done", "a/x: import-failed"]


def test_a_line_after_three_seconds_every_half_minute_and_for_every_pause(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    observer = screen.Lines()
    for second in range(100):
        now = float(second)
        paused = 40 <= second < 50 and second % 2 == 0
        observer.tick(progress_of(paused="too many uploads" if paused else None))

    found = written(capsys)
    assert [line.split(":")[0] for line in found] == [
        "4 of 10 cases finished",
        "4 of 10 cases finished",
        "uploads paused for 4.0 s",
        "uploads continue",
        "4 of 10 cases finished",
        "4 of 10 cases finished",
    ]


def test_the_result_is_on_standard_output_unless_that_is_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    screen.Lines().ends(summary_of(CaseEnd("a", End.DONE)))
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), err) == (1, "")

    screen.Lines(json=True).ends(summary_of(CaseEnd("a", End.DONE)))
    assert written(capsys) == out.splitlines()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error looks like a terminal of 100 columns."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.usefixtures("terminal")
def test_a_terminal_shows_a_bar_below_the_lines_and_removes_it_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    observer = screen.Live()
    tells_before = observer.tells_stopping
    observer.begins(plan_of(), STUDY)
    observer.tick(progress_of(trouble="\x1b[2Jno connection"))
    observer.case_ended(CaseEnd("a", End.DONE))
    observer.ends(summary_of(CaseEnd("a", End.DONE)))

    out, err = capsys.readouterr()
    lines = [line.split("\r")[-1] for line in err.splitlines()]
    assert (tells_before, observer.tells_stopping) == (False, True)
    assert any("━━━━" in line and "4 of 10 cases" in line for line in lines)
    assert any(r"trouble: \x1b[2Jno connection" in line for line in lines)
    assert "a: \x1b[32mdone\x1b[0m" in err
    assert "1 case uploaded and verified" in out
    assert err.rindex("of 10 cases") < err.rindex("\x1b[2K")


@pytest.mark.usefixtures("terminal")
def test_words_of_the_platform_cannot_move_the_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pauses, "_TELL_AFTER_S", 0.0)
    words = "too many\x1b[2J\nuploads"
    observer = screen.Live()
    observer.begins(plan_of(), STUDY)
    observer.tick(progress_of(paused=words, trouble=words))
    observer.stop()

    err, escaped = capsys.readouterr().err, r"too many\x1b[2J\x0auploads"
    assert f"uploads paused for 0.0 s: {escaped}" in err
    assert f"trouble: {escaped}" in err
    assert "\x1b[2J" not in err


def test_only_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    kinds = []
    for is_terminal in (False, True):
        monkeypatch.setattr("sys.stderr.isatty", lambda answer=is_terminal: answer)
        kinds.append(type(screen.make_screen(verbose=False, quiet=False)))
        kinds.append(type(screen.make_screen(verbose=False, quiet=True)))
    monkeypatch.setenv("TERM", "dumb")
    kinds.append(type(screen.make_screen(verbose=False, quiet=False)))

    assert kinds == [screen.Lines, screen.Lines, screen.Live, screen.Lines, screen.Lines]


# ── before anything is sent ─────────────────────────────────────────────────────────────────

ODD = Problem("a/ct: 1 slice is probably missing", Place("lung.yaml", 4, 9), "look for it")


def test_a_line_after_three_seconds_and_every_half_minute_says_how_far_the_look_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    observer, quiet = screen.Lines(), screen.Lines(quiet=True)
    for second in range(100):
        now = float(second)
        for one in (observer, quiet):
            one.looking(Looking(second, 300 * second))
            one.importing(second)

    assert written(capsys) == [
        "checking files: 3 values, 900 files",
        "asking the platform's importer: 6 images",
        "checking files: 33 values, 9,900 files",
        "asking the platform's importer: 36 images",
        "checking files: 63 values, 18,900 files",
        "asking the platform's importer: 66 images",
        "checking files: 93 values, 27,900 files",
        "asking the platform's importer: 96 images",
    ]


def test_after_the_look_the_importer_is_told_of(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    observer = screen.Lines()
    for second in range(50):
        now = float(second)
        observer.importing(second)

    assert written(capsys) == [
        "asking the platform's importer: 3 images",
        "asking the platform's importer: 33 images",
    ]


@pytest.mark.parametrize("quiet", [False, True])
def test_warnings_are_said_to_everybody(capsys: pytest.CaptureFixture[str], quiet: bool) -> None:
    screen.Lines(quiet=quiet).warn((ODD, replace(ODD, hint=None)))

    assert written(capsys) == [
        "lung.yaml:4:9: warning: a/ct: 1 slice is probably missing",
        "  hint: look for it",
        "lung.yaml:4:9: warning: a/ct: 1 slice is probably missing",
    ]


@pytest.mark.usefixtures("terminal")
def test_a_terminal_shows_how_far_the_look_is_and_removes_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    observer = screen.Live()
    for step in range(10):
        now = step / 10
        observer.looking(Looking(step, 10 * step))
    observer.importing(7)
    observer.stop()

    err = capsys.readouterr().err
    shown = re.findall(r"(\d+) values?, (\d+) files", err)
    assert shown[0] == ("2", "20"), "five times a second"
    assert len(set(shown)) <= 5
    assert "asking the platform's importer: 7 images" in err
    assert err.rindex("\x1b[2K") > err.rindex("7 images")
