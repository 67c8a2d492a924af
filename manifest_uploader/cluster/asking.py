"""Asks workers, and hears what they report.

A call is given to one worker. If that one ends, the call is lost, and whoever asked decides whether
to ask another one.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Any, Final

import distributed
import msgspec
from msgspec import Struct

from manifest_uploader.cluster.calls import Answer, Call, Hello, Requests, Work
from manifest_uploader.cluster.link import Link
from manifest_uploader.cluster.nodes import Nodes
from manifest_uploader.cluster.on_worker import REFUSALS, deliver
from manifest_uploader.cluster.seats import Seats
from manifest_uploader.engine.data_plane import MOST_LOST
from manifest_uploader.engine.progress import Load
from manifest_uploader.errors import CannotGoOn, ExtraMissing, PlatformUnreachable, UploaderError
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.platform.traffic import Meter

LOOK_S: Final = 0.5
"""Longest single wait for a worker; stopping ends it."""
_DELIVER_S: Final = 30.0
"""Longest time until a worker has URLs that it asked for."""


class WorkerLost(Exception):
    """A worker, or the scheduler, ended before there was an answer."""


class _Ended(Struct, frozen=True):
    """A call has ended."""


class _Gone(Struct, frozen=True):
    """The worker that was given a call has ended."""


class _Needs(Struct, frozen=True):
    """The worker asks for URLs, of this part and others."""

    number: int


class _Given(Struct, frozen=True):
    """A call that a worker was given."""

    worker: str
    """Its address."""
    inbox: SimpleQueue[Any]
    """What is to be told to whoever waits for the answer."""


class Asking:
    """Asks the workers of one scheduler for one run, from any thread."""

    def __init__(self, link: Link, run: str, slots: int, most_workers: int | None = None) -> None:
        """Prepare.

        Args:
            link: to the scheduler.
            run: a name that no other run has.
            slots: how many calls a worker performs at a time.
            most_workers: how many workers there will be in all; None: others may join.

        """
        self._link, self._run, self._slots = link, run, slots
        self._most_workers = most_workers
        self._seats = Seats(slots, self._addresses, check=self._check)
        self._numbers = itertools.count(1)
        self._given: dict[str, _Given] = {}
        """By call."""
        self._news: SimpleQueue[str] = SimpleQueue()
        self._nodes: Nodes | None = None
        self.meter: Meter | None = None
        """Is told of the workers' requests to storage."""
        link.subscribe(run, self._hear)

    def begin(self, root: str) -> None:
        """Let workers join that see the folder of the files, if they may not yet."""
        if self._nodes is None:
            hello = Hello(self._run, self._slots, root)
            self._nodes = Nodes(self._link, hello, tell=self._news.put, lost=self._lose)

    def close(self) -> None:
        """Let the workers forget this run."""
        if self._nodes is not None:
            self._nodes.close()

    # -- who there is --

    def name(self, address: str) -> str:
        """What to call the worker at an address."""
        return self._nodes.name(address) if self._nodes is not None else address

    def loads(self) -> tuple[Load, ...]:
        """What each worker does, by name."""
        return self._nodes.loads() if self._nodes is not None else ()

    def _check(self) -> None:
        """Raise CannotGoOn if it is of no use to wait for workers."""
        self._link.check()
        if self._nodes is None or self._most_workers is None:
            return
        if (why := self._nodes.refusal(self._most_workers)) is not None:
            raise CannotGoOn(
                f"no worker can be used: {why}",
                hint="correct --worker-root if you gave it: workers on this machine see the files "
                "where you do",
            )

    def _addresses(self) -> list[str]:
        return self._nodes.addresses() if self._nodes is not None else []

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
        for _ in range(MOST_LOST):
            try:
                return self.ask_one(work, stopping)
            except WorkerLost:
                continue
        raise CannotGoOn(
            f"{MOST_LOST} workers were lost during the same task",
            hint="perhaps each has too little memory; then run the same command again",
        )

    def ask_one(
        self,
        work: Work,
        stopping: Callable[[], bool],
        *,
        sent: Callable[[int], None] = lambda _: None,
        needs: Callable[[int], Mapping[int, str]] = lambda _: {},
        let_end_s: float = 0.0,
    ) -> Answer:
        """The answer of a worker.

        Args:
            work: what it is asked.
            stopping: whether the run is being stopped.
            sent: is told how many bytes it has sent, in all.
            needs: returns URLs for a part, if those that the worker was given are old or too few.
            let_end_s: how long it may take to end once the run is being stopped.

        Raises:
            WorkerLost: it ended first.

        The exceptions are those of `ask` and of `needs`.
        """
        call = Call(f"{next(self._numbers)}", self._run, work)
        inbox: SimpleQueue[Any] = SimpleQueue()
        seat = self._seats.take(stopping)
        future = None
        try:
            self._given[call.id] = _Given(seat, inbox)
            if seat not in self._addresses():  # it ended meanwhile, and nobody will tell
                raise WorkerLost
            future = self._link.submit(call, seat, stopping=stopping)
            future.add_done_callback(lambda _: inbox.put(_Ended()))
            patient = _patient(stopping, let_end_s)
            while True:
                match self._next(inbox, future, patient):
                    case _Ended():
                        return self._answer(future)
                    case _Gone() if not future.done():
                        raise WorkerLost
                    case int(size):
                        sent(size)
                    case _Needs(number=number):
                        self._deliver(seat, call.id, needs(number), patient)
        finally:
            self._seats.give_back(seat)
            self._given.pop(call.id, None)
            if future is not None:
                self._link.cancel(future)

    def _lose(self, address: str) -> None:
        """Tell the calls that a worker was given that it has ended."""
        for given in list(self._given.values()):
            if given.worker == address:
                given.inbox.put(_Gone())

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
                return inbox.get(timeout=LOOK_S)
            except Empty:
                if future.done():
                    return _Ended()

    def _deliver(
        self, worker: str, call: str, urls: Mapping[int, str], stopping: Callable[[], bool]
    ) -> None:
        try:
            answers = self._link.run(
                *(deliver, self._run, call, urls),
                workers=[worker],
                longest_s=_DELIVER_S,
                stopping=stopping,
            )
        except (OSError, RuntimeError):
            raise WorkerLost from None
        if isinstance(answers[worker], Exception):
            raise WorkerLost

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
            kind = REFUSALS[refusal.kind]
            if kind is PlatformUnreachable and self._can_do_without(answer.worker, refusal.message):
                raise WorkerLost
            self._raise_refusal(name, kind, refusal.message, refusal.hint)
        return answer

    def _can_do_without(self, address: str, why: str) -> bool:
        """Let a worker rest that cannot reach storage; False if there is no other."""
        assert self._nodes is not None, "there are workers"
        try:
            return self._nodes.let_rest(address, why)
        except (OSError, RuntimeError):
            return True  # the connection to the scheduler was lost, and all calls with it

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
            if (given := self._given.get(event["call"])) is not None:
                given.inbox.put(_Needs(event["needs"]))
            return
        for call, size in event["sent"].items():
            if (given := self._given.get(call)) is not None:
                given.inbox.put(size)
        self._note(msgspec.convert(event["requests"], Requests))
        if self._nodes is not None:
            self._nodes.note(event["worker"], under_way=len(event["sent"]), sent=event["total"])

    def _note(self, requests: Requests) -> None:
        """Count a worker's requests to storage as this machine's own."""
        if self.meter is not None:
            self.meter.add(
                requests.requests,
                requests.retries,
                requests.sent,
                good=requests.good,
                busy=requests.busy,
                trouble=requests.trouble,
            )


def _patient(stopping: Callable[[], bool], seconds: float) -> Callable[[], bool]:
    """Whether a run has been stopping for so long."""
    since: float | None = None

    def is_over() -> bool:
        nonlocal since
        if not stopping():
            return False
        since = time.monotonic() if since is None else since
        return time.monotonic() - since >= seconds

    return is_over
