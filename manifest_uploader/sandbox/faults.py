"""Deliberate faults: what a test can make the sandbox do wrong."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal, Protocol

FaultKind = Literal[
    "reset",
    "stall",
    "delay",
    "late",
    "truncate",
    "answer",
    "expire",
    "lose_part",
    "fail_import",
    "fail_job",
    "twice",
]


@dataclass(frozen=True)
class Seen:
    """A request as a hook sees it."""

    method: str
    path: str
    kind: str
    """A short name: upload-create, presign, part, complete, list-parts, upload-get, upload-list,
    item-create, item-fill, item-get, item-list, sockets, target, sessions, session-create,
    session-get, image-get, image-list, instances (of a DICOM image set), download (a redirect to
    storage), stored (a file from there), algorithm, job-create, job-get, job-list, answers (of
    readers, and questions), abort, gcapi, other."""
    number: int
    """Counts the requests of its kind, from 1."""
    total: int
    """Counts all requests, from 1."""


class Held:
    """A request that takes effect only when a test releases it, long after its sender left."""

    def __init__(self) -> None:
        """Hold a request that has not come yet."""
        self._gate = threading.Event()
        self._acted = threading.Event()

    def let_go(self, seconds: float = 30.0) -> bool:
        """Let it take effect, and wait until it has; return whether it has."""
        self._gate.set()
        return self._acted.wait(seconds)

    def wait(self, seconds: float) -> bool:
        """Wait at most so long until it is let go; return whether it was."""
        return self._gate.wait(seconds)

    def note_acted(self) -> None:
        """Note that it has taken effect."""
        self._acted.set()


@dataclass(frozen=True)
class Fault:
    """One fault, caused before the sandbox acts (usually instead) or after it has acted."""

    kind: FaultKind
    seconds: float = 0
    status: int = 500
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str = "text/html"
    message: str = ""
    held: Held | None = None

    @classmethod
    def reset(cls) -> Fault:
        """Drop the connection."""
        return cls("reset")

    @classmethod
    def stall(cls, seconds: float) -> Fault:
        """Send nothing for a time, then drop the connection."""
        return cls("stall", seconds=seconds)

    @classmethod
    def delay(cls, seconds: float) -> Fault:
        """Wait for a time, then continue normally."""
        return cls("delay", seconds=seconds)

    @classmethod
    def late(cls, seconds: float = 3600.0, held: Held | None = None) -> Fault:
        """Read the request, drop the connection, and act after a time or once let go.

        Storage drops the connection, and does not act.
        """
        return cls("late", seconds=seconds, held=held)

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
        """Send another answer."""
        return cls("answer", status=status, headers=headers, body=body, content_type=content_type)

    @classmethod
    def expire(cls) -> Fault:
        """Answer as storage answers to an expired address."""
        return cls("expire")

    @classmethod
    def lose_part(cls, *, corrupt: bool = False) -> Fault:
        """Accept a part and discard it, or store different bytes instead."""
        return cls("lose_part", message="corrupt" if corrupt else "")

    @classmethod
    def fail_import(cls, message: str) -> Fault:
        """Make the imports that this fill queues fail with a message; those of a job cancel it."""
        return cls("fail_import", message=message)

    @classmethod
    def fail_job(cls) -> Fault:
        """Make the algorithm job that this request starts end as Failed."""
        return cls("fail_job")

    @classmethod
    def twice(cls) -> Fault:
        """Act twice, as if two copies of the request overlapped; answer the first one.

        The second one finds upload sessions still waiting, and its import of them does nothing: an
        algorithm job that it starts waits for ever.
        """
        return cls("twice")


class Hook(Protocol):
    """Decides which requests go wrong, and may decide which imports and jobs do.

    A hook may also have some of these methods:

    - `on_import(item, slug) -> str | None`: called before the import of an upload into the socket
      `slug` of the item with this pk; returns the message with which the import fails, or None.
    - `on_job(job, inputs) -> bool`: called before the outputs of the algorithm job with this pk are
      made; `inputs` by socket: values, and the names of files and images. Returns whether it fails.
    - `on_files(item, slug, names) -> Mapping[str, bytes | None]`: called before the importer reads
      the files of an image; `names` as they were sent, those inside a zip file with their path in
      it. Returns what the importer finds instead of some of them: other contents, or no file.
    """

    def before(self, request: Seen) -> Fault | None:
        """Return the fault to cause before the sandbox acts, or None."""

    def after(self, request: Seen, status: int) -> Fault | None:
        """Return the fault to cause after the sandbox has acted, or None."""


class Counter:
    """Counts requests by kind."""

    def __init__(self) -> None:
        """Start at zero."""
        self.total = 0
        self._by_kind: dict[str, int] = {}

    def see(self, method: str, path: str, kind: str) -> Seen:
        """Count a request and return it with its numbers; not thread-safe."""
        self.total += 1
        self._by_kind[kind] = self._by_kind.get(kind, 0) + 1
        return Seen(method, path, kind, self._by_kind[kind], self.total)
