from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from manifest_uploader.engine.loop import execute
from manifest_uploader.engine.outcomes import Finished, Outcome
from manifest_uploader.plan.steps import Task
from manifest_uploader.state.events import Done, Event, Started
from tests.engine.pretended import Pretended, scheduler_for
from tests.helpers import case, file_value, json_value, pk, plan_of


@dataclass
class Log:
    """Notes when events were handed out and tasks submitted."""

    inner: Pretended
    notes: list[str] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def limit(self) -> int:
        return self.inner.limit

    @property
    def stopping(self) -> bool:
        return self.inner.stopping

    def submit(self, task: Task) -> None:
        self.notes.append(f"submit {getattr(task, 'step', type(task).__name__)}")
        self.inner.submit(task)

    def wait(self) -> list[Outcome]:
        found = self.inner.wait()
        if self.error is not None:
            found = [
                Finished(one.task, self.error) if isinstance(one, Finished) else one
                for one in found
            ]
        return found


def follow(events: Iterator[list[Event]], log: Log) -> None:
    for some in events:
        for event in some:
            log.inner.written.append(event)
            log.notes.append(f"write {type(event).__name__} {event.step}")  # type: ignore[union-attr]


def test_what_is_about_to_be_sent_is_handed_out_before_it_is_submitted() -> None:
    log = Log(Pretended())
    scheduler = scheduler_for(plan_of(case("a", file_value("ct-image"))), log.inner)

    follow(execute(scheduler, log), log)

    steps = [note for note in log.notes if "Watch" not in note]
    assert steps == [
        "write Started a/ct-image",
        "submit a/ct-image",
        "write Opened a/ct-image",
        "write Done a/ct-image",
        "submit MakeTickets",
        "write Started a:create",
        "submit a:create",
        "write Done a:create",
        "write Started a:fill",
        "submit a:fill",
        "write Done a:fill",
        "write Confirmed a/ct-image",
    ]


def test_nothing_is_submitted_that_could_not_be_written_down() -> None:
    log = Log(Pretended())
    scheduler = scheduler_for(plan_of(case("a", json_value("some-score", 1))), log.inner)
    events = execute(scheduler, log)

    first = next(events)

    assert [type(event) for event in first] == [Started]
    assert log.notes == []


def test_an_error_ends_the_run_once_everything_under_way_has_ended() -> None:
    log = Log(Pretended(limit=3), error=LookupError("401"))
    scheduler = scheduler_for(
        plan_of(*(case(f"c{n}", file_value("ct-image")) for n in range(9))), log.inner
    )

    with pytest.raises(LookupError, match="401"):
        follow(execute(scheduler, log), log)

    assert log.inner._under_way == []
    assert [note for note in log.notes if note.startswith("submit")] == [
        *("submit c0/ct-image", "submit c1/ct-image", "submit c2/ct-image")
    ]
    done = [event for event in log.inner.written if isinstance(event, Done)]
    assert len(done) == 3


def test_a_plan_without_cases_is_over_at_once() -> None:
    log = Log(Pretended())

    follow(execute(scheduler_for(plan_of(), log.inner), log), log)

    assert (log.notes, log.inner.turns) == ([], 0)


def test_a_run_that_is_stopped_before_it_begins_sends_nothing() -> None:
    log = Log(Pretended(stop_after=0))
    scheduler = scheduler_for(plan_of(case("a", file_value("ct-image"))), log.inner)

    follow(execute(scheduler, log), log)

    assert log.notes == []
    assert [end.end.value for end in scheduler.ends()] == ["pending"]
    assert pk(1) not in log.inner.items
