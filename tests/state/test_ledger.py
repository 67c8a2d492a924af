from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.errors import StateUnwritable
from manifest_uploader.state import file as state_file
from manifest_uploader.state.events import (
    AnyEvent,
    Done,
    Event,
    Failed,
    Noticed,
    Opened,
    Renamed,
    Started,
    Unsure,
)
from manifest_uploader.state.history import EMPTY, History, fold
from manifest_uploader.state.ledger import Ledger
from tests.helpers import few_examples, pk, step_id
from tests.state.helpers import BINDING, EVENTS, FIRST, at, stored_events

CREATING = Started("a", step_id("a:create"), title="uploading-1")
CREATED = Done("a", step_id("a:create"), pk=pk(1))
UPLOADING = Started("a", step_id("a/ct-image"), "ct-image")
OPENED = Opened("a", step_id("a/ct-image"), "ct-image", pk(7), "sid", 8, "s")
REFUSED = Failed("a", step_id("a/ct-image"), socket="ct-image", words="No.", final=False)


class Clock:
    """A second passes between two questions."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = Ledger((), clock=Clock())
    yield made
    made.close()


def told_by(history: History) -> tuple[object, object]:
    """A history without the cases for which nothing was done."""
    cases = {name: past for name, past in history.cases.items() if past != EMPTY}
    return cases, history.sessions


# ── recording ───────────────────────────────────────────────────────────────────────────────


def test_a_new_ledger_knows_what_earlier_runs_did() -> None:
    events: list[AnyEvent] = [at(1.0, CREATING), at(2.0, CREATED)]

    assert Ledger(events).history == fold(events)
    assert Ledger(()).history == History()


def test_recording_an_event_also_folds_it(ledger: Ledger, path: Path) -> None:
    ledger.open(path, BINDING, is_new=True)

    ledger.record([CREATING])
    assert ledger.history.cases["a"].temporary == "uploading-1"
    assert ledger.history == fold(state_file.read(path).events)
    ledger.record([CREATED])
    assert ledger.history.cases["a"].item == pk(1)
    assert ledger.history == fold(state_file.read(path).events)


def test_the_history_that_was_asked_for_grows(ledger: Ledger) -> None:
    history = ledger.history

    ledger.record([CREATING])

    assert history.cases["a"].temporary == "uploading-1"


def test_the_events_of_one_call_have_one_time(path: Path) -> None:
    ledger = Ledger((), clock=iter([1234.56789, 1300.0]).__next__)
    ledger.open(path, BINDING, is_new=True)

    first = ledger.record([CREATING, CREATED])
    second = ledger.record([OPENED])
    ledger.close()

    assert first == [at(1234.568, CREATING), at(1234.568, CREATED)]
    assert second == [at(1300.0, OPENED)]
    assert state_file.read(path).binding == BINDING
    assert state_file.read(path).events == (*first, *second)
    assert ledger.history.cases["a"].uploads["ct-image"].time == 1300.0


def test_the_time_is_that_of_the_recording_whatever_the_event_says(ledger: Ledger) -> None:
    assert ledger.record([at(5.0, CREATING)]) == [at(1001.0, CREATING)]


def test_the_events_may_be_made_while_they_are_recorded(ledger: Ledger, path: Path) -> None:
    ledger.open(path, BINDING, is_new=True)

    recorded = ledger.record(event for event in (CREATING, CREATED))

    assert recorded == [at(1001.0, CREATING), at(1001.0, CREATED)]
    assert stored_events(path) == [CREATING, CREATED]
    assert ledger.history.cases["a"].item == pk(1)


recorded_calls = st.lists(
    st.just([UPLOADING])
    | st.lists(st.sampled_from([event for event in EVENTS if event != UPLOADING]), max_size=4),
    max_size=8,
)
"""What a run records, call by call: what it begins apart from what happened."""


@few_examples
@given(recorded_calls, st.data())
def test_the_history_is_always_what_a_later_run_reads(
    tmp_path_factory: pytest.TempPathFactory, calls: list[list[AnyEvent]], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("state") / "s.jsonl"
    opens_at = data.draw(st.integers(0, len(calls)))
    ledger = Ledger((), clock=Clock())

    for number, events in enumerate(calls):
        if number == opens_at:
            ledger.open(path, BINDING, is_new=True)
        ledger.record(events)
    if opens_at == len(calls):
        ledger.open(path, BINDING, is_new=True)
    ledger.close()

    assert told_by(fold(state_file.read(path).events)) == told_by(ledger.history)


# ── before it is open ───────────────────────────────────────────────────────────────────────


def test_what_is_recorded_before_it_is_open_is_folded_at_once(ledger: Ledger) -> None:
    ledger.record([Renamed("b", step_id("b"), was="a"), Noticed((pk(3),))])
    ledger.record([Started("b", step_id("b:create"), title="uploading-1")])

    assert ledger.history.cases["b"].temporary == "uploading-1"
    assert ledger.history.sessions == {pk(3): 1001.0}


def test_what_is_recorded_before_it_is_open_is_written_then_and_first(
    ledger: Ledger, path: Path
) -> None:
    ledger.record([Renamed("b", step_id("b"), was="a")])
    ledger.record([Noticed((pk(3),))])
    assert not path.exists()

    ledger.open(path, BINDING, is_new=True)
    on_opening = state_file.read(path).events
    ledger.record([CREATING])

    assert on_opening == (
        Renamed("b", step_id("b"), was="a", time=1001.0),
        Noticed((pk(3),), time=1002.0),
    )
    assert state_file.read(path).events == (*on_opening, at(1003.0, CREATING))


def test_a_ledger_that_is_never_open_writes_nothing(path: Path) -> None:
    ledger = Ledger((at(1.0, CREATING),))

    ledger.record([CREATED])
    ledger.tick()
    ledger.sync()
    ledger.close()

    assert ledger.history.cases["a"].item == pk(1)
    assert list(path.parent.iterdir()) == []


def test_a_state_that_is_there_is_gone_on_with(path: Path) -> None:
    first = Ledger((), clock=Clock())
    first.open(path, BINDING, is_new=True)
    first.record([CREATING])
    first.close()

    second = Ledger(state_file.read(path).events, clock=Clock(2000.0))
    second.record([Noticed((pk(3),))])
    second.open(path, BINDING, is_new=False)
    second.record([CREATED])
    second.close()

    assert path.read_text().startswith(FIRST)
    assert path.read_text().count("manifest-uploader state") == 1
    assert state_file.read(path).events == (
        at(1001.0, CREATING),
        Noticed((pk(3),), time=2001.0),
        at(2002.0, CREATED),
    )


# ── what is not kept ────────────────────────────────────────────────────────────────────────


def test_the_start_of_an_upload_is_told_but_not_kept(ledger: Ledger, path: Path) -> None:
    ledger.record([UPLOADING])
    ledger.open(path, BINDING, is_new=True)

    assert ledger.record([UPLOADING]) == [at(1002.0, UPLOADING)]
    assert path.read_text() == FIRST
    ledger.record([UPLOADING, OPENED])
    assert stored_events(path) == [OPENED]


@pytest.mark.parametrize(
    "failure",
    [
        REFUSED,
        Failed("a", step_id("a:create"), words="No.", final=True),
        Unsure("a", step_id("a:create"), "why"),
    ],
)
@pytest.mark.parametrize("opened_first", [False, True])
def test_the_start_of_an_upload_is_kept_if_it_ends_a_failure(
    ledger: Ledger, path: Path, failure: Event, opened_first: bool
) -> None:
    if opened_first:
        ledger.open(path, BINDING, is_new=True)
    ledger.record([failure])
    other = Started("b", step_id("b/ct-image"), "ct-image")

    ledger.record([UPLOADING, other])
    ledger.record([UPLOADING])

    if not opened_first:
        ledger.open(path, BINDING, is_new=True)
    assert stored_events(path) == [failure, UPLOADING]
    assert ledger.history.cases["a"].reason is None
    assert fold(state_file.read(path).events).cases["a"].reason is None


@pytest.mark.parametrize("step", ["a:create", "a:fill"])
def test_the_start_of_any_other_step_is_kept(ledger: Ledger, path: Path, step: str) -> None:
    ledger.open(path, BINDING, is_new=True)

    ledger.record([Started("a", step_id(step), title="A")])

    assert stored_events(path) == [Started("a", step_id(step), title="A")]


# ── the disk ────────────────────────────────────────────────────────────────────────────────


def test_a_wait_brings_everything_to_the_disk(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.record([CREATING])
    ledger.open(path, BINDING, is_new=True)
    ledger.record([CREATED])
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(len(stored_events(path))))

    ledger.sync()

    assert synced == [2]


def test_what_was_recorded_a_while_ago_reaches_the_disk_by_and_by(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.open(path, BINDING, is_new=True)
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(len(stored_events(path))))

    ledger.record([CREATING])
    ledger.tick()
    assert synced == []
    now = 1.0
    ledger.tick()

    assert synced == [1]


def test_closing_brings_everything_to_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(())
    ledger.open(path, BINDING, is_new=True)
    ledger.record([CREATING])
    synced: list[int] = []
    closed: list[int] = []
    really_close = os.close
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(len(stored_events(path))))

    def close(handle: int) -> None:
        closed.append(handle)
        really_close(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "close", close)
        ledger.close()

    assert synced == [1]
    assert len(closed) == 1


def test_an_event_that_the_disk_does_not_take_did_not_happen(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.open(path, BINDING, is_new=True)

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(StateUnwritable, match="cannot be written: No space left"):
            ledger.record([CREATING])

    assert ledger.history.cases == {}
    assert state_file.read(path).events == ()


def test_a_state_that_cannot_be_written_is_told_when_it_is_opened(tmp_path: Path) -> None:
    ledger = Ledger(())
    ledger.record([CREATING])

    with pytest.raises(StateUnwritable, match="cannot be written"):
        ledger.open(tmp_path, BINDING, is_new=True)
    ledger.close()
