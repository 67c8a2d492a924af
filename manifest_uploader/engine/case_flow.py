"""Takes each case through its uploads, tickets, creation, fill and imports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from manifest_uploader.engine.case_ends import CaseEnds
from manifest_uploader.engine.import_waits import ImportWaits
from manifest_uploader.engine.jobs.doubts import Doubts
from manifest_uploader.engine.live_case import LiveCase, lacking_images
from manifest_uploader.engine.outcomes import Looked, Ticketed
from manifest_uploader.engine.pilots import Pilots
from manifest_uploader.engine.results import End
from manifest_uploader.engine.shared_images import SharedImages
from manifest_uploader.engine.task_queue import TaskQueue
from manifest_uploader.plan.jobs import job_wait
from manifest_uploader.plan.requests import confirmations, has_something_to_send, started
from manifest_uploader.plan.reuse import lost_image
from manifest_uploader.plan.steps import (
    DELETED,
    Action,
    CasePlan,
    Fill,
    Look,
    Plan,
    SharedImage,
    Wait,
)
from manifest_uploader.plan.values import wait_for
from manifest_uploader.platform.model import ItemSeen, Socket
from manifest_uploader.state.events import Confirmed, Done, Event, Failure, Gone
from manifest_uploader.state.standing import Standing
from manifest_uploader.state.steps import StepId


class CaseFlow:
    """The cases that have begun, and what comes next for each."""

    def __init__(
        self,
        plan: Plan,
        *,
        sockets: Mapping[str, Socket],
        clock: Callable[[], float],
        now: Callable[[], float],
        rows_free: int,
        after: CaseFlow | None = None,
    ) -> None:
        """Prepare the cases of a plan.

        Args:
            plan: what to do.
            sockets: by slug.
            clock: monotonic, in seconds.
            now: seconds since 1970.
            rows_free: how many more upload rows the account may hold.
            after: how the cases stood at the end of the plan before; this one is the last.

        """
        self._sockets, self._clock, self._now = sockets, clock, now
        self.live: dict[str, LiveCase] = {}
        self.queue: Final = TaskQueue(plan, self.live, clock=clock, rows_free=rows_free)
        self.imports: Final = ImportWaits()
        self.doubts: Final = Doubts(plan.owned)
        self.ends: CaseEnds = CaseEnds() if after is None else after.ends
        self.pilots: Final = Pilots(plan.proven)
        self.images: Final = SharedImages(plan)
        self._found: list[Event] = []
        """Events to record that are not the outcome of a task."""
        self.after_imports: set[str] = set()
        """Cases whose fill waits for an earlier import into the same socket."""
        self._has_tickets = True
        """Whether the platform makes upload sessions, as far as is known."""
        self._unchanged = {case.case for case in plan.cases if case.action is Action.NOTHING}
        if after is not None:
            self._unchanged &= after._unchanged
        self._may_hold = after is None
        self.held: set[str] = set()
        """Cases that end after this plan only, because a late duplicate may change their items."""
        self.bytes_dropped = 0
        """Of uploads that are not sent because their case has ended."""
        self.progress_at = clock()
        """When the run last made progress, by the given clock."""

    def note_progress(self) -> None:
        """Note that the run made progress."""
        self.progress_at = self._clock()

    @property
    def busy(self) -> int:
        """How many cases are under way, without those that wait for images of others."""
        return len(self.live) - self.images.waiting

    def begin(self, case: CasePlan) -> None:
        """Begin a case; one with nothing to send ends, or waits for its imports."""
        live = LiveCase.begin(case)
        if case.keeps_title or case.doubtful:
            self.hold(live, keep_title=case.keeps_title)
        self._add_waits(case.case, case.waits)
        if case.failures:
            self.ends.add_failure(case.case, *case.failures)
        if live.is_idle:
            self._end_idle(case)
            return
        self.live[case.case] = live
        if case.create is None or case.create.doubt is None:
            self.begin_sending(live)
        else:
            self.doubts.add(case.create.doubt, now=self._now(), clock=self._clock())

    def begin_sending(self, live: LiveCase) -> None:
        """Begin the uploads of a case, or what follows them."""
        self.queue.add_uploads(one for one in live.plan.uploads if live.lacks(one))
        for one, message in self.images.join(live):
            self._lose_image(live, one, message)
        if not live.missing and live.name in self.live:
            self._go_on(live)

    def hold(self, live: LiveCase, *, keep_title: bool) -> None:
        """Let a case end after this plan only; its item may keep its title until then."""
        if self._may_hold:
            self.held.add(live.name)
            if keep_title:
                live.keep_title()

    def _add_waits(self, case: str, waits: Iterable[Wait]) -> None:
        """Wait for values; those of a held case that are not uploads are compared at its end."""
        is_held = case in self.held
        now = self._now()  # behind the state's clock if the computer slept
        expected = [
            replace(wait, since=min(wait.since, now))
            for wait in waits
            if wait.upload is not None or not is_held
        ]
        if expected:
            self.imports.add(case, expected)

    def _end_idle(self, case: CasePlan) -> None:
        """End a case with nothing to send, unless it waits for imports."""
        if case.standing is Standing.DELETED:
            self.ends.close_deleted(case.case, Failure(None, case.reason or ""))
        elif any(not wait.last_look for wait in case.waits) and self.imports.has(case.case):
            pass
        elif case.standing in {Standing.FAILED, Standing.UNCONFIRMED}:
            if not case.failures:
                self.ends.add_failure(case.case, Failure(None, case.reason or "it failed before"))
            is_unsure = case.standing is Standing.UNCONFIRMED
            self.ends.close(case.case, End.UNSURE if is_unsure else End.FAILED)
        elif case.case not in self.held:
            self.ends.close(case.case, End.DONE, unchanged=case.case in self._unchanged)
        if not self.imports.has(case.case):
            self._end_images(case.case)

    def on_gone(self, event: Gone) -> None:
        """The item was deleted on the platform."""
        if event.anew or self.ends.is_deleted(event.case):
            return
        self.imports.drop(event.case)
        self.ends.close_deleted(event.case, Failure(None, DELETED))
        self._drop_case(event.case)

    def end_badly(self, case: str, end: End, *failures: Failure) -> None:
        """End a case and drop its remaining tasks."""
        if self.ends.is_deleted(case):
            return
        self.ends.add_failure(case, *failures)
        self.ends.close(case, end)
        self._drop_case(case)

    def _drop_case(self, case: str) -> None:
        live = self.live.pop(case, None)
        self.after_imports.discard(case)
        self.images.drop(case)
        self._end_images(case)
        if live is None:
            return
        self.queue.drop(case)
        self.doubts.close(case)
        lacking = (one for one in live.plan.uploads if live.lacks(one))
        self.bytes_dropped += sum(upload.size for upload in lacking)
        following = self.pilots.failed(live.plan.kind, case, self.live)
        if following is not None:
            self.create_or_fill(self.live[following])

    # -- tickets, creating and filling --

    def on_uploads_complete(self, live: LiveCase) -> None:
        """Make tickets, create and fill the item, unless it waits for images, or for a pilot."""
        if not live.waits_for_images() and self.pilots.may_go(live.plan.kind, live.name):
            self.create_or_fill(live)

    def create_or_fill(self, live: LiveCase) -> None:
        """Create the item, or fill it if it exists; either way after making tickets."""
        if live.create is None or live.item is not None:
            self.prepare_fill(live)
        elif not self._makes_tickets(live):
            self.queue.add_first(live.next_creation())

    def _makes_tickets(self, live: LiveCase) -> bool:
        """Make the tickets that the next creation or fill lacks; return whether there are any."""
        lacking = live.lacking_tickets() if self._has_tickets else None
        if lacking is not None:
            self.queue.add_first(lacking)
        return lacking is not None

    def on_ticketed(self, ticketed: Ticketed) -> None:
        """Go on with a case whose tickets are made, or without any if the platform has none."""
        if ticketed.tickets is None:
            self._has_tickets = False
        live = self.live.get(ticketed.case)
        if live is not None:
            live.tickets |= ticketed.tickets or {}
            self.create_or_fill(live)

    def on_created(self, live: LiveCase, event: Done) -> None:
        """Fill the item, or wait for the values it was created with."""
        live.item = event.pk
        if live.is_job:
            self.queue.jobs.started()
            self.doubts.settle(live.name, event.pk)
        if event.again and live.fill is not None:
            self.hold(live, keep_title=True)
        if live.is_filled:
            self.on_given(live)
        else:
            self.prepare_fill(live)

    def on_filled(self, live: LiveCase, event: Done) -> None:
        """Wait for the values that the fill gave the item."""
        if event.again:
            self.hold(live, keep_title=False)
        self.on_given(live)

    def prepare_fill(self, live: LiveCase) -> None:
        """Fill the item: after earlier imports, and after a look if it may hold something."""
        assert live.fill is not None
        assert live.item is not None
        if any(self.imports.is_importing(live.name, entry.socket) for entry in live.entries):
            self.after_imports.add(live.name)  # two imports into one socket would race
        elif self._makes_tickets(live):
            pass
        elif live.fill.look_first:
            self.queue.add_first(Look(live.name, live.item))
        else:
            self.queue.add_first(live.ready_fill(None))

    def on_looked(self, looked: Looked, events: list[Event]) -> None:
        """Fill the item with what it lacks; append the events to record to `events`."""
        live = self.live.get(looked.case)
        if live is None or live.item is None:
            return
        if looked.item is None:
            gone = Gone(looked.case, StepId.fill(looked.case), live.item)
            events.append(gone)
            self.on_gone(gone)
            return
        fill = live.ready_fill(looked.item)
        if has_something_to_send(fill):
            self.queue.add_first(fill)
        else:
            events.extend(self._skip_fill(live, fill, looked.item))

    def _skip_fill(self, live: LiveCase, fill: Fill, seen: ItemSeen) -> list[Event]:
        """Count a fill as done, because the item already holds all of it."""
        done = Done(fill.case, fill.step, pk=live.item)
        found = confirmations(fill, seen)
        self.on_given(live)
        for event in found:
            self.on_confirmed(event)
        return [started(fill), done, *found]

    def on_given(self, live: LiveCase) -> None:
        """Wait for the values that a creation or a fill gave the item, and go on."""
        waits = [
            wait_for(
                entry,
                case=live.name,
                item=live.item or "",
                values=live.plan.values,
                socket=self._sockets.get(entry.socket),
                since=live.sent_at or self._now(),
                repeated=live.fill is not None and live.fill.repeated,
            )
            for entry in live.entries
        ]
        if live.is_job:
            waits.append(job_wait(live.name, live.item or "", live.sent_at or self._now()))
        self._add_waits(live.name, waits)
        self.images.note_sent(live.name, live.entries)
        self.imports.hurry()
        if not live.next_fill():
            del self.live[live.name]
        elif not live.missing:
            self.on_uploads_complete(live)
        for held in self.pilots.filled(live.plan.kind):
            if held in self.live:
                self.create_or_fill(self.live[held])
        self.close_if_done(live.name)

    # -- imports --

    def on_confirmed(self, event: Confirmed) -> None:
        """End an import whose value is there, and go on with the cases that wait for its image."""
        is_old = self._is_replaced(event.case, event.socket)
        users = () if is_old else self.images.arrived(event.case, event.socket, event.pk)
        self.end_import(event.case, event.socket, None)
        for live in self._still_live(users):
            was_waiting = live.is_waiting
            self.images.give(live, event.case, event.socket)
            if was_waiting:
                self.on_uploads_complete(live)

    def end_import(self, case: str, socket: str, failure: Failure | None) -> None:
        """End one import, with or without a failure; repeated reports have no effect."""
        wait = self.imports.remove(case, socket)
        if wait is None:
            return
        if failure is not None and not self._is_replaced(case, socket):
            self.ends.add_failure(case, failure)
            self._lose_images(case, socket, failure.message)
        elif failure is None and wait.last_look:
            self.ends.drop_failures(case, None if wait.job else socket)
        self.note_progress()
        self.imports.quicken()
        self.queue.limits.drained(self._clock())
        self.close_if_done(case)

    def _is_replaced(self, case: str, socket: str) -> bool:
        """Whether a later fill puts another value into the socket."""
        live = self.live.get(case)
        return live is not None and any(entry.socket == socket for entry in live.all_entries)

    def close_if_done(self, case: str) -> None:
        """End a case that has no open imports, or go on with its fill."""
        if self.imports.has(case):
            return
        self.imports.drop(case)
        if case in self.after_imports:
            self.after_imports.discard(case)
            self.prepare_fill(self.live[case])
        elif case not in self.live and not self.ends.is_unsure(case):
            end = End.FAILED if self.ends.failures(case) else End.DONE
            if end is End.DONE and case in self.held:
                return
            self.ends.close(case, end, unchanged=case in self._unchanged and end is End.DONE)
            self._end_images(case)

    def _end_images(self, case: str) -> None:
        """Tell whoever waits for an image of a case that has ended, and is not being imported."""
        failures = self.ends.failures(case)
        message = failures[0].message if failures else None
        left = self.images.end(
            case, message, is_importing=lambda slug: self.imports.is_importing(case, slug)
        )
        for socket in left:
            self._lose_images(case, socket, message)

    def _lose_images(self, case: str, socket: str, message: str | None) -> None:
        for live in self._still_live(self.images.lose(case, socket, message)):
            was_waiting = live.is_waiting
            for one in tuple(live.awaited.values()):
                if (one.case, one.socket) == (case, socket):
                    self._lose_image(live, one, message)
            if was_waiting and live.name in self.live:
                self._go_on(live)

    def _still_live(self, cases: Iterable[str]) -> Iterator[LiveCase]:
        """Those of some cases that have not ended when their turn comes."""
        return (self.live[case] for case in cases if case in self.live)

    def _lose_image(self, live: LiveCase, one: SharedImage, message: str | None) -> None:
        """Fail the value that uses an image; an item is not made without it, only changed."""
        failed = lost_image(live.plan, one, message)
        self._found.append(failed)
        if live.item is None and not live.plan.is_source:
            self.end_badly(live.name, End.FAILED, failed.failure)
            return
        self.ends.add_failure(live.name, failed.failure)
        live.drop_value(one.into)

    def _go_on(self, live: LiveCase) -> None:
        """Send what a case whose uploads are complete still has to send, or end it."""
        if live.is_idle:
            del self.live[live.name]
            self.close_if_done(live.name)
        else:
            self.on_uploads_complete(live)

    def without_images(self) -> list[str]:
        """The cases that lack nothing but images which are still being imported."""
        return lacking_images(self.live.values(), self.imports.is_importing)

    def take_found(self) -> list[Event]:
        """The events that are not the outcome of a task, since the last call."""
        found, self._found = self._found, []
        return found
