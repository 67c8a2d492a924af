"""Looks into many values at a time.

Threads hide the latency of a network's file system, and begin at once. Reading headers is work for
the interpreter, though, which runs one thread at a time: if there is much to do, processes take
over, each with an interpreter of its own. Where a run has workers, they look into what has many
files.
"""

from __future__ import annotations

from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Any, Final

import msgspec

from manifest_uploader.engine.data_plane import Workers
from manifest_uploader.engine.looks.looker import look_at_value
from manifest_uploader.files.crew import CannotStart, Crew, WorkerBug, usable_cores
from manifest_uploader.files.local_file import FileChanged, Source
from manifest_uploader.plan.value_look import ValueLook
from manifest_uploader.system.daemons import Daemons

_THREADS: Final = 8
_MOST_PROCESSES: Final = 16
_WORTH_PROCESSES: Final = 3000
"""Files; threads look into as many in the time that processes take to start."""
_WORTH_A_WORKER: Final = 20
"""Files; to ask a worker takes as long as to look into so many."""
_MOST_ASKED: Final = 256
"""Values that are looked into by workers at a time."""
_TASK: Final = "manifest_uploader.engine.looks.pool:start"


class Pool:
    """Looks into values, in the background."""

    def __init__(self, *, quick: bool, workers: Workers | None = None) -> None:
        self._quick, self._workers = quick, workers
        self._asking = Daemons(_MOST_ASKED, "ask")
        """Threads that wait for workers."""
        self._threads: Daemons | None = None
        self._former: list[Daemons] = []
        self._crew: Crew | None = None
        self._crew_is_of_use = True
        self._closed = False
        self._submitted = 0

    def submit(self, source: Source, allowed: tuple[int, ...] | None) -> Future[ValueLook]:
        """Look into the files of a value; the future raises FileChanged if one has changed.

        Args:
            source: the files.
            allowed: the voxel values that its socket allows; None if it allows any.

        """
        files = 1 if self._quick else len(source.files)
        if self._workers is not None and (files >= _WORTH_A_WORKER or allowed is not None):
            look = partial(self._workers.look, quick=self._quick, stopping=self._is_closed)
            return self._asking.submit(look, source, allowed)
        self._submitted += files
        if self._threads is None:
            self._threads = Daemons(_THREADS, "look")
        elif self._submitted > _WORTH_PROCESSES and self._crew is None and _processes() > 1:
            self._crew = Crew(_TASK, None)
            self._former.append(self._threads)
            self._threads = Daemons(_processes(), "look")
        return self._threads.submit(self._look, source, allowed, self._crew)

    def digest(self, source: Source) -> Future[str] | None:
        """The digest of the content of a value's files, by a worker; None without workers."""
        if self._workers is None:
            return None
        return self._asking.submit(self._workers.digest, source, self._is_closed)

    def _is_closed(self) -> bool:
        return self._closed

    def _look(
        self, source: Source, allowed: tuple[int, ...] | None, crew: Crew | None
    ) -> ValueLook:
        answer = None if crew is None else self._answer(crew, [source, allowed, self._quick])
        if answer is None:
            if self._closed:
                raise CancelledError
            return look_at_value(source, allowed, quick=self._quick)
        if "changed" in answer:
            raise FileChanged(answer["changed"])
        return msgspec.convert(answer["look"], ValueLook)

    def _answer(self, crew: Crew, request: list[Any]) -> Any:
        """A process's answer; None if it has none, because it was killed or does not start.

        Memory may have been short. What does not start once is not tried again.
        """
        if not self._crew_is_of_use:
            return None
        try:
            return crew.ask(msgspec.to_builtins(request))
        except WorkerBug:
            return None
        except CannotStart:
            self._crew_is_of_use = False
            return None

    @property
    def width(self) -> int:
        """How many values may wait for their turn, so that none is idle."""
        if self._workers is not None:
            return 4 * max(_THREADS, min(_MOST_ASKED, self._workers.most))
        return 4 * max(_THREADS, _processes())

    def close(self) -> None:
        """Begin no more looks, and end those that processes have begun."""
        self._closed = True
        for threads in (self._asking, *self._former, self._threads):
            if threads is not None:
                threads.shutdown()
        if self._crew is not None:
            self._crew.end(kill=True)


def _processes() -> int:
    return min(_MOST_PROCESSES, usable_cores())


def start(_setup: None, _scratch: str) -> Any:
    """In a process: returns the function that looks into the files of a request's value."""

    def answer(request: list[Any]) -> dict[str, Any]:
        source, allowed, quick = request
        try:
            look = look_at_value(
                msgspec.convert(source, Source), allowed and tuple(allowed), quick=quick
            )
        except FileChanged as changed:
            return {"changed": str(changed)}
        return {"look": msgspec.to_builtins(look)}

    return answer
