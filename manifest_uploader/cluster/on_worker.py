"""What runs in a worker: it reads files and sends parts, and knows no token and no state.

Sending ends early if nobody waits for its answer any more: the run was stopped or killed, or Dask
has lost the connection to this worker. Looks, hashes, copies and verdicts come to their end.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

import distributed
from msgspec import to_builtins

from manifest_uploader import __version__
from manifest_uploader.cluster.calls import (
    Answer,
    Call,
    Copy,
    Digest,
    Hello,
    Judge,
    LookAt,
    Ready,
    Refusal,
    Requests,
    Send,
)
from manifest_uploader.engine.data_plane import Here
from manifest_uploader.engine.data_task import DataResult, Resources
from manifest_uploader.engine.looks.looker import look_at_value
from manifest_uploader.errors import (
    CannotGoOn,
    ExtraMissing,
    PlatformRefused,
    PlatformUnreachable,
)
from manifest_uploader.files.copies import CopyMaker, NoCopy
from manifest_uploader.files.crew import usable_cores
from manifest_uploader.files.crew_member import described
from manifest_uploader.files.importer import Importer
from manifest_uploader.files.local_file import FileChanged
from manifest_uploader.files.parts import Buffers
from manifest_uploader.files.value_facts import content
from manifest_uploader.platform.address import Patience
from manifest_uploader.platform.connections import Connections
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.platform.storage import Storage
from manifest_uploader.platform.traffic import Meter
from manifest_uploader.system.daemons import Daemons, wait_for

_T = TypeVar("_T")
_TELL_EVERY_S: Final = 0.5
_ASK_AGAIN_S: Final = 60.0
_ALIVE: Final = (distributed.Status.running, distributed.Status.paused)
"""A worker is paused, and gets no new tasks, while its memory is short."""
_IDLE_S: Final = 300.0
"""After so long without a call, processes and threads end: the run may have been killed."""
_BUFFERED_PARTS: Final = 6
"""Parts of bundles in memory, of all calls together: 48 MiB."""
REFUSALS: Final[Mapping[str, type[Exception]]] = {
    one.__name__: one
    for one in (
        *(FileChanged, NoCopy, Interrupted),
        *(PlatformUnreachable, PlatformRefused, ExtraMissing, CannotGoOn),
    )
}
"""The exceptions that a call may end with."""


async def prepare(hello: Hello, dask_worker: distributed.Worker) -> Ready:
    """Tell the scheduler how much this worker takes at a time; nothing if it sees no files."""
    sees_root = await asyncio.to_thread(os.path.isdir, hello.root)
    if sees_root:
        _runs.setdefault(hello.run, _Run(hello))
        await dask_worker.set_resources(**{hello.run: hello.slots})
    return Ready(socket.gethostname(), __version__, sees_root)


async def rest(run: str, dask_worker: distributed.Worker) -> None:
    """Begin no more work of a run."""
    if run in _runs:
        await dask_worker.set_resources(**{run: 0})


async def dismiss(run: str, dask_worker: distributed.Worker) -> None:
    """Forget a run."""
    found = _runs.pop(run, None)
    if found is not None:
        found.close()
        await dask_worker.set_resources(**{run: 0})


def deliver(run: str, call: str, urls: Mapping[int, str]) -> None:
    """Give a call the URLs that it asked for; a call that has ended needs none."""
    found = _runs.get(run)
    if found is not None and (inbox := found.inboxes.get(call)) is not None:
        inbox.put(urls)


def perform(call: Call) -> Answer:
    """Do some work, and tell what came of it; runs as a task of Dask."""
    worker = distributed.get_worker()
    key = worker.get_current_task()
    distributed.secede()  # the run's own resource bounds how many there are at a time
    run = _runs.get(call.run)
    if run is None:  # it was dismissed just now
        return Answer(worker.address, refusal=Refusal(Interrupted.__name__, ""))

    def is_given_up() -> bool:
        task = worker.state.tasks.get(key)
        is_wanted = task is not None and task.state != "cancelled"
        return not is_wanted or worker.status not in _ALIVE

    found, refusal, bug = None, None, ""
    try:
        found = run.do(call, worker, is_given_up)
    except tuple(REFUSALS.values()) as error:
        kind = next(name for name, one in REFUSALS.items() if isinstance(error, one))
        message = getattr(error, "message", str(error))
        refusal = Refusal(kind, message, getattr(error, "hint", None))
    except Exception as error:  # noqa: BLE001 - told to the run, which raises it
        bug = described(error)
    requests = run.take_requests()
    return Answer(worker.address, found, refusal=refusal, bug=bug, requests=requests)


class _Run:
    """What all calls of one run share in this process."""

    def __init__(self, hello: Hello) -> None:
        self.inboxes: dict[str, SimpleQueue[Mapping[int, str]]] = {}
        """By call: where URLs are delivered."""
        self._name, self._slots = hello.run, hello.slots
        self._lock = threading.Lock()
        self._sent: Counter[str] = Counter()
        """By call, while it is under way: bytes."""
        self._total = 0
        self._is_telling = False
        self._meter = Meter()
        self._told = Requests()
        self._buffers = Buffers(_BUFFERED_PARTS)
        self._of_thread = threading.local()
        self._calls = 0
        """Under way."""
        self._ended_at = 0.0
        self._is_watched = False
        self._begin()

    def _begin(self) -> None:
        """Prepare processes and threads; none is started before it is needed."""
        self._callers = Daemons(self._slots, "send")
        self._senders = Daemons(self._slots, "part")
        self._copy_makers: dict[str, CopyMaker] = {}
        self._importer = Importer()
        self._connections: dict[Patience, Connections] = {}

    def do(self, call: Call, worker: distributed.Worker, is_given_up: Callable[[], bool]) -> object:
        """Do some work."""
        with self._counted():
            return self._do(call, worker, is_given_up)

    def _do(
        self, call: Call, worker: distributed.Worker, is_given_up: Callable[[], bool]
    ) -> object:
        match call.work:
            case Send():
                with self._telling(call.id, worker):
                    return self._send(call.id, call.work, worker, is_given_up)
            case Copy(file=file, key=key):
                return self._copies(key).copy(file)
            case LookAt(source=source, allowed=allowed, quick=quick):
                return look_at_value(source, allowed, quick=quick)
            case Judge(bundle=bundle):
                return self._importer.judge(bundle)
            case Digest(source=source):
                return content(source)

    def _copies(self, key: str) -> CopyMaker:
        """Makes copies with a key, in as many processes as this worker has cores."""
        with self._lock:
            if key not in self._copy_makers:
                self._copy_makers[key] = CopyMaker(key, processes=usable_cores())
            return self._copy_makers[key]

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Note that a call is under way."""
        with self._lock:
            self._calls += 1
            is_first, self._is_watched = not self._is_watched, True
        if is_first:
            threading.Thread(target=self._rest, name="rest", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._calls -= 1
                self._ended_at = time.monotonic()

    def _rest(self) -> None:
        """Once there was no call for a while, end what another one would start again."""
        is_idle = False
        while not is_idle:
            time.sleep(_IDLE_S)
            with self._lock:
                is_idle = not self._calls and time.monotonic() - self._ended_at >= _IDLE_S
                if is_idle:
                    self._is_watched = False
                    self.close()
                    self._begin()

    def close(self) -> None:
        """End the processes, and the threads with their connections."""
        for maker in self._copy_makers.values():
            maker.close()
        self._importer.close()
        self._callers.shutdown()
        self._senders.shutdown()
        for connections in self._connections.values():
            connections.close()

    # -- sending --

    def _send(
        self, call: str, work: Send, worker: distributed.Worker, is_given_up: Callable[[], bool]
    ) -> DataResult:
        """Send in threads that stay, because their connections stay with them."""
        callers = _OfCall(self._callers, self._of_thread, is_given_up)
        senders = _OfCall(self._senders, self._of_thread, is_given_up)
        resources = Resources(senders, work.at_once, self._buffers, is_given_up)
        with self._lock:
            connections = self._connections.get(work.patience)
            if connections is None:
                connections = self._connections[work.patience] = Connections(
                    work.patience,
                    meter=self._meter,
                    stopping=lambda: bool(self._of_thread.is_given_up()),
                )
        plane = Here(Storage(connections), resources)
        ask = partial(self._ask_for_urls, call, worker, is_given_up)
        add = partial(self._add, call)
        return wait_for(callers.submit(plane.send, work.task, sign=ask, add=add))

    def _ask_for_urls(
        self, call: str, worker: distributed.Worker, is_given_up: Callable[[], bool], number: int
    ) -> Mapping[int, str]:
        """Ask the run for presigned URLs, and wait for them."""
        inbox = self.inboxes.setdefault(call, SimpleQueue())
        ask_at = 0.0
        while not is_given_up():
            if time.monotonic() >= ask_at:  # again, if the question or the answer was lost
                worker.log_event(self._name, {"call": call, "needs": number})
                ask_at = time.monotonic() + _ASK_AGAIN_S
            with suppress(Empty):
                if number in (urls := inbox.get(timeout=_TELL_EVERY_S)):
                    return urls
        raise Interrupted

    # -- telling --

    def _add(self, call: str, size: int) -> None:
        with self._lock:
            self._sent[call] += size
            self._total += size

    @contextmanager
    def _telling(self, call: str, worker: distributed.Worker) -> Iterator[None]:
        """Report now and then how much was sent, while any call is under way."""
        with self._lock:
            self._sent[call] = 0
            is_first, self._is_telling = not self._is_telling, True
        if is_first:
            threading.Thread(target=self._tell, args=(worker,), name="tell", daemon=True).start()
        try:
            yield
        finally:
            self.inboxes.pop(call, None)
            with self._lock:
                del self._sent[call]

    def _tell(self, worker: distributed.Worker) -> None:
        is_over = False
        while not is_over:
            time.sleep(_TELL_EVERY_S)
            requests = to_builtins(self.take_requests())
            with self._lock:
                news = {"sent": dict(self._sent), "total": self._total, "requests": requests}
                is_over = not self._sent
                self._is_telling = not is_over
            worker.log_event(self._name, {"worker": worker.address, **news})

    def take_requests(self) -> Requests:
        """What was not told yet of the requests to storage."""
        with self._lock:
            now, (good, busy) = self._meter.traffic(), self._meter.take_pressure()
            was, self._told = self._told, Requests(now.requests, now.retries, now.bytes_sent)
        return Requests(
            now.requests - was.requests,
            now.retries - was.retries,
            now.bytes_sent - was.sent,
            good,
            busy,
            self._meter.trouble,
        )


class _OfCall(Executor):
    """Lets threads that several calls share know when the call that they work for is given up."""

    def __init__(
        self, threads: Daemons, of_thread: threading.local, is_given_up: Callable[[], bool]
    ) -> None:
        self._threads, self._of_thread, self._is_given_up = threads, of_thread, is_given_up

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        """Begin a call as soon as a thread is free."""

        def call() -> _T:
            self._of_thread.is_given_up = self._is_given_up
            return fn(*args, **kwargs)

        return self._threads.submit(call)


_runs: Final[dict[str, _Run]] = {}
"""By name: the runs that this process works for."""
