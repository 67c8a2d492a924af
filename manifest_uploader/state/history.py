"""What earlier runs did: the fold of the events, in any order across cases.

Only this module changes a `CasePast`, and only those that it made itself, while it folds: copying
one for every event took half the time of a run with nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from manifest_uploader.platform.model import Entry
from manifest_uploader.state.causes import explained
from manifest_uploader.state.events import (
    Adopted,
    Checked,
    Confirmed,
    Done,
    Event,
    Failed,
    Gone,
    ImportFailed,
    Noticed,
    Opened,
    OpenUpload,
    Record,
    Renamed,
    Started,
    Unsure,
)


class UploadHistory(Struct, frozen=True):
    """The latest upload of a socket that no fill has used yet."""

    begun: OpenUpload
    done: bool
    content: str | None = None
    time: float = 0.0


class SocketHistory(Struct, frozen=True):
    """What the last fill that acted put in a socket, and what became of it."""

    entry: Entry
    since: float
    standing: Literal["waiting", "confirmed", "failed", "lost"]
    words: str | None = None
    pk: str | None = None
    repeated: bool = False


class CaseHistory(Struct):
    """What earlier runs did for a case; `history` alone changes one, while it folds."""

    item: str | None = None
    temporary: str | None = None
    """The title of a creation; with no item: its end is not known."""
    order: int | None = None
    """The last order that was given, by a creation or a fill."""
    title: str | None = None
    """The last title that a fill gave; None: none acted yet."""
    filling: Started | None = None
    """A fill whose end is not known."""
    filling_since: float = 0.0
    sockets: dict[str, SocketHistory] = field(default_factory=dict)
    uploads: dict[str, UploadHistory] = field(default_factory=dict)
    words: str | None = None
    """Why the last step failed; None: it did not, or something was done since."""
    gone: bool = False
    unsure: bool = False
    repeated: bool = False
    """A fill of unknown fate was taken for not sent: the next one may be its repetition."""


class History(Struct, frozen=True):
    """What earlier runs did."""

    cases: Mapping[str, CaseHistory] = field(default_factory=dict)
    sessions: Mapping[str, float] = field(default_factory=dict)
    """Pk of a failed import session → when we first saw it."""


EMPTY: Final = CaseHistory()


def fold(records: Iterable[Record]) -> History:
    """The history that the records tell; only the order of one case's records matters."""
    folding = Folding(History())
    for record in records:
        folding.take(record)
    return folding.history


class Folding:
    """A history that grows by one record after the other."""

    def __init__(self, before: History) -> None:
        self._cases = dict(before.cases)
        self._own: set[str] = set()
        """The cases whose past was made here, and may be changed in place."""
        self._sessions = dict(before.sessions)
        self.history = History(self._cases, self._sessions)
        """So far; what is in it changes with every record."""

    def take(self, record: Record) -> None:
        """Add one record."""
        event = record.event
        if (change := _CHANGES.get(type(event))) is not None:
            change(self._own_past(event.case), event, record.time)  # type: ignore[union-attr]
        elif isinstance(event, Noticed):
            for pk in event.sessions:
                self._sessions[pk] = min(record.time, self._sessions.get(pk, record.time))
        elif isinstance(event, Renamed):
            self._rename(event)
        elif isinstance(event, Gone | Adopted):
            self._cases[event.case] = _replaced(self._own_past(event.case), event, record.time)

    def _own_past(self, case: str) -> CaseHistory:
        if case in self._own:
            return self._cases[case]
        self._own.add(case)
        before = self._cases.get(case)
        past = self._cases[case] = CaseHistory() if before is None else _copy(before)
        return past

    def _rename(self, event: Renamed) -> None:
        self._cases[event.case] = self._cases.pop(event.was, EMPTY)
        self._own.discard(event.was)
        self._own.discard(event.case)


def after(past: CaseHistory, event: Adopted | Gone) -> CaseHistory:
    """The past of a case once this has happened too."""
    return _replaced(_copy(past), event, 0.0)


def _copy(past: CaseHistory) -> CaseHistory:
    return replace(past, sockets=dict(past.sockets), uploads=dict(past.uploads))


# ── one change an event ─────────────────────────────────────────────────────────────────────


def _started(past: CaseHistory, event: Started, time: float) -> None:
    if event.step.endswith(":create"):
        past.temporary = event.title
        past.order = event.order
        past.unsure = False
        past.words = None
        past.gone = False
    elif event.step.endswith(":fill"):
        past.filling = event
        past.filling_since = time
        past.unsure = False
        past.words = None
    else:
        past.words = None


def _opened(past: CaseHistory, event: Opened, time: float) -> None:
    begun = OpenUpload(event.pk, event.storage_id, event.part_size, event.stat)
    past.uploads[event.socket] = UploadHistory(begun, done=False, time=time)


def _done(past: CaseHistory, event: Done, time: float) -> None:
    if event.step.endswith(":create"):
        past.item = event.pk
        past.unsure = False
        past.words = None
    elif event.step.endswith(":fill"):
        _filled(past, time)
    else:
        _uploaded(past, event, time)


def _uploaded(past: CaseHistory, event: Done, time: float) -> None:
    if event.socket is None or event.pk is None:
        return
    before = past.uploads.get(event.socket)
    storage_id, part_size, stat = "", 0, ""
    if before is not None:
        storage_id, part_size, stat = (
            before.begun.storage_id,
            before.begun.part_size,
            before.begun.stat,
        )
    begun = OpenUpload(event.pk, storage_id, part_size, event.stat or stat)
    past.uploads[event.socket] = UploadHistory(begun, done=True, content=event.content, time=time)


def _filled(past: CaseHistory, time: float) -> None:
    filling = past.filling
    if filling is None:
        past.unsure = False
        past.words = None
        return
    since = past.filling_since or time
    for entry in filling.entries:
        past_socket = SocketHistory(entry, since, "waiting", repeated=filling.repeated)
        past.sockets[entry.socket] = past_socket
        past.uploads.pop(entry.socket, None)
    past.title = past.title if filling.title is None else filling.title
    past.order = past.order if filling.order is None else filling.order
    past.filling = None
    past.unsure = False
    past.words = None
    past.repeated = False


def _failed(past: CaseHistory, event: Failed, _: float) -> None:
    """No words: it was found out that the step did not act."""
    past.words = event.words or None
    if event.step.endswith(":fill"):
        past.filling = None
        past.unsure = False
        past.repeated = past.repeated or not event.words


def _unsure(past: CaseHistory, event: Unsure, _: float) -> None:
    past.unsure = True
    past.words = event.why


def _confirmed(past: CaseHistory, event: Confirmed, time: float) -> None:
    was = _socket(past, event.socket, time)
    past.sockets[event.socket] = SocketHistory(
        was.entry, was.since, "confirmed", None, event.pk, was.repeated
    )


def _import_failed(past: CaseHistory, event: ImportFailed, time: float) -> None:
    was = _socket(past, event.socket, time)
    past.sockets[event.socket] = SocketHistory(
        was.entry,
        was.since,
        "lost" if event.lost else "failed",
        explained(event),
        was.pk,
        was.repeated,
    )


def _checked(past: CaseHistory, event: Checked, _: float) -> None:
    if (was := past.sockets.get(event.socket)) is not None:
        entry = replace(was.entry, stat=event.stat)
        past.sockets[event.socket] = replace(was, entry=entry)
    if (upload := past.uploads.get(event.socket)) is not None:
        begun = replace(upload.begun, stat=event.stat)
        past.uploads[event.socket] = replace(upload, begun=begun)


def _replaced(past: CaseHistory, event: Adopted | Gone, time: float) -> CaseHistory:
    if isinstance(event, Adopted):
        sockets = {entry.socket: SocketHistory(entry, time, "confirmed") for entry in event.entries}
        return CaseHistory(item=event.item, title=event.title, sockets=sockets)
    if event.anew:
        return CaseHistory()
    past.gone = True
    return past


def _socket(past: CaseHistory, socket: str, time: float) -> SocketHistory:
    return past.sockets.get(socket) or SocketHistory(Entry(socket, None), time, "waiting")


_CHANGES: Final[dict[type[Event], Callable[[CaseHistory, Any, float], None]]] = {
    Started: _started,
    Opened: _opened,
    Done: _done,
    Failed: _failed,
    Unsure: _unsure,
    Confirmed: _confirmed,
    ImportFailed: _import_failed,
    Checked: _checked,
}
