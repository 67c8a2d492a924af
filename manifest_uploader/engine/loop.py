"""Runs cases' steps in a sound order and yields what happens.

The order within a case is uploads, create, fill. What is about to be sent is yielded before it
is submitted: whoever follows writes it down first. Pure: the pool does the work, the clock is
given, and nothing comes back from those who follow but the pool's wish to stop.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from manifest_uploader.engine.outcomes import Outcome
from manifest_uploader.engine.scheduler import Scheduler
from manifest_uploader.plan.steps import Task
from manifest_uploader.state.events import Event


class Pool(Protocol):
    """What performs tasks."""

    def submit(self, task: Task) -> None:
        """Begin a task."""
        ...

    def wait(self) -> list[Outcome]:
        """What happened since the last call; after half a second at most, perhaps nothing."""
        ...

    @property
    def limit(self) -> int:
        """How many tasks may be under way now."""
        ...

    @property
    def stopping(self) -> bool:
        """Nothing new is to be begun."""
        ...


def execute(scheduler: Scheduler, pool: Pool) -> Iterator[list[Event]]:
    """Act on the plan; yields events in the order in which they are to be written down.

    Args:
        scheduler: what is to be done; tells afterwards how each case ended.
        pool: performs the tasks.

    Raises:
        BaseException: what ended the run, after everything under way has ended.

    """
    while not scheduler.is_over(stopping=pool.stopping):
        begun = scheduler.begin(pool.limit, stopping=pool.stopping)
        yield begun.events
        for task in begun.tasks:
            pool.submit(task)
        happened = pool.wait()
        yield scheduler.take(happened)
    if scheduler.error is not None:
        raise scheduler.error
