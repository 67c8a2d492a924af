"""A pool that performs tasks on a pretended platform, step by step and in any order.

It watches over the order of things while it does: nothing is sent before it was written down, no
ticket is made before its upload is complete, no item is made before its tickets or filled before
its uploads are complete, no ticket is used twice, and no socket gets a second import of ours while
the first is under way.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import GEN_CREATED, getgeneratorstate
from typing import Any

from msgspec.structs import replace

from manifest_uploader.digests import json_digest
from manifest_uploader.engine.loop import execute
from manifest_uploader.engine.options import Policy
from manifest_uploader.engine.outcomes import Finished, Looked, Outcome, Ticketed, Watched
from manifest_uploader.engine.results import CaseEnd
from manifest_uploader.engine.scheduler import Scheduler
from manifest_uploader.plan.steps import (
    Create,
    Fill,
    Look,
    MakeTickets,
    Plan,
    Task,
    Upload,
    Wait,
    Watch,
)
from manifest_uploader.platform.model import Entry, ItemSeen, SocketSeen
from manifest_uploader.state.events import (
    Confirmed,
    Done,
    Event,
    Failed,
    Gone,
    ImportFailed,
    Opened,
    Paused,
    Started,
    Unsure,
)
from manifest_uploader.state.steps import StepId
from tests.helpers import SOCKETS, pk

ENDLESS = 20_000
"""So many turns and still not over: it hangs."""
ROWS = "You have created too many uploads. Please try again later."
BYTES = "Upload limit reached"
EMPTY_VALUE = json_digest("")


@dataclass
class Item:
    """What the pretended platform holds for a case."""

    title: str
    sockets: dict[str, SocketSeen] = field(default_factory=dict)
    contents: dict[str, str | None] = field(default_factory=dict)
    """Socket → the stat of the files it came from, or the digest of its value."""


@dataclass
class Importing:
    """An import that has not ended."""

    item: str
    socket: str
    upload: str


def nothing(_: Task) -> Event | None:
    """No task goes wrong."""


@dataclass
class Pretended:
    """The platform, and the pool that works on it."""

    limit: int = 4
    rows_at_most: int = 10_000
    bytes_at_most: int = 10_000
    """Of complete uploads: with as many, no other is let in. Asked when an upload is begun."""
    fault: Callable[[Task], Event | None] = nothing
    """Returns what becomes of a task in place of what should."""
    bad_imports: frozenset[str] = frozenset()
    """`CASE/SOCKET` of imports that fail."""
    stalled: bool = False
    """No import ever ends."""
    has_tickets: bool = True
    """It makes upload sessions."""
    seed: int | None = None
    """None: tasks are performed one after the other."""
    stop_after: int | None = None
    """So many turns, and the run is being stopped."""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.now = 1000.0
        self.turns = 0
        self.written: list[Event] = []
        self.ended: list[CaseEnd] = []
        self.begun: list[Task] = []
        self.items: dict[str, Item] = {}
        self.rows: dict[str, tuple[str, int]] = {}
        """Upload pk → (status, bytes)."""
        self.stats: dict[str, str] = {}
        """Upload pk → the stat of the files that were sent."""
        self.imports: list[Importing] = []
        self.failed_imports: set[tuple[str, str]] = set()
        """(item, socket)"""
        self.tickets: dict[str, str] = {}
        """Ticket → the upload it is for; used ones are gone."""
        self.late: list[Create | Fill] = []
        """Sent by runs that are gone, and not acted on yet."""
        self._under_way: list[tuple[Task, Generator[Outcome, None, None]]] = []
        self._number = 100

    # -- the pool --

    @property
    def stopping(self) -> bool:
        return self.stop_after is not None and self.turns >= self.stop_after

    def submit(self, task: Task) -> None:
        if isinstance(task, Create | Fill):
            assert any(isinstance(e, Started) and e.step == task.step for e in self.written)
        if isinstance(task, Upload):
            self._check_upload(task)
        self.begun.append(task)
        self._under_way.append((task, self._perform(task, has_room=self._has_room())))
        busy = [one for one, _ in self._under_way if not isinstance(one, Watch)]
        assert len(busy) <= self.limit
        assert len(self._under_way) - len(busy) <= 1

    def wait(self) -> list[Outcome]:
        self.turns += 1
        assert self.turns < ENDLESS, "it hangs"
        self.now += 0.05 if self._under_way else 0.5
        self._import_some()
        if self.late and self.chance.random() < 0.05:
            self.act_late()
        if not self._under_way:
            return []
        at = 0 if self.seed is None else self.chance.randrange(len(self._under_way))
        task, steps = self._under_way[at]
        outcome = next(steps, None)
        if isinstance(outcome, Paused):
            del self._under_way[at]
            return [outcome, Finished(task)]
        if outcome is not None:
            return [outcome]
        del self._under_way[at]
        return [Finished(task)]

    # -- the platform --

    def _perform(self, task: Task, *, has_room: bool) -> Generator[Outcome, None, None]:
        instead = self.fault(task)
        if instead is not None:
            yield instead
            return
        match task:
            case Upload():
                yield from self._upload(task, has_room=has_room)
            case MakeTickets():
                yield self._make_tickets(task)
            case Create():
                yield from self._create(task)
            case Fill():
                yield from self._fill(task)
            case Look():
                yield Looked(task.case, self._seen(task.item))
            case Watch():
                yield from self._watch(task)

    def act_late(self) -> None:
        """Act on a request whose sender is gone, as the platform would."""
        task = self.late.pop(self.chance.randrange(len(self.late)))
        taken = {item.title for item in self.items.values()}
        if isinstance(task, Create):
            if task.title not in taken:
                self.items[self._new_pk()] = Item(task.title)
        elif task.call.json.get("title") not in taken:
            list(self._fill(replace(task, repeated=True)))

    def _has_room(self) -> bool:
        complete = sum(size for status, size in self.rows.values() if status == "Completed")
        return complete < self.bytes_at_most

    def _upload(self, task: Upload, *, has_room: bool) -> Iterator[Outcome]:
        row = task.row.pk if task.row is not None else None
        if row is None:
            if len(self.rows) >= self.rows_at_most:
                yield Paused(task.case, task.step, socket=task.socket, why=ROWS)
                return
            row = self._new_pk()
            self.rows[row] = ("Initialized", task.size)
            yield Opened(task.case, task.step, task.socket, row, "sid", 8, task.stat)
        if self.seed is not None and self.chance.random() < 0.5:
            has_room = self._has_room()  # it is asked as late as the platform likes
        if not has_room:
            yield Paused(task.case, task.step, socket=task.socket, why=BYTES, size_limit=True)
            return
        self.rows[row], self.stats[row] = ("Completed", task.size), task.stat
        yield Done(
            task.case, task.step, task.socket, pk=row, stat=task.stat, content=f"files:{row}"
        )

    def _make_tickets(self, task: MakeTickets) -> Outcome:
        assert task.uploads
        if not self.has_tickets:
            return Ticketed(task.case, None)
        made = {}
        for socket, upload in task.uploads:
            assert self.rows[upload][0] == "Completed", "a ticket needs a complete upload"
            made[socket] = self._new_pk()
            self.tickets[made[socket]] = upload
        return Ticketed(task.case, made)

    def _use_tickets(self, entries: tuple[Entry, ...]) -> None:
        """A ticket is made for each upload into an image socket, and used only once."""
        for entry in entries:
            is_image = SOCKETS[entry.socket].super_kind == "Image"
            if entry.upload is None or not is_image or not self.has_tickets:
                assert entry.ticket is None
            else:
                assert entry.ticket is not None
                assert self.tickets.pop(entry.ticket) == entry.upload

    def _create(self, task: Create) -> Iterator[Outcome]:
        by_title = {item.title: pk_ for pk_, item in self.items.items()}
        if task.title in by_title:
            assert task.title.startswith("uploading-"), "another item has it"
            yield Done(task.case, task.step, pk=by_title[task.title])
            return
        self._use_tickets(task.entries)
        pk_ = self._new_pk()
        self.items[pk_] = Item(task.title)
        for entry in task.entries:
            if entry.upload is not None:
                self._queue(pk_, entry.socket, entry.upload)
            else:
                self._set_value(self.items[pk_], entry)
        yield Done(task.case, task.step, pk=pk_)
        for entry in task.entries:
            if entry.digest is not None:
                yield Confirmed(task.case, task.step, entry.socket, None)

    def _fill(self, task: Fill) -> Iterator[Outcome]:
        """A fill is atomic: all of it has acted before its answer comes."""
        assert isinstance(task.call.pk, str)
        assert task.call.json.keys() != {"values"} or task.call.json["values"], "it does nothing"
        used = any(
            one.ticket is not None and one.ticket not in self.tickets for one in task.entries
        )
        gone = any(one.upload is not None and one.upload not in self.rows for one in task.entries)
        if used or gone:
            yield self._refused(task)
            return
        self._use_tickets(task.entries)
        item = self.items[task.call.pk]
        item.title = task.call.json.get("title", item.title)
        named = {value["interface"] for value in task.call.json.get("values", ())}
        for entry in task.entries:
            if entry.upload is not None:
                self._queue(task.call.pk, entry.socket, entry.upload)
            elif entry.socket in named:
                self._set_value(item, entry)
        yield Done(task.case, task.step, pk=task.call.pk)
        for entry in task.entries:
            if entry.digest is not None:
                yield Confirmed(task.case, task.step, entry.socket, None)

    def _refused(self, task: Fill) -> Event:
        """A ticket is used, or an upload imported: the worker looks whether this fill had acted."""
        assert task.temporary is not None or task.repeated, "it was never sent before"
        return Done(task.case, task.step, pk=str(task.call.pk))

    def _queue(self, item: str, socket: str, upload: str) -> None:
        assert self.rows[upload][0] == "Completed"
        others = {
            one.upload
            for one in self.imports
            if (one.item, one.socket) == (item, socket)
            and one.upload in self.rows  # else an equal fill's import took it in: this one fails
        }
        assert others <= {upload}, "two imports of ours race for one socket"
        self.imports.append(Importing(item, socket, upload))

    def _set_value(self, item: Item, entry: Entry) -> None:
        """An empty value that is sent again is removed."""
        held = item.sockets.get(entry.socket)
        if entry.digest == EMPTY_VALUE and held is not None and held.digest == EMPTY_VALUE:
            del item.sockets[entry.socket]
            return
        item.sockets[entry.socket] = SocketSeen(str(self._count()), entry.digest)
        item.contents[entry.socket] = entry.digest

    def _seen(self, item: str) -> ItemSeen | None:
        held = self.items.get(item)
        return None if held is None else ItemSeen(item, held.title, None, dict(held.sockets))

    def _watch(self, task: Watch) -> Iterator[Outcome]:
        over = []
        for wait in task.waits:
            end = self._end_of(wait)
            if end is not None:
                yield end
            elif wait.last_look:
                over.append((wait.case, wait.socket))
        yield Watched(len(self.rows) if task.count else None, tuple(over))

    def _end_of(self, wait: Wait) -> Event | None:
        step = StepId.upload(wait.case, wait.socket)
        if wait.item not in self.items:
            return Gone(wait.case, step, wait.item)
        held = self.items[wait.item].sockets.get(wait.socket)
        is_there = held is not None and (held.digest == wait.digest if wait.digest else True)
        if held is not None and is_there and (wait.digest or held.mark != wait.before):
            return Confirmed(wait.case, step, wait.socket, held.mark)
        if (wait.item, wait.socket) in self.failed_imports:
            self.failed_imports.discard((wait.item, wait.socket))
            return ImportFailed(wait.case, step, wait.socket, "No image.")
        return None

    def _import_some(self) -> None:
        if (
            self.stalled
            or not self.imports
            or (self.seed is not None and self.chance.random() < 0.5)
        ):
            return
        one = self.imports.pop(0 if self.seed is None else self.chance.randrange(len(self.imports)))
        name = next(
            (t.case for t in self.begun if isinstance(t, Fill) and t.call.pk == one.item), ""
        )
        if f"{name}/{one.socket}" in self.bad_imports:
            self.failed_imports.add((one.item, one.socket))
            return
        if self.rows.pop(one.upload, None) is not None and one.item in self.items:
            item = self.items[one.item]
            item.sockets[one.socket] = SocketSeen(str(self._count()), None)
            item.contents[one.socket] = self.stats.get(one.upload)

    def _check_upload(self, task: Upload) -> None:
        same = [one for one, _ in self._under_way if isinstance(one, Upload)]
        assert task.step not in {one.step for one in same}, "one value, one upload"

    def _count(self) -> int:
        self._number += 1
        return self._number

    def _new_pk(self) -> str:
        return pk(self._count())

    # -- for tests --

    def restarted(self, **more: Any) -> Pretended:
        """The same platform for the next run."""
        kept = {"limit": self.limit, "seed": self.seed, "has_tickets": self.has_tickets}
        after = Pretended(**{**kept, **more})
        for name in (
            "items",
            "rows",
            "stats",
            "imports",
            "failed_imports",
            "tickets",
            "late",
            "_number",
            "now",
        ):
            setattr(after, name, getattr(self, name))
        return after

    def steps(self) -> list[str]:
        """What was begun, in order; looks and watches by their name."""
        return [_shown(task) for task in self.begun]

    def events(self, kind: type[Event]) -> list[Event]:
        """What was written down of one kind."""
        return [event for event in self.written if isinstance(event, kind)]


def _shown(task: Task) -> str:
    if isinstance(task, MakeTickets):
        return f"{task.case}:tickets"
    return str(task.step) if isinstance(task, Upload | Create | Fill) else type(task).__name__


def scheduler_for(
    plan: Plan, pool: Pretended, after: Scheduler | None = None, **policy: object
) -> Scheduler:
    return Scheduler(
        plan,
        Policy(**policy),  # type: ignore[arg-type]
        sockets=SOCKETS,
        clock=lambda: pool.now,
        now=lambda: pool.now,
        after=after,
    )


def act(
    plan: Plan, pool: Pretended, after: Scheduler | None = None, **policy: object
) -> tuple[Scheduler, Mapping[str, CaseEnd]]:
    """Act on a plan to its end; the agenda, and how each case ended."""
    scheduler = scheduler_for(plan, pool, after, **policy)
    for events in execute(scheduler, pool):
        pool.written += events
        pool.ended += scheduler.take_ended()
    ends = scheduler.ends()
    by_case = {end.case: end for end in ends}
    assert len(by_case) == len(ends)
    assert after is not None or len(ends) == len(plan.cases)
    return scheduler, by_case


def killed(plan: Plan, pool: Pretended, turns: int) -> None:
    """Act on a plan and be killed: what happened last was perhaps not written down.

    What was under way has perhaps acted, or acts later.
    """
    for events in execute(scheduler_for(plan, pool), pool):
        if pool.turns >= turns:
            pool.written += events[: pool.chance.randint(0, len(events))]
            break
        pool.written += events
    for task, steps in pool._under_way:
        if pool.chance.random() < 0.3:
            next(steps, None)
        elif isinstance(task, Create | Fill) and getgeneratorstate(steps) == GEN_CREATED:
            pool.late.append(task)


def failing(step: str, words: str = "No.", *, final: bool = True) -> Callable[[Task], Event | None]:
    """Let one step fail."""

    def fault(task: Task) -> Event | None:
        if str(getattr(task, "step", None)) != step:
            return None
        assert isinstance(task, Upload | Create | Fill)
        return Failed(
            task.case, task.step, socket=getattr(task, "socket", None), words=words, final=final
        )

    return fault


def unsure(step: str) -> Callable[[Task], Event | None]:
    """Leave the end of one step unknown."""

    def fault(task: Task) -> Event | None:
        if str(getattr(task, "step", None)) != step:
            return None
        assert isinstance(task, Upload | Create | Fill)
        return Unsure(task.case, task.step, "nobody knows")

    return fault
