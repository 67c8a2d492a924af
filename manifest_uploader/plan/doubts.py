"""Corrects a case's history by what its item really holds."""

from __future__ import annotations

from msgspec.structs import replace

from manifest_uploader.platform.model import ItemSeen
from manifest_uploader.state.history import CaseHistory, SocketHistory


def as_seen(past: CaseHistory, item: ItemSeen) -> CaseHistory:
    """The history of a case as far as its item shows it; what differs counts as never sent.

    Imports that have not ended, or failed, are left as they are.
    """
    sockets = {slug: was for slug, was in past.sockets.items() if _is_there(was, item)}
    has_title = past.title is not None and item.title is not None
    has_order = past.order is not None and item.order is not None
    return replace(
        past,
        sockets=sockets,
        title=item.title if has_title else past.title,
        order=item.order if has_order else past.order,
    )


def _is_there(was: SocketHistory, item: ItemSeen) -> bool:
    """Whether the item still holds what the last fill put into the socket."""
    held = item.sockets.get(was.entry.socket)
    if was.entry.digest is not None:
        return held is not None and held.digest == was.entry.digest
    if was.standing != "confirmed" or was.pk is None:
        return True
    return held is not None and held.shown == was.pk
