"""The threads of a run, and how many of them work while the platform is in trouble."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

from manifest_uploader.engine.outcomes import Finished, Outcome
from manifest_uploader.plan.steps import Task, Watch

_TICK_S: Final = 0.5
"""Longest single wait; Windows handles Ctrl-C only between waits."""
_LET_END_S: Final = 15.0
"""How long tasks under way may take to end once the run is being stopped; with what follows, the
run ends within 20 s."""
_TROUBLE: Final = 0.05
"""Share of answers 429 and 503 from which fewer steps run at a time."""
_EASE_EVERY_S: Final = 5.0
_QUIET_S: Final = 30.0
_RAISE_EVERY_S: Final = 1.0
"""After a quiet time, all steps run again within ten seconds."""
_FEWEST_ANSWERS: Final = 20


class Pressure(Struct, frozen=True):
    """How many steps may run at a time, and why; times by a monotonic clock."""

    limit: int
    most: int
    good: int = 0
    busy: int = 0
    eased_at: float = float("-inf")
    quiet_since: float = 0.0

    def after(self, good: int, busy: int, now: float) -> Pressure:
        """The pressure after some more answers: the limit halves in trouble and grows in quiet.

        Only a new answer 429 or 503 is trouble. Old ones stay in the counts for a long time if few
        requests are sent, and must not restart the quiet time.
        """
        is_new = busy > 0
        good, busy = self.good + good, self.busy + busy
        quiet_since = now if is_new else self.quiet_since
        total = good + busy
        if is_new and busy > 1 and total >= _FEWEST_ANSWERS and busy / total >= _TROUBLE:
            if now - self.eased_at < _EASE_EVERY_S:
                return Pressure(self.limit, self.most, good, busy, self.eased_at, quiet_since)
            return Pressure(max(1, self.limit // 2), self.most, 0, 0, now, now)
        if total >= 2 * _FEWEST_ANSWERS:
            good, busy = good // 2, busy // 2
        if self.limit < self.most and now - max(quiet_since, self.eased_at) >= _QUIET_S:
            raised = min(self.most, self.limit + max(1, self.most // 8))
            eased_at = now - _QUIET_S + _RAISE_EVERY_S
            return Pressure(raised, self.most, good, busy, eased_at, quiet_since)
        return Pressure(self.limit, self.most, good, busy, self.eased_at, quiet_since)


class Threads:
    """Performs tasks in threads; a `Pool` for `execute`."""

    def __init__(
        self,
        jobs: int,
        *,
        stop: threading.Event,
        pressure: Callable[[], tuple[int, int]] = lambda: (0, 0),
    ) -> None:
        self._perform: Callable[[Task], Iterable[Outcome]] = lambda _: ()
        self._stop = stop
        self._ask = pressure
        self._pressure = Pressure(jobs, jobs)
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._watches: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._under_way: list[Task] = []
        self._stopped_at: float | None = None
        self._broken = False
        self.gave_up = False
        """The run is being stopped, and something did not end in time."""
        self._threads = [
            threading.Thread(target=self._work, args=[given], name=name, daemon=True)
            for name, given in [
                ("watch", self._watches),
                *((f"step-{number}", self._tasks) for number in range(jobs)),
            ]
        ]

    def start(self, perform: Callable[[Task], Iterable[Outcome]]) -> None:
        """Start the threads, which call `perform` for each task."""
        self._perform = perform
        for thread in self._threads:
            thread.start()

    def emit(self, outcome: Outcome) -> None:
        """Report an outcome of a task that is still under way."""
        self._outcomes.put(outcome)

    @property
    def limit(self) -> int:
        """How many tasks may be under way at a time now.

        A few more than there are threads, so that no thread waits while its next task is recorded;
        while the platform is in trouble, exactly as many as may run.
        """
        if self.eased:
            return self._pressure.limit
        return self._pressure.most + max(2, self._pressure.most // 2)

    @property
    def eased(self) -> bool:
        """Whether fewer steps run than asked for, because the platform is in trouble."""
        return self._pressure.limit < self._pressure.most

    @property
    def stopping(self) -> bool:
        """Whether the run is being stopped, by the user or by an error."""
        return self._stop.is_set() or self._broken

    def submit(self, task: Task) -> None:
        """Begin a task as soon as a thread is free."""
        self._under_way.append(task)
        (self._watches if isinstance(task, Watch) else self._tasks).put(task)

    def wait(self) -> list[Outcome]:
        """What happened since the last call; waits at most half a second for something."""
        found: list[Outcome] = []
        if self._under_way:
            with contextlib.suppress(queue.Empty):
                found.append(self._outcomes.get(timeout=_TICK_S))
            while not self._outcomes.empty():
                found.append(self._outcomes.get())
        else:
            time.sleep(_TICK_S / 10)
        for outcome in found:
            if isinstance(outcome, Finished):
                self._under_way.remove(outcome.task)
        self._pressure = self._pressure.after(*self._ask(), time.monotonic())
        return found + self._abandoned()

    def close(self) -> None:
        """Tell the threads to end; those that hang do not keep the process alive."""
        self._watches.put(None)
        for _ in self._threads[1:]:
            self._tasks.put(None)

    def _abandoned(self) -> list[Outcome]:
        """The tasks that did not end in time after the run was stopped."""
        if not self.stopping:
            return []
        now = time.monotonic()
        self._stopped_at = self._stopped_at or now
        if now - self._stopped_at < _LET_END_S:
            return []
        left, self._under_way = self._under_way, []
        self.gave_up = self.gave_up or bool(left)
        return [Finished(task) for task in left]

    def _work(self, given: queue.SimpleQueue[Task | None]) -> None:
        while (task := given.get()) is not None:
            error: BaseException | None = None
            try:
                for outcome in self._perform(task):
                    self._outcomes.put(outcome)
            except BaseException as caught:  # noqa: BLE001 - raised again by the run
                error = caught
                self._broken = True
            self._outcomes.put(Finished(task, error))
