"""Executes a plan with threads, and tells the observers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Final

from msgspec.structs import replace

from manifest_uploader.engine.data_plane import Copies, DataPlane, Here
from manifest_uploader.engine.data_task import Resources
from manifest_uploader.engine.imports.watcher import Watcher
from manifest_uploader.engine.loop import execute
from manifest_uploader.engine.options import Options
from manifest_uploader.engine.outcomes import Outcome
from manifest_uploader.engine.pool import Threads
from manifest_uploader.engine.progress import Importing, Observer, Progress, Sending
from manifest_uploader.engine.results import CaseEnd
from manifest_uploader.engine.scheduler import Scheduler
from manifest_uploader.engine.session import Session
from manifest_uploader.engine.tally import Pace, Tally
from manifest_uploader.engine.upload import Tools
from manifest_uploader.engine.worker import Worker
from manifest_uploader.files.copies import CopyMaker
from manifest_uploader.files.parts import Buffers
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.plan.inputs import Facts
from manifest_uploader.plan.steps import Create, Fill, Plan, Task, Upload, total_size
from manifest_uploader.platform.model import Target
from manifest_uploader.state.events import Adopted, Done, Event
from manifest_uploader.state.history import History
from manifest_uploader.state.ledger import Ledger
from manifest_uploader.state.receipts import Receipts
from manifest_uploader.state.steps import StepKind
from manifest_uploader.system.daemons import Daemons

_SHOWN: Final = 20
"""Most imports that observers are told of one by one."""
_BUFFERED_PARTS: Final = 6
"""Parts in memory, of all uploads together: 48 MiB."""


class Journal:
    """Records events, then tells the observers."""

    def __init__(self, ledger: Ledger, observers: Sequence[Observer]) -> None:
        self._ledger, self._observers = ledger, observers
        self.uploads = 0
        """Uploads completed in this run."""

    @property
    def history(self) -> History:
        """What all runs did so far."""
        return self._ledger.history

    def warn(self, warnings: tuple[Problem, ...]) -> None:
        """Tell the observers what is odd about the files, and not wrong for certain."""
        for observer in self._observers if warnings else ():
            observer.warn(warnings)

    def begin(self, plan: Plan, target: Target) -> None:
        """Tell the observers what the run is about to do."""
        for observer in self._observers:
            observer.begins(plan, target)

    def record(self, events: Iterable[Event]) -> None:
        """Record events, then tell the observers."""
        self.tell(self._ledger.record(events))
        self._ledger.tick()

    def tell(self, events: Iterable[Event]) -> None:
        """Tell the observers about recorded events."""
        for event in events:
            self.uploads += isinstance(event, Done) and event.step.kind is StepKind.UPLOAD
            for observer in self._observers:
                observer.event(event)

    def tick(self, progress: Progress, ended: Iterable[CaseEnd], notes: Iterable[str]) -> None:
        """Tell the observers how far the run is."""
        for observer in self._observers:
            for end in ended:
                observer.case_ended(end)
            for note in notes:
                observer.note(note)
            observer.tick(progress)

    def sync(self) -> None:
        """Wait until everything recorded is on the disk."""
        self._ledger.sync()


class Execution:
    """One run of a plan."""

    def __init__(
        self,
        options: Options,
        session: Session,
        plan: Plan,
        threads: Threads,
        journal: Journal,
        now: Callable[[], float] = time.time,
        *,
        uid_key: str | None = None,
    ) -> None:
        """Prepare; `uid_key`, in hex, makes the UIDs of image sets, if the plan sends any."""
        self._copies = _copies(options, uid_key, threads) if uid_key is not None else None
        self._options, self._session, self._threads = options, session, threads
        self._plan, self._journal = plan, journal
        self._now = now
        self._bytes = total_size(plan)
        self._tally, self._pace = Tally(), Pace()
        self._notes: list[str] = []
        self._noted: set[str] = set()

    def run(
        self,
        scheduler: Scheduler,
        facts: Facts,
        *,
        then: Callable[[Scheduler], Scheduler | None] = lambda _: None,
    ) -> Scheduler:
        """Execute the plan, and the one that follows it, if any.

        Args:
            scheduler: of the plan.
            facts: what the platform showed.
            then: the scheduler of the plan that follows; called once the first has ended.

        Returns:
            The last scheduler.

        """
        jobs = self._options.jobs
        receipts = Receipts(self._options.receipts)
        with Daemons(jobs, "part") as senders, closing(receipts):
            watcher = self._watcher(facts)
            resources = Resources(
                senders,
                jobs,
                Buffers(max(2, min(_BUFFERED_PARTS, jobs))),
                lambda: self._threads.stopping,
            )
            worker = Worker(
                self._session.target,
                self._session.root,
                Tools(
                    self._session.client,
                    self._plane(resources),
                    resources.stopping,
                    self._threads.emit,
                    self._warn,
                    self._tally,
                ),
                watcher,
                copies=self._copies,
                receive=receipts.add,
            )

            def perform(task: Task) -> Iterator[Outcome]:
                if isinstance(task, Create | Fill):
                    self._journal.sync()  # its record must be on the disk before it is sent
                yield from worker.perform(task)

            self._threads.start(perform)
            try:
                self._execute(scheduler, receipts)
                following = None if self._threads.stopping else then(scheduler)
                if following is not None:
                    self._execute(following, receipts)
                return following or scheduler
            finally:
                self._threads.close()
                if self._copies is not None:
                    self._copies.close()
                if self._threads.gave_up:  # a thread that waits for a silent server is woken
                    self._session.client.close()

    def _plane(self, resources: Resources) -> DataPlane:
        """Where the bytes are sent from."""
        client, options = self._session.client, self._options
        here = Here(client.storage, resources)
        if options.workers is None:
            return here
        return options.workers.plane(
            here,
            most_parts=options.jobs,
            patience=options.patience,
            meter=client.meter,
            stopping=resources.stopping,
        )

    def _execute(self, scheduler: Scheduler, receipts: Receipts) -> None:
        for events in execute(scheduler, self._threads):
            self._journal.record(events)
            for event in events:
                if isinstance(event, Adopted):
                    receipts.add_adopted(event)
            self._tick(scheduler)

    def _watcher(self, facts: Facts) -> Watcher:
        listing = self._session.listing
        waits = {wait.item for case in self._plan.cases for wait in case.waits}
        sends = any(case.create or case.fill for case in self._plan.cases)
        listed = {} if sends else listing.known(waits)
        if sends or waits:
            listing.forget()  # it is outdated when the run ends
        return Watcher(
            self._session.client,
            self._session.target,
            sessions=self._session.ledger.history.sessions,
            refused_after_s=self._options.refused_after_s,
            target_size=facts.items,
            listed=listed,
            clock=self._now,
        )

    def _warn(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self._notes.append(text)

    def _tick(self, scheduler: Scheduler) -> None:
        now, meter = time.monotonic(), self._session.client.meter
        self._now()  # so that it notices when the computer sleeps
        notes, self._notes = self._notes, []
        workers = self._options.workers
        notes += workers.news() if workers is not None else []
        self._pace.note(self._tally.sent, now)
        uploads, imports = scheduler.under_way
        progress = Progress(
            len(self._plan.cases),
            scheduler.ended,
            scheduler.waiting,
            max(0, self._bytes - self._tally.spared - scheduler.bytes_dropped),
            self._tally.sent,
            self._pace.speed(now),
            is_sending=scheduler.is_sending,
            paused=scheduler.paused[0] if scheduler.paused else None,
            paused_jobs=scheduler.jobs.are_paused,
            doubted=scheduler.jobs.doubted,
            trouble=meter.trouble,
            silent_s=meter.silent_s(),
            eased=self._threads.eased,
            stopping=self._threads.stopping,
            workers=workers.loads() if workers is not None else None,
            sending=_sending(uploads, self._tally),
            importing=tuple(
                Importing(wait.case, wait.socket, max(0.0, self._now() - wait.since), wait.job)
                for wait in islice(imports, _SHOWN)
            ),
        )
        ended = [self._session.with_item(one) for one in scheduler.take_ended()]
        self._journal.tick(progress, ended, notes)


def _copies(options: Options, uid_key: str, threads: Threads) -> Copies:
    if options.workers is None:
        return CopyMaker(uid_key)
    return options.workers.copies(uid_key, lambda: threads.stopping)


def _sending(uploads: Iterable[Upload], tally: Tally) -> tuple[Sending, ...]:
    """What is being sent; several uploads into one socket are one."""
    found: dict[tuple[str, str], Sending] = {}
    for one in uploads:
        sent = min(one.size, tally.held(one.step))
        key = (one.case, one.socket)
        if (was := found.get(key)) is None:
            found[key] = Sending(one.case, one.socket, one.name, one.size, sent)
        else:
            found[key] = replace(
                was, size=was.size + one.size, sent=was.sent + sent, uploads=was.uploads + 1
            )
    return tuple(found.values())
