"""Threads that do not keep the process alive, whatever they wait for.

The threads of `ThreadPoolExecutor` do: the interpreter joins them before it exits, even after a
`shutdown` that does not wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeAlias, TypeVar

_T = TypeVar("_T")
_SLICE_S: Final = 0.5
"""Longest single wait; Windows handles Ctrl-C only between waits."""
_Call: TypeAlias = tuple[Future[Any], Callable[[], Any]]


class Daemons(Executor):
    """An executor that starts a thread for each call until there are enough of them."""

    def __init__(self, most: int, name: str) -> None:
        """Start nothing yet; the threads will be called `name-1`, `name-2` and so on."""
        self._most: Final = most
        self._name: Final = name
        self._begun = 0
        self._lock = threading.Lock()
        self._waiting: SimpleQueue[_Call | None] = SimpleQueue()

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        """Begin a call as soon as a thread is free."""
        future: Future[_T] = Future()
        self._waiting.put((future, lambda: fn(*args, **kwargs)))
        with self._lock:
            if self._begun < self._most:
                self._begun += 1
                name = f"{self._name}-{self._begun}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
        return future

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 - as in Executor
        """Cancel what was not begun, and tell the threads to end; never waits for them."""
        with suppress(Empty):
            while (waiting := self._waiting.get_nowait()) is not None:
                waiting[0].cancel()
        for _ in range(self._begun):
            self._waiting.put(None)

    def _work(self) -> None:
        while (given := self._waiting.get()) is not None:
            future, call = given
            if not future.set_running_or_notify_cancel():
                continue
            try:
                found = call()
            except BaseException as error:  # noqa: BLE001 - raised by the future
                future.set_exception(error)
            else:
                future.set_result(found)


def wait_for(future: Future[_T]) -> _T:
    """What a call returns, once it has; raises what it raised."""
    while not wait([future], timeout=_SLICE_S).done:
        pass
    return future.result()
