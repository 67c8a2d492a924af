"""The commands, each a straight line of calls."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import Final

from msgspec.structs import replace

from manifest_uploader.engine.fill import Filler
from manifest_uploader.engine.imports.watcher import Watcher
from manifest_uploader.engine.loop import execute
from manifest_uploader.engine.options import Options
from manifest_uploader.engine.outcomes import Outcome
from manifest_uploader.engine.pool import Threads
from manifest_uploader.engine.progress import Observer, Progress
from manifest_uploader.engine.recovery import repeated
from manifest_uploader.engine.results import CaseEnd, Summary
from manifest_uploader.engine.scheduler import Scheduler
from manifest_uploader.engine.session import (
    Reading,
    Session,
    check_edit_rights,
    gather,
    local_problems,
    open_session,
    presume,
    read_manifest,
    refuse,
    settled,
    temporary_title,
)
from manifest_uploader.engine.survey import check_rights
from manifest_uploader.engine.upload import Tools
from manifest_uploader.engine.worker import Worker
from manifest_uploader.files.parts import Buffers
from manifest_uploader.manifest.model import Manifest
from manifest_uploader.manifest.parser import without_collector
from manifest_uploader.plan.cases import make_plan
from manifest_uploader.plan.inputs import Facts, PlanInputs
from manifest_uploader.plan.steps import Create, Fill, Plan, Task
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.platform.traffic import Meter, Traffic
from manifest_uploader.state import file as state_file
from manifest_uploader.state import lock
from manifest_uploader.state.events import Done, Event, Record, Started
from manifest_uploader.state.history import EMPTY, Folding, History, fold
from manifest_uploader.state.receipts import Receipts
from manifest_uploader.state.standing import Stand, stand_of

_BUFFERED_PARTS: Final = 6
"""In memory, all uploads together: 48 MiB."""


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
    from manifest_uploader.platform.client import Client  # noqa: PLC0415 - late: 0.1 s of CPU

    assert options.platform is not None
    found = Client(options.platform, patience=options.patience)
    with closing(found) as client, _gathering():
        session = open_session(options, reading, client)
        settled(session)
        presume(session)
        inputs = gather(options, session)
        check_rights(session.target, client)
        plan = make_plan(inputs, temporary=temporary_title)
        return plan, replace(inputs.facts, values={})  # the plan holds what it took of them


@contextmanager
def _gathering() -> Iterator[None]:
    """What is gathered stays: no collection walks through it, neither now nor later."""
    with without_collector():
        yield
        gc.freeze()


def status(options: Options) -> Iterator[Stand]:
    """Where each case stands, from the state file alone."""
    manifest = read_manifest(options).manifest
    history = fold(state_file.stream(options.state).records)
    for case in manifest.cases:
        yield stand_of(case.name, case.title, history.cases.get(case.name, EMPTY))


# ── run ─────────────────────────────────────────────────────────────────────────────────────


def run(options: Options, observers: Sequence[Observer], stop: threading.Event) -> Summary:
    """Do it all, and see it done.

    Raises:
        ManifestInvalid: nothing was sent.
        CannotGoOn: the same command goes on once the cause is mended.

    """
    from manifest_uploader.platform.client import Client  # noqa: PLC0415 - late: 0.1 s of CPU

    assert options.platform is not None
    started = time.monotonic()
    with _gathering():
        reading = read_manifest(options)
    with lock.held(options.state, take_over=options.take_over, command=options.command):
        meter = Meter()
        threads = Threads(options.jobs, stop=stop, pressure=meter.take_pressure)
        client = Client(
            options.platform,
            patience=options.patience,
            meter=meter,
            stopping=lambda: threads.stopping,
        )
        with closing(client):
            with _gathering():
                session = open_session(options, reading, client)
                found = settled(session)
                inputs = gather(options, session)
                check_edit_rights(session, inputs)
            with _writing(options, session) as writer:
                log = _Log(writer, session, observers)
                log.follow(found)
                _send_again(session, inputs, log)
                with _gathering():
                    plan = make_plan(
                        replace(inputs, history=log.history), temporary=temporary_title
                    )
                log.begins(plan)
                scheduler = _scheduler(options, plan, inputs.facts)
                _Acting(options, session, plan, threads, log).act(scheduler, started, inputs.facts)
                return _summary(scheduler, log, plan, meter.traffic(), time.monotonic() - started)


def _send_again(session: Session, inputs: PlanInputs, log: _Log) -> None:
    """Learn what became of the fills that looking could not settle."""
    filler = Filler(session.client, session.target, session.root)
    names = [inputs.renamed.get(case.name, case.name) for case in session.manifest.cases]
    again = repeated(log.history, names, inputs.facts.sockets, session.target, filler.fill)
    with suppress(Interrupted):
        for event in again:
            log.follow([event])
            log.make_durable(event)


@contextmanager
def _writing(options: Options, session: Session) -> Iterator[state_file.Writer]:
    writer = state_file.Writer(options.state)
    with closing(writer):
        writer.bind(session.stored, session.binding.platform, session.target)
        yield writer


class _Log:
    """Writes events down, then tells those who watch."""

    def __init__(
        self, writer: state_file.Writer, session: Session, observers: Sequence[Observer]
    ) -> None:
        self._writer, self._observers, self._target = writer, observers, session.target
        self._folding = Folding(session.history)
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


def _scheduler(options: Options, plan: Plan, facts: Facts) -> Scheduler:
    policy = replace(options.policy, window=max(options.policy.window, 4 * options.jobs))
    return Scheduler(
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
        self, options: Options, session: Session, plan: Plan, threads: Threads, log: _Log
    ) -> None:
        self._options, self._session, self._threads = options, session, threads
        self._plan, self._log = plan, log
        self._bytes = sum_bytes(plan)
        self._notes: list[str] = []
        self._said: set[str] = set()

    def act(self, scheduler: Scheduler, started: float, facts: Facts) -> None:
        """Follow the plan to its end."""
        jobs = self._options.jobs
        with ThreadPoolExecutor(jobs, "part") as senders, self._receipts() as receipts:
            watcher = self._watcher(facts)
            if self._has_uploads():
                noticed = watcher.baseline(self._session.failed_before)
                self._log.follow([noticed] if noticed is not None else [])
            worker = Worker(
                self._session.target,
                self._session.root,
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
                for events in execute(scheduler, self._threads):
                    self._log.follow(events)
                    self._tick(scheduler, started)
            finally:
                self._threads.close()

    def _tools(self, senders: ThreadPoolExecutor) -> Tools:
        return Tools(
            self._session.client,
            senders,
            self._options.jobs,
            self._threads.emit,
            self._warn,
            lambda: self._threads.stopping,
        )

    def _watcher(self, facts: Facts) -> Watcher:
        return Watcher(
            self._session.client,
            self._session.target,
            sessions=self._session.history.sessions,
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

    def _tick(self, scheduler: Scheduler, started: float) -> None:
        now = time.monotonic()
        paused = scheduler.paused
        ended = scheduler.take_ended()
        notes, self._notes = self._notes, []
        progress = Progress(
            len(self._plan.cases),
            scheduler.ended,
            scheduler.waiting,
            self._bytes,
            self._session.client.meter.traffic(),
            now - started,
            paused=paused[0] if paused else None,
            paused_s=now - paused[1] if paused else 0.0,
            trouble=self._session.client.meter.trouble,
            eased=self._threads.eased,
            stopping=self._threads.stopping,
        )
        self._log.tick(progress, ended, notes)


def sum_bytes(plan: Plan) -> int:
    """The bytes of all files that the plan sends."""
    return sum(upload.size for case in plan.cases for upload in case.uploads)


def _summary(
    scheduler: Scheduler, log: _Log, plan: Plan, traffic: Traffic, elapsed_s: float
) -> Summary:
    leftovers = tuple(
        (name, past.item)
        for name, past in log.history.cases.items()
        if past.item is not None and past.title is None and not past.gone
    )
    stuck = scheduler.stuck_words()
    notes = (*plan.notes, *scheduler.notes, *((stuck,) if stuck else ()))
    return Summary(scheduler.ends(), log.uploads, traffic, elapsed_s, leftovers, notes)
