"""One row a value: what a manifest asks for, and what a state file says became of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from manifest_uploader.digests import Json
from manifest_uploader.engine.causes import explained
from manifest_uploader.manifest.model import Case, FileValue, ImageValue, JsonValue, Manifest, Value
from manifest_uploader.report.links import Links
from manifest_uploader.state.events import (
    AnyEvent,
    Confirmed,
    Done,
    Failed,
    Opened,
    Renamed,
    Started,
)
from manifest_uploader.state.history import EMPTY, CaseHistory, Folding, SocketHistory
from manifest_uploader.state.receipts import Receipt
from manifest_uploader.state.standing import Standing, standing_of

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NOT_LISTED: Final = "no longer in the manifest"


@dataclass(frozen=True, slots=True)
class File:
    """A file, or what the manifest names files by."""

    name: str
    sha256: str | None = None
    """None: not known, or a pattern."""
    size: int | None = None
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One value of one case; a case without values has one row without a socket."""

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
    standing: str
    """Where the value stands: new, uploading, uploaded, waiting, confirmed, failed, gone."""
    words: str | None = None
    """Why it stands there, where that needs saying."""
    files: tuple[File, ...] = ()
    value: Json = None
    """A value that the manifest holds itself."""
    size: int | None = None
    """Bytes that were sent, of an upload."""
    sha256: str | None = None
    """Of a single file."""
    image: str | None = None
    """The image's pk."""
    sent: float | None = None
    """When the upload was complete, else when the item was filled; seconds since 1970."""
    confirmed: float | None = None
    """When the item was seen to hold it; seconds since 1970."""


@dataclass(slots=True)
class _Told:
    """What the records tell beyond the history: times, sizes, and which socket failed."""

    uploads: dict[str, Done] = field(default_factory=dict)
    """Upload pk → its `Done`."""
    seen: dict[str, dict[str, float]] = field(default_factory=dict)
    """Case → socket → when it was last confirmed."""
    failed: dict[str, dict[str, str]] = field(default_factory=dict)
    """Case → socket, or "" → why its step failed, unless it was begun again since."""

    def add(self, record: AnyEvent) -> None:
        """Take in one record."""
        match record:
            case Renamed() as event:
                self.seen[event.case] = self.seen.pop(event.was, {})
                self.failed[event.case] = self.failed.pop(event.was, {})
            case Confirmed() as event:
                self.seen.setdefault(event.case, {})[event.socket] = record.time
            case (Started() | Opened() | Done() | Failed()) as event:
                self._step(event)

    def _step(self, event: Started | Opened | Done | Failed) -> None:
        failed = self.failed.setdefault(event.case, {})
        if isinstance(event, Failed) and event.words:
            failed[event.socket or ""] = event.words
            return
        failed.pop(event.socket or "", None)
        if isinstance(event, Done) and event.socket is not None and event.pk is not None:
            self.uploads[event.pk] = event

    def case_words(self, case: str, past: CaseHistory) -> str | None:
        """Why a case stands where it stands, beyond its sockets."""
        return past.words if past.unsure or past.gone else self.failed.get(case, {}).get("")


def make_rows(
    manifest: Manifest, records: Iterable[AnyEvent], *, receipts: Iterable[Receipt], links: Links
) -> tuple[Row, ...]:
    """All values in the manifest's order, then what the platform holds beyond it."""
    told, folding = _Told(), Folding()
    for record in records:
        told.add(record)
        folding.add(record)
    cases = folding.history.cases
    sent = {receipt.upload: receipt for receipt in receipts}
    maker = _Maker(told, sent, links)
    listed = {case.name for case in manifest.cases}
    rows = [
        row for case in manifest.cases for row in maker.case_rows(case, cases.get(case.name, EMPTY))
    ]
    rows += [
        row
        for name, past in cases.items()
        if name not in listed and past.item is not None
        for row in maker.unlisted_rows(name, past)
    ]
    return tuple(rows)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the rows of one case after the other."""

    told: _Told
    receipts: Mapping[str, Receipt]
    """By the upload's pk."""
    links: Links

    def case_rows(self, case: Case, past: CaseHistory) -> Iterator[Row]:
        """The rows of a case of the manifest."""
        bare = self._bare(case.name, past, title=case.title, order=case.order)
        for value in case.values:
            yield self._value_row(bare, past, value.socket, value)
        named = {value.socket for value in case.values}
        for socket in past.sockets:
            if socket not in named:
                yield self._value_row(bare, past, socket, None)
        if not case.values and not past.sockets:
            words = self.told.case_words(case.name, past)
            yield replace(bare, standing=bare.state.value, words=words)

    def unlisted_rows(self, name: str, past: CaseHistory) -> Iterator[Row]:
        """The rows of a case that the manifest no longer names."""
        bare = self._bare(name, past, title="", order=None)
        for socket in past.sockets:
            yield self._value_row(bare, past, socket, None)
        if not past.sockets:
            yield replace(bare, standing=bare.state.value, words=_NOT_LISTED)

    def _bare(self, name: str, past: CaseHistory, *, title: str, order: int | None) -> Row:
        return Row(
            name,
            title if past.title is None else past.title,
            past.order if past.order is not None else order,
            standing_of(past),
            past.item,
            None if past.gone else self.links.item(past.item),
            "",
            "",
        )

    def _value_row(self, bare: Row, past: CaseHistory, socket: str, value: Value | None) -> Row:
        held = past.sockets.get(socket)
        upload = _upload_pk(past, socket)
        done = self.told.uploads.get(upload or "")
        files = self._files(upload, value)
        standing, words = self._standing(bare.case, past, socket)
        if value is None and words is None:
            words = _NOT_LISTED
        return replace(
            bare,
            socket=socket,
            standing=standing,
            words=words,
            files=files,
            value=value.value if isinstance(value, JsonValue) else None,
            size=done.size if done is not None else None,
            sha256=_sha256(done, files),
            image=_image(held, value),
            sent=_sent(done, held),
            confirmed=self._seen(bare.case, socket, held),
        )

    def _files(self, upload: str | None, value: Value | None) -> tuple[File, ...]:
        """The very files of the upload, where they were written down, else the manifest's paths."""
        receipt = self.receipts.get(upload or "")
        if receipt is not None:
            return tuple(File(*one) for one in receipt.files)
        return tuple(File(path) for path in value.paths) if isinstance(value, FileValue) else ()

    def _standing(self, case: str, past: CaseHistory, socket: str) -> tuple[str, str | None]:
        held, upload = past.sockets.get(socket), past.uploads.get(socket)
        failed = self.told.failed.get(case, {}).get(socket)
        if past.gone:
            return "gone", past.words
        if failed is not None:
            return "failed", failed
        if held is not None:
            standing = "failed" if held.standing == "lost" else held.standing
            return standing, None if held.failure is None else explained(held.failure)
        if upload is not None:
            return ("uploaded" if upload.done else "uploading"), self.told.case_words(case, past)
        return "new", self.told.case_words(case, past)

    def _seen(self, case: str, socket: str, held: SocketHistory | None) -> float | None:
        if held is None or held.standing != "confirmed":
            return None
        return self.told.seen.get(case, {}).get(socket)


def _upload_pk(past: CaseHistory, socket: str) -> str | None:
    held, upload = past.sockets.get(socket), past.uploads.get(socket)
    if held is not None and held.entry.upload is not None:
        return held.entry.upload
    return upload.begun.pk if held is None and upload is not None else None


def _sha256(done: Done | None, files: tuple[File, ...]) -> str | None:
    if done is not None and done.sha256 is not None:
        return done.sha256
    return files[0].sha256 if len(files) == 1 else None


def _image(held: SocketHistory | None, value: Value | None) -> str | None:
    """A confirmed image's pk is a UUID; the marks of other values are not."""
    if held is not None and held.pk is not None and _UUID.fullmatch(held.pk):
        return held.pk
    return value.pk if isinstance(value, ImageValue) else None


def _sent(done: Done | None, held: SocketHistory | None) -> float | None:
    if done is not None:
        return done.time
    return held.since if held is not None else None
