"""Runs from Python, through the sandbox."""

from __future__ import annotations

import gc
import os
import queue
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import manifest_uploader as mu
from manifest_uploader.sandbox.judge import ImportImpossible, Unread, Verdict
from manifest_uploader.sandbox.unpacking import Unpacked
from tests.box import Box, wait_for
from tests.e2e.data import mha
from tests.has import needs_signals


@pytest.fixture
def box(begin: Callable[..., Box]) -> Box:
    """A sandbox that takes every image unread, which is quick."""
    return begin(judge=Unread())


@pytest.fixture
def study(tmp_path: Path, box: Box, monkeypatch: pytest.MonkeyPatch) -> mu.Manifest:
    """Three cases beside a sandbox that is told of in the environment."""
    return study_for(box, tmp_path, monkeypatch)


def study_for(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int = 3
) -> mu.Manifest:
    monkeypatch.setenv("GRAND_CHALLENGE_API_URL", box.running.url)
    monkeypatch.setenv("GRAND_CHALLENGE_AUTHORIZATION", box.running.token)
    rows = [{"patient": f"p{number}", "score": number} for number in range(1, count + 1)]
    for row in rows:
        (tmp_path / f"{row['patient']}.mha").write_bytes(mha(row["patient"]))
    manifest = mu.Manifest.from_table(
        rows,
        target="reader-study/lung",
        name="patient",
        sockets={"ct-image": mu.File("{patient}.mha"), "some-score": mu.Column("score")},
    )
    manifest.save(tmp_path / "lung.yaml")
    return manifest


def titles(box: Box) -> list[str]:
    return sorted(title for (title,) in box.sql("SELECT title FROM items"))


def test_a_run_tells_what_came_of_each_case(study: mu.Manifest, box: Box) -> None:
    plan = study.plan(progress=False)
    result = study.run(progress=False)

    assert [(one.name, one.action, one.uploads) for one in plan.cases] == [
        (name, "create", 1) for name in ("p1", "p2", "p3")
    ]
    assert (plan.uploads, plan.exit_code) == (3, 0)
    assert (result.ok, result.exit_code, result.uploads, result.stopped) == (True, 0, 3, False)
    assert [one.name for one in result.cases] == ["p1", "p2", "p3"]
    for one in result.cases:
        assert one.state == "done"
        assert one.url is not None
        assert one.url.endswith(f"/display-sets/{one.item}/")
    assert repr(result) == "<Result of 3 cases: 3 done>"
    assert titles(box) == ["p1", "p2", "p3"]
    again = study.run(progress=False)
    assert (again.uploads, [one.unchanged for one in again.cases]) == (0, [True] * 3)
    assert [one.item for one in again.cases] == [one.item for one in result.cases]
    assert study.status().counts == {"done": 3}
    assert study.status()["p2"].item == result["p2"].item


class Picky(Unread):
    """Takes every image but one."""

    def judge(self, files: Unpacked) -> Verdict:
        if files.files[0].name == "p2.mha":
            raise ImportImpossible("Image files could not be imported")
        return super().judge(files)


def test_a_failed_case_tells_its_socket_its_files_and_the_platforms_words(
    begin: Callable[..., Box], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_for(begin(judge=Picky()), tmp_path, monkeypatch)

    result = study.run(progress=False)

    assert (result.ok, result.exit_code) == (False, 1)
    assert [one.name for one in result.unfinished] == ["p2"]
    (failure,) = result["p2"].failures
    assert (failure.socket, failure.files) == ("ct-image", "p2.mha")
    assert "Image files could not be imported" in failure.message
    assert "is it a whole image" in str(failure)
    assert result.to_dicts()[1] == {
        "name": "p2",
        "state": "failed",
        "item": result["p2"].item,
        "url": result["p2"].url,
        "problem": str(failure),
    }
    assert study.status()["p2"].failures == (failure,)
    assert study.plan(progress=False)["p2"].problem == str(failure)
    with pytest.raises(KeyError, match="did you mean 'p2'"):
        _ = result["p22"]


def test_what_others_changed_is_told(study: mu.Manifest, box: Box) -> None:
    item = study.run(progress=False)["p1"].item
    assert study.verify(progress=False).ok
    assert box.fill(str(item), {"interface": "some-score", "value": 7}).ok

    found = study.verify(progress=False)

    assert [(one.kind, one.case, one.socket) for one in found.differences] == [
        ("value-changed", "p1", "some-score")
    ]
    assert "p1/some-score" in str(found)


def test_answers_and_files_come_back(
    begin: Callable[..., Box], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = begin(judge=Unread(), keep_bytes=True, questions=("lung=Text:Remarks",))
    study = study_for(box, tmp_path, monkeypatch, count=1)
    assert study.run(progress=False).ok

    found = study.fetch(tmp_path / "results", items=True, progress=False)

    assert found.ok
    assert found.answers == []
    assert [(one.case, one.socket, one.name) for one in found.files] == [
        ("p1", "ct-image", "p1/ct-image/p1.mha")
    ]
    files = {one.name for one in (tmp_path / "results").rglob("*") if one.is_file()}
    assert {"answers.csv", "items.csv", "p1.mha"} <= files


def test_events_come_in_order_and_in_the_callers_thread(study: mu.Manifest) -> None:
    here, seen = threading.current_thread(), []

    def on_event(event: mu.RunEvent) -> None:
        assert threading.current_thread() is here
        seen.append(event)

    result = study.run(progress=False, on_event=on_event)

    kinds = list(dict.fromkeys(type(one) for one in seen))
    assert kinds[0] is mu.Begun
    assert {mu.Step, mu.CaseEnded, mu.Progress} <= set(kinds)
    ended = [one.case for one in seen if isinstance(one, mu.CaseEnded)]
    assert sorted(ended, key=lambda one: one.name) == list(result.cases)
    steps = [one.name for one in seen if isinstance(one, mu.Step) and one.case == "p1"]
    assert steps.index("opened") < steps.index("confirmed")


def test_a_run_is_followed_and_leaves_nothing_behind(study: mu.Manifest) -> None:
    before, handlers = set(threading.enumerate()), signal.getsignal(signal.SIGINT)
    gc.unfreeze()  # as in other programs: here, the collected tests are frozen

    with study.start(progress=False) as run:
        ended = [one.case.name for one in run if isinstance(one, mu.CaseEnded)]
        result = run.result()

    assert sorted(ended) == ["p1", "p2", "p3"]
    assert result.ok
    assert run.result() == result
    wait_for(  # threads are told to end, and not waited for
        lambda: all(map(is_of_sandbox, set(threading.enumerate()) - before))
    )
    assert signal.getsignal(signal.SIGINT) is handlers
    assert gc.get_freeze_count() == 0
    with pytest.raises(mu.UsageError, match="cannot be used twice"), run:
        pass


def test_a_run_outside_of_with_says_what_to_write(study: mu.Manifest) -> None:
    run = study.start(progress=False)

    with pytest.raises(mu.UsageError, match=r"with manifest\.start"):
        run.result()


def test_a_run_that_was_followed_to_its_end_says_what_came_of_it(
    study: mu.Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    with study.start() as run:
        for _ in run:
            pass

    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("Finished: all 3 cases uploaded and verified; sent ")
    assert str(run.result()).splitlines()[-1] == last


def test_a_run_looks_into_every_file(study: mu.Manifest) -> None:
    with pytest.raises(mu.UsageError, match=r"quick=True is for .* reads every file"):
        study.run(quick=True)  # type: ignore[call-arg]


def test_a_run_works_in_another_thread(study: mu.Manifest) -> None:
    found: queue.Queue[mu.Result] = queue.Queue()
    thread = threading.Thread(target=lambda: found.put(study.run(progress=False)))

    thread.start()

    assert found.get(timeout=60).ok
    thread.join()


# ── errors and interruptions ────────────────────────────────────────────────────────────────


def is_of_sandbox(thread: threading.Thread) -> bool:
    """Whether the thread answers a request of this process."""
    return "process_request_thread" in thread.name


def no_runs() -> bool:
    return not any(one.name == "uploader" for one in threading.enumerate())


def test_a_callback_that_fails_stops_the_run(study: mu.Manifest, box: Box) -> None:
    def on_event(event: mu.RunEvent) -> None:
        if isinstance(event, mu.Step) and event.name == "done":
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        study.run(progress=False, on_event=on_event, jobs=1)

    assert no_runs()
    assert study.run(progress=False).ok
    assert titles(box) == ["p1", "p2", "p3"]


@needs_signals
def test_ctrl_c_stops_cleanly_and_the_next_run_goes_on(
    study: mu.Manifest, box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    def on_event(event: mu.RunEvent) -> None:
        if isinstance(event, mu.Step) and event.name == "done":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        study.run(on_event=on_event, jobs=1)

    assert no_runs()
    assert capsys.readouterr().err.endswith("stopped; run it again to continue\n")
    assert study.run(progress=False).ok
    assert titles(box) == ["p1", "p2", "p3"]


@needs_signals
def test_ctrl_c_while_imports_are_awaited_ends_the_wait(
    begin: Callable[..., Box], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = begin(import_delay_s=float("inf"))
    study = study_for(box, tmp_path, monkeypatch, count=1)

    def on_event(event: mu.RunEvent) -> None:
        if isinstance(event, mu.Progress) and event.waiting == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        study.run(progress=False, on_event=on_event)

    assert no_runs()
    assert study.status()["p1"].state == "importing"
    assert box.sql("SELECT COUNT(*) FROM jobs") != [(0,)]


def test_leaving_a_run_early_stops_it(study: mu.Manifest) -> None:
    with study.start(progress=False, jobs=1) as run:
        for event in run:
            if isinstance(event, mu.Step):
                break

    assert no_runs()
    assert run.result().stopped
    assert not run.result().ok


def test_a_second_run_is_refused_while_the_first_goes_on(
    begin: Callable[..., Box], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = begin(import_delay_s=float("inf"))
    study = study_for(box, tmp_path, monkeypatch, count=1)

    with study.start(progress=False) as run:
        next(one for one in run if isinstance(one, mu.Begun))
        with pytest.raises(mu.StateLocked, match=f"pid {os.getpid()}") as caught:
            study.run(progress=False)

    assert "take_over=True" in str(caught.value)
    assert no_runs()


def test_errors_are_those_of_the_package(
    study: mu.Manifest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "p2.mha").unlink()
    with pytest.raises(mu.ManifestInvalid, match=r"'p2\.mha' does not exist") as invalid:
        study.run(progress=False)
    assert invalid.value.problems == study.validate(progress=False).problems
    assert no_runs()
    monkeypatch.setenv("GRAND_CHALLENGE_AUTHORIZATION", "0" * 64)
    with pytest.raises(mu.TokenRefused):
        study.plan(progress=False)
    monkeypatch.delenv("GRAND_CHALLENGE_AUTHORIZATION")
    with pytest.raises(mu.TokenRefused, match="no API token found"):
        study.run(progress=False)


def test_no_text_of_a_run_has_the_token(study: mu.Manifest, box: Box) -> None:
    seen: list[Any] = [study, study.validate(progress=False), study.plan(progress=False)]
    with study.start(progress=False) as run:
        seen += [run, *run, run.result(), run.result().summary]

    assert box.running.token not in "".join(f"{one!r} {one}" for one in seen)


def test_a_rehearsal_is_stopped_with_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from manifest_uploader.sandbox import running

    monkeypatch.setattr(running, "find_judge", Unread)
    before = set(threading.enumerate())
    manifest = mu.Manifest.from_cases(
        [mu.Case("a", {"some-score": 1.5})], target="reader-study/lung"
    )
    manifest.save(tmp_path / "lung.yaml")

    result = manifest.run(sandbox=True, progress=False)

    assert result.ok
    assert manifest.status(sandbox=True).counts == {"done": 1}
    assert manifest.status().counts == {"new": 1}
    wait_for(lambda: set(threading.enumerate()) <= before)  # they are told to end
