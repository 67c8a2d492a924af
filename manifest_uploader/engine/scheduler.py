"""What is to be done next, and how each case stands.

Cases are begun in the manifest's order and finish one by one, so that memory follows the window
and not the manifest. Uploads are begun in that order too: with room for few, the earliest cases
get all of theirs and are filled, which makes room again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from manifest_uploader.engine.outcomes import Finished, Looked, Outcome, Watched
from manifest_uploader.engine.pilots import ALIKE, Pilots
from manifest_uploader.engine.results import CaseEnd, End
from manifest_uploader.engine.upload_limits import UploadLimits
from manifest_uploader.plan.requests import (
    confirmations,
    filled_in,
    has_something_to_send,
    parted,
    started,
)
from manifest_uploader.plan.steps import (
    DELETED,
    Action,
    CasePlan,
    Create,
    Fill,
    Look,
    Plan,
    Task,
    Upload,
    Wait,
    Watch,
)
from manifest_uploader.platform.model import Entry, ItemSeen, Socket
from manifest_uploader.state.causes import explained
from manifest_uploader.state.events import (
    Confirmed,
    Done,
    Event,
    Failed,
    Gone,
    ImportFailed,
    Opened,
    OpenUpload,
    Paused,
    Started,
    Unsure,
)

_FIRST_WATCH_S: Final = 0.5
_LONGEST_WATCH_S: Final = 10.0
_BUSY_WATCH_S: Final = 5.0
_FEW_ROWS: Final = 64
"""More than what uploads under way can hold of cases that lack some of their rows."""


class Policy(Struct, frozen=True):
    """How a run waits."""

    wait: bool = True
    """Wait for imports."""
    wait_timeout_s: float = 3600.0
    """Without any import arriving or any upload row draining."""
    window: int = 64
    """Cases begun and not yet filled, at most."""


class Beginning(Struct):
    """What is to be written down, then begun."""

    events: list[Event] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)


class _Live(Struct):
    """A case that was begun and has not been filled."""

    plan: CasePlan
    item: str | None
    left: set[str]
    """Upload steps that are not complete."""
    fill: Fill
    """The next one; without holes once it is sent."""
    brought: dict[str, Done] = field(default_factory=dict)
    """Upload step → its end."""
    rest: Fill | None = None
    """What follows a fill that was parted to make room."""
    opened: dict[str, OpenUpload] = field(default_factory=dict)
    """Upload step → its row, once it has one."""
    sent_at: float = 0.0
    """When its creation or fill was begun, in seconds since 1970."""

    @property
    def holds_some(self) -> bool:
        """Some of the uploads that its next fill names are complete; it is not under way."""
        is_waiting = self.rest is None and bool(self.left)
        return is_waiting and any(entry.step in self.brought for entry in self.fill.entries)


class Scheduler:
    """What is to be done next, and how each case stands."""

    def __init__(
        self,
        plan: Plan,
        policy: Policy,
        *,
        sockets: Mapping[str, Socket],
        clock: Callable[[], float],
        now: Callable[[], float],
        rows_free: int = 0,
    ) -> None:
        most = max((len(case.uploads) for case in plan.cases), default=0)
        self._sockets, self._now = sockets, now
        self.error: BaseException | None = None
        self.notes: list[str] = []
        self._policy, self._clock = policy, clock
        self._to_admit = deque(plan.cases)
        self._live: dict[str, _Live] = {}
        self._front: deque[Create | Fill | Look] = deque()
        self._uploads: deque[Upload] = deque()
        self._under_way = 0
        self._pilots = Pilots(plan.proven)
        self._room = UploadLimits(scarce=rows_free < _FEW_ROWS + most)
        self._opening: dict[str, str] = {}
        """Step → case of uploads that were begun and have no row yet."""
        self._after_imports: set[str] = set()
        """Cases whose fill waits for an earlier import into the same socket."""
        self._waits: dict[str, dict[str, Wait]] = {}
        self._watching = False
        self._watched_at = float("-inf")
        self._watch_interval = _FIRST_WATCH_S
        self._rows: int | None = None
        self._progress = clock()
        self._halted = False
        self._ends: dict[str, CaseEnd] = {}
        self._fresh: list[CaseEnd] = []
        self._words: dict[str, list[str]] = {}
        self._unchanged = {case.case for case in plan.cases if case.action is Action.NOTHING}
        self._order = {case.case: index for index, case in enumerate(plan.cases)}

    # -- for execute --

    def is_over(self, *, stopping: bool) -> bool:
        """Nothing is under way, and nothing may be begun or waited for."""
        if self._under_way:
            return False
        if stopping or self._halted or self.error is not None or self._is_stuck():
            return True
        if self._to_admit or self._front or self._uploads:
            return False
        return not self._waits or not (self._policy.wait or self._after_imports)

    def begin(self, limit: int, *, stopping: bool) -> Beginning:
        """What to begin now, `limit` tasks under way at most."""
        begun = Beginning()
        if stopping or self._halted or self.error is not None:
            return begun
        self._admit(begun, limit)
        while self._under_way + len(begun.tasks) < limit and self._next(begun):
            pass
        self._watch(begun)
        self._under_way += len(begun.tasks)
        return begun

    def take(self, happened: list[Outcome]) -> list[Event]:
        """What to write down of what happened; the rest is only remembered."""
        events: list[Event] = []
        for outcome in happened:
            match outcome:
                case Finished():
                    self._finished(outcome)
                case Looked():
                    self._looked(outcome, events)
                case Watched():
                    self._watched(outcome)
                case _:
                    events.append(outcome)
                    self._happened(outcome, events)
        return events

    def ends(self) -> tuple[CaseEnd, ...]:
        """How every case stands, in no order; complete once `execute` has ended."""
        rest = [*self._live, *(case.case for case in self._to_admit)]
        for case in rest:
            self._ends.setdefault(case, CaseEnd(case, End.PENDING, words=self._said(case)))
        for case, waits in self._waits.items():
            if case not in self._live and any(not wait.last_look for wait in waits.values()):
                self._ends[case] = self._waiting_end(case)
        return tuple(self._ends.values())

    def take_ended(self) -> list[CaseEnd]:
        """The cases that have ended since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    @property
    def ended(self) -> int:
        """How many cases have ended."""
        return len(self._ends)

    @property
    def waiting(self) -> int:
        """How many cases are filled and not yet seen."""
        return len(self._waits)

    @property
    def paused(self) -> tuple[str, float] | None:
        """Why new uploads wait, and since when by the given clock."""
        return None if self._room.words is None else (self._room.words, self._room.since)

    # -- admitting --

    def _admit(self, begun: Beginning, limit: int) -> None:
        while self._to_admit and self._has_room(limit):
            self._admit_one(self._to_admit.popleft(), begun)

    def _has_room(self, limit: int) -> bool:
        busy = len(self._front) + len(self._uploads)
        return len(self._live) < max(self._policy.window, limit) and busy < limit

    def _admit_one(self, case: CasePlan, begun: Beginning) -> None:
        begun.events.extend(case.found)
        if case.waits:
            self._waits[case.case] = {wait.socket: wait for wait in case.waits}
        if case.failed:
            self._words[case.case] = list(case.failed)
        if case.fill is None:
            self._settle_idle(case)
            return
        live = _Live(case, case.item, {upload.step for upload in case.uploads}, case.fill)
        self._live[case.case] = live
        self._uploads.extend(case.uploads)
        if not live.left:
            self._ready(live)

    def _settle_idle(self, case: CasePlan) -> None:
        """A case with nothing to send: done, failed before, or only waited for."""
        if case.standing == "gone":
            words = (case.words or "",)
            self._note_end(CaseEnd(case.case, End.FAILED, words=words, gone=True))
        elif case.waits and any(not wait.last_look for wait in case.waits):
            pass
        elif case.standing in {"failed", "unsure"}:
            end = End.UNSURE if case.standing == "unsure" else End.FAILED
            self._words.setdefault(case.case, [case.words or "it failed before"])
            self._note_end(CaseEnd(case.case, end, words=self._said(case.case)))
        else:
            self._note_end(CaseEnd(case.case, End.DONE, unchanged=True))

    # -- choosing --

    def _next(self, begun: Beginning) -> bool:
        """Put one more task on; creations and fills come before uploads."""
        if self._front:
            task = self._front.popleft()
            begun.tasks.append(task)
            if not isinstance(task, Look):
                self._live[task.case].sent_at = self._now()
                begun.events.append(started(task))
            return True
        if not self._uploads or not self._may_begin(self._uploads[0]):
            return False
        upload = self._uploads.popleft()
        self._room.begins(upload.step)
        begun.tasks.append(upload)
        if upload.begun is None:
            self._opening[upload.step] = upload.case
            begun.events.append(Started(upload.case, upload.step, upload.socket))
        return True

    def _may_begin(self, upload: Upload) -> bool:
        """There is room, and no other case is just getting the rows or bytes it needs.

        Where few are left, two cases that hold only some of theirs would wait for each other.
        """
        if not self._room.allows(self._clock()):
            return False
        if self._room.tight and self._is_before_its_turn(upload.case):
            return False
        others = {case for case in self._opening.values() if case != upload.case}
        cases = (*others, upload.case) if self._room.scarce and others else ()
        return sum(self._needs_several_rows(case) for case in cases) <= 1

    def _is_before_its_turn(self, case: str) -> bool:
        """A case before it in the manifest has uploads that are not complete."""
        turn = self._order[case]
        return any(live.left and self._order[name] < turn for name, live in self._live.items())

    def _needs_several_rows(self, case: str) -> bool:
        return case in self._live and len(self._live[case].plan.uploads) > 1

    # -- what happened --

    def _happened(self, event: Event, events: list[Event]) -> None:
        if isinstance(event, Opened | Done | Confirmed | ImportFailed):
            self._progress = self._clock()
        match event:
            case Opened():
                self._opened(event)
            case Done():
                self._done(event)
            case Failed():
                self._failed(event)
            case Unsure():
                self._end(event.case, End.UNSURE, event.why)
            case Paused():
                self._paused(event, events)
            case Confirmed():
                self._ended(event.case, event.socket, None)
            case ImportFailed():
                self._ended(event.case, event.socket, f"{event.socket}: {explained(event)}")
            case Gone():
                self._gone(event)
            case _:
                pass

    def _finished(self, finished: Finished) -> None:
        self._under_way -= 1
        if isinstance(finished.task, Watch):
            self._watching = False
            self._watched_at = self._clock()
        if isinstance(finished.task, Upload):
            self._room.ended(finished.task.step)
            self._opening.pop(finished.task.step, None)
        if finished.error is not None and self.error is None:
            self.error = finished.error

    def _opened(self, event: Opened) -> None:
        self._opening.pop(event.step, None)
        self._let_in(event.step, complete=False)
        if (live := self._live.get(event.case)) is not None:
            row = OpenUpload(event.pk, event.storage_id, event.part_size, event.stat)
            live.opened[event.step] = row

    def _done(self, event: Done) -> None:
        live = self._live.get(event.case)
        if live is None:
            return
        if event.step.endswith(":fill"):
            self._filled(live)
        elif event.step.endswith(":create"):
            live.item = event.pk
            self._to_fill(live)
        else:
            self._let_in(event.step, complete=True)
            live.left.discard(event.step)
            live.brought[event.step] = event
            if not live.left and live.rest is None:
                self._ready(live)

    def _failed(self, event: Failed) -> None:
        about = event.socket is None or event.words.startswith(event.socket)
        words = event.words if about else f"{event.socket}: {event.words}"
        if event.case in self._live and event.final and not _is_upload(event):
            self._refused(event.words)
        self._end(event.case, End.FAILED, words)

    def _refused(self, words: str) -> None:
        alike = self._pilots.refused(words)
        if alike is not None:
            self._halted = True
            self.notes.append(f"stopped: {ALIKE} cases in a row were refused alike: {alike}")

    def _end(self, case: str, end: End, words: str, *, gone: bool = False) -> None:
        """A case ends badly; what of it has not begun is dropped."""
        if self._ends.get(case, _NONE).gone:
            return
        self._words.setdefault(case, []).append(words)
        live = self._live.pop(case, None)
        self._after_imports.discard(case)
        self._note_end(CaseEnd(case, end, words=self._said(case), gone=gone))
        if live is None:
            return
        self._uploads = deque(one for one in self._uploads if one.case != case)
        self._front = deque(one for one in self._front if one.case != case)
        following = self._pilots.failed(live.plan.kind, case, self._live)
        if following is not None:
            self._make(self._live[following])

    def _note_end(self, end: CaseEnd) -> None:
        self._ends[end.case] = end
        self._fresh.append(end)

    def _said(self, case: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._words.get(case, ())))

    def _gone(self, event: Gone) -> None:
        if event.anew or self._ends.get(event.case, _NONE).gone:
            return
        self._waits.pop(event.case, None)
        self._words.pop(event.case, None)
        self._end(event.case, End.FAILED, DELETED, gone=True)

    # -- making and filling --

    def _ready(self, live: _Live) -> None:
        """All uploads of a case are complete: make and fill it, unless a pilot goes first."""
        if self._pilots.may_go(live.plan.kind, live.plan.case):
            self._make(live)

    def _make(self, live: _Live) -> None:
        if live.plan.create is not None and live.item is None:
            self._front.append(live.plan.create)
        else:
            self._to_fill(live)

    def _to_fill(self, live: _Live) -> None:
        assert live.item is not None
        if self._imports_under_way(live):
            self._after_imports.add(live.plan.case)
        elif live.fill.look_first:
            self._front.append(Look(live.plan.case, live.item))
        else:
            self._front.append(self._filled_in(live, None))

    def _imports_under_way(self, live: _Live) -> bool:
        """An import of ours into one of the sockets has not ended: two would race."""
        waits = self._waits.get(live.plan.case, {})
        return any(
            entry.socket in waits and not waits[entry.socket].last_look
            for entry in live.fill.entries
        )

    def _filled_in(self, live: _Live, seen: ItemSeen | None) -> Fill:
        assert live.item is not None
        live.fill = filled_in(live.fill, item=live.item, brought=live.brought, seen=seen)
        return live.fill

    def _looked(self, looked: Looked, events: list[Event]) -> None:
        live = self._live.get(looked.case)
        if live is None or live.item is None:
            return
        if looked.item is None:
            gone = Gone(looked.case, f"{looked.case}:fill", live.item)
            events.append(gone)
            self._gone(gone)
            return
        fill = self._filled_in(live, looked.item)
        if has_something_to_send(fill):
            self._front.append(fill)
        else:
            events.extend(self._as_it_is(live, fill, looked.item))

    def _as_it_is(self, live: _Live, fill: Fill, seen: ItemSeen) -> list[Event]:
        """The item holds all of it already."""
        done = Done(fill.case, fill.step, pk=live.item)
        found = confirmations(fill, seen)
        self._filled(live)
        for event in found:
            self._ended(event.case, event.socket, None)
        return [started(fill), done, *found]

    def _filled(self, live: _Live) -> None:
        """A fill acted: what it put there is now waited for."""
        case, fill = live.plan.case, live.fill
        waits = self._waits.setdefault(case, {})
        for entry in fill.entries:
            waits[entry.socket] = self._wait_for(live, entry, fill)
        self._watch_interval = _FIRST_WATCH_S
        self._go_on(live)
        for held in self._pilots.filled(live.plan.kind):
            if held in self._live:
                self._make(self._live[held])
        self._check_done(case)

    def _go_on(self, live: _Live) -> None:
        """What is left of a case once a fill of it has acted."""
        if live.rest is None:
            del self._live[live.plan.case]
            return
        live.fill, live.rest = live.rest, None
        if not live.left:
            self._ready(live)

    def _wait_for(self, live: _Live, entry: Entry, fill: Fill) -> Wait:
        socket = self._sockets.get(entry.socket)
        return Wait(
            live.plan.case,
            live.item or "",
            entry.socket,
            socket.title if socket else entry.socket,
            image=socket is None or socket.super_kind == "Image",
            digest=entry.digest,
            upload=entry.upload,
            before=entry.before,
            since=live.sent_at or self._now(),
            repeated=fill.repeated,
            source=entry.source,
        )

    # -- imports --

    def _ended(self, case: str, socket: str, failure: str | None) -> None:
        """One import has ended, well or with words; it may be told twice."""
        known = self._waits.get(case, {}).pop(socket, None)
        if known is None:
            return
        if failure is not None and not self._is_replaced(case, socket):
            self._words.setdefault(case, []).append(failure)
        elif failure is None and known.last_look:
            self._forget(case, socket)
        self._progress = self._clock()
        self._watch_interval = max(self._watch_interval / 2, _FIRST_WATCH_S)
        self._room.drained(self._clock())
        self._check_done(case)

    def _is_replaced(self, case: str, socket: str) -> bool:
        """A fill that is still to come puts something else there."""
        fill = self._live[case].fill if case in self._live else None
        return fill is not None and any(entry.socket == socket for entry in fill.entries)

    def _forget(self, case: str, socket: str) -> None:
        """An import that was given up came after all."""
        left = [words for words in self._words.get(case, ()) if not words.startswith(f"{socket}:")]
        self._words[case] = left

    def _check_done(self, case: str) -> None:
        if self._waits.get(case):
            return
        self._waits.pop(case, None)
        if case in self._after_imports:
            self._after_imports.discard(case)
            self._to_fill(self._live[case])
        elif case not in self._live and self._ends.get(case, _NONE).end is not End.UNSURE:
            end = End.FAILED if self._words.get(case) else End.DONE
            unchanged = case in self._unchanged and end is End.DONE
            self._note_end(CaseEnd(case, end, unchanged=unchanged, words=self._said(case)))

    def _waiting_end(self, case: str) -> CaseEnd:
        failed = bool(self._words.get(case))
        return CaseEnd(case, End.FAILED if failed else End.WAITING, words=self._said(case))

    def _watch(self, begun: Beginning) -> None:
        if self._watching or self._clock() < self._watched_at + self._watch_pause():
            return
        if not self._room.is_paused and not self._waits:
            return
        if not self._policy.wait and not self._after_imports and not self._uploads:
            return
        self._watching = True
        waits = tuple(wait for case in self._waits.values() for wait in case.values())
        begun.tasks.append(Watch(waits, count=self._room.is_paused))

    def _watch_pause(self) -> float:
        """While cases are sent, nobody waits for what a look would show."""
        hurried = self._after_imports or self._room.is_paused
        busy = bool(self._live or self._to_admit) and not hurried
        return max(self._watch_interval, _BUSY_WATCH_S if busy else 0.0)

    def _watched(self, watched: Watched) -> None:
        self._watch_interval = min(self._watch_interval * 1.4, _LONGEST_WATCH_S)
        if watched.rows is not None:
            if self._rows is not None and watched.rows < self._rows:
                self._progress = self._clock()
                self._room.drained(self._clock())
            self._rows = watched.rows
        for case, socket in watched.over:
            self._waits.get(case, {}).pop(socket, None)
            self._check_done(case)

    # -- room --

    def _paused(self, event: Paused, events: list[Event]) -> None:
        """The platform has no room: the upload goes back, to where the manifest has it."""
        live = self._live.get(event.case)
        if live is None:
            return
        is_old = self._room.has_drained_since(event.step)
        is_full = event.size_limit and self._nothing_drains() and not is_old
        if is_full and not self._make_room():
            words = f"{event.why}: {_TOO_MANY_BYTES}"
            failed = Failed(event.case, event.step, event.socket, words, final=True)
            events.append(failed)
            self._failed(failed)
            return
        upload = next(one for one in live.plan.uploads if one.step == event.step)
        again = replace(upload, begun=live.opened.get(event.step, upload.begun))
        self._uploads = deque(
            sorted([*self._uploads, again], key=lambda one: self._order[one.case])
        )
        if not self._room.is_paused:
            self._progress = self._clock()
        self._room.refused(event.step, event.why, self._clock(), size_limit=event.size_limit)

    def _make_room(self) -> bool:
        """Fill the first case that holds something with what it holds: its import makes room.

        Else cases that hold all bytes there may be, and each lack some, would wait for ever.
        """
        holding = [one for one in self._live.values() if one.holds_some]
        live = min(holding, key=lambda one: self._order[one.plan.case], default=None)
        if live is None:
            return False
        live.fill, live.rest = parted(live.fill, live.brought.keys())
        self._make(live)
        return True

    def _nothing_drains(self) -> bool:
        """The upload that asks is all that is under way, and no import will make room."""
        return self._under_way <= 1 + self._watching and not self._waits and not self._front

    def _let_in(self, step: str, *, complete: bool) -> None:
        if self._room.found(step, complete=complete):
            self._progress = self._clock()

    def _is_stuck(self) -> bool:
        """Only imports or room are waited for, and for longer than we were told to wait."""
        if self._front or (not self._room.is_paused and (self._to_admit or self._uploads)):
            return False
        if not self._waits and not self._room.is_paused:
            return False
        return self._clock() - self._progress > self._policy.wait_timeout_s

    def stuck_words(self) -> str | None:
        """Why uploads were not sent, where a limit of the platform is why."""
        if self._room.words is None or not self._uploads:
            return None
        rows = "" if self._rows is None else f"; the account holds {self._rows} upload rows"
        return f"{self._room.words}{rows} and none drained"


_NONE: Final = CaseEnd("", End.PENDING)
_TOO_MANY_BYTES: Final = (
    "the account may not hold as many bytes, and nothing is left that would make room "
    "(an account that is not verified may hold 2 GiB)"
)


def _is_upload(event: Failed) -> bool:
    return not event.step.endswith((":create", ":fill"))
