"""The workers of a run, as the engine knows them: `Workers`, `DataPlane` and `Copies`.

A call whose worker ends is performed by another one. Only a data task of several parts is not
repeated by Dask: the run asks storage first what it holds, so that nothing is sent twice.
"""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace as replaced
from pathlib import PurePath
from queue import Empty, SimpleQueue
from typing import Any, Final, Self

import distributed
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.cluster.calls import (
    Answer,
    Call,
    Copy,
    Digest,
    Hello,
    Judge,
    LookAt,
    Requests,
    Send,
    Work,
)
from manifest_uploader.cluster.link import Link
from manifest_uploader.cluster.nodes import Nodes
from manifest_uploader.cluster.on_worker import REFUSALS, deliver
from manifest_uploader.engine.data_plane import DataPlane
from manifest_uploader.engine.data_task import (
    DataResult,
    DataTask,
    PartsNotSent,
    PartsSent,
    Reason,
    Sign,
)
from manifest_uploader.engine.progress import Load
from manifest_uploader.errors import CannotGoOn, ExtraMissing, UploaderError
from manifest_uploader.files.dicom_copy import DicomCopy
from manifest_uploader.files.import_verdict import Verdict
from manifest_uploader.files.importer import Bundle
from manifest_uploader.files.local_file import FileChanged, LocalFile, Source
from manifest_uploader.files.parts import Content, JsonContent, part_count
from manifest_uploader.plan.value_look import ValueLook
from manifest_uploader.platform.address import Patience
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.platform.traffic import Meter

_LOOK_S: Final = 0.5
"""Longest single wait for a worker; stopping ends it."""
_LET_SEND_S: Final = 10.0
"""How long parts under way may take once the run is being stopped, which ends within 20 s."""
_WORKERS_S: Final = 0.1
_TRIES: Final = 10
"""Workers that may end during one call."""


def _patient(stopping: Callable[[], bool], seconds: float) -> Callable[[], bool]:
    """Whether a run has been stopping for so long."""
    since: list[float] = []

    def is_over() -> bool:
        if not stopping():
            return False
        since[:] = since or [time.monotonic()]
        return time.monotonic() - since[0] >= seconds

    return is_over


class WorkerLost(Exception):
    """A worker, or the scheduler, ended before there was an answer."""


class _Ended(Struct, frozen=True):
    """A call has ended."""


class _Waits(Struct, frozen=True):
    """A call was given to no worker although there are some: submit it again."""


class _Needs(Struct, frozen=True):
    """A worker asks for URLs."""

    worker: str
    number: int


class DaskWorkers:
    """The workers of one scheduler, for one run; a context manager."""

    def __init__(self, link: Link, *, slots: int, worker_root: str | None) -> None:
        """Prepare.

        Args:
            link: to the scheduler.
            slots: how many tasks of this run a worker may perform at a time.
            worker_root: where the workers see the files; None: at the same place.

        """
        self._link, self._slots, self._worker_root = link, slots, worker_root
        self._run: Final = f"uploader-{secrets.token_hex(6)}"
        self._numbers = itertools.count(1)
        self._inboxes: dict[str, SimpleQueue[Any]] = {}
        self._news: SimpleQueue[str] = SimpleQueue()
        self._nodes: Nodes | None = None
        self._root = ""
        self._meter: Meter | None = None
        link.subscribe(self._run, self._hear)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let the workers forget this run; what is under way is cancelled."""
        if self._nodes is not None:
            self._nodes.close()
        self._link.close()

    # -- what the engine asks --

    def begin(self, root: PurePath) -> None:
        """Let workers join who see the files."""
        self._root = str(root)
        if self._nodes is None:
            hello = Hello(self._run, self._slots, self._worker_root or self._root)
            self._nodes = Nodes(self._link, hello, tell=self._news.put, joined=self._rescue)

    @property
    def dashboard(self) -> str:
        """The address of the scheduler's page."""
        return self._link.dashboard

    @property
    def most(self) -> int:
        """How many tasks may wait for workers, so that none is idle."""
        return 2 * self._slots * max(1, len(self._all()))

    def plane(
        self,
        here: DataPlane,
        *,
        most_parts: int,
        patience: Patience,
        meter: Meter,
        stopping: Callable[[], bool],
    ) -> DataPlane:
        """The data plane of the workers."""
        self._meter = meter
        return _Plane(self, here, _Permits(most_parts, self._slots), patience, stopping)

    def copies(self, key: str, stopping: Callable[[], bool]) -> _Copies:
        """Makes de-identified copies on the workers."""
        return _Copies(self, key, stopping)

    def look(
        self,
        source: Source,
        allowed: tuple[int, ...] | None,
        *,
        quick: bool,
        stopping: Callable[[], bool],
    ) -> ValueLook:
        """What the files of a value are."""
        found: ValueLook = self.ask(LookAt(self.theirs(source), allowed, quick), stopping).found
        return found

    def judge(self, bundle: Bundle, stopping: Callable[[], bool]) -> Verdict:
        """What the platform's importer makes of a bundle."""
        files = tuple((self._path(full), name) for full, name in bundle.files)
        found: Verdict = self.ask(Judge(replace(bundle, files=files)), stopping).found
        return found

    def digest(self, source: Source, stopping: Callable[[], bool]) -> str:
        """The digest of the content of a value's files."""
        return str(self.ask(Digest(self.theirs(source)), stopping).found)

    def loads(self) -> tuple[Load, ...]:
        """What each worker does."""
        return tuple(Load(*one) for one in self._all())

    def news(self) -> list[str]:
        """What is to be told about workers since the last call."""
        found = []
        while not self._news.empty():
            found.append(self._news.get())
        return found

    # -- calls --

    def ask(self, work: Work, stopping: Callable[[], bool]) -> Answer:
        """The answer of a worker, of another one if the first ends.

        Raises:
            CannotGoOn: workers end again and again, or there is no scheduler.
            Interrupted: the run is being stopped.
            FileChanged, NoCopy, ExtraMissing: what the work raised.

        """
        for _ in range(_TRIES):
            try:
                return self.ask_one(work, stopping)
            except WorkerLost:
                continue
        raise CannotGoOn(
            f"{_TRIES} workers ended during the same task",
            hint="perhaps each has too little memory; then run the same command again",
        )

    def ask_one(
        self,
        work: Work,
        stopping: Callable[[], bool],
        *,
        sent: Callable[[int], None] = lambda _: None,
        needs: Callable[[str, int], Mapping[int, str]] = lambda *_: {},
        let_end_s: float = 0.0,
    ) -> Answer:
        """The answer of a worker.

        Args:
            work: what it is asked.
            stopping: whether the run is being stopped.
            sent: is told how many bytes it has sent, in all.
            needs: returns the URLs that the worker at an address needs, for a part.
            let_end_s: how long it may take to end once the run is being stopped.

        Raises:
            WorkerLost: it ended first.

        The exceptions are those of `ask` and of `needs`.
        """
        call = Call(f"{next(self._numbers)}", self._run, work)
        inbox: SimpleQueue[Any] = SimpleQueue()
        self._await_workers(stopping)
        self._inboxes[call.id] = inbox
        future = self._link.submit(call, stopping=stopping)
        future.add_done_callback(lambda _: inbox.put(_Ended()))
        patient = _patient(stopping, let_end_s)
        try:
            while True:
                match self._next(inbox, future, patient):
                    case _Ended():
                        return self._answer(future)
                    case _Waits() if not future.done():
                        raise WorkerLost
                    case int(size):
                        sent(size)
                    case _Needs(worker=worker, number=number):
                        self._deliver(worker, call.id, needs(worker, number))
        finally:
            del self._inboxes[call.id]
            if not future.done():
                future.cancel()
            future.release()

    def _await_workers(self, stopping: Callable[[], bool]) -> None:
        while not self._all():
            if stopping():
                raise Interrupted
            time.sleep(_WORKERS_S)

    def _rescue(self, given: set[str]) -> None:
        """Tell the calls that no worker was given; `given` has the keys of the others."""
        for call, inbox in list(self._inboxes.items()):
            if f"{self._run}-{call}" not in given:
                inbox.put(_Waits())

    def _next(
        self,
        inbox: SimpleQueue[Any],
        future: distributed.Future[Answer],
        stopping: Callable[[], bool],
    ) -> object:
        while True:
            if stopping():
                raise Interrupted
            try:
                return inbox.get(timeout=_LOOK_S)
            except Empty:
                if future.done():
                    return _Ended()

    def _deliver(self, worker: str, call: str, urls: Mapping[int, str]) -> None:
        try:
            self._link.client().run(
                deliver, self._run, call, urls, workers=[worker], on_error="raise"
            )
        except (OSError, RuntimeError):
            raise WorkerLost from None

    def _answer(self, future: distributed.Future[Answer]) -> Answer:
        if future.status != "finished":
            self._raise_failure(future)
        try:
            answer: Answer = future.result(timeout=60)
        except Exception:  # noqa: BLE001 - the answer was on a worker that has ended
            raise WorkerLost from None
        self._note(answer.requests)
        name = self.name(answer.worker)
        if answer.bug:
            raise CannotGoOn(
                f"worker '{name}' ran into a bug of uploader: {answer.bug}",
                hint="please report it; nothing that was sent is lost",
            )
        if (refusal := answer.refusal) is not None:
            self._raise_refusal(name, REFUSALS[refusal.kind], refusal.message, refusal.hint)
        return answer

    def _raise_failure(self, future: distributed.Future[Answer]) -> None:
        error = future.exception(timeout=10) if future.status == "error" else None
        if error is None or isinstance(error, distributed.KilledWorker):
            raise WorkerLost
        raise CannotGoOn(
            f"the workers cannot do this run's work ({type(error).__name__})",
            hint="they need the same versions of Python, Dask and uploader as this machine",
        )

    def _raise_refusal(
        self, name: str, kind: type[Exception], message: str, hint: str | None
    ) -> None:
        if kind is Interrupted:
            raise WorkerLost
        if kind is ExtraMissing:
            raise CannotGoOn(f"on worker '{name}', {message}", hint=hint)
        if issubclass(kind, UploaderError):
            raise kind(f"on worker '{name}': {message}", hint=hint)
        raise kind(f"on worker '{name}': {message}")

    # -- what workers report --

    def _hear(self, event: dict[str, Any]) -> None:
        """Hand on what a worker logged; in a thread of Dask's."""
        if "needs" in event:
            if (inbox := self._inboxes.get(event["call"])) is not None:
                inbox.put(_Needs(event["worker"], event["needs"]))
            return
        for call, size in event["sent"].items():
            if (inbox := self._inboxes.get(call)) is not None:
                inbox.put(size)
        self._note(msgspec.convert(event["requests"], Requests))
        if self._nodes is not None:
            self._nodes.note(event["worker"], under_way=len(event["sent"]), sent=event["total"])

    def _note(self, requests: Requests) -> None:
        """Count a worker's requests to storage as this machine's own."""
        if self._meter is not None:
            self._meter.add(
                requests.requests,
                requests.retries,
                requests.sent,
                good=requests.good,
                busy=requests.busy,
                trouble=requests.trouble,
            )

    # -- names and paths --

    def name(self, address: str) -> str:
        """What to call the worker at an address."""
        return self._nodes.name(address) if self._nodes is not None else address

    def _all(self) -> list[tuple[str, int, int]]:
        return self._nodes.all() if self._nodes is not None else []

    def _path(self, full: str) -> str:
        """A file's path as workers see it."""
        if self._worker_root is None or not PurePath(full).is_relative_to(self._root):
            return full
        below = PurePath(full).relative_to(self._root).as_posix()
        return f"{self._worker_root.rstrip('/')}/{below}"

    def their_file(self, file: LocalFile) -> LocalFile:
        """A file as workers see it."""
        return replace(file, full=self._path(file.full))

    def theirs(self, source: Source) -> Source:
        """A source as workers see it."""
        if self._worker_root is None:
            return source
        return replace(source, files=tuple(map(self.their_file, source.files)))

    def their_content(self, content: Content) -> Content:
        """A content as workers see it."""
        if isinstance(content, DicomCopy):
            return replace(content, file=self.their_file(content.file))
        return content if isinstance(content, JsonContent) else self.theirs(content)


class _Copies:
    """De-identified copies that workers make."""

    def __init__(self, workers: DaskWorkers, key: str, stopping: Callable[[], bool]) -> None:
        self._workers, self._key, self._stopping = workers, key, stopping

    def copy(self, file: LocalFile) -> DicomCopy:
        """The copy of one file."""
        work = Copy(self._workers.their_file(file), self._key)
        found: DicomCopy = self._workers.ask(work, self._stopping).found
        return replace(found, file=file)

    def close(self) -> None:
        """Nothing to close: the workers end what nobody waits for."""


class _Plane:
    """Lets workers perform data tasks."""

    def __init__(
        self,
        workers: DaskWorkers,
        here: DataPlane,
        permits: _Permits,
        patience: Patience,
        stopping: Callable[[], bool],
    ) -> None:
        self._workers, self._here, self._permits = workers, here, permits
        self._patience, self._stopping = patience, stopping

    def send(self, task: DataTask, *, sign: Sign, add: Callable[[int], None]) -> DataResult:
        """What comes of a data task; small values that are in no file are sent from here."""
        if isinstance(task.content, JsonContent):
            return self._here.send(task, sign=sign, add=add)
        parts = self._permits.take(len(task.send), self._stopping)
        try:
            return _Sending(self._workers, task, sign, add).run(
                parts, self._patience, self._stopping
            )
        except WorkerLost:
            return PartsNotSent(Reason.WORKER_LOST)
        except FileChanged as changed:
            return PartsNotSent(Reason.FILE_CHANGED, str(changed))
        finally:
            self._permits.give_back(parts)


class _Sending:
    """One data task on a worker."""

    def __init__(
        self, workers: DaskWorkers, task: DataTask, sign: Sign, add: Callable[[int], None]
    ) -> None:
        self._workers, self._task = workers, task
        self._sign, self._add = sign, add
        self._sent = 0
        self._worker = ""
        self._signed = dict(task.urls)
        """URLs that are new, and were given to no worker."""

    def run(self, parts: int, patience: Patience, stopping: Callable[[], bool]) -> DataResult:
        """What comes of the task."""
        task = self._task
        # Dask lets another worker perform the task if the first ends: with one part, no harm is
        # done. Of several, some may be there, so their URLs are given to one worker only.
        is_single = part_count(task.size, task.part_size) == 1
        theirs = replaced(
            task,
            content=self._workers.their_content(task.content),
            urls=task.urls if is_single else {},
        )
        answer = self._workers.ask_one(
            Send(theirs, parts, patience),
            stopping,
            sent=self._note,
            needs=self._urls,
            let_end_s=_LET_SEND_S,
        )
        found: PartsSent | PartsNotSent = answer.found
        name = self._workers.name(answer.worker)
        if isinstance(found, PartsSent):
            self._note(sum(self._length(number) for number in task.send))
            return replace(found, worker=name)
        if found.reason is Reason.STOPPED:  # by Dask, not by the run
            raise WorkerLost
        message = f"on worker '{name}': {found.message}" if found.message else ""
        return replace(found, message=message)

    def _note(self, size: int) -> None:
        self._add(size - self._sent)
        self._sent = size

    def _length(self, number: int) -> int:
        return min(self._task.part_size, self._task.size - (number - 1) * self._task.part_size)

    def _urls(self, worker: str, number: int) -> Mapping[int, str]:
        if self._worker not in {"", worker}:
            raise WorkerLost
        self._worker = worker
        signed, self._signed = self._signed, {}
        return signed if number in signed else self._sign(number)


class _Permits:
    """Bounds the parts in flight of all workers together, and of each task."""

    def __init__(self, count: int, most: int) -> None:
        """So many permits; a task gets at most `most`."""
        self._free, self._most = count, most
        self._changed = threading.Condition()

    def take(self, wanted: int, stopping: Callable[[], bool]) -> int:
        """Take at least one permit, and at most half of those that are left beside it."""
        with self._changed:
            while not self._free:
                if stopping():
                    raise Interrupted
                self._changed.wait(_LOOK_S)
            taken = max(1, min(wanted, self._most, self._free // 2))
            self._free -= taken
            return taken

    def give_back(self, taken: int) -> None:
        """Return permits, and wake who waits for them."""
        with self._changed:
            self._free += taken
            self._changed.notify_all()
