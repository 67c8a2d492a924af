"""Reads items from the API's answers, and tells what they hold and whether a fill took effect."""

from __future__ import annotations

import hashlib
import html
import json
import re
from typing import Final, TypeGuard
from urllib.parse import urlsplit

from manifest_uploader.digests import (
    Json,
    has_booleans,
    image_digest,
    json_digest,
    loose_digest,
)
from manifest_uploader.platform.model import UUID, Entry, ItemSeen, SocketSeen

_UUID: Final = re.compile(UUID)
_BRIEF: Final = 60
"""Longest JSON value that is kept as text, in characters."""


def is_pk(value: Json) -> TypeGuard[str]:
    """Whether the value is a UUID, as the platform's pks are."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def pk_in(address: Json) -> str | None:
    """The pk at the end of an object's address, in lower case; None if it holds none."""
    found = _UUID.findall(address) if isinstance(address, str) else []
    return found[-1].lower() if found else None


def read_item(answer: Json) -> ItemSeen | None:
    """The item in an answer; None if the answer is not an item.

    Newer servers send only `title_safe`, the title with HTML tags removed and characters escaped.
    """
    if not isinstance(answer, dict) or not is_pk(answer.get("pk")):
        return None
    order = answer.get("order")
    return ItemSeen(
        answer["pk"],
        _title(answer),
        order if isinstance(order, int) and not isinstance(order, bool) else None,
        _sockets(answer.get("values")),
    )


def read_job(answer: Json) -> ItemSeen | None:
    """The algorithm job in an answer, with its inputs as sockets; None if it is not a job."""
    if not isinstance(answer, dict) or not is_pk(answer.get("pk")):
        return None
    status = answer.get("status")
    return ItemSeen(
        answer["pk"],
        None,
        None,
        _sockets(answer.get("inputs")),
        status=status if isinstance(status, str) else None,
        outputs=_sockets(answer.get("outputs")),
    )


def _title(answer: dict[str, Json]) -> str | None:
    if isinstance(answer.get("title"), str):
        return str(answer["title"])
    safe = answer.get("title_safe")
    return html.unescape(safe) if isinstance(safe, str) else None


def _sockets(values: Json) -> dict[str, SocketSeen]:
    if not isinstance(values, list):
        return {}
    found = ((slug_of(one), _socket_seen(one)) for one in values if isinstance(one, dict))
    return {slug: seen for slug, seen in found if slug is not None and seen is not None}


def slug_of(value: dict[str, Json]) -> str | None:
    """The slug of the socket that a value is in."""
    socket = value.get("interface") or value.get("socket")
    slug = socket.get("slug") if isinstance(socket, dict) else socket
    return slug if isinstance(slug, str) else None


def _socket_seen(value: dict[str, Json]) -> SocketSeen | None:
    pk = value.get("pk")
    image, file = value.get("image"), value.get("file")
    if image:
        image_pk = pk_in(str(image)) or str(image)
        return SocketSeen(str(pk or image_pk), image_digest(image_pk), image_pk)
    if file:
        return SocketSeen(str(pk or _file_mark(str(file))), None, file=str(file))
    if value.get("value") is None:
        return None
    digest = json_digest(value["value"])
    loose = loose_digest(value["value"]) if has_booleans(value["value"]) else None
    brief = brief_json(value["value"])
    return SocketSeen(str(pk or digest), digest, brief=brief, loose=loose)


def brief_json(value: Json) -> str | None:
    """A number, a boolean or a short text as JSON; None for anything else."""
    if not isinstance(value, bool | int | float | str):
        return None
    if isinstance(value, str) and len(value) > _BRIEF:
        return None
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _BRIEF else None


def _file_mark(address: str) -> str:
    """A hash that identifies a file's address without storing it."""
    return "file:" + hashlib.sha256(urlsplit(address).path.encode()).hexdigest()[:32]


def holds(entry: Entry, item: ItemSeen) -> SocketSeen | None:
    """What the socket holds, if the entry put it there; None otherwise.

    JSON values and existing images are compared. An upload's value counts as the entry's if it
    differs from the value before the fill.
    """
    held = item.sockets.get(entry.socket)
    if held is None:
        return None
    if entry.digest is not None:
        return held if held.digest == entry.digest else None
    return held if held.mark != entry.before else None


def ignores(held: SocketSeen, *, digest: str | None, loose: str | None) -> bool:
    """Whether the platform answers yes to another JSON value and keeps the one that is held.

    Args:
        held: what the socket holds.
        digest: of the other value.
        loose: its loose digest; None: unknown.

    """
    if digest is None or held.digest in {None, digest} or held.image is not None:
        return False
    return loose is not None and loose == (held.loose or held.digest)


def took_effect(
    item: ItemSeen,
    *,
    entries: tuple[Entry, ...],
    title: str | None,
    temporary: str | None,
    gone: frozenset[str],
) -> bool:
    """Whether the item shows that a fill took effect. A fill is atomic: any trace proves it.

    Args:
        item: the item as it is now.
        entries: what the fill puts into sockets; nothing of it was there before.
        title: the title that the fill sets, None if it sets none.
        temporary: the title before the first fill, None for a later fill.
        gone: the pks of uploads whose rows are gone because an import took them.

    """
    if temporary is not None and item.title is not None:
        return item.title != temporary
    if title is not None and item.title is not None and item.title == title.strip():
        return True
    return any(entry.upload in gone or _is_new(entry, item) for entry in entries)


def _is_new(entry: Entry, item: ItemSeen) -> bool:
    held = holds(entry, item)
    return held is not None and held.mark != entry.before
