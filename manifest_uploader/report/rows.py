"""Makes one row for each value: what the manifest asks for, and what the state file records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from msgspec import structs

from manifest_uploader.digests import Json
from manifest_uploader.engine.causes import likely_cause
from manifest_uploader.manifest.model import Case, FileValue, ImageValue, JsonValue, Manifest, Value
from manifest_uploader.report.links import Links
from manifest_uploader.report.words import sentence, value_standing
from manifest_uploader.state.events import (
    AnyEvent,
    Confirmed,
    Done,
    Failed,
    Failure,
    Opened,
    Renamed,
    Started,
)
from manifest_uploader.state.history import EMPTY, CaseHistory, Folding, SocketHistory
from manifest_uploader.state.receipts import Receipt
from manifest_uploader.state.standing import Standing, standing_of

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NOT_SENT: Final = frozenset({Standing.NEW, Standing.UPLOADING})
_NOT_IN_MANIFEST: Final = "no longer in the manifest"


@dataclass(frozen=True, slots=True)
class File:
    """A file, or a path, folder or pattern of the manifest."""

    name: str
    sha256: str | None = None
    """None if unknown, or for a pattern."""
    size: int | None = None
    """In bytes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One value of a case; a case without values has one row with an empty socket."""

    case: str
    title: str
    order: int | None
    state: Standing
    """Where the case stands."""
    item: str | None
    """The item's pk."""
    page: str | None
    """The item's page."""
    socket: str
    standing: Standing
    """Where the value stands; of a case without values, where the case stands."""
    words: str | None = None
    """The reason, if it needs one."""
    remedy: str | None = None
    """What a failure most likely means."""
    files: tuple[File, ...] = ()
    value: Json = None
    """A value that is written in the manifest."""
    size: int | None = None
    """The bytes of its upload."""
    sha256: str | None = None
    """The digest of its file, if there is only one."""
    image: str | None = None
    """The image's pk."""
    worker: str | None = None
    """The name of the worker that sent it, on another machine."""
    sent: float | None = None
    """When its upload was completed, or else its item filled; seconds since 1970."""
    confirmed: float | None = None
    """When it was seen in its item; seconds since 1970."""


@dataclass(slots=True)
class _RecordFacts:
    """What the events say beyond the history: times, sizes, and which socket failed."""

    uploads: dict[str, Done] = field(default_factory=dict)
    """Upload pk → its `Done`."""
    files: dict[tuple[str, str], dict[int, Done]] = field(default_factory=dict)
    """(case, socket) → by number, the `Done` of the files of its image set."""
    confirmed_at: dict[str, dict[str, float]] = field(default_factory=dict)
    """Case → socket → when it was last confirmed."""
    failed: dict[str, dict[str, str]] = field(default_factory=dict)
    """Case → socket, or "" → why its step failed; removed when the step starts again."""

    def add(self, event: AnyEvent) -> None:
        """Add the facts of one event."""
        match event:
            case Renamed():
                self.confirmed_at[event.case] = self.confirmed_at.pop(event.was, {})
                self.failed[event.case] = self.failed.pop(event.was, {})
            case Confirmed():
                self.confirmed_at.setdefault(event.case, {})[event.socket] = event.time
            case Started() | Opened() | Done() | Failed():
                self._add_step(event)

    def _add_step(self, event: Started | Opened | Done | Failed) -> None:
        failed = self.failed.setdefault(event.case, {})
        if isinstance(event, Failed) and event.words:
            failed[event.socket or ""] = event.words
            return
        failed.pop(event.socket or "", None)
        if isinstance(event, Done) and event.socket is not None and event.pk is not None:
            self.uploads[event.pk] = event
            if event.step.number is not None:
                files = self.files.setdefault((event.case, event.socket), {})
                files[event.step.number] = event

    def case_words(self, case: str, history: CaseHistory) -> str | None:
        """The reason for a case's state that does not concern a single socket."""
        if history.unsure or history.gone:
            return history.reason
        return self.failed.get(case, {}).get("")


UNCHECKED: Final = "adopted, content not checked"


def make_rows(
    manifest: Manifest,
    events: Iterable[AnyEvent],
    *,
    receipts: Iterable[Receipt],
    links: Links,
    at_work: bool = False,
) -> tuple[Row, ...]:
    """The rows of all values, in the manifest's order, then of cases that it no longer has.

    `at_work`: a run is at work, which knows the outcomes of what it has begun.
    """
    facts, folding = _RecordFacts(), Folding()
    for event in events:
        facts.add(event)
        folding.add(event)
    cases = folding.history.cases
    sent = {receipt.upload: receipt for receipt in receipts}
    maker = _RowMaker(facts, sent, links, at_work)
    manifest_names = {case.name for case in manifest.cases}
    rows = [
        row
        for case in manifest.cases
        for row in _marked(tuple(maker.case_rows(case, cases.get(case.name, EMPTY))))
    ]
    rows += [
        row
        for name, history in cases.items()
        if name not in manifest_names and history.item is not None
        for row in maker.unlisted_rows(name, history)
    ]
    return tuple(rows)


def _marked(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows of a case, which has changed if it was done before the manifest had all of them."""
    if rows[0].state is not Standing.DONE or not any(row.standing in _NOT_SENT for row in rows):
        return rows
    return tuple(replace(row, state=Standing.CHANGED) for row in rows)


@dataclass(frozen=True, slots=True)
class _RowMaker:
    """Makes the rows of cases."""

    facts: _RecordFacts
    receipts: Mapping[str, Receipt]
    """By the upload's pk."""
    links: Links
    at_work: bool

    def case_rows(self, case: Case, history: CaseHistory) -> Iterator[Row]:
        """The rows of a case in the manifest."""
        base = self._base_row(case.name, history, title=case.title, order=case.order)
        for value in case.values:
            yield self._value_row(base, history, value.socket, value)
        manifest_sockets = {value.socket for value in case.values}
        for socket in history.sockets:
            if socket not in manifest_sockets:
                yield self._value_row(base, history, socket, None)
        if not case.values and not history.sockets:
            words = self.facts.case_words(case.name, history)
            yield replace(base, words=words)

    def unlisted_rows(self, name: str, history: CaseHistory) -> Iterator[Row]:
        """The rows of a case that is no longer in the manifest."""
        base = self._base_row(name, history, title="", order=None)
        for socket in history.sockets:
            yield self._value_row(base, history, socket, None)
        if not history.sockets:
            yield replace(base, words=_NOT_IN_MANIFEST)

    def _base_row(self, name: str, history: CaseHistory, *, title: str, order: int | None) -> Row:
        standing = standing_of(history, at_work=self.at_work)
        return Row(
            name,
            title if history.title is None else history.title,
            history.order if history.order is not None else order,
            standing,
            history.item,
            None if history.gone else self.links.item(history.item),
            "",
            standing,
        )

    def _value_row(self, base: Row, history: CaseHistory, socket: str, value: Value | None) -> Row:
        filled = history.sockets.get(socket)
        upload = _upload_pk(history, socket)
        done = self.facts.uploads.get(upload or "")
        files = self._files(upload, value)
        if _is_set(history, socket):
            done, files = self._set(base.case, history, socket, value)
        standing, words, remedy = self._standing(base.case, history, socket)
        if value is None and words is None:
            words = _NOT_IN_MANIFEST
        sent = filled.since if filled is not None else None
        confirmed = None
        if filled is not None and filled.standing == "confirmed":
            confirmed = self.facts.confirmed_at.get(base.case, {}).get(socket)
        return replace(
            base,
            socket=socket,
            standing=standing,
            words=words,
            remedy=remedy,
            files=files,
            value=value.value if isinstance(value, JsonValue) else None,
            size=done.size if done is not None else None,
            sha256=_sha256(done, files),
            image=_image(filled, value),
            worker=done.worker if done is not None else None,
            sent=sent if done is None else done.time,
            confirmed=confirmed,
        )

    def _files(self, upload: str | None, value: Value | None) -> tuple[File, ...]:
        """The files in the upload's receipt; without a receipt, the manifest's paths."""
        receipt = self.receipts.get(upload or "")
        if receipt is not None:
            return tuple(File(*file) for file in receipt.files)
        return tuple(File(path) for path in value.paths) if isinstance(value, FileValue) else ()

    def _set(
        self, case: str, history: CaseHistory, socket: str, value: Value | None
    ) -> tuple[Done | None, tuple[File, ...]]:
        """An event for all files of an image set, and the files."""
        filled = history.sockets.get(socket)
        most = filled.entry.slices if filled is not None else None
        by_number = self.facts.files.get((case, socket), {})
        found = [one for at, one in sorted(by_number.items()) if most is None or at <= most]
        if not found:
            return None, self._files(None, value)
        receipts = [self.receipts[pk] for one in found if (pk := one.pk or "") in self.receipts]
        files = tuple(File(*file) for receipt in receipts for file in receipt.files)
        size = sum(one.size or 0 for one in found)
        done = structs.replace(
            found[-1], sha256=None, size=size, time=max(one.time for one in found)
        )
        return done, files or self._files(None, value)

    def _standing(
        self, case: str, history: CaseHistory, socket: str
    ) -> tuple[Standing, str | None, str | None]:
        """Where a value stands, why, and what the reason most likely means."""
        filled = history.sockets.get(socket)
        failed = self.facts.failed.get(case, {}).get(socket)
        if history.gone:
            return Standing.DELETED, history.reason, None
        if failed is not None:
            return Standing.FAILED, failed, None
        if history.filling is not None and _is_among(socket, history.filling):
            words = self.facts.case_words(case, history)
            is_known = self.at_work and not words
            return Standing.IMPORTING if is_known else Standing.UNCONFIRMED, words, None
        if filled is not None:
            return _filled_standing(filled, is_sent_again=_has_upload(history, socket))
        words = self.facts.case_words(case, history)
        return _unfilled_standing(history, socket), words, None


def _filled_standing(
    filled: SocketHistory, *, is_sent_again: bool
) -> tuple[Standing, str | None, str | None]:
    """Where a value stands that was put into its socket, why, and what the reason means."""
    if is_sent_again and filled.standing == "confirmed":
        return Standing.CHANGED, None, None
    if filled.is_unchecked:
        return value_standing(filled.standing), UNCHECKED, None
    return value_standing(filled.standing), *_reason(filled.failure)


def _unfilled_standing(history: CaseHistory, socket: str) -> Standing:
    """Where a value stands that was not put into its socket yet."""
    return Standing.UPLOADING if _has_upload(history, socket) else Standing.NEW


def _has_upload(history: CaseHistory, socket: str) -> bool:
    """Whether an upload was begun that no fill has used yet."""
    return socket in history.uploads or any(slug == socket for slug, _ in history.file_uploads)


def _is_among(socket: str, fill: Started) -> bool:
    return any(entry.socket == socket for entry in fill.entries)


def _reason(failure: Failure | None) -> tuple[str | None, str | None]:
    if failure is None:
        return None, None
    cause = likely_cause(failure)
    return failure.message, None if cause is None else sentence(cause)


def _is_set(history: CaseHistory, socket: str) -> bool:
    """Whether a value is, or is being, sent file by file."""
    filled = history.sockets.get(socket)
    if filled is not None:
        return filled.entry.image_name is not None
    return any(slug == socket for slug, _ in history.file_uploads)


def _upload_pk(history: CaseHistory, socket: str) -> str | None:
    filled, upload = history.sockets.get(socket), history.uploads.get(socket)
    if filled is not None and filled.entry.upload is not None:
        return filled.entry.upload
    return upload.row.pk if filled is None and upload is not None else None


def _sha256(done: Done | None, files: tuple[File, ...]) -> str | None:
    if done is not None and done.sha256 is not None:
        return done.sha256
    return files[0].sha256 if len(files) == 1 else None


def _image(filled: SocketHistory | None, value: Value | None) -> str | None:
    """The image's pk: a confirmed image has a UUID as its mark, other values do not."""
    if filled is not None and filled.pk is not None and _UUID.fullmatch(filled.pk):
        return filled.pk
    return value.pk if isinstance(value, ImageValue) else None
