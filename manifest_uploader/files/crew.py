"""Worker processes that answer requests one by one, and that end with this process.

A crash costs only the request that was being answered, and that one is tried again alone: memory
may have been short only because of the others. A worker ends as soon as its standard input does,
so that none outlives this process, however it ends. Nothing that a library prints, warns or logs
in a worker reaches a person.

Workers are started as new interpreters: that works on every system and from every entry point.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, TypeVar

from manifest_uploader.system import disk, interpreters
from manifest_uploader.system.daemons import Daemons

Json: TypeAlias = Any
T = TypeVar("T")

_MEMBER: Final = "manifest_uploader.files.crew_member"
_ONE_THREAD: Final = dict.fromkeys(
    (
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VIPS_CONCURRENCY"),
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    ),
    "1",
)
"""There is a process for each core already."""
_LOOK_S: Final = 0.5
"""On Windows, Ctrl-C is noticed only between two waits."""
_END_S: Final = 5.0
"""How long a worker may take to remove its temporary files."""


class CannotStart(Exception):
    """A worker ended before it was ready; the message is the type of what it raised, or empty."""


class WorkerBug(Exception):
    """A worker raised what its task does not expect; the message says what and where."""


def usable_cores() -> int:
    """How many cores this process may use; containers and batch systems often allow fewer."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def answers(
    task: str, requests: Iterable[tuple[T, Json]], *, processes: int, setup: Json = None
) -> Generator[tuple[T, Json], None, None]:
    """Yield each request's key and answer, as they come; None for one whose worker died.

    Args:
        task: `module:function`; called once in each worker with `setup` and the path of a
            temporary folder of its own. It returns the function that answers requests.
        requests: Pairs of a key, which stays here, and what the worker is sent as JSON.
        processes: How many workers at most; one is started when there is a request for it.
        setup: JSON for the task.

    Raises:
        CannotStart: the task cannot be loaded.
        WorkerBug: the task raised an exception on a request.
    """
    with Daemons(processes, "crew") as threads, Crew(task, setup) as crew:
        died: list[tuple[T, Json]] = []
        waiting: dict[Future[Json], tuple[T, Json]] = {}
        more = iter(requests)
        while True:
            while len(waiting) <= processes and (request := next(more, None)) is not None:
                waiting[threads.submit(crew.ask, request[1])] = request
            if not waiting:
                break
            done, _ = wait(waiting, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
            for future in done:
                request = waiting.pop(future)
                answer = future.result()
                if answer is None and processes > 1:
                    died.append(request)
                else:
                    yield request[0], answer
        for request in died:
            yield request[0], _result(threads.submit(crew.ask, request[1]))


def _result(future: Future[Json]) -> Json:
    while not future.done():
        wait((future,), timeout=_LOOK_S)
    return future.result()


class Crew:
    """The workers of one task, for several threads: as many as ask at the same time."""

    def __init__(self, task: str, setup: Json) -> None:
        """Start nobody yet; `task` and `setup` are those of `answers`."""
        self._task = {"task": task, "setup": setup}
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all workers, at once if something went wrong."""
        self.end(kill=kind is not None)

    def end(self, *, kill: bool) -> None:
        """End all workers: after their answers, or at once."""
        with self._lock:
            self._closed = True
            workers = list(self._all)
        for worker in workers:
            worker.say_goodbye(kill=kill)
        for worker in workers:
            worker.clear_up()

    def ask(self, request: Json) -> Json:
        """The answer of an idle or a new worker; None if it died.

        Raises:
            CannotStart: the task cannot be loaded.
            OSError: the system does not start a process.
            WorkerBug: the task raised an exception.

        """
        worker = self._take()
        if worker is None:
            return None
        answer = worker.ask(request)
        if answer is None or answer.get("last"):
            self._dismiss(worker, kill=answer is None)
        else:
            with self._lock:
                self._idle.append(worker)
        if answer is not None and "bug" in answer:
            raise WorkerBug(answer["bug"])
        return answer and answer["answer"]

    def _take(self) -> _Worker | None:
        """An idle worker, or a new one that is ready; None once the crew has ended."""
        with self._lock:
            if self._closed:
                return None
            if self._idle:
                return self._idle.pop()
            try:
                worker = _Worker()
            except OSError as error:
                raise CannotStart(type(error).__name__) from None
            self._all.add(worker)
        try:
            worker.get_ready(self._task)
        except BaseException:
            self._dismiss(worker, kill=True)
            raise
        return worker

    def _dismiss(self, worker: _Worker, *, kill: bool) -> None:
        worker.say_goodbye(kill=kill)
        worker.clear_up()
        with self._lock:
            self._all.discard(worker)


class _Worker:
    """One process; its thread waits for each answer."""

    def __init__(self) -> None:
        self._scratch = os.path.realpath(tempfile.mkdtemp(prefix="uploader-"))
        try:
            self._process = interpreters.start(
                _MEMBER, stdout=subprocess.PIPE, env={**os.environ, **_ONE_THREAD}
            )
        except OSError:
            disk.remove_tree(self._scratch)
            raise

    def get_ready(self, task: Json) -> None:
        """Wait until the task is loaded; raise CannotStart."""
        answer = self.ask({**task, "scratch": self._scratch}) or {}
        if not answer.get("ready"):
            raise CannotStart(answer.get("bug", ""))

    def ask(self, request: Json) -> Json:
        """The answer; None if the process died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except (OSError, ValueError):  # ValueError: its stream was closed meanwhile
            return None
        return json.loads(line) if line.endswith(b"\n") else None

    def say_goodbye(self, *, kill: bool) -> None:
        """Let the process end, at once if it is killed."""
        if kill:
            self._process.kill()
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def clear_up(self) -> None:
        """Wait for the end, and remove what a killed process left behind."""
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdout.close()
        disk.remove_tree(self._scratch)
