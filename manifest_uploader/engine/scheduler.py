"""Decides what a run does next, and knows how each case stands. Pure: times are given.

Cases begin in the manifest's order and finish one by one, so that memory grows with the window and
not with the manifest. Uploads begin in that order too: if there is room for only a few, the first
cases get all of theirs and are filled, which makes room again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from manifest_uploader.engine.case_flow import CaseFlow
from manifest_uploader.engine.jobs.flow import JobFlow
from manifest_uploader.engine.options import Policy
from manifest_uploader.engine.outcomes import (
    Beginning,
    Counted,
    Doubted,
    Finished,
    Looked,
    Outcome,
    Settled,
    Ticketed,
    Watched,
)
from manifest_uploader.engine.pilots import ALIKE
from manifest_uploader.engine.remarks import Remarks, left_notes
from manifest_uploader.engine.results import CaseEnd, End
from manifest_uploader.engine.upload_room import UploadRoom
from manifest_uploader.plan.requests import started
from manifest_uploader.plan.reuse import sources_first
from manifest_uploader.plan.steps import (
    CountJobs,
    Create,
    Fill,
    Look,
    MakeTickets,
    Plan,
    Upload,
    Wait,
    Watch,
)
from manifest_uploader.platform.model import Socket
from manifest_uploader.state.events import (
    Confirmed,
    Done,
    Event,
    Failed,
    Failure,
    Gone,
    ImportFailed,
    Opened,
    Paused,
    Started,
    Unsure,
)
from manifest_uploader.state.steps import StepKind


class Scheduler:
    """Decides what to do next, and knows how each case stands."""

    def __init__(
        self,
        plan: Plan,
        policy: Policy,
        *,
        sockets: Mapping[str, Socket],
        clock: Callable[[], float],
        now: Callable[[], float],
        rows_free: int = 0,
        after: Scheduler | None = None,
    ) -> None:
        """Prepare to execute a plan.

        Args:
            plan: what to do.
            policy: how to wait.
            sockets: by slug.
            clock: monotonic, in seconds.
            now: seconds since 1970.
            rows_free: how many more upload rows the account may hold.
            after: what the plan before came to; this plan is for the cases that it held.

        """
        self.error: BaseException | None = None
        self._notes: list[str] = []
        self._remarks = Remarks()
        self._policy, self._clock, self._now = policy, clock, now
        plan = replace(plan, cases=sources_first(plan.cases))
        self._not_begun = deque(plan.cases)
        self._flow: CaseFlow = CaseFlow(
            plan,
            sockets=sockets,
            clock=clock,
            now=now,
            rows_free=rows_free,
            after=None if after is None else after._flow,
        )
        self._queue, self._imports = self._flow.queue, self._flow.imports
        self._limits = self._queue.limits
        self._under_way = 0
        self._room: Final = UploadRoom(self._flow, clock=clock)
        self._halted = False
        self.jobs: Final = JobFlow(self._flow, policy, clock=clock, now=now)
        if plan.no_start is not None:
            self._stop_starting(plan.no_start)
        self._in_look: frozenset[str] = frozenset()
        self._looked: frozenset[str] = frozenset()
        """Cases with imports of earlier runs, and still so after a look at these."""
        self._waiting_before: set[str] = set()

    # -- for the loop --

    def is_over(self, *, stopping: bool) -> bool:
        """Whether nothing is under way, and nothing more may begin or be waited for."""
        if self._under_way:
            return False
        if stopping or self._halted or self.error is not None or self._is_stuck():
            return True
        if self._not_begun or self._queue or self._flow.doubts:
            return False
        return not self._imports or not (self._policy.wait or self._not_looked)

    def begin(self, limit: int, *, stopping: bool) -> Beginning:
        """What to begin now, with at most `limit` tasks under way."""
        beginning = Beginning()
        if stopping or self._halted or self.error is not None:
            return beginning
        window = max(self._policy.window, limit) + len(self._put_off)
        while self._not_begun and self._flow.busy < window and len(self._queue) < limit:
            self._flow.begin(case := self._not_begun.popleft())
            beginning.events += (*case.found, *self._flow.take_found())
            if case.waits:
                self._waiting_before.add(case.case)
        beginning.tasks += self._flow.doubts.due(self._clock())
        while self._under_way + len(beginning.tasks) < limit:
            task = self._queue.next()
            if task is None:
                break
            self._begin_task(task, beginning)
        self._begin_watch(beginning)
        self._under_way += len(beginning.tasks)
        return beginning

    def take(self, happened: list[Outcome]) -> list[Event]:
        """Process what happened; return the events to record."""
        events: list[Event] = []
        for outcome in happened:
            match outcome:
                case Finished():
                    self._on_finished(outcome)
                case Looked():
                    self._flow.on_looked(outcome, events)
                case Ticketed():
                    self._flow.on_ticketed(outcome)
                case Counted() | Doubted():
                    self.jobs.on_looked(outcome)
                case Settled():
                    for event in self.jobs.on_settled(outcome):
                        events.append(event)
                        self._on_event(event, events)
                case Watched():
                    self._on_watched(outcome)
                case _:
                    events.append(outcome)
                    self._on_event(outcome, events)
        self._waiting_before &= self._imports.cases()
        self._looked &= self._earlier
        return [*events, *self._flow.take_found()]

    def ends(self) -> tuple[CaseEnd, ...]:
        """How every case stands, in no particular order; final once the loop has ended."""
        without_images = self._flow.without_images()
        live = self._flow.live.keys() - self._put_off - set(without_images)
        not_begun = (case.case for case in self._not_begun)
        pending = [*live, *not_begun, *self._flow.held, *self.jobs.left]
        waiting = [case for case in self._imports.open_cases() if case not in live]
        return self._flow.ends.all(pending=pending, waiting=[*waiting, *without_images])

    def held(self) -> frozenset[str]:
        """The cases that have been sent, and end only after another look at their items."""
        return frozenset(
            case
            for case in self._flow.held
            if case not in self._flow.live
            and not self._flow.ends.is_deleted(case)
            and not self._flow.ends.is_unsure(case)
            and not self._flow.ends.has_failed_to_send(case)
        )

    def take_ended(self) -> list[CaseEnd]:
        """The cases that ended since the last call."""
        return self._flow.ends.take_new()

    @property
    def ended(self) -> int:
        """How many cases have ended."""
        return len(self._flow.ends)

    @property
    def waiting(self) -> int:
        """How many cases wait for imports."""
        return len(self._imports)

    @property
    def under_way(self) -> tuple[Iterable[Upload], Iterable[Wait]]:
        """The uploads and the imports under way, each in the order in which they began."""
        return self._queue.under_way.values(), self._imports.under_way()

    @property
    def bytes_dropped(self) -> int:
        """Bytes of uploads that are not sent because their cases have ended."""
        return self._flow.bytes_dropped

    @property
    def notes(self) -> list[str]:
        """What the user should know about the run as a whole."""
        left = left_notes(sorted(self._put_off), self._flow.without_images())
        return [*self._notes, *self._remarks.notes(), *left]

    @property
    def paused(self) -> tuple[str, float] | None:
        """Why new uploads wait, and since when by the given clock."""
        limits = (self._limits, self._queue.jobs)
        return next(((one.reason, one.since) for one in limits if one.reason is not None), None)

    @property
    def is_sending(self) -> bool:
        """Whether something is being sent, or will be without waiting for an import."""
        under_way = self._under_way - self._imports.is_watching
        return bool(under_way or self._queue or self._not_begun)

    @property
    def _put_off(self) -> frozenset[str]:
        """The cases that are not filled, because the run does not wait for an earlier import."""
        return frozenset() if self._policy.wait else self._looked & self._flow.after_imports

    @property
    def _earlier(self) -> frozenset[str]:
        """The cases with imports of earlier runs that have not ended."""
        return frozenset(self._waiting_before | self._flow.after_imports)

    @property
    def _not_looked(self) -> bool:
        """Whether a run that never waits has yet to look, once, at imports of earlier runs."""
        return not self._policy.wait and not self._earlier <= self._looked

    # -- beginning --

    def _begin_task(
        self, task: MakeTickets | CountJobs | Create | Fill | Look | Upload, beginning: Beginning
    ) -> None:
        beginning.tasks.append(task)
        match task:
            case Create() | Fill():
                self._flow.live[task.case].sent_at = self._now()
                beginning.events.append(started(task))
            case Upload(row=None):
                beginning.events.append(Started(task.case, task.step, task.socket))

    def _begin_watch(self, beginning: Beginning) -> None:
        hurried = self._flow.after_imports or self._flow.images.waiting or self._queue.is_paused
        busy = bool(self._flow.live or self._not_begun) and not hurried
        is_due = self._imports.is_due(self._clock(), busy=busy)
        if self._not_looked:
            is_due = not self._imports.is_watching  # one look, at once
        if not is_due or not (self._limits.is_paused or self._imports):
            return
        if not self._policy.wait and not self._not_looked and not self._queue.waits:
            return
        self._in_look = self._earlier
        self._imports.begin_watch()
        beginning.tasks.append(Watch(self._imports.all(), count=self._limits.is_paused))

    # -- what happened --

    def _on_finished(self, finished: Finished) -> None:
        self._under_way -= 1
        match finished.task:
            case Watch():
                self._imports.end_watch(self._clock())
                self._looked = self._in_look & self._earlier
            case Upload(step=step):
                self._queue.note_end(step)
            case Create(job=True, case=case):
                self._queue.jobs.ended(case)
        if finished.error is not None and self.error is None:
            self.error = finished.error

    def _on_event(self, event: Event, events: list[Event]) -> None:
        if isinstance(event, Opened | Done | Confirmed | ImportFailed):
            self._flow.note_progress()
        match event:
            case Opened():
                self._on_opened(event)
            case Done():
                self._on_done(event)
            case Failed():
                self._on_failed(event)
            case Unsure():
                self._flow.end_badly(event.case, End.UNSURE, Failure(None, event.why))
            case Paused():
                self._on_paused(event, events)
            case Confirmed():
                self._remarks.add(event)
                self._flow.on_confirmed(event)
            case ImportFailed():
                self._flow.end_import(event.case, event.socket, event.failure)
            case Gone():
                self._flow.on_gone(event)

    def _on_opened(self, event: Opened) -> None:
        if self._queue.note_row(event.step):
            self._flow.note_progress()
        if (live := self._flow.live.get(event.case)) is not None:
            live.note_row(event)

    def _on_done(self, event: Done) -> None:
        if event.step.kind is StepKind.JOB:
            self.jobs.succeed(event.case)
            return
        live = self._flow.live.get(event.case)
        if live is None:
            return
        match event.step.kind:
            case StepKind.FILL:
                if event.kept:
                    self._remarks.add_kept(event)
                self._flow.on_filled(live, event)
            case StepKind.CREATE:
                self._flow.on_created(live, event)
            case StepKind.UPLOAD:
                if self._limits.found(event.step, complete=True):
                    self._flow.note_progress()
                if live.note_upload(event.step.socket or "", event):
                    self._flow.on_uploads_complete(live)

    def _on_failed(self, event: Failed) -> None:
        if event.step.kind is StepKind.JOB:
            self.jobs.end(event.case, *event.reasons)
            return
        is_refusal = event.final and event.step.kind is not StepKind.UPLOAD
        if event.case in self._flow.live and is_refusal:
            alike = self._flow.pilots.refused(event.words)
            if alike is not None:
                self._halted = True
                self._notes.append(
                    f"stopped: {ALIKE} cases in a row failed for the same reason: {alike}"
                )
        self._flow.end_badly(event.case, End.FAILED, *event.reasons)

    def _on_watched(self, watched: Watched) -> None:
        self._imports.slow_down()
        if watched.rows is not None:
            self._room.note_rows(watched.rows)
        for case, socket in watched.over:
            self._imports.remove(case, socket)
            self._flow.close_if_done(case)

    # -- limits --

    def _stop_starting(self, why: str) -> None:
        """Start no more jobs: what is left stays as it is, for a later run."""
        self._not_begun = deque(self.jobs.stop_starting(self._not_begun, why))

    def _on_paused(self, event: Paused, events: list[Event]) -> None:
        """Put the upload back in line, or fail it if nothing can ever make room for it."""
        live = self._flow.live.get(event.case)
        if live is None:
            return
        if event.credits:
            self._stop_starting(event.why)
            self.jobs.leave(live)
            return
        if event.step.kind is StepKind.CREATE:
            self.jobs.on_no_room(live, event)
            return
        under_way = self._under_way - self._imports.is_watching
        if (failed := self._room.on_paused(live, event, is_alone=under_way <= 1)) is not None:
            events.append(failed)
            self._on_failed(failed)

    def _is_stuck(self) -> bool:
        """Whether the run only waits for imports or room, and has waited too long."""
        jobs_wait = self._queue.has_jobs
        paused = self._limits.is_paused or jobs_wait
        if self._queue.has_first or (not paused and (self._not_begun or self._queue.has_uploads)):
            return False
        if self._flow.doubts or (not self._imports and not paused):
            return False
        return self._clock() - self._flow.progress_at > self._policy.wait_timeout_s

    def stuck_reason(self) -> str | None:
        """Why uploads were not sent, if a limit of the platform is the reason."""
        return self.jobs.stuck_reason() or self._room.stuck_reason()
