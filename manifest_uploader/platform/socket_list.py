"""Reads the platform's sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from manifest_uploader.digests import Json
from manifest_uploader.platform.model import Socket

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client


def all_sockets(client: Client) -> dict[str, Socket]:
    """Every socket of the platform by its slug; there are hundreds."""
    return {
        socket.slug: socket
        for page in client.pages("components/interfaces/", "sockets")
        for entry in page
        if (socket := read_socket(entry)) is not None
    }


def read_socket(entry: Json) -> Socket | None:
    """The socket in an entry of the list, or in a value of an item; None if it is none."""
    if not isinstance(entry, dict) or not isinstance(entry.get("slug"), str):
        return None
    return Socket(
        entry["slug"],
        str(entry.get("title") or entry["slug"]),
        str(entry.get("kind")),
        str(entry.get("super_kind")),
        str(entry.get("relative_path") or ""),
        _segments(entry.get("overlay_segments")),
        str(entry.get("description") or ""),
    )


def _segments(listed: Json) -> tuple[int, ...]:
    """The voxel values that a segmentation may hold, in order; empty if any may be.

    The platform always allows 0 beside those that a socket names.
    """
    if not isinstance(listed, list):
        return ()
    values = (one.get("voxel_value") for one in listed if isinstance(one, dict))
    named = {value for value in values if type(value) is int}
    return tuple(sorted(named | {0})) if named else ()
