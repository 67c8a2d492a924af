"""Threads that wait for answers in the background, and are used again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, TypeVar

_T = TypeVar("_T")
_SLICE_S: Final = 0.5
"""Longest single wait; Windows handles Ctrl-C only between waits."""


class Background:
    """As many threads as calls were under way at a time; none keeps the process alive."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._count = 0

    def start(self, ask: Callable[[], _T]) -> Callable[[], _T]:
        """Start a call; call the result to wait for what it returns, or raise what it raised."""
        future: Future[_T] = Future()
        self._calls.put((future, ask))
        if not self._idle.acquire(blocking=False):
            self._count += 1
            threading.Thread(target=self._work, name="ahead", daemon=True).start()
        return partial(_wait_for, future)

    def close(self) -> None:
        """Let the threads end once their calls have."""
        for _ in range(self._count):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            future, ask = call
            try:
                future.set_result(ask())
            except BaseException as error:  # noqa: BLE001 - raised again by the call that waits
                future.set_exception(error)
            del future, ask, call  # they may hold much
            self._idle.release()


def _wait_for(future: Future[_T]) -> _T:
    while not wait([future], timeout=_SLICE_S).done:
        pass
    return future.result()
