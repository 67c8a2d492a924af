"""Gives each call to the worker that has least to do.

Dask gives tasks away as soon as it has them, and does not count those that left its own threads: a
call would wait at one worker while another one is idle.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

from manifest_uploader.platform.responses import Interrupted

_LOOK_S: Final = 0.1
"""Workers may join at any time, and the run may be stopped."""


class Seats:
    """So many for each worker; for use from any thread."""

    def __init__(
        self,
        slots: int,
        workers: Callable[[], list[str]],
        *,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare.

        Args:
            slots: seats of each worker.
            workers: returns the addresses of those that there are now.
            check: raises CannotGoOn if it is of no use to wait for workers.

        """
        self._slots, self._workers, self._check = slots, workers, check
        self._taken: Counter[str] = Counter()
        self._changed = threading.Condition()

    def take(self, stopping: Callable[[], bool]) -> str:
        """Wait for a seat at the worker with the fewest calls; returns the worker's address.

        Raises:
            Interrupted: the run is being stopped.
            CannotGoOn: there will be no worker.

        """
        with self._changed:
            while True:
                if stopping():
                    raise Interrupted
                workers = self._workers()
                best = min(workers, key=self._taken.__getitem__, default=None)
                if best is not None and self._taken[best] < self._slots:
                    self._taken[best] += 1
                    return best
                if best is None:
                    self._check()
                self._changed.wait(_LOOK_S)

    def give_back(self, worker: str) -> None:
        """Return a seat."""
        with self._changed:
            self._taken[worker] -= 1
            if not self._taken[worker]:
                del self._taken[worker]
            self._changed.notify()
