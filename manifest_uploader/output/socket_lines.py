"""Sockets as a table for people, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from manifest_uploader.digests import Json
from manifest_uploader.engine.socket_search import Use, Used
from manifest_uploader.output.formatting import counted
from manifest_uploader.platform.model import Socket
from manifest_uploader.platform.sockets import is_json_file


def socket_lines(sockets: Sequence[Socket]) -> list[str]:
    """One line for each socket, in columns."""
    return _columns([(one.slug, _kind(one), _about(one)) for one in sockets])


def used_lines(used: Used) -> list[str]:
    """The target, and one line for each socket that it uses, in columns."""
    head = f"{used.noun} '{used.slug}'"
    if not used.uses:
        held = "has no items yet" if not used.items else "holds no values in its first items"
        return [f"{head} {held}; to search all sockets: uploader sockets --search TEXT"]
    if used.looked:
        head += f": {counted(len(used.uses), 'socket')} in {_items(used)}"
    rows = [(one.socket.slug, _kind(one.socket), _share(one, used), _about(one.socket))
            for one in used.uses]  # fmt: skip
    return [head, *(f"  {line}" for line in _columns(rows))]


def socket_json(socket: Socket, used: Used | None = None, use: Use | None = None) -> Json:
    """A socket as an object; with the target that uses it."""
    found = {
        "slug": socket.slug,
        "title": socket.title,
        "kind": socket.kind,
        "stored_as_file": is_json_file(socket),
        "description": socket.description,
    }
    if used is None or use is None:
        return found
    where = {"target": used.noun, "target_slug": used.slug}
    share = {"role": use.role} if use.role else {"items": use.items, "of": used.looked}
    return found | where | share


def _items(used: Used) -> str:
    if used.looked < used.items:
        return f"the first {used.looked:,} of {counted(used.items, 'item')}"
    return counted(used.items, "item")


def _share(use: Use, used: Used) -> str:
    if use.role:
        return use.role
    return "all" if use.items == used.looked else f"{use.items:,} of {used.looked:,}"


def _kind(socket: Socket) -> str:
    """The kind; JSON kinds that are stored as files are told apart."""
    return f"{socket.kind} (file)" if is_json_file(socket) else socket.kind


def _about(socket: Socket) -> str:
    """The title, and the first line of the description."""
    description = socket.description.strip().partition("\n")[0].strip()
    return f"{socket.title}: {description}" if description else socket.title


def _columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """The rows with equal widths for all columns but the last."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
