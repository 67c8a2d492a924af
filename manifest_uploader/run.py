"""The commands, each a straight line of calls."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader import history as past_of
from manifest_uploader import lock, state
from manifest_uploader.agenda import Agenda
from manifest_uploader.answers import Interrupted
from manifest_uploader.confirm import Watcher
from manifest_uploader.desk import Desk
from manifest_uploader.execute import execute
from manifest_uploader.fills import Filler
from manifest_uploader.manifest import without_collector
from manifest_uploader.model import (
    CaseEnd,
    CasePast,
    Create,
    Done,
    Event,
    Facts,
    Fill,
    History,
    Manifest,
    Outcome,
    Plan,
    Record,
    Standing,
    Started,
    Summary,
    Target,
    Task,
    Traffic,
)
from manifest_uploader.plan import make_plan
from manifest_uploader.pools import Threads
from manifest_uploader.prepare import (
    Bench,
    Options,
    Reading,
    ask_leave,
    gather,
    local_problems,
    open_bench,
    presume,
    read_manifest,
    refuse,
    settled,
    temporary_title,
)
from manifest_uploader.receipts import Receipts
from manifest_uploader.settle import repeated
from manifest_uploader.streams import Buffers
from manifest_uploader.survey import check_rights
from manifest_uploader.traffic import Meter
from manifest_uploader.upload import Tools
from manifest_uploader.worker import Worker

_BUFFERED_PARTS: Final = 6
"""In memory, all uploads together: 48 MiB."""


class Progress(Struct, frozen=True):
    """Where a run is, for display only."""

    cases: int
    ended: int
    waiting: int
    """Cases filled and not yet seen."""
    total_bytes: int
    traffic: Traffic
    elapsed_s: float
    paused: str | None = None
    paused_s: float = 0.0
    trouble: str | None = None
    eased: bool = False
    stopping: bool = False


class Observer(Protocol):
    """Is told what happens, after it was written down; tells nothing back."""

    def begins(self, plan: Plan, target: Target) -> None:
        """A run begins to act on a plan."""

    def event(self, event: Event) -> None:
        """Something happened."""

    def case_ended(self, end: CaseEnd) -> None:
        """A case has ended, for this run."""

    def tick(self, progress: Progress) -> None:
        """Twice a second at least."""

    def note(self, text: str) -> None:
        """Something that a person should know."""

    def ends(self, summary: Summary) -> None:
        """The run has ended."""


# ── validate, plan, status ──────────────────────────────────────────────────────────────────


def validate(options: Options) -> Manifest:
    """Find everything that is wrong; nothing is changed.

    Raises:
        ManifestInvalid: with every problem.

    """
    reading = read_manifest(options)
    if options.platform is None:
        refuse(local_problems(options, reading))
    else:
        _plan(options, reading)
    return reading.manifest


def plan(options: Options) -> tuple[Plan, Facts]:
    """What a run would do now; nothing is changed and nothing is written."""
    with _gathering():
        reading = read_manifest(options)
    return _plan(options, reading)


def _plan(options: Options, reading: Reading) -> tuple[Plan, Facts]:
    from manifest_uploader.connection import Connection  # noqa: PLC0415 - late: 0.1 s of CPU

    assert options.platform is not None
    found = Connection(options.platform, patience=options.patience)
    with closing(found) as connection, _gathering():
        bench = open_bench(options, reading, connection)
        settled(bench)
        presume(bench)
        desk = gather(options, bench)
        check_rights(bench.target, connection)
        plan = make_plan(desk, temporary=temporary_title)
        return plan, replace(desk.facts, values={})  # the plan holds what it took of them


@contextmanager
def _gathering() -> Iterator[None]:
    """What is gathered stays: no collection walks through it, neither now nor later."""
    with without_collector():
        yield
        gc.freeze()


class Stand(Struct, frozen=True):
    """Where one case stands, by the state file alone."""

    case: str
    title: str
    standing: Standing
    item: str | None
    words: str | None


def status(options: Options) -> Iterator[Stand]:
    """Where each case stands, from the state file alone."""
    manifest = read_manifest(options).manifest
    history = past_of.fold(state.stream(options.state).records)
    for case in manifest.cases:
        yield stand_of(case.name, case.title, history.cases.get(case.name, past_of.EMPTY))


def stand_of(case: str, title: str, past: CasePast) -> Stand:
    """Where a case stands, by what is written down."""
    failed = [f"{slug}: {socket.words}" for slug, socket in past.sockets.items() if socket.words]
    return Stand(case, title, past_of.standing(past), past.item, "; ".join(failed) or past.words)


# ── run ─────────────────────────────────────────────────────────────────────────────────────


def run(options: Options, observers: Sequence[Observer], stop: threading.Event) -> Summary:
    """Do it all, and see it done.

    Raises:
        ManifestInvalid: nothing was sent.
        CannotGoOn: the same command goes on once the cause is mended.

    """
    from manifest_uploader.connection import Connection  # noqa: PLC0415 - late: 0.1 s of CPU

    assert options.platform is not None
    started = time.monotonic()
    with _gathering():
        reading = read_manifest(options)
    with lock.held(options.state, take_over=options.take_over, command=options.command):
        meter = Meter()
        threads = Threads(options.jobs, stop=stop, pressure=meter.take_pressure)
        connection = Connection(
            options.platform,
            patience=options.patience,
            meter=meter,
            stopping=lambda: threads.stopping,
        )
        with closing(connection):
            with _gathering():
                bench = open_bench(options, reading, connection)
                found = settled(bench)
                desk = gather(options, bench)
                ask_leave(bench, desk)
            with _writing(options, bench) as writer:
                log = _Log(writer, bench, observers)
                log.follow(found)
                _send_again(bench, desk, log)
                with _gathering():
                    plan = make_plan(replace(desk, history=log.history), temporary=temporary_title)
                log.begins(plan)
                agenda = _agenda(options, plan, desk.facts)
                _Acting(options, bench, plan, threads, log).act(agenda, started, desk.facts)
                return _summary(agenda, log, plan, meter.traffic(), time.monotonic() - started)


def _send_again(bench: Bench, desk: Desk, log: _Log) -> None:
    """Learn what became of the fills that looking could not settle."""
    filler = Filler(bench.connection, bench.target, bench.root)
    names = [desk.renamed.get(case.name, case.name) for case in bench.manifest.cases]
    again = repeated(log.history, names, desk.facts.sockets, bench.target, filler.fill)
    with suppress(Interrupted):
        for event in again:
            log.follow([event])
            log.make_durable(event)


@contextmanager
def _writing(options: Options, bench: Bench) -> Iterator[state.Writer]:
    writer = state.Writer(options.state)
    with closing(writer):
        writer.bind(bench.stored, bench.binding.platform, bench.target)
        yield writer


class _Log:
    """Writes events down, then tells those who watch."""

    def __init__(self, writer: state.Writer, bench: Bench, observers: Sequence[Observer]) -> None:
        self._writer, self._observers, self._target = writer, observers, bench.target
        self._folding = past_of.Folding(bench.history)
        self.uploads = 0

    @property
    def history(self) -> History:
        """What was done so far, in all runs."""
        return self._folding.history

    def begins(self, plan: Plan) -> None:
        """Tell what is about to be done."""
        for observer in self._observers:
            observer.begins(plan, self._target)

    def follow(self, events: Iterable[Event]) -> None:
        """Write down first, then tell."""
        events = list(events)
        self._writer.record([event for event in events if self._is_kept(event)])
        now = time.time()
        for event in events:
            self._folding.take(Record(now, event))
            self.uploads += isinstance(event, Done) and event.socket is not None
            for observer in self._observers:
                observer.event(event)
        self._writer.tick()

    def _is_kept(self, event: Event) -> bool:
        """An upload's beginning says nothing that its row does not, but after a failure."""
        if not isinstance(event, Started) or event.socket is None:
            return True
        past = self.history.cases.get(event.case)
        return past is not None and past.words is not None

    def make_durable(self, task: Task | Event) -> None:
        """What must not be sent twice is on the disk before it is sent."""
        if isinstance(task, Create | Fill | Started):
            self._writer.sync()

    def tick(self, progress: Progress, ended: Iterable[CaseEnd], notes: Iterable[str]) -> None:
        """Tell how far it is."""
        for observer in self._observers:
            for end in ended:
                observer.case_ended(end)
            for note in notes:
                observer.note(note)
            observer.tick(progress)


def _agenda(options: Options, plan: Plan, facts: Facts) -> Agenda:
    policy = replace(options.policy, window=max(options.policy.window, 4 * options.jobs))
    return Agenda(
        plan,
        policy,
        sockets=facts.sockets,
        clock=time.monotonic,
        now=time.time,
        rows_free=options.choices.upload_limit - facts.rows_used,
    )


class _Acting:
    """Everything that acting on a plan needs."""

    def __init__(
        self, options: Options, bench: Bench, plan: Plan, threads: Threads, log: _Log
    ) -> None:
        self._options, self._bench, self._threads = options, bench, threads
        self._plan, self._log = plan, log
        self._bytes = sum_bytes(plan)
        self._notes: list[str] = []
        self._said: set[str] = set()

    def act(self, agenda: Agenda, started: float, facts: Facts) -> None:
        """Follow the plan to its end."""
        jobs = self._options.jobs
        with ThreadPoolExecutor(jobs, "part") as senders, self._receipts() as receipts:
            watcher = self._watcher(facts)
            if self._has_uploads():
                noticed = watcher.baseline(self._bench.failed_before)
                self._log.follow([noticed] if noticed is not None else [])
            worker = Worker(
                self._bench.target,
                self._bench.root,
                self._tools(senders),
                watcher,
                buffers=Buffers(max(2, min(_BUFFERED_PARTS, jobs))),
                receive=receipts.add,
            )

            def perform(task: Task) -> Iterator[Outcome]:
                self._log.make_durable(task)
                yield from worker.perform(task)

            self._threads.start(perform)
            try:
                for events in execute(agenda, self._threads):
                    self._log.follow(events)
                    self._tick(agenda, started)
            finally:
                self._threads.close()

    def _tools(self, senders: ThreadPoolExecutor) -> Tools:
        return Tools(
            self._bench.connection,
            senders,
            self._options.jobs,
            self._threads.emit,
            self._warn,
            lambda: self._threads.stopping,
        )

    def _watcher(self, facts: Facts) -> Watcher:
        return Watcher(
            self._bench.connection,
            self._bench.target,
            sessions=self._bench.history.sessions,
            refused_after_s=self._options.refused_after_s,
            target_size=facts.items,
        )

    @contextmanager
    def _receipts(self) -> Iterator[Receipts]:
        with closing(Receipts(self._options.receipts)) as receipts:
            yield receipts

    def _has_uploads(self) -> bool:
        return any(case.uploads for case in self._plan.cases)

    def _warn(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._notes.append(text)

    def _tick(self, agenda: Agenda, started: float) -> None:
        now = time.monotonic()
        paused = agenda.paused
        ended = agenda.take_ended()
        notes, self._notes = self._notes, []
        progress = Progress(
            len(self._plan.cases),
            agenda.ended,
            agenda.waiting,
            self._bytes,
            self._bench.connection.meter.traffic(),
            now - started,
            paused=paused[0] if paused else None,
            paused_s=now - paused[1] if paused else 0.0,
            trouble=self._bench.connection.meter.trouble,
            eased=self._threads.eased,
            stopping=self._threads.stopping,
        )
        self._log.tick(progress, ended, notes)


def sum_bytes(plan: Plan) -> int:
    """The bytes of all files that the plan sends."""
    return sum(upload.size for case in plan.cases for upload in case.uploads)


def _summary(agenda: Agenda, log: _Log, plan: Plan, traffic: Traffic, elapsed_s: float) -> Summary:
    leftovers = tuple(
        (name, past.item)
        for name, past in log.history.cases.items()
        if past.item is not None and past.title is None and not past.gone
    )
    stuck = agenda.stuck_words()
    notes = (*plan.notes, *agenda.notes, *((stuck,) if stuck else ()))
    return Summary(agenda.ends(), log.uploads, traffic, elapsed_s, leftovers, notes)
