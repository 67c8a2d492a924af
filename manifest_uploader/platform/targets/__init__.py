"""How a display set and an archive item are made, filled and listed: requests as data."""

from __future__ import annotations

from sys import intern
from typing import Final, assert_never

from manifest_uploader.digests import Json
from manifest_uploader.manifest.model import FileValue, ImageValue, JsonValue, TargetKind, Value
from manifest_uploader.platform.model import Entry, Socket, Target
from manifest_uploader.platform.requests import Address, Call, Contents, PkOf

_TOO_LONG: Final = "x" * 256
"""Grand Challenge: a title of 256 characters is always refused, whoever asks."""


def items_path(kind: TargetKind) -> str:
    """Where items of this kind of target are made and listed."""
    match kind:
        case TargetKind.READER_STUDY:
            return "reader-studies/display-sets/"
        case TargetKind.ARCHIVE:
            return "archives/items/"
        case _:
            assert_never(kind)


def targets_path(kind: TargetKind) -> str:
    """Where targets of this kind are looked up with `?slug=`."""
    return "reader-studies/" if kind is TargetKind.READER_STUDY else "archives/"


def noun(kind: TargetKind) -> str:
    """What people call an item of this target."""
    return "display set" if kind is TargetKind.READER_STUDY else "archive item"


def place_noun(kind: TargetKind) -> str:
    """What people call the target."""
    return "reader study" if kind is TargetKind.READER_STUDY else "archive"


def items_filter(target: Target) -> dict[str, str | int]:
    """The one filter that lists a target's own items."""
    name = "reader_study" if target.kind is TargetKind.READER_STUDY else "archive"
    return {name: target.pk}


def create(target: Target, *, title: str, order: int | None) -> Call:
    """The request that makes an empty item."""
    body = {**_belongs_to(target), "title": title}
    return Call("POST", items_path(target.kind), body | _order(target, order))


def probe(target: Target) -> Call:
    """A creation that can never succeed; its answer names the target if we may not edit it."""
    return create(target, title=_TOO_LONG, order=None)


def probe_field(kind: TargetKind) -> str:
    """The field that stands in the probe's answer exactly when we may not edit the target."""
    return "reader_study" if kind is TargetKind.READER_STUDY else "archive"


def fill(
    target: Target,
    *,
    item: str | PkOf,
    title: str | None,
    order: int | None,
    values: tuple[Json, ...],
) -> Call:
    """The one PATCH that gives an item its title, order and values; None leaves as it is."""
    body: dict[str, Json] = {} if title is None else {"title": title}
    body |= _order(target, order)
    if values:
        body["values"] = list(values)
    return Call("PATCH", intern(items_path(target.kind) + "{pk}/"), body, pk=item)


def value_json(value: Value, socket: Socket, entry: Entry) -> Json:
    """What a fill's `values` says about one socket."""
    slot = {"interface": value.socket}
    if isinstance(value, ImageValue):
        return slot | {"image": Address("cases/images", value.pk)}
    if socket.super_kind == "Value":
        return slot | {"value": _plain(value, entry)}
    return upload_json(socket, _upload_pk(entry))


def upload_json(socket: Socket, upload: str | PkOf) -> dict[str, Json]:
    """What a fill's `values` says about one socket that takes a complete upload."""
    address = Address("uploads", upload)
    slot: dict[str, Json] = {"interface": socket.slug}
    if socket.super_kind == "Image":
        return slot | {"user_uploads": [address]}
    return slot | {"user_upload": address}


def _plain(value: FileValue | JsonValue, entry: Entry) -> Json:
    if isinstance(value, JsonValue):
        return value.value
    return Contents(value, entry.digest or "")


def _upload_pk(entry: Entry) -> str | PkOf:
    if entry.upload is not None:
        return entry.upload
    return PkOf(entry.step or "")


def _belongs_to(target: Target) -> dict[str, Json]:
    if target.kind is TargetKind.READER_STUDY:
        return {"reader_study": target.slug}
    return {"archive": Address("archives", target.pk)}


def _order(target: Target, order: int | None) -> dict[str, Json]:
    if order is None or target.kind is not TargetKind.READER_STUDY:
        return {}
    return {"order": order}
