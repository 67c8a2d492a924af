"""Runs cases' steps in a sound order and yields what happens.

The order within a case is uploads, create, fill. What is about to be sent is yielded before it
is submitted: whoever follows writes it down first. Pure: the pool does the work, the clock is
given, and nothing comes back from those who follow but the pool's wish to stop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from manifest_uploader.items import holds
from manifest_uploader.model import (
    Action,
    Address,
    CaseEnd,
    CasePlan,
    Confirmed,
    Create,
    Done,
    End,
    Entry,
    Event,
    Failed,
    Fill,
    Finished,
    Gone,
    ImportFailed,
    ItemSeen,
    Json,
    Look,
    Looked,
    Opened,
    Outcome,
    Paused,
    PkOf,
    Plan,
    Socket,
    Started,
    Task,
    Unsure,
    Upload,
    Wait,
    Watch,
    Watched,
)

ALIKE: Final = 5
"""Cases in a row refused with the same words end the run."""
_FIRST_WATCH_S: Final = 0.2
_LONGEST_WATCH_S: Final = 10.0
_FIRST_PROBE_S: Final = 1.0
_LONGEST_PROBE_S: Final = 30.0


class Pool(Protocol):
    """What performs tasks."""

    def submit(self, task: Task) -> None:
        """Begin a task."""
        ...

    def wait(self) -> list[Outcome]:
        """What happened since the last call; after half a second at most, perhaps nothing."""
        ...

    @property
    def limit(self) -> int:
        """How many tasks may be under way now."""
        ...

    @property
    def stopping(self) -> bool:
        """Nothing new is to be begun."""
        ...


@dataclass(frozen=True, slots=True)
class Policy:
    """How a run waits."""

    wait: bool = True
    """Wait for imports."""
    wait_timeout_s: float = 3600.0
    """Without any import arriving or any upload row draining."""
    window: int = 64
    """Cases begun and not yet filled, at most."""


def execute(agenda: Agenda, pool: Pool) -> Iterator[list[Event]]:
    """Act on the plan; yields events in the order in which they are to be written down.

    Args:
        agenda: what is to be done; tells afterwards how each case ended.
        pool: performs the tasks.

    Raises:
        BaseException: what ended the run, after everything under way has ended.

    """
    while not agenda.is_over(stopping=pool.stopping):
        begun = agenda.begin(pool.limit, stopping=pool.stopping)
        yield begun.events
        for task in begun.tasks:
            pool.submit(task)
        happened = pool.wait()
        yield agenda.take(happened)
    if agenda.error is not None:
        raise agenda.error


@dataclass(slots=True)
class Begun:
    """What is to be written down, then begun."""

    events: list[Event] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)


@dataclass(slots=True)
class _Live:
    """A case that was begun and has not been filled."""

    plan: CasePlan
    item: str | None
    left: set[str]
    """Upload steps that are not complete."""
    brought: dict[str, Done] = field(default_factory=dict)
    """Upload step → its end."""
    fill: Fill | None = None
    failed: bool = False


@dataclass(slots=True)
class _Pause:
    """New uploads wait for room."""

    words: str
    size_limit: bool
    since: float
    due: float
    interval: float = _FIRST_PROBE_S


class Agenda:
    """What is to be done next, and how each case stands."""

    def __init__(
        self,
        plan: Plan,
        policy: Policy,
        *,
        sockets: Mapping[str, Socket],
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._sockets, self._now = sockets, now
        self.error: BaseException | None = None
        self.notes: list[str] = []
        self._policy, self._clock = policy, clock
        self._to_admit = deque(plan.cases)
        self._live: dict[str, _Live] = {}
        self._front: deque[Create | Fill | Look] = deque()
        self._uploads: deque[Upload] = deque()
        self._under_way = 0
        self._pilots: dict[tuple[str, ...], str] = {}
        self._held: dict[tuple[str, ...], deque[str]] = {}
        self._proven = set(plan.proven)
        self._after_imports: set[str] = set()
        """Cases whose fill waits for an earlier import into the same socket."""
        self._waits: dict[str, dict[str, Wait]] = {}
        self._watching = False
        self._watch_due = 0.0
        self._watch_interval = _FIRST_WATCH_S
        self._pause: _Pause | None = None
        self._probe: str | None = None
        """The upload step that asks whether there is room again."""
        self._rows: int | None = None
        self._progress = clock()
        self._alike: tuple[str, int] = ("", 0)
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
        if stopping or self._halted or self.error is not None:
            return True
        if self._to_admit or self._front or (self._uploads and not self._is_stuck()):
            return False
        if self._is_stuck() or not self._waits:
            return True
        return not self._policy.wait and not self._after_imports

    def begin(self, limit: int, *, stopping: bool) -> Begun:
        """What to begin now, `limit` tasks under way at most."""
        begun = Begun()
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
            if any(not wait.last_look for wait in waits.values()):
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
        return None if self._pause is None else (self._pause.words, self._pause.since)

    # -- admitting --

    def _admit(self, begun: Begun, limit: int) -> None:
        while self._to_admit and self._has_room(limit):
            self._admit_one(self._to_admit.popleft(), begun)

    def _has_room(self, limit: int) -> bool:
        busy = len(self._front) + len(self._uploads)
        return len(self._live) < max(self._policy.window, limit) and busy < limit

    def _admit_one(self, case: CasePlan, begun: Begun) -> None:
        begun.events.extend(case.found)
        if case.waits:
            self._waits[case.case] = {wait.socket: wait for wait in case.waits}
        if case.words is not None:
            self._words[case.case] = [case.words]
        if case.fill is None:
            self._settle_idle(case)
            return
        live = _Live(case, case.item, {upload.step for upload in case.uploads}, fill=case.fill)
        self._live[case.case] = live
        self._words.pop(case.case, None)
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
            self._note_end(CaseEnd(case.case, End.FAILED, words=self._said(case.case)))
        else:
            self._note_end(CaseEnd(case.case, End.DONE, unchanged=True))

    # -- choosing --

    def _next(self, begun: Begun) -> bool:
        """Put one more task on; creations and fills come before uploads."""
        if self._front:
            task = self._front.popleft()
            begun.tasks.append(task)
            if not isinstance(task, Look):
                begun.events.append(_started(task))
            return True
        if not self._uploads or not self._may_upload():
            return False
        upload = self._uploads.popleft()
        if self._live[upload.case].failed:
            return True
        if self._pause is not None:
            self._probe = upload.step
        begun.tasks.append(upload)
        if upload.begun is None:
            begun.events.append(Started(upload.case, upload.step, upload.socket))
        return True

    def _may_upload(self) -> bool:
        """There is room on the platform, or it is time to ask whether there is."""
        if self._pause is None:
            return True
        return self._probe is None and self._clock() >= self._pause.due

    # -- what happened --

    def _happened(self, event: Event, events: list[Event]) -> None:
        if isinstance(event, Opened | Done | Confirmed | ImportFailed):
            self._progress = self._clock()
        match event:
            case Opened():
                self._unpause()
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
                self._ended(event.case, event.socket, f"{event.socket}: {event.words}")
            case Gone():
                self._gone(event)
            case _:
                pass

    def _finished(self, finished: Finished) -> None:
        self._under_way -= 1
        if isinstance(finished.task, Watch):
            self._watching = False
            self._watch_due = self._clock() + self._watch_interval
        if isinstance(finished.task, Upload) and finished.task.step == self._probe:
            self._probe = None
        if finished.error is not None and self.error is None:
            self.error = finished.error

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
            self._unpause()
            live.left.discard(event.step)
            live.brought[event.step] = event
            if not live.left and not live.failed:
                self._ready(live)

    def _failed(self, event: Failed) -> None:
        self._words.setdefault(event.case, []).append(
            event.words
            if event.socket is None or event.words.startswith(event.socket)
            else f"{event.socket}: {event.words}"
        )
        live = self._live.get(event.case)
        if live is None:
            return
        live.failed = True
        live.left.discard(event.step)
        if event.final and event.step.endswith((":fill", ":create")):
            self._count_alike(event.words)
        self._end(event.case, End.FAILED, None)
        self._uploads = deque(one for one in self._uploads if one.case != event.case)

    def _end(self, case: str, end: End, words: str | None) -> None:
        if words:
            self._words.setdefault(case, []).append(words)
        live = self._live.pop(case, None)
        if live is not None:
            self._hand_on(live)
        self._after_imports.discard(case)
        self._note_end(CaseEnd(case, end, words=self._said(case)))

    def _note_end(self, end: CaseEnd) -> None:
        self._ends[end.case] = end
        self._fresh.append(end)

    def _said(self, case: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._words.get(case, ())))

    def _gone(self, event: Gone) -> None:
        if event.anew:
            return
        self._waits.pop(event.case, None)
        self._words[event.case] = ["it was deleted on the platform; --recreate makes it anew"]
        self._end(event.case, End.FAILED, None)
        self._note_end(replace(self._ends[event.case], gone=True))

    # -- pilots --

    def _ready(self, live: _Live) -> None:
        """All uploads of a case are complete: make and fill it, unless a pilot goes first."""
        kind, case = live.plan.kind, live.plan.case
        if kind not in self._proven and self._pilots.setdefault(kind, case) != case:
            self._held.setdefault(kind, deque()).append(case)
        else:
            self._make(live)

    def _make(self, live: _Live) -> None:
        if live.plan.create is not None and live.item is None:
            self._front.append(live.plan.create)
        else:
            self._to_fill(live)

    def _hand_on(self, live: _Live) -> None:
        """A pilot that failed: the next case of its kind goes first."""
        kind = live.plan.kind
        if self._pilots.get(kind) != live.plan.case or kind in self._proven:
            return
        del self._pilots[kind]
        held = self._held.get(kind, deque())
        while held:
            following = self._live.get(held.popleft())
            if following is not None:
                self._pilots[kind] = following.plan.case
                self._make(following)
                return

    def _prove(self, kind: tuple[str, ...]) -> None:
        if kind in self._proven:
            return
        self._proven.add(kind)
        self._pilots.pop(kind, None)
        for case in self._held.pop(kind, ()):
            if case in self._live:
                self._make(self._live[case])

    def _count_alike(self, words: str) -> None:
        before, count = self._alike
        self._alike = (words, count + 1 if words == before else 1)
        if self._alike[1] >= ALIKE:
            self._halted = True
            self.notes.append(f"stopped: {ALIKE} cases in a row were refused alike: {words}")

    # -- filling --

    def _to_fill(self, live: _Live) -> None:
        assert live.fill is not None
        assert live.item is not None
        if self._imports_under_way(live):
            self._after_imports.add(live.plan.case)
        elif live.fill.look_first:
            self._front.append(Look(live.plan.case, live.item))
        else:
            self._front.append(_completed(live, None))

    def _imports_under_way(self, live: _Live) -> bool:
        """An import of ours into one of the sockets has not ended: two would race."""
        waits = self._waits.get(live.plan.case, {})
        return any(
            entry.socket in waits and not waits[entry.socket].last_look
            for entry in live.fill.entries  # type: ignore[union-attr]
        )

    def _looked(self, looked: Looked, events: list[Event]) -> None:
        live = self._live.get(looked.case)
        if live is None or live.item is None:
            return
        if looked.item is None:
            gone = Gone(looked.case, f"{looked.case}:fill", live.item)
            events.append(gone)
            self._gone(gone)
            return
        fill = _completed(live, looked.item)
        if _has_something_to_send(fill):
            self._front.append(fill)
        else:
            events.extend(self._as_it_is(live, fill, looked.item))

    def _as_it_is(self, live: _Live, fill: Fill, item: ItemSeen) -> list[Event]:
        """The item holds all of it already."""
        live.fill = fill
        found: list[Event] = [_started(fill), Done(fill.case, fill.step, pk=live.item)]
        self._filled(live)
        for entry in fill.entries:
            if (held := holds(entry, item)) is not None:
                found.append(Confirmed(fill.case, fill.step, entry.socket, held.image or held.mark))
                self._ended(fill.case, entry.socket, None)
        return found

    def _filled(self, live: _Live) -> None:
        """A fill acted: what it put there is now waited for."""
        case = live.plan.case
        fill = live.fill
        assert fill is not None
        self._prove(live.plan.kind)
        self._alike = ("", 0)
        del self._live[case]
        waits = self._waits.setdefault(case, {})
        now = self._now()
        for entry in fill.entries:
            waits[entry.socket] = self._wait_for(live, entry, fill, now)
        self._watch_interval = _FIRST_WATCH_S
        self._check_done(case)

    def _wait_for(self, live: _Live, entry: Entry, fill: Fill, since: float) -> Wait:
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
            since=since,
            repeated=fill.repeated,
        )

    # -- imports --

    def _ended(self, case: str, socket: str, failure: str | None) -> None:
        """One import has ended, well or with words."""
        waits = self._waits.get(case, {})
        known = waits.pop(socket, None)
        if failure is not None:
            self._words.setdefault(case, []).append(failure)
        elif known is not None and known.last_look:
            self._words.pop(case, None)
        self._progress = self._clock()
        self._watch_interval = _FIRST_WATCH_S
        if self._pause is not None:
            self._pause.due = self._clock()
        self._check_done(case)

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

    def _watch(self, begun: Begun) -> None:
        if self._watching or self._clock() < self._watch_due:
            return
        if not self._pause and not self._waits:
            return
        if not self._policy.wait and not self._after_imports and not self._uploads:
            return
        self._watching = True
        waits = tuple(wait for case in self._waits.values() for wait in case.values())
        begun.tasks.append(Watch(waits, count=self._pause is not None))

    def _watched(self, watched: Watched) -> None:
        self._watch_interval = min(self._watch_interval * 1.4, _LONGEST_WATCH_S)
        if watched.rows is not None:
            if self._rows is not None and watched.rows < self._rows:
                self._progress = self._clock()
                if self._pause is not None:
                    self._pause.due = self._clock()
            self._rows = watched.rows
        for case, socket in watched.over:
            self._waits.get(case, {}).pop(socket, None)
            self._check_done(case)

    # -- room --

    def _paused(self, event: Paused, events: list[Event]) -> None:
        """The platform has no room: the upload goes back, and one at a time asks again."""
        live = self._live.get(event.case)
        if live is None:
            return
        if event.size_limit and self._nothing_drains():
            failed = Failed(
                event.case,
                event.step,
                event.socket,
                f"{event.why}: the account may not hold as many bytes, and nothing is left that "
                "would make room (an account that is not verified may hold 2 GiB)",
                final=True,
            )
            events.append(failed)
            self._failed(failed)
            return
        upload = next(one for one in live.plan.uploads if one.step == event.step)
        self._uploads.append(upload)
        self._uploads = deque(sorted(self._uploads, key=lambda one: self._order[one.case]))
        now = self._clock()
        if self._pause is None:
            self._progress = now
            self._pause = _Pause(event.why, event.size_limit, now, now + _FIRST_PROBE_S)
        elif event.step == self._probe:
            self._pause.interval = min(self._pause.interval * 2, _LONGEST_PROBE_S)
            self._pause.due = now + self._pause.interval

    def _nothing_drains(self) -> bool:
        """The upload that asks is all that is under way, and no import will make room."""
        return self._under_way <= 1 + self._watching and not self._waits and not self._front

    def _unpause(self) -> None:
        if self._pause is not None:
            self._pause = None
            self._progress = self._clock()

    def _is_stuck(self) -> bool:
        """Only imports or room are waited for, and for longer than we were told to wait."""
        if self._front or (self._to_admit and self._pause is None):
            return False
        if not self._waits and self._pause is None:
            return False
        if self._pause is None and self._uploads:
            return False
        return self._clock() - self._progress > self._policy.wait_timeout_s

    def stuck_words(self) -> str | None:
        """Why uploads were not sent, where a limit of the platform is why."""
        if self._pause is None or not self._uploads:
            return None
        rows = "" if self._rows is None else f"; the account holds {self._rows} upload rows"
        return f"{self._pause.words}{rows} and none drained"


_NONE: Final = CaseEnd("", End.PENDING)


# ── filling in ──────────────────────────────────────────────────────────────────────────────


def _started(task: Create | Fill) -> Started:
    if isinstance(task, Create):
        return Started(task.case, task.step, title=task.title, order=task.order)
    return Started(
        task.case,
        task.step,
        title=task.title,
        order=task.order,
        entries=task.entries,
        temporary=task.temporary,
        repeated=task.repeated,
    )


def _completed(live: _Live, item: ItemSeen | None) -> Fill:
    """The fill with what its uploads brought, without what the item holds already."""
    assert live.fill is not None
    fill = live.fill
    entries = tuple(_with_upload(entry, live, item) for entry in fill.entries)
    pks = {step: done.pk for step, done in live.brought.items() if done.pk is not None}
    body = dict(_filled_in(fill.call.json, pks))
    if "values" in body:
        body["values"] = [
            value
            for value, entry in zip(body["values"], entries, strict=True)
            if not _is_there(entry, item)
        ]
        if not body["values"]:
            del body["values"]
    if item is not None and fill.title is not None and item.title == fill.title:
        body.pop("title", None)
    live.fill = replace(fill, call=replace(fill.call, json=body, pk=live.item), entries=entries)
    return live.fill


def _with_upload(entry: Entry, live: _Live, item: ItemSeen | None) -> Entry:
    done = live.brought.get(entry.step or "")
    held = item.sockets.get(entry.socket) if item is not None else None
    return replace(
        entry,
        upload=done.pk if done is not None else entry.upload,
        content=done.content if done is not None else entry.content,
        before=held.mark if held is not None else None,
    )


def _is_there(entry: Entry, item: ItemSeen | None) -> bool:
    """A value that the item holds already: sent again, an empty one would be removed."""
    if item is None or entry.digest is None:
        return False
    return holds(entry, item) is not None


def _has_something_to_send(fill: Fill) -> bool:
    return bool(fill.call.json)


def _filled_in(body: Json, pks: Mapping[str, str]) -> Json:
    match body:
        case Address(collection=collection, pk=PkOf(step=step)):
            return Address(collection, pks[step])
        case dict():
            return {key: _filled_in(inner, pks) for key, inner in body.items()}
        case list():
            return [_filled_in(inner, pks) for inner in body]
        case _:
            return body
