"""Faults on purpose: what a test may ask the sandbox to do wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

FaultKind = Literal[
    "reset", "stall", "delay", "truncate", "answer", "expire", "lose_part", "fail_import"
]


@dataclass(frozen=True)
class Seen:
    """A request, as a hook sees it."""

    method: str
    path: str
    kind: str
    """A short name: upload-create, presign, part, complete, list-parts, upload-get, upload-list,
    item-create, item-fill, item-get, item-list, sockets, target, sessions, abort, gcapi, other."""
    number: int
    """The how-manieth request of its kind, from 1."""
    total: int
    """The how-manieth request at all, from 1."""


@dataclass(frozen=True)
class Fault:
    """One thing to go wrong, before the sandbox acts (it never will) or after (unseen)."""

    kind: FaultKind
    seconds: float = 0
    status: int = 500
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str = "text/html"
    message: str = ""

    @classmethod
    def reset(cls) -> Fault:
        """Drop the connection."""
        return cls("reset")

    @classmethod
    def stall(cls, seconds: float) -> Fault:
        """Send nothing for so long, then drop the connection."""
        return cls("stall", seconds=seconds)

    @classmethod
    def delay(cls, seconds: float) -> Fault:
        """Wait so long, then go on as if nothing was."""
        return cls("delay", seconds=seconds)

    @classmethod
    def truncate(cls) -> Fault:
        """Send half the answer, then drop the connection."""
        return cls("truncate")

    @classmethod
    def answer(
        cls,
        status: int,
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
        content_type: str = "text/html",
    ) -> Fault:
        """Answer with something else."""
        return cls("answer", status=status, headers=headers, body=body, content_type=content_type)

    @classmethod
    def expire(cls) -> Fault:
        """Answer as storage does to an address that is too old."""
        return cls("expire")

    @classmethod
    def lose_part(cls, *, corrupt: bool = False) -> Fault:
        """Accept a part and forget it, or keep something else in its place."""
        return cls("lose_part", message="corrupt" if corrupt else "")

    @classmethod
    def fail_import(cls, message: str) -> Fault:
        """Let the imports that this fill queues fail with these words."""
        return cls("fail_import", message=message)


class Hook(Protocol):
    """Decides which requests go wrong; it may also have `on_import(item, slug) -> str | None`."""

    def before(self, request: Seen) -> Fault | None:
        """Return what goes wrong before the sandbox acts, or None."""

    def after(self, request: Seen, status: int) -> Fault | None:
        """Return what goes wrong with an answer to a request acted on, or None."""


class Counter:
    """Counts requests by kind."""

    def __init__(self) -> None:
        """Begin at none."""
        self.total = 0
        self._by_kind: dict[str, int] = {}

    def see(self, method: str, path: str, kind: str) -> Seen:
        """Return a request with its numbers; callers take turns."""
        self.total += 1
        self._by_kind[kind] = self._by_kind.get(kind, 0) + 1
        return Seen(method, path, kind, self._by_kind[kind], self.total)
