"""Requests with holes, filled in with what uploads brought and what a look showed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec.structs import replace

from manifest_uploader.digests import Json
from manifest_uploader.plan.steps import Create, Fill
from manifest_uploader.platform.items import holds
from manifest_uploader.platform.model import Entry, ItemSeen
from manifest_uploader.platform.requests import Address, PkOf
from manifest_uploader.state.events import Confirmed, Done, Started


def started(task: Create | Fill) -> Started:
    """What is written down before a creation or a fill is sent."""
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


def filled_in(fill: Fill, *, item: str, brought: Mapping[str, Done], seen: ItemSeen | None) -> Fill:
    """The fill as it can be sent: no holes, and nothing that the item holds already.

    Args:
        fill: as planned.
        item: the item's pk.
        brought: upload step → its end.
        seen: what the item holds; None where it is new and holds nothing.

    """
    entries = tuple(_with_upload(entry, brought, seen) for entry in fill.entries)
    body = dict(_without_holes(fill.call.json, brought))
    values = [
        value
        for value, entry in zip(body.pop("values", ()), entries, strict=True)
        if not _is_there(entry, seen)
    ]
    if seen is not None and fill.title is not None and seen.title == fill.title:
        body.pop("title", None)
    if values:
        body["values"] = values
    return replace(fill, call=replace(fill.call, json=body, pk=item), entries=entries)


def parted(fill: Fill, complete: Collection[str]) -> tuple[Fill, Fill]:
    """A fill of nothing but the uploads that are complete, and the fill of the rest after it.

    Args:
        fill: as planned.
        complete: the steps of uploads that are complete.

    """
    body = dict(fill.call.json)
    pairs = list(zip(body.pop("values"), fill.entries, strict=True))
    early = [pair for pair in pairs if pair[1].step in complete]
    late = [pair for pair in pairs if pair[1].step not in complete]
    first = replace(_with(fill, {}, early), title=None, order=None, temporary=None)
    return first, replace(_with(fill, body, late), look_first=True)


def _with(fill: Fill, body: dict[str, Json], pairs: list[tuple[Json, Entry]]) -> Fill:
    json = body | {"values": [value for value, _ in pairs]}
    return replace(
        fill, call=replace(fill.call, json=json), entries=tuple(entry for _, entry in pairs)
    )


def has_something_to_send(fill: Fill) -> bool:
    """The request would change something."""
    return bool(fill.call.json)


def confirmations(fill: Fill, seen: ItemSeen) -> list[Confirmed]:
    """One event for every value of the fill that the item was seen to hold."""
    return [
        Confirmed(fill.case, fill.step, entry.socket, held.image or held.mark)
        for entry in fill.entries
        if (held := holds(entry, seen)) is not None
    ]


def _with_upload(entry: Entry, brought: Mapping[str, Done], seen: ItemSeen | None) -> Entry:
    done = brought.get(entry.step or "")
    held = seen.sockets.get(entry.socket) if seen is not None else None
    return replace(
        entry,
        upload=done.pk if done is not None else entry.upload,
        content=done.content if done is not None else entry.content,
        before=held.mark if held is not None else None,
    )


def _is_there(entry: Entry, seen: ItemSeen | None) -> bool:
    """A value that the item holds already: sent again, an empty one would be removed."""
    return seen is not None and entry.digest is not None and holds(entry, seen) is not None


def _without_holes(body: Json, brought: Mapping[str, Done]) -> Json:
    match body:
        case Address(collection=collection, pk=PkOf(step=step)):
            return Address(collection, brought[step].pk or "")
        case dict():
            return {key: _without_holes(inner, brought) for key, inner in body.items()}
        case list():
            return [_without_holes(inner, brought) for inner in body]
        case _:
            return body
