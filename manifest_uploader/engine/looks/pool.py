"""Looks into many values at a time.

Threads hide the latency of a network's file system, and begin at once. Reading DICOM headers is
work for the interpreter, though, which runs one thread at a time: if there is much to do, processes
take over, each with an interpreter of its own.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Final

from manifest_uploader.engine.looks.looker import look_at_value
from manifest_uploader.files.local_file import Source
from manifest_uploader.plan.value_look import ValueLook

_THREADS: Final = 8
_MOST_PROCESSES: Final = 16
_WORTH_PROCESSES: Final = 3000
"""Files; threads look into as many in the time that processes take to start."""


class Pool:
    """Looks into values, in the background."""

    def __init__(self, *, quick: bool) -> None:
        self._quick = quick
        self._executor: Executor | None = None
        self._former: list[Executor] = []
        self._submitted = 0
        self._has_processes = False

    def submit(self, source: Source, allowed: tuple[int, ...] | None) -> Future[ValueLook]:
        """Look into the files of a value; the future raises FileChanged if one has changed.

        Args:
            source: the files.
            allowed: the voxel values that its socket allows; None if it allows any.

        """
        self._submitted += 1 if self._quick else len(source.files)
        if self._executor is None:
            self._executor = ThreadPoolExecutor(_THREADS, "look")
        elif self._submitted > _WORTH_PROCESSES and not self._has_processes and _cores() > 1:
            self._has_processes = True
            self._former.append(self._executor)
            self._executor = _processes()
        return self._executor.submit(look_at_value, source, allowed, quick=self._quick)

    @property
    def width(self) -> int:
        """How many values may wait for their turn, so that none is idle."""
        return 4 * max(_THREADS, _cores())

    def close(self) -> None:
        """Begin no more looks."""
        for executor in (*self._former, self._executor):
            if executor is not None:
                executor.shutdown(wait=False, cancel_futures=True)


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return min(_MOST_PROCESSES, len(os.sched_getaffinity(0)))
    return min(_MOST_PROCESSES, os.cpu_count() or 1)


def _processes() -> ProcessPoolExecutor:
    """Processes that start from nothing: Windows has no others, and threads survive no fork."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(_cores(), mp_context=context, initializer=_begin)


def _begin() -> None:
    """End with the process that started this one, and leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
