"""Finds the sockets that a target uses, or those that fit a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from manifest_uploader.errors import UsageError
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.platform.model import Socket, Target
from manifest_uploader.platform.responses import results_of
from manifest_uploader.platform.socket_list import all_sockets
from manifest_uploader.platform.targets import type_of
from manifest_uploader.text import composed, did_you_mean

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_MOST: Final = 200
"""Items to look at: in most studies all hold the same sockets."""


class Use(Struct, frozen=True):
    """A socket, and how a target uses it."""

    socket: Socket
    items: int = 0
    """How many of the items that were looked at hold it."""
    role: str = ""
    """`input` or `output` of a target with interfaces."""


class Used(Struct, frozen=True):
    """The sockets that a target uses."""

    kind: TargetKind
    slug: str
    uses: tuple[Use, ...]
    looked: int = 0
    """Items that were looked at; none if it has interfaces."""
    items: int = 0
    """Items that it holds."""

    @property
    def noun(self) -> str:
        """`reader study`, `archive` or `algorithm`."""
        return type_of(self.kind).noun


def search(client: Client, text: str, kind: str | None = None) -> list[Socket]:
    """The sockets with this text in slug, title, kind or description, sorted by slug.

    Args:
        client: asks the platform.
        text: several words have to be there all; empty fits every socket.
        kind: only of this kind; lower and upper case are the same.

    """
    words = composed(text).casefold().split()
    found = (
        one
        for one in all_sockets(client).values()
        if (kind is None or one.kind.casefold() == kind.strip().casefold())
        and all(word in _text(one) for word in words)
    )
    return sorted(found, key=lambda one: one.slug)


def _text(socket: Socket) -> str:
    parts = (socket.slug, socket.title, socket.kind, socket.description)
    return composed("\n".join(parts)).casefold()


def used_by(client: Client, slug: str) -> tuple[Used, ...]:
    """What each reader study, archive and algorithm with this slug uses.

    Raises:
        UsageError: there is none, or this account sees none.

    """
    found = tuple(_used(client, slug))
    if found:
        return found
    hint = did_you_mean(slug, [target.slug for target in _targets(client)])
    raise UsageError(
        f"no reader study, archive or algorithm '{slug}', or your account cannot see it",
        hint=hint
        or "the slug is the last part of the page's URL; to search all sockets: "
        "uploader sockets --search TEXT",
    )


def _used(client: Client, slug: str) -> Iterator[Used]:
    for target in _targets(client, slug=slug):
        if target.slug == slug:
            yield _in_interfaces(client, target) if target.interfaces else _held(client, target)


def _targets(client: Client, **query: str) -> Iterator[Target]:
    """The targets of every kind that this account sees."""
    for target_type in map(type_of, TargetKind):
        for entry in results_of(client.get(target_type.path, **query), target_type.path):
            if (target := target_type.read_target(entry)) is not None:
                yield target


def _in_interfaces(client: Client, target: Target) -> Used:
    """The inputs and outputs of a target's interfaces, in their order."""
    known = all_sockets(client)
    roles = [
        (slug, role)
        for interface in target.interfaces
        for slugs, role in ((interface.inputs, "input"), (interface.outputs, "output"))
        for slug in slugs
        if slug in known
    ]
    uses = tuple(Use(known[slug], role=role) for slug, role in dict.fromkeys(roles))
    return Used(target.kind, target.slug, uses)


def _held(client: Client, target: Target) -> Used:
    """What a target's first items hold."""
    target_type = type_of(target.kind)
    query = {**target_type.list_query(target), "limit": min(_MOST, target_type.page_size)}
    answer = client.call("GET", target_type.items_path, params=query)
    entries = results_of(answer, target_type.items_path)
    items = [item for entry in entries if (item := target_type.read_item(entry)) is not None]
    counts = Counter(name for item in items for name in item.sockets)
    known = all_sockets(client) if counts else {}
    uses = tuple(Use(known[name], counts[name]) for name in sorted(counts) if name in known)
    total = answer.fields.get("count")
    return Used(
        target.kind,
        target.slug,
        uses,
        looked=len(items),
        items=total if isinstance(total, int) else len(items),
    )
