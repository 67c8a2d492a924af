"""Watches imports: finds out whether values have arrived, and why imports failed.

An upload row that is gone was imported or cleaned up. A value that differs from the one before has
arrived, and an image is counted against the slices that were sent. The ticket that a fill named
says how its import ended. Without one, a failed session names the upload, or after the first stage
only the socket. A file socket that refuses a file shows nothing at all.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from manifest_uploader.engine.imports.judge import (
    GONE_BEFORE_S,
    Evidence,
    Seen,
    Verdict,
    arrived,
    exhausted_looks,
    image_to_count,
    is_late,
    judge,
    may_mean,
    ticket_to_read,
    unnamed_failures,
)
from manifest_uploader.engine.imports.outstanding import tickets_to_look_at
from manifest_uploader.engine.imports.sessions import FailedSessions
from manifest_uploader.engine.outcomes import Outcome, Watched
from manifest_uploader.plan.steps import Wait, Watch
from manifest_uploader.platform.endpoints import (
    ItemHidden,
    count_rows,
    get_item,
    is_row_gone,
    list_items,
    list_rows,
)
from manifest_uploader.platform.images import ImageSeen, images_of
from manifest_uploader.platform.model import ItemSeen, SocketSeen, Target
from manifest_uploader.platform.responses import PAGE
from manifest_uploader.platform.sessions import (
    FailedImport,
    TicketSeen,
    get_ticket,
    newest_tickets,
)
from manifest_uploader.state.events import Confirmed, ImportFailed, Noticed

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_TICKETS_AT_ONCE: Final = 64
"""Tickets that one look asks for one by one."""
_FEW_TICKETS: Final = 24
"""Up to so many are faster asked for one by one. Measured on the platform: one session takes
0.05 s, a list 8 ms for each of its sessions."""
_SESSIONS_OF_OTHERS: Final = 100
"""Sessions that may be newer, of other runs or of the website."""
_TICKETS_FOR_S: Final = 3.0
"""How long one look goes on looking at tickets; then it ends, so that the next one can begin."""
_LISTED_FOR_ONE: Final = 50
"""Measured on the platform: an item takes 0.1 s, a list 0.1 s and 2 ms for each of its items."""


# ── looking ─────────────────────────────────────────────────────────────────────────────────


class _Memory(Struct):
    """What earlier looks of this run found."""

    gone_since: dict[str, float] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    """Pks of the uploads whose rows were looked for."""
    gone_before: set[str] = field(default_factory=set)
    """Pks of those that were missing from the first look on."""
    latest_file: float = 0.0
    latest_image: float = 0.0
    """When the latest of the images was sent that are past the first stage of their import."""
    looks: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Item pk → (looks so far, when the next is due)."""
    inputs: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Job pk → (how many inputs it shows, when another one was last seen)."""
    tickets: dict[str, TicketSeen] = field(default_factory=dict)
    looked_at: dict[str, float] = field(default_factory=dict)
    """Ticket → when it was last looked at."""
    does_listing_help: bool = True
    """The newest sessions of the account are mostly tickets of this run."""


class Watcher:
    """Looks at everything that is waited for, with as few requests as possible."""

    def __init__(
        self,
        client: Client,
        target: Target,
        *,
        sessions: Mapping[str, float],
        refused_after_s: float,
        target_size: int = 0,
        listed: Mapping[str, ItemSeen] | None = None,
        gone_before_s: float = GONE_BEFORE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client, self._target, self._clock = client, target, clock
        self._refused_after_s, self._gone_before_s = refused_after_s, gone_before_s
        self._memory = _Memory()
        self._failed = FailedSessions(client, sessions, clock)
        self._size = target_size
        self._listed = listed or {}
        """Items that were listed just before the first look."""
        self._lock = threading.Lock()

    def notice_old(self) -> list[Noticed]:
        """Notice the failed sessions before the first fill without a ticket, to ignore them later.

        Returns the event to record, if there are any.
        """
        found = self._failed.old()
        with self._lock:
            noticed = self._failed.notice(found, self._clock())
        return [] if noticed is None else [noticed]

    def watch(self, task: Watch) -> Iterator[Outcome]:
        """Look once; yield events for the waits that have ended, then `Watched`."""
        with self._lock:
            yield from self._watch(task)

    def _watch(self, task: Watch) -> Iterator[Outcome]:
        now = self._clock()
        noticed = self._failed.look(task.waits, now)
        if noticed is not None:
            yield noticed
        rows = self._rows(task.waits)
        fresh = noticed.sessions if noticed is not None else ()
        items = self._items(task, rows, now, [self._failed.seen[pk] for pk in fresh])
        held = {wait: found for wait in task.waits if (found := _held(wait, items)) is not None}
        images = self._images(held)
        self._look_at_tickets(task.waits, held)
        seen = Seen(
            self._clock(),
            items,
            self._memory.gone_since,
            self._failed.unclaimed(task.waits),
            self._failed.first_seen,
            self._memory.latest_file,
            self._memory.tickets,
            images,
            rows=rows or (),
            gone_before=self._memory.gone_before,
            gone_before_s=self._gone_before_s,
            progress={pk: at for pk, (_, at) in self._memory.inputs.items()},
        )
        ended = {wait: end for wait, end in self._judged(task, seen) if end is not None}
        yield from ended.values()
        yield Watched(self._count(task, rows), exhausted_looks(task, items, ended))

    # -- rows --

    def _rows(self, waits: tuple[Wait, ...]) -> dict[str, str] | None:
        """All upload rows, or None if no wait needs them; notes which awaited rows are gone."""
        wanted = {wait.upload for wait in waits if wait.upload is not None}
        if not wanted:
            return None
        rows = list_rows(self._client)
        now = self._clock()
        self._memory.gone_before |= wanted - self._memory.asked - rows.keys()
        self._memory.asked |= wanted
        for pk in wanted:
            if pk in rows:
                self._memory.gone_since.pop(pk, None)
                self._memory.gone_before.discard(pk)
            else:
                self._memory.gone_since.setdefault(pk, now)
        for wait in waits:
            if wait.image and wait.upload in self._memory.gone_since:
                self._memory.latest_image = max(self._memory.latest_image, wait.since)
        return rows

    def _count(self, task: Watch, rows: dict[str, str] | None) -> int | None:
        if rows is not None:
            return len(rows)
        return count_rows(self._client) if task.count else None

    # -- items --

    def _items(
        self, task: Watch, rows: dict[str, str] | None, now: float, fresh: list[FailedImport]
    ) -> dict[str, ItemSeen | None]:
        ready = {
            wait.item
            for wait in task.waits
            if self._is_ready(wait, rows, now) or self._may_have_failed(wait, fresh)
        }
        for pk in ready:
            count, _ = self._memory.looks.get(pk, (0, 0.0))
            self._memory.looks[pk] = (count + 1, now + min(15.0, 0.5 * 2**count))
        found = self._look_at(ready)
        for pk, item in found.items():
            if item is not None and item.status is not None:
                count, _ = self._memory.inputs.get(pk, (len(item.sockets), 0.0))
                if pk not in self._memory.inputs or len(item.sockets) > count:
                    is_new = pk in self._memory.inputs
                    self._memory.inputs[pk] = (len(item.sockets), now if is_new else 0.0)
        return found

    def _is_ready(self, wait: Wait, rows: dict[str, str] | None, now: float) -> bool:
        if wait.last_look:
            return True
        _, due = self._memory.looks.get(wait.item, (0, 0.0))
        if now < due:
            return False
        if wait.upload is None or rows is None or wait.upload not in rows:
            return True
        return not wait.image and is_late(wait, now, self._refused_after_s)

    def _may_have_failed(self, wait: Wait, fresh: list[FailedImport]) -> bool:
        """Whether a new session may be about this wait; only a look at the item can tell."""
        is_gone = wait.upload in self._memory.gone_since
        return wait.image and is_gone and any(may_mean(session, wait) for session in fresh)

    def _look_at(self, pks: set[str]) -> dict[str, ItemSeen | None]:
        """The items that the platform shows, by one list of the whole target if that is faster.

        A list takes one request for up to 1,000 items.
        """
        found: dict[str, ItemSeen | None] = dict(self._listed)
        self._listed = {}
        if len(pks - found.keys()) > 1 + self._size / _LISTED_FOR_ONE:
            found = {
                item.pk: item
                for item in list_items(self._client, self._target, expected=self._size)
            }
            self._size = len(found)
        for pk in pks - found.keys():
            with contextlib.suppress(ItemHidden):
                found[pk] = get_item(self._client, self._target, pk)
        return {pk: found[pk] for pk in pks & found.keys()}

    # -- images and tickets --

    def _images(self, held: Mapping[Wait, SocketSeen]) -> dict[str, ImageSeen]:
        """The images that arrived and whose slices have to be counted."""
        pks = {pk for wait, found in held.items() if (pk := image_to_count(wait, found))}
        return images_of(self._client, self._target, pks, held=self._size) if pks else {}

    def _look_at_tickets(
        self,
        waits: Iterable[Wait],
        held: Mapping[Wait, SocketSeen],
    ) -> None:
        """Look at the tickets of images that arrived, and of some that did not arrive.

        There may be thousands of the latter; the likeliest to have failed come first.
        """
        memory = self._memory
        read = {pk for wait, found in held.items() if (pk := ticket_to_read(wait, found))}
        known = {pk for pk in read if pk in memory.tickets and memory.tickets[pk].images}
        for pk in read - known - set(self._list_tickets([*(read - known)], sure=len(read - known))):
            self._look_at_ticket(pk)
        started = time.monotonic()
        choice = tickets_to_look_at(
            (wait for wait in waits if wait not in held),
            gone=memory.gone_since,
            latest=memory.latest_image,
            looked_at=memory.looked_at,
            now=self._clock(),
        )
        listed = self._list_tickets([*choice.likely, *choice.others], sure=len(choice.likely))
        pks = [pk for pk in (*choice.likely, *choice.others) if pk not in listed]
        for pk in pks[:_TICKETS_AT_ONCE]:
            self._look_at_ticket(pk)
            if time.monotonic() - started > _TICKETS_FOR_S:
                break

    def _list_tickets(self, wanted: list[str], *, sure: int) -> Collection[str]:
        """Look at many tickets with one list of the newest sessions; return those it showed.

        That is faster as long as most of the newest sessions are tickets that are waited for.
        `sure` of the wanted ones would otherwise be looked at one by one.
        """
        memory = self._memory
        if sure <= _FEW_TICKETS or not memory.does_listing_help:
            return ()
        newest = min(PAGE, _SESSIONS_OF_OTHERS + len(wanted) * 3 // 2)
        now = self._clock()
        found = newest_tickets(self._client, newest)
        shown = {pk: found[pk] for pk in wanted if pk in found}
        memory.tickets |= shown
        memory.looked_at |= dict.fromkeys(shown, now)
        memory.does_listing_help = 2 * len(shown) > len(wanted)
        return shown

    def _look_at_ticket(self, pk: str) -> None:
        self._memory.looked_at[pk] = self._clock()
        if (ticket := get_ticket(self._client, pk)) is not None:
            self._memory.tickets[pk] = ticket

    # -- judging --

    def _judged(self, task: Watch, seen: Seen) -> Iterator[tuple[Wait, Outcome | None]]:
        rivals = self._rivals(task.waits, seen)
        for wait in task.waits:
            verdict = judge(
                wait,
                seen,
                refused_after_s=self._refused_after_s,
                rivals=rivals.get(wait.socket_title, 1),
            )
            if verdict is not None and not self._is_certain(wait, verdict):
                verdict = None
            if verdict is not None:
                self._remember(wait, verdict, seen)
            yield wait, None if verdict is None else verdict.event

    def _rivals(self, waits: tuple[Wait, ...], seen: Seen) -> dict[str, int]:
        """Socket title → how many of its waits have neither a row nor a value."""
        found: dict[str, int] = {}
        for wait in waits:
            item = seen.items.get(wait.item)
            missing = item is None or arrived(wait, item) is None
            if wait.image and wait.upload in seen.gone_since and missing:
                found[wait.socket_title] = found.get(wait.socket_title, 0) + 1
        return found

    def _is_certain(self, wait: Wait, verdict: Verdict) -> bool:
        """A row that a list did not show is asked for by its pk before it counts as gone.

        While it is there, only a session that names it can mean that its import has failed.
        """
        if not isinstance(verdict.event, ImportFailed):
            return True
        if wait.upload is None or wait.upload not in self._memory.gone_since:
            return True
        if verdict.evidence in {Evidence.ITEM, Evidence.TICKET}:
            return True
        if is_row_gone(self._client, wait.upload):
            return True
        self._memory.gone_since.pop(wait.upload, None)
        self._memory.gone_before.discard(wait.upload)
        return verdict.evidence is Evidence.NAMED_SESSION

    def _remember(self, wait: Wait, verdict: Verdict, seen: Seen) -> None:
        memory = self._memory
        if isinstance(verdict.event, Confirmed) and not wait.image and wait.upload is not None:
            memory.latest_file = max(memory.latest_file, wait.since)
        if wait.image and wait.upload is not None:
            memory.latest_image = max(memory.latest_image, wait.since)
        if wait.ticket is not None:
            self._failed.claimed.add(wait.ticket)
            memory.tickets.pop(wait.ticket, None)
            memory.looked_at.pop(wait.ticket, None)
        if verdict.evidence is Evidence.UNNAMED_SESSION:
            self._claim_one(wait, seen)
        memory.gone_since.pop(wait.upload or "", None)

    def _claim_one(self, wait: Wait, seen: Seen) -> None:
        """Use up one unnamed session for this failure; another one is about another case."""
        claimed = self._failed.claimed
        left = [one.pk for one in unnamed_failures(wait, seen) if one.pk not in claimed]
        claimed |= set(left[:1])


def _held(wait: Wait, items: Mapping[str, ItemSeen | None]) -> SocketSeen | None:
    """What the item holds, if it is the value that is waited for."""
    item = items.get(wait.item)
    return arrived(wait, item) if item is not None else None
