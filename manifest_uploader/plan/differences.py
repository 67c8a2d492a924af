"""Compares what a target holds with the manifest and with what runs put there. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

from manifest_uploader.digests import image_digest, image_of, json_digest
from manifest_uploader.manifest.model import Case, FileValue, ImageValue, JsonValue, Manifest, Value
from manifest_uploader.platform.items import brief_json, holds
from manifest_uploader.platform.model import ItemSeen, SocketSeen
from manifest_uploader.platform.stored_files import FileSeen
from manifest_uploader.state.history import EMPTY, CaseHistory, History, SocketHistory
from manifest_uploader.text import composed

_TEMPORARY: Final = re.compile(r"uploading-[0-9a-f]{12}")
"""The title of an item between its creation and its fill."""
_TAG: Final = re.compile(r"</?[a-zA-Z!][^>]*>")
"""Newer servers show titles without HTML tags."""


class DifferenceKind(StrEnum):
    """What differs."""

    NOT_SENT = "not-sent"
    """The manifest wants it, and no run has sent it yet."""
    MANIFEST_CHANGED = "manifest-changed"
    """The manifest wants another value than was sent, and no run has sent that yet."""
    IMPORTING = "importing"
    """It was sent, and nobody has seen its import end yet."""
    NOT_CONFIRMED = "not-confirmed"
    """It was sent, and the item does not hold it: its import failed."""
    ITEM_MISSING = "item-missing"
    ITEM_MOVED = "item-moved"
    """The item still exists, but not in this target."""
    TITLE = "title-changed"
    ORDER = "order-changed"
    VALUE_MISSING = "value-missing"
    VALUE_ADDED = "value-added"
    """The item holds a value in a socket that is not the case's."""
    VALUE = "value-changed"
    IMAGE = "image-changed"
    FILE = "file-changed"
    CONTENT = "content-changed"
    """The file is not the one that was sent, though nobody replaced the value."""
    LEFTOVER = "leftover"
    """An item with a temporary title belongs to no case."""


_RESTORED_VALUES: Final = frozenset(
    {
        DifferenceKind.VALUE_MISSING,
        DifferenceKind.VALUE,
        DifferenceKind.IMAGE,
        DifferenceKind.FILE,
        DifferenceKind.CONTENT,
    }
)
_RESTORED: Final = _RESTORED_VALUES | {DifferenceKind.TITLE, DifferenceKind.ORDER}
_LASTING: Final = frozenset({DifferenceKind.VALUE_ADDED, DifferenceKind.LEFTOVER})


class Difference(Struct, frozen=True):
    """One difference between a target and what it should hold."""

    kind: DifferenceKind
    case: str | None = None
    """None: it belongs to no case."""
    socket: str | None = None
    item: str | None = None
    """The item's pk; None: it was never created."""
    url: str | None = None
    """The item's page; if it was never created, that of another's item with the same title."""
    wanted: str | None = None
    """What it should be, if that is short."""
    found: str | None = None
    """What it is, if that is short."""
    reason: str | None = None
    """Why an import failed."""

    @property
    def lasts(self) -> bool:
        """Whether no run can put it right: the API deletes neither items nor values."""
        return self.kind in _LASTING


class Restore(Struct, frozen=True):
    """What a run puts back although its own history says that it is there."""

    values: frozenset[tuple[str, str]] = frozenset()
    """(case, socket)."""
    titles: frozenset[str] = frozenset()
    """Cases."""
    orders: frozenset[str] = frozenset()
    """Cases."""


NOTHING: Final = Restore()


class Shown(Struct, frozen=True):
    """What a look at the target showed."""

    items: Mapping[str, ItemSeen]
    """All items, by pk."""
    moved: frozenset[str] = frozenset()
    """Pks of our items that exist and are not in the target."""
    files: Mapping[tuple[str, str], FileSeen] = field(default_factory=dict)
    """(case, socket) → what its file holds, as far as files were read."""
    local: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(case, socket) → SHA-256 of the local file, where the state has none."""


class Comparison(Struct, frozen=True):
    """What came of comparing a target."""

    cases: int
    """Cases that were compared."""
    differences: tuple[Difference, ...] = ()
    others: tuple[ItemSeen, ...] = ()
    """Other people's items."""
    unread: tuple[tuple[str, str], ...] = ()
    """(case, socket) of files whose content could not be compared."""
    unchecked: tuple[tuple[str, str], ...] = ()
    """(case, socket) of adopted values whose content was never compared."""
    left: tuple[str, ...] = ()
    """Cases, and `CASE/SOCKET` of values, that are no longer in the manifest and still there."""


def compare(
    manifest: Manifest,
    history: History,
    shown: Shown,
    *,
    renamed: Mapping[str, str],
    url_of: Callable[[str], str],
    content: bool = False,
) -> Comparison:
    """Compare the items of all cases, and find those that belong to no case.

    Args:
        manifest: the chosen cases.
        history: what runs did, for all cases.
        shown: what the target holds.
        renamed: new name → name in the history.
        url_of: the page of an item, by its pk.
        content: the files in `shown` were read; those of others are told as unread.

    """
    ours = {past.item for past in history.cases.values()}
    others = [item for pk, item in shown.items.items() if pk not in ours]
    titles = {item.title: item.pk for item in others if item.title}
    differences: list[Difference] = []
    unread: list[tuple[str, str]] = []
    for case in manifest.cases:
        past = _past(case, history, renamed)
        one = _CaseComparison(case, past, shown, titles, url_of, content=content)
        differences += one.differences()
        unread += one.unread
    waited_for = {past.temporary for past in history.cases.values() if past.item is None}
    left = [item for item in others if _is_temporary(item) and item.title not in waited_for]
    differences += [
        Difference(DifferenceKind.LEFTOVER, item=item.pk, url=url_of(item.pk), found=item.title)
        for item in left
    ]
    foreign = tuple(item for item in others if not _is_temporary(item))
    adopted = tuple(
        (case.name, slug)
        for case in manifest.cases
        for slug, was in _past(case, history, renamed).sockets.items()
        if was.is_unchecked
    )
    found = tuple(differences)
    return Comparison(len(manifest.cases), found, foreign, tuple(unread), unchecked=adopted)


def _past(case: Case, history: History, renamed: Mapping[str, str]) -> CaseHistory:
    return history.cases.get(renamed.get(case.name, case.name), EMPTY)


def restore_of(differences: tuple[Difference, ...]) -> Restore:
    """What a run has to put back."""
    return Restore(
        frozenset(
            (one.case, one.socket)
            for one in differences
            if one.kind in _RESTORED_VALUES and one.case is not None and one.socket is not None
        ),
        _cases_with(DifferenceKind.TITLE, differences),
        _cases_with(DifferenceKind.ORDER, differences),
    )


def changed_by_others(
    differences: Iterable[Difference],
    manifest: Manifest,
    history: History,
    *,
    renamed: Mapping[str, str],
) -> tuple[Difference, ...]:
    """The differences that are not changes of the manifest, and that this run does not settle."""
    cases = {case.name: case for case in manifest.cases}
    found = []
    for one in differences:
        if one.case is None or one.kind not in _RESTORED:
            continue
        case, past = cases[one.case], history.cases[renamed.get(one.case, one.case)]
        is_ours = (one.kind is DifferenceKind.TITLE and past.title != case.title) or (
            one.kind is DifferenceKind.ORDER and case.order not in {None, past.order}
        )
        if not is_ours and past.doubt_since is None:
            found.append(one)
    return tuple(found)


def _cases_with(kind: DifferenceKind, differences: tuple[Difference, ...]) -> frozenset[str]:
    return frozenset(one.case for one in differences if one.kind is kind and one.case is not None)


def _is_temporary(item: ItemSeen) -> bool:
    return item.title is not None and _TEMPORARY.fullmatch(item.title) is not None


class _CaseComparison:
    """Compares one case's item."""

    def __init__(
        self,
        case: Case,
        past: CaseHistory,
        shown: Shown,
        titles: Mapping[str, str],
        url_of: Callable[[str], str],
        *,
        content: bool,
    ) -> None:
        self._case, self._past, self._shown = case, past, shown
        self._titles = titles
        """Title → pk of items of others."""
        self._url_of, self._content = url_of, content
        self.unread: list[tuple[str, str]] = []

    def differences(self) -> Iterator[Difference]:
        past = self._past
        if past.item is None:
            namesake = self._titles.get(self._case.title)
            url = None if namesake is None else self._url_of(namesake)
            kind = DifferenceKind.NOT_SENT
            yield Difference(kind, self._case.name, url=url, reason=past.reason)
            return
        item = self._shown.items.get(past.item)
        if item is None or past.gone:
            is_moved = past.item in self._shown.moved
            kind = DifferenceKind.ITEM_MOVED if is_moved else DifferenceKind.ITEM_MISSING
            yield self._difference(kind)
        elif past.title is None:
            yield self._difference(DifferenceKind.NOT_SENT, reason=past.reason)
            yield from self._in_sockets(item, past.sockets.keys())
        else:
            yield from self._in_item(item)

    def _in_item(self, item: ItemSeen) -> Iterator[Difference]:
        case, past = self._case, self._past
        if item.title is not None and not _is_title(item.title, case.title):
            yield self._difference(DifferenceKind.TITLE, wanted=case.title, found=item.title)
        order = case.order if case.order is not None else past.order
        if order is not None and item.order is not None and item.order != order:
            yield self._difference(DifferenceKind.ORDER, wanted=str(order), found=str(item.order))
        yield from self._in_sockets(item, {value.socket for value in case.values})
        known = {value.socket for value in case.values} | past.sockets.keys()
        for slug, held in item.sockets.items():
            if slug not in known:
                yield self._difference(DifferenceKind.VALUE_ADDED, slug, found=held.brief)

    def _in_sockets(self, item: ItemSeen, slugs: Collection[str]) -> Iterator[Difference]:
        for value in self._case.values:
            if value.socket in slugs:
                found = self._in_socket(value, self._past.sockets.get(value.socket), item)
                if found is not None:
                    yield found

    def _in_socket(
        self, value: Value, was: SocketHistory | None, item: ItemSeen
    ) -> Difference | None:
        if was is None:
            return self._difference(DifferenceKind.NOT_SENT, value.socket)
        if _was_replaced(value, was):
            return self._difference(DifferenceKind.MANIFEST_CHANGED, value.socket)
        if was.standing == "confirmed" or (
            was.entry.digest is not None and not _lacks_new_image(value, was)
        ):
            return self._confirmed(value, was, item.sockets.get(value.socket))
        if was.standing == "waiting" and holds(was.entry, item) is not None:
            return None
        if was.standing == "waiting":
            return self._difference(DifferenceKind.IMPORTING, value.socket)
        reason = was.failure.message if was.failure is not None else None
        return self._difference(DifferenceKind.NOT_CONFIRMED, value.socket, reason=reason)

    def _confirmed(
        self, value: Value, was: SocketHistory, held: SocketSeen | None
    ) -> Difference | None:
        slug = value.socket
        if held is None:
            return self._difference(DifferenceKind.VALUE_MISSING, slug)
        if not _is_same(was, held):
            wanted = brief_json(value.value) if isinstance(value, JsonValue) else None
            return self._difference(_kind_of(held), slug, wanted=wanted, found=held.brief)
        if self._content and held.file is not None and not self._is_content_same(value, was):
            return self._difference(DifferenceKind.CONTENT, slug)
        return None

    def _is_content_same(self, value: Value, was: SocketHistory) -> bool:
        key = (self._case.name, value.socket)
        seen = self._shown.files.get(key)
        wanted = was.sha256 or self._shown.local.get(key)
        if seen is None or wanted is None:
            self.unread.append(key)
            return True
        return seen.sha256 == wanted

    def _difference(
        self,
        kind: DifferenceKind,
        socket: str | None = None,
        *,
        wanted: str | None = None,
        found: str | None = None,
        reason: str | None = None,
    ) -> Difference:
        item = self._past.item
        url = None if item is None else self._url_of(item)
        return Difference(kind, self._case.name, socket, item, url, wanted, found, reason)


def _is_title(seen: str, wanted: str) -> bool:
    """Whether the platform shows this title, perhaps without its tags and character references."""
    safe = html.unescape(_TAG.sub("", wanted))
    return composed(seen) in {composed(text) for text in (wanted, safe, safe.strip())}


def _lacks_new_image(value: Value, was: SocketHistory) -> bool:
    """Whether the image of another value is outdated, because its new one has failed."""
    is_image = isinstance(value, FileValue) and image_of(was.entry.digest) is not None
    return is_image and was.standing == "failed"


def _was_replaced(value: Value, was: SocketHistory) -> bool:
    """Whether the manifest has another value than was sent; files are not looked at."""
    match value:
        case ImageValue():
            return was.entry.digest != image_digest(value.pk)
        case JsonValue():
            return json_digest(value.value) not in {was.entry.digest, was.entry.content}
        case FileValue():
            return False


def _is_same(was: SocketHistory, held: SocketSeen) -> bool:
    if was.entry.digest is not None:
        return was.entry.digest == held.digest
    adopted = was.entry.before if was.entry.upload is None else None
    mark = was.pk if was.pk is not None else adopted
    return mark is None or mark in {held.image, held.mark}


def _kind_of(held: SocketSeen) -> DifferenceKind:
    if held.image is not None:
        return DifferenceKind.IMAGE
    return DifferenceKind.FILE if held.file is not None else DifferenceKind.VALUE
