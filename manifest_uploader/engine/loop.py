"""The main loop of a run: submits tasks to a pool and yields the events to record.

The order within a case is uploads, tickets, create, fill. What is about to be sent is yielded
before it is submitted, so that the caller can record it first. Pure: the pool does the work, and
the clock is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from manifest_uploader.engine.outcomes import Outcome
from manifest_uploader.engine.scheduler import Scheduler
from manifest_uploader.plan.steps import Task
from manifest_uploader.state.events import Event


class Pool(Protocol):
    """Performs tasks."""

    def submit(self, task: Task) -> None:
        """Begin a task."""
        ...

    def wait(self) -> list[Outcome]:
        """What happened since the last call; returns within half a second."""
        ...

    @property
    def limit(self) -> int:
        """How many tasks may be under way at a time now."""
        ...

    @property
    def stopping(self) -> bool:
        """Whether the run is being stopped and begins nothing new."""
        ...


def execute(scheduler: Scheduler, pool: Pool) -> Iterator[list[Event]]:
    """Execute a plan; yield the events in the order in which to record them.

    Args:
        scheduler: decides what to do next; knows afterwards how each case ended.
        pool: performs the tasks.

    Raises:
        BaseException: the error that ended the run, once all tasks under way have ended.

    """
    while not scheduler.is_over(stopping=pool.stopping):
        beginning = scheduler.begin(pool.limit, stopping=pool.stopping)
        yield beginning.events
        for task in beginning.tasks:
            pool.submit(task)
        happened = pool.wait()
        yield scheduler.take(happened)
    if scheduler.error is not None:
        raise scheduler.error
