"""Prepares planned creations and fills for sending: adds upload pks, drops what is there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.digests import Json, image_digest, in_between, json_digest, loose_digest
from manifest_uploader.plan.steps import Create, Fill
from manifest_uploader.platform.items import holds, ignores
from manifest_uploader.platform.model import Entry, ItemSeen
from manifest_uploader.platform.requests import (
    Address,
    Contents,
    ImagePk,
    TicketPk,
    UploadPk,
    UploadPks,
)
from manifest_uploader.state.events import Confirmed, Done, Started

_NO_SETS: Final[Mapping[str, tuple[str, ...]]] = {}
_Step = TypeVar("_Step", Create, Fill)


def started(task: Create | Fill) -> Started:
    """The event to record before a creation or a fill is sent."""
    if isinstance(task, Create):
        return Started(
            task.case,
            task.step,
            title=task.title,
            order=task.order,
            entries=task.entries,
            job=task.job,
            jobs=task.jobs,
            equal=task.equal,
        )
    return Started(
        task.case,
        task.step,
        title=task.title,
        order=task.order,
        entries=task.entries,
        temporary=task.temporary,
        repeated=task.repeated,
        had_title=task.had_title,
    )


class Image(Struct, frozen=True):
    """An image that another value brought."""

    pk: str
    content: str | None = None
    """The digest of its content, if it is known."""


def with_uploads(
    task: _Step,
    uploads: Mapping[str, Done],
    tickets: Mapping[str, str],
    images: Mapping[str, Image],
    sets: Mapping[str, tuple[str, ...]] = _NO_SETS,
) -> _Step:
    """A creation or fill with the pks of its complete uploads, of their sessions, and of images.

    Args:
        task: as planned.
        uploads: socket → the event of its complete upload.
        tickets: socket → pk of its upload session; without one, the upload itself is named.
        images: socket → the image of another value that it gets.
        sets: socket → the pks of all its uploads, if its value is sent file by file.

    """
    entries = tuple(
        _with_image(entry, images[entry.socket])
        if entry.socket in images
        else replace(
            _with_upload(entry, uploads.get(entry.socket), tickets.get(entry.socket)),
            uploads=sets.get(entry.socket, entry.uploads),
        )
        for entry in task.entries
    )
    known: dict[Json, Json] = {UploadPk(entry.socket): entry.upload or "" for entry in entries}
    for socket, pks in sets.items():
        known[UploadPks(socket)] = [Address("uploads", pk) for pk in pks]
    known |= {TicketPk(socket): ticket for socket, ticket in tickets.items()}
    known |= {ImagePk(socket): image.pk for socket, image in images.items()}
    body = _without_holes(task.call.json, known)
    return replace(task, call=replace(task.call, json=body), entries=entries)


def without(fill: Fill, socket: str) -> Fill:
    """The fill without the value of a socket."""
    body = dict(fill.call.json)
    pairs = [
        pair
        for pair in zip(body.pop("values", ()), fill.entries, strict=True)
        if pair[1].socket != socket
    ]
    found = _with_values(fill, body, pairs)
    return found if pairs else replace(found, call=replace(fill.call, json=body))


def for_item(fill: Fill, *, item: str, seen: ItemSeen | None) -> Fill:
    """The fill for an item, without what the item already holds.

    Args:
        fill: a fill whose uploads have pks.
        item: the item's pk.
        seen: what the item holds; None if it is new and holds nothing.

    """
    entries = tuple(replace(entry, before=_mark(entry, seen)) for entry in fill.entries)
    body = dict(fill.call.json)
    values = [
        value
        for value, entry in zip(body.pop("values", ()), entries, strict=True)
        if not _is_there(entry, seen)
    ]
    had_title = seen is not None and fill.title is not None and seen.title == fill.title
    if had_title:
        body.pop("title", None)
    if values:
        body["values"] = values
    return replace(
        fill,
        call=replace(fill.call, json=body, pk=item),
        entries=entries,
        temporary=None if had_title else fill.temporary,
        had_title=had_title,
    )


def fill_in_between(fill: Fill, *, item: str, seen: ItemSeen) -> Fill | None:
    """The fill that has to go before, if the platform would ignore values; else None.

    It answers yes to 1 where it holds true, and keeps true (`loose_digest`). Values in between let
    it see the change. They are a fill of their own, so that the state tells what the item holds if
    the run ends here: whatever the manifest wants then is sent.
    """
    pairs = [
        (value["interface"], _between(value["value"]))
        for value, entry in zip(fill.call.json.get("values", ()), fill.entries, strict=True)
        if "value" in value and _is_ignored(value["value"], entry, seen)
    ]
    if not pairs:
        return None
    entries = tuple(
        Entry(socket, json_digest(value), before=_mark(Entry(socket), seen))
        for socket, value in pairs
    )
    body = {"values": [{"interface": socket, "value": value} for socket, value in pairs]}
    return replace(
        fill,
        call=replace(fill.call, json=body, pk=item),
        title=None,
        order=None,
        temporary=None,
        entries=entries,
        in_between=True,
    )


def _between(value: Json) -> Json:
    return in_between(None if isinstance(value, Contents) else value)


def _is_ignored(value: Json, entry: Entry, seen: ItemSeen) -> bool:
    held = seen.sockets.get(entry.socket)
    loose = value.loose if isinstance(value, Contents) else loose_digest(value)
    return held is not None and ignores(held, digest=entry.digest, loose=loose)


def split(fill: Fill, complete: Collection[str]) -> tuple[Fill, Fill]:
    """A fill with only the complete uploads, and a later fill with the rest.

    Args:
        fill: as planned.
        complete: the sockets whose uploads are complete.

    """
    body = dict(fill.call.json)
    pairs = list(zip(body.pop("values"), fill.entries, strict=True))
    early = [pair for pair in pairs if pair[1].socket in complete]
    late = [pair for pair in pairs if pair[1].socket not in complete]
    first = replace(_with_values(fill, {}, early), title=None, order=None, temporary=None)
    return first, replace(_with_values(fill, body, late), look_first=True)


def _with_values(fill: Fill, body: dict[str, Json], pairs: list[tuple[Json, Entry]]) -> Fill:
    json = body | {"values": [value for value, _ in pairs]}
    entries = tuple(entry for _, entry in pairs)
    return replace(fill, call=replace(fill.call, json=json), entries=entries)


def without_title(fill: Fill) -> Fill:
    """The fill without its title, so that the item keeps the temporary one."""
    body = {key: value for key, value in fill.call.json.items() if key != "title"}
    return replace(fill, call=replace(fill.call, json=body), title=None, temporary=None)


def has_something_to_send(fill: Fill) -> bool:
    """Whether the fill would change anything."""
    return bool(fill.call.json)


def confirmations(fill: Fill, seen: ItemSeen) -> list[Confirmed]:
    """One event for each value of the fill that the item holds."""
    return [
        Confirmed(fill.case, fill.step, entry.socket, held.shown)
        for entry in fill.entries
        if (held := holds(entry, seen)) is not None
    ]


def _with_upload(entry: Entry, done: Done | None, ticket: str | None) -> Entry:
    if done is not None:
        entry = replace(entry, upload=done.pk, content=done.content)
    return entry if ticket is None else replace(entry, ticket=ticket)


def _with_image(entry: Entry, image: Image) -> Entry:
    return replace(entry, digest=image_digest(image.pk), content=image.content or entry.content)


def _mark(entry: Entry, seen: ItemSeen | None) -> str | None:
    held = seen.sockets.get(entry.socket) if seen is not None else None
    return held.mark if held is not None else None


def _is_there(entry: Entry, seen: ItemSeen | None) -> bool:
    """Whether the item already holds the value: an empty one sent again would be removed."""
    return seen is not None and entry.digest is not None and holds(entry, seen) is not None


def _without_holes(body: Json, known: Mapping[Json, Json]) -> Json:
    """A body with pks in place of the placeholders that are known."""
    match body:
        case Address(collection=collection, pk=pk) if not isinstance(pk, str):
            return Address(collection, known[pk])
        case UploadPks():
            return known.get(body, body)
        case {"upload_session": Address(pk=TicketPk(socket=socket) as pk)} if pk not in known:
            return {
                "interface": socket,
                "user_uploads": [Address("uploads", known[UploadPk(socket)])],
            }
        case dict():
            return {key: _without_holes(inner, known) for key, inner in body.items()}
        case list():
            return [_without_holes(inner, known) for inner in body]
        case _:
            return body
