"""What earlier runs did: the fold of the events, in any order across cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from manifest_uploader.causes import explained
from manifest_uploader.model import (
    Adopted,
    Begun,
    CasePast,
    Checked,
    Confirmed,
    Done,
    Entry,
    Event,
    Failed,
    Gone,
    History,
    ImportFailed,
    Noticed,
    Opened,
    Record,
    Renamed,
    SocketPast,
    Standing,
    Started,
    Unsure,
    UploadPast,
)

EMPTY: Final = CasePast()


def fold(records: Iterable[Record]) -> History:
    """The history that the records tell; only the order of one case's records matters."""
    cases: dict[str, CasePast] = {}
    sessions: dict[str, float] = {}
    for record in records:
        advance(cases, sessions, record)
    return History(cases, sessions)


def advance(cases: dict[str, CasePast], sessions: dict[str, float], record: Record) -> None:
    """Add one record to a history that is being folded."""
    event = record.event
    match event:
        case Noticed():
            for pk in event.sessions:
                sessions[pk] = min(record.time, sessions.get(pk, record.time))
        case Renamed():
            cases[event.case] = cases.pop(event.was, EMPTY)
        case _:
            change = _CHANGES.get(type(event))
            if change is not None:
                cases[event.case] = change(cases.get(event.case, EMPTY), event, record.time)


def standing(past: CasePast) -> Standing:
    """Where a case stands, by what is written down alone."""
    if past.gone:
        return Standing.GONE
    if past.unsure or past.filling is not None:
        return Standing.UNSURE
    ends = {socket.standing for socket in past.sockets.values()}
    if past.words is not None or ends & {"failed", "lost"}:
        return Standing.FAILED
    if past.title is not None:
        return Standing.FILLED if "waiting" in ends else Standing.DONE
    if past.item is not None or past.temporary is not None:
        return Standing.CREATED
    return Standing.UPLOADING if past.uploads else Standing.NEW


# ── one change an event ─────────────────────────────────────────────────────────────────────


def _started(past: CasePast, event: Started, time: float) -> CasePast:
    if event.step.endswith(":create"):
        return replace(
            past, temporary=event.title, order=event.order, unsure=False, words=None, gone=False
        )
    if event.step.endswith(":fill"):
        return replace(past, filling=event, filling_since=time, unsure=False, words=None)
    return past if past.words is None else replace(past, words=None)


def _opened(past: CasePast, event: Opened, time: float) -> CasePast:
    begun = Begun(event.pk, event.storage_id, event.part_size, event.stat)
    upload = UploadPast(begun, done=False, time=time)
    return replace(past, uploads={**past.uploads, event.socket: upload})


def _done(past: CasePast, event: Done, time: float) -> CasePast:
    if event.step.endswith(":create"):
        return replace(past, item=event.pk, unsure=False, words=None)
    if event.step.endswith(":fill"):
        return _filled(past, time)
    return _uploaded(past, event, time)


def _uploaded(past: CasePast, event: Done, time: float) -> CasePast:
    if event.socket is None or event.pk is None:
        return past
    before = past.uploads.get(event.socket)
    begun = before.begun if before is not None else Begun(event.pk, "", 0, event.stat or "")
    begun = replace(begun, pk=event.pk, stat=event.stat or begun.stat)
    upload = UploadPast(begun, done=True, content=event.content, time=time)
    return replace(past, uploads={**past.uploads, event.socket: upload})


def _filled(past: CasePast, time: float) -> CasePast:
    filling = past.filling
    if filling is None:
        return replace(past, unsure=False, words=None)
    filled = {
        entry.socket: SocketPast(
            entry, past.filling_since or time, "waiting", repeated=filling.repeated
        )
        for entry in filling.entries
    }
    return replace(
        past,
        title=past.title if filling.title is None else filling.title,
        order=past.order if filling.order is None else filling.order,
        sockets={**past.sockets, **filled},
        uploads={name: one for name, one in past.uploads.items() if name not in filled},
        filling=None,
        unsure=False,
        words=None,
        repeated=False,
    )


def _failed(past: CasePast, event: Failed, _: float) -> CasePast:
    """No words: it was found out that the step did not act."""
    if not event.step.endswith(":fill"):
        return replace(past, words=event.words or None)
    repeated = past.repeated or not event.words
    return replace(past, words=event.words or None, filling=None, unsure=False, repeated=repeated)


def _unsure(past: CasePast, event: Unsure, _: float) -> CasePast:
    return replace(past, unsure=True, words=event.why)


def _confirmed(past: CasePast, event: Confirmed, time: float) -> CasePast:
    return _ended(past, event.socket, time, standing="confirmed", pk=event.pk, words=None)


def _import_failed(past: CasePast, event: ImportFailed, time: float) -> CasePast:
    end = "lost" if event.lost else "failed"
    return _ended(past, event.socket, time, standing=end, words=explained(event))


def _ended(past: CasePast, socket: str, time: float, **end: Any) -> CasePast:
    before = past.sockets.get(socket) or SocketPast(Entry(socket, None), time, "waiting")
    return replace(past, sockets={**past.sockets, socket: replace(before, **end)})


def _checked(past: CasePast, event: Checked, _: float) -> CasePast:
    if (before := past.sockets.get(event.socket)) is not None:
        after = replace(before, entry=replace(before.entry, stat=event.stat))
        past = replace(past, sockets={**past.sockets, event.socket: after})
    if (upload := past.uploads.get(event.socket)) is not None:
        fresh = replace(upload, begun=replace(upload.begun, stat=event.stat))
        past = replace(past, uploads={**past.uploads, event.socket: fresh})
    return past


def _gone(past: CasePast, event: Gone, _: float) -> CasePast:
    return EMPTY if event.anew else replace(past, gone=True)


def _adopted(_: CasePast, event: Adopted, time: float) -> CasePast:
    sockets = {
        entry.socket: SocketPast(entry, time, "confirmed", words=None) for entry in event.entries
    }
    return CasePast(item=event.item, title=event.title, sockets=sockets)


_CHANGES: Final[dict[type[Event], Callable[[CasePast, Any, float], CasePast]]] = {
    Started: _started,
    Opened: _opened,
    Done: _done,
    Failed: _failed,
    Unsure: _unsure,
    Confirmed: _confirmed,
    ImportFailed: _import_failed,
    Checked: _checked,
    Gone: _gone,
    Adopted: _adopted,
}
