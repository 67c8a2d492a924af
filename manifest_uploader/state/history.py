"""What earlier runs did: the fold of all events.

Only the order of events within a case matters. `CaseHistory` is mutable because copying it for
every event took half the time of a run with nothing to do; only this module changes it, and only
while it folds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from manifest_uploader.platform.model import Entry
from manifest_uploader.state import job_changes, upload_changes
from manifest_uploader.state.events import (
    Adopted,
    AnyEvent,
    Checked,
    Confirmed,
    Done,
    Event,
    Failed,
    Failure,
    Gone,
    ImportFailed,
    Left,
    Noticed,
    Opened,
    OpenUpload,
    Paused,
    Renamed,
    Settled,
    Started,
    Unsure,
)
from manifest_uploader.state.steps import StepKind

LATE_FOR_S: Final = 86_400.0
"""How long after a fill a duplicate of it is expected. Grand Challenge names no limit; seen were
minutes."""


class UploadHistory(Struct, frozen=True):
    """The latest upload for a socket, or for one of its files, that no fill has used yet."""

    row: OpenUpload
    done: bool
    content: str | None = None
    time: float = 0.0
    sha256: str | None = None
    """Of a single file's bytes; of a de-identified one, its original's."""


SocketStanding: TypeAlias = Literal["waiting", "confirmed", "failed", "lost"]
"""Where a value stands that a fill has put into its socket."""


class SocketHistory(Struct, frozen=True):
    """What the last successful fill put into a socket, and how the import went."""

    entry: Entry
    since: float
    """When the fill was sent, in seconds since 1970."""
    standing: SocketStanding
    failure: Failure | None = None
    pk: str | None = None
    """As the platform last showed it: the image's pk, else the mark of the value.

    None for an adopted value, whose entry has its mark in `before`.
    """
    repeated: bool = False
    sha256: str | None = None
    """Of the bytes of a single file, if we sent them, or compared them when we adopted the item."""

    @property
    def is_unchecked(self) -> bool:
        """Whether it is an upload of an adopted item, of which nobody knows what it holds."""
        entry = self.entry
        return entry.stat is not None and entry.digest is entry.upload is entry.content is None


class CaseHistory(Struct):
    """What earlier runs did for a case."""

    item: str | None = None
    temporary: str | None = None
    """The title given at creation. Without an `item`, the creation's outcome is unknown."""
    order: int | None = None
    """The latest order that a creation or a fill set."""
    answered: bool = False
    """The platform kept the item's order when it was last to be changed, for there are answers."""
    title: str | None = None
    """The latest title that was set together with values; None: no such title was set yet."""
    twice: tuple[str, ...] = ()
    """Temporary titles under which a creation may have been sent more than once."""
    job: Literal["running", "succeeded", "failed", "stuck"] | None = None
    """Of an algorithm job that was started; None: it was not, or the item is not a job."""
    job_failures: tuple[Failure, ...] = ()
    """Why the job has failed, or is stuck."""
    former: tuple[str, ...] = ()
    """The pks of earlier jobs of the case, which failed."""
    creating: Started | None = None
    """A creation with values whose outcome is unknown."""
    filling: Started | None = None
    """A fill whose outcome is unknown."""
    filling_since: float = 0.0
    doubt_since: float | None = None
    """When a fill without tickets was last in doubt: a duplicate of it may still change values,
    title and order. None: there was none, or the item was compared long after it."""
    sockets: dict[str, SocketHistory] = field(default_factory=dict)
    uploads: dict[str, UploadHistory] = field(default_factory=dict)
    file_uploads: dict[tuple[str, int], UploadHistory] = field(default_factory=dict)
    """By (socket, number): of the files of values that are sent file by file."""
    reason: str | None = None
    """Why the last step failed or is unsure; None: it succeeded, or another step has started."""
    gone: bool = False
    unsure: bool = False
    repeated: bool = False
    """A fill with an unknown outcome counts as not sent, so the next one may repeat it."""
    left: bool = False
    """It is not in the manifest any more, and a run has told so."""

    @property
    def has_unused_uploads(self) -> bool:
        """Whether an upload was begun that no fill has used yet."""
        return bool(self.uploads or self.file_uploads)


class History(Struct, frozen=True):
    """What earlier runs did."""

    cases: Mapping[str, CaseHistory] = field(default_factory=dict)
    sessions: Mapping[str, float] = field(default_factory=dict)
    """Pk of a failed import session → when we first saw it."""


EMPTY: Final = CaseHistory()


def fold(events: Iterable[AnyEvent]) -> History:
    """The history that the events tell."""
    folding = Folding()
    for event in events:
        folding.add(event)
    return folding.history


class Folding:
    """A history that grows with every event."""

    def __init__(self) -> None:
        self._cases: dict[str, CaseHistory] = {}
        self._sessions: dict[str, float] = {}
        self.history = History(self._cases, self._sessions)
        """The history so far; its content changes with every event."""

    def add(self, event: Event) -> None:
        """Add one event."""
        if (change := _CHANGES.get(type(event))) is not None:
            change(self._case(event.case), event)  # type: ignore[attr-defined]
            return
        match event:
            case Noticed():
                for pk in event.sessions:
                    self._sessions[pk] = min(event.time, self._sessions.get(pk, event.time))
            case Renamed():
                self._cases[event.case] = self._cases.pop(event.was, CaseHistory())
            case Gone() | Adopted():
                self._cases[event.case] = _replaced(self._case(event.case), event)

    def _case(self, name: str) -> CaseHistory:
        found = self._cases.get(name)
        if found is None:
            found = self._cases[name] = CaseHistory()
        return found


def after(past: CaseHistory, event: Adopted | Gone) -> CaseHistory:
    """The history of a case after one more event; `past` stays as it is."""
    return _replaced(_copied(past), event)


def with_events(past: CaseHistory, events: Iterable[AnyEvent]) -> CaseHistory:
    """The history of a case after more events about its steps; `past` stays as it is."""
    copy = _copied(past)
    for event in events:
        _CHANGES[type(event)](copy, event)
    return copy


def _copied(past: CaseHistory) -> CaseHistory:
    return replace(
        past,
        sockets=dict(past.sockets),
        uploads=dict(past.uploads),
        file_uploads=dict(past.file_uploads),
    )


# ── one change for each kind of event ───────────────────────────────────────────────────────


def _started(past: CaseHistory, event: Started) -> None:
    past.reason = None
    if event.step.kind is StepKind.CREATE:
        if past.item is None and past.temporary == event.title and not event.entries:
            _note_twice(past)
        if event.job:
            job_changes.restarted(past)
        past.temporary, past.order = event.title, event.order
        past.creating = event if event.entries else None
        past.unsure = past.gone = False
    elif event.step.kind is StepKind.FILL:
        if event.repeated and past.filling is not None and not _has_tickets(past.filling):
            past.doubt_since = event.time
        past.filling = event
        past.filling_since = event.time
        past.unsure = False


def _opened(past: CaseHistory, event: Opened) -> None:
    upload_changes.noted(past, event, UploadHistory(event.row, done=False, time=event.time))


def _made(past: CaseHistory, event: Done) -> None:
    if event.again and past.creating is None:
        _note_twice(past)
    past.item, past.unsure, past.reason = event.pk, False, None
    if past.creating is not None:
        _put(past, past.creating, past.creating.time or event.time)
        if past.creating.job:
            job_changes.begun(past)
        past.creating = None
    elif past.job is not None:
        job_changes.goes_on(past)


def _done(past: CaseHistory, event: Done) -> None:
    if event.step.kind is StepKind.CREATE:
        _made(past, event)
    elif event.step.kind is StepKind.JOB:
        job_changes.succeeded(past)
    elif event.step.kind is StepKind.FILL:
        past.unsure = False
        past.reason = None
        past.answered = event.kept
        if event.again:
            past.doubt_since = event.time
        if past.filling is not None:
            if not event.kept:
                _put(past, past.filling, past.filling_since or event.time)
            past.filling = None
            past.repeated = False
    else:
        _uploaded(past, event)


def _note_twice(past: CaseHistory) -> None:
    if past.temporary is not None and past.temporary not in past.twice:
        past.twice = (*past.twice, past.temporary)


def _has_tickets(fill: Started) -> bool:
    """Whether a late duplicate of the fill is refused once another one took effect."""
    return any(entry.ticket is not None for entry in fill.entries)


def _settled(past: CaseHistory, _: Settled) -> None:
    past.doubt_since = None


def _left(past: CaseHistory, event: Left) -> None:
    past.left = not event.back


def _uploaded(past: CaseHistory, event: Done) -> None:
    if event.socket is None or event.pk is None:
        return
    number = event.step.number
    if number is None:
        before = past.uploads.get(event.socket)
    else:
        before = past.file_uploads.get((event.socket, number))
    was = before.row if before is not None else OpenUpload("", "", 0, "")
    row = OpenUpload(
        *(event.pk, was.storage_id, was.part_size, event.stat or was.stat),
        token=was.token,
        made_by=was.made_by,
    )
    upload = UploadHistory(
        row, done=True, content=event.content, time=event.time, sha256=event.sha256
    )
    upload_changes.noted(past, event, upload)


def _put(past: CaseHistory, started: Started, since: float) -> None:
    """The item was given these values; their imports have not ended."""
    for entry in started.entries:
        sha256 = upload_changes.sha256_of(past, entry)
        past.sockets[entry.socket] = SocketHistory(
            entry, since, "waiting", repeated=started.repeated, sha256=sha256
        )
        upload_changes.dropped(past, entry.socket)
    past.title = past.title if started.title is None else started.title
    past.order = past.order if started.order is None else started.order


def _failed(past: CaseHistory, event: Failed) -> None:
    """Without a message, the step had no effect, as a look at the platform showed."""
    if event.step.kind is StepKind.JOB:
        job_changes.failed(past, event)
        return
    past.reason = event.words or None
    if event.step.kind is StepKind.UPLOAD:
        if not event.words:
            upload_changes.dropped(past, event.socket or "")
    elif event.step.kind is StepKind.FILL:
        if not event.words and past.filling is not None:
            past.doubt_since = event.time  # whatever it names: its uploads cannot be used up now
        past.filling = None
        past.unsure = False
        past.repeated = past.repeated or not event.words
    elif event.step.kind is StepKind.CREATE and past.creating is not None:
        job_changes.not_started(past, past.reason)  # another item may have the case's title


def _unsure(past: CaseHistory, event: Unsure) -> None:
    past.unsure = True
    past.reason = event.why


def _confirmed(past: CaseHistory, event: Confirmed) -> None:
    was = _socket(past, event)
    if was.entry.uploads:  # thousands of pks that nobody asks for any more
        was = replace(was, entry=replace(was.entry, uploads=()))
    past.sockets[event.socket] = replace(was, standing="confirmed", failure=None, pk=event.pk)


def _import_failed(past: CaseHistory, event: ImportFailed) -> None:
    was = _socket(past, event)
    past.sockets[event.socket] = replace(
        was, standing="lost" if event.lost else "failed", failure=event.failure
    )


def _checked(past: CaseHistory, event: Checked) -> None:
    if (was := past.sockets.get(event.socket)) is not None:
        entry = replace(was.entry, stat=event.stat)
        past.sockets[event.socket] = replace(was, entry=entry)
    if (upload := past.uploads.get(event.socket)) is not None:
        row = replace(upload.row, stat=event.stat)
        past.uploads[event.socket] = replace(upload, row=row)


def _replaced(past: CaseHistory, event: Adopted | Gone) -> CaseHistory:
    if isinstance(event, Adopted):
        sockets = {
            entry.socket: SocketHistory(entry, event.time, "confirmed", sha256=entry.sha256)
            for entry in event.entries
        }
        return CaseHistory(
            item=event.item, order=event.order, title=event.title, sockets=sockets, twice=past.twice
        )
    if event.anew:
        return CaseHistory(twice=past.twice)
    past.gone = True
    return past


def _socket(past: CaseHistory, event: Confirmed | ImportFailed) -> SocketHistory:
    found = past.sockets.get(event.socket)
    return found or SocketHistory(Entry(event.socket), event.time, "waiting")


_CHANGES: Final[dict[type[Event], Callable[[CaseHistory, Any], None]]] = {
    Started: _started,
    Opened: _opened,
    Done: _done,
    Failed: _failed,
    Unsure: _unsure,
    Paused: job_changes.paused,
    Confirmed: _confirmed,
    ImportFailed: _import_failed,
    Checked: _checked,
    Settled: _settled,
    Left: _left,
}
"""Looked up by type: a `match` over all events takes half as long again."""
