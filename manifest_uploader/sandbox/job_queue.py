"""Runs the jobs of imports in several threads, each job after a delay."""

from __future__ import annotations

import heapq
import math
import os
import sys
import threading
import time
from collections.abc import Callable


class Queue:
    """Runs jobs in several threads, each job after a delay."""

    def __init__(self, name: str, delay_s: float, *, threads: int) -> None:
        """Start without jobs.

        More than a few threads would slow down requests without making imports faster: they share
        one interpreter.
        """
        self._name, self._count = name, threads
        self._delay_s = delay_s
        self._due: list[tuple[float, int]] = []
        self._changed = threading.Condition()
        self._stopped = False
        self._threads: list[threading.Thread] = []

    def add(self, job: int) -> None:
        """Schedule a job after the delay, or never if the delay is infinite."""
        if math.isinf(self._delay_s):
            return
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + self._delay_s, job))
            self._changed.notify()

    def start(self, work: Callable[[int], None]) -> None:
        """Start the threads."""
        for number in range(self._count):
            name = f"{self._name}-{number}"
            thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Start no more jobs, and wait for the running ones."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self, work: Callable[[int], None]) -> None:
        _lower_priority()
        while (job := self._next()) is not None:
            work(job)

    def _next(self) -> int | None:
        with self._changed:
            while not self._stopped:
                wait_s = self._due[0][0] - time.monotonic() if self._due else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self._due)[1]
                self._changed.wait(wait_s)
        return None


def _lower_priority() -> None:
    """Give requests priority over this thread: the platform imports on other machines."""
    if sys.platform == "linux":  # elsewhere this would affect the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
