"""The data plane of an upload: reads and hashes its parts, and PUTs them to presigned URLs.

A `DataTask` and its result are plain, picklable data. `send_parts` uses no token, no state file and
no API, so the same task can run in a thread here or in a process on another machine that sees the
same files.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol, TypeAlias

from msgspec import Struct

from manifest_uploader.files.local_file import FileChanged
from manifest_uploader.files.parts import (
    Buffers,
    Content,
    Digests,
    Part,
    Stopped,
    Stream,
    open_stream,
    part_count,
)
from manifest_uploader.platform.responses import Interrupted, Response

_URL_LIFE_S: Final = 2700.0
"""Grand Challenge signs URLs for an hour."""
_AHEAD: Final = 2
"""Parts read before a sender is free, so that no sender waits for a part's SHA-256."""
_TRIES: Final = 4
"""Attempts to send one part that storage refuses or receives damaged."""


# ── what goes in and what comes out ─────────────────────────────────────────────────────────


class StoredPart(Struct, frozen=True):
    """A part that storage holds."""

    etag: str
    """Without quotes."""
    size: int
    """Bytes."""


@dataclass(frozen=True, kw_only=True)
class DataTask:
    """The parts of one upload to send or compare; the others are only read for the hashes."""

    content: Content
    size: int
    """Bytes of the whole stream."""
    part_size: int
    """Bytes of every part but the last."""
    send: tuple[int, ...]
    """Numbers of the parts to send."""
    stored: Mapping[int, StoredPart]
    """Parts sent by an earlier run, to compare: their MD5 must be storage's ETag."""
    urls: Mapping[int, str] = field(repr=False)
    """Part number → presigned URL; more are signed on request."""


class PartsSent(Struct, frozen=True):
    """Storage holds the parts that the task named."""

    etags: Mapping[int, str]
    """Part number → ETag without quotes, of every part sent or compared, in order."""
    encrypted: bool
    """Storage encrypts with KMS: its ETags are not MD5s and prove nothing."""
    digests: Digests
    worker: str = ""
    """The name of the worker that sent them; empty if this machine did."""


class Reason(Enum):
    """Why parts were not sent."""

    FILE_CHANGED = "a file changed or cannot be read"
    UPLOAD_LOST = "storage does not know the upload, or holds different bytes"
    STORAGE_REFUSED = "storage does not accept a part"
    STOPPED = "the run is being stopped"
    WORKER_LOST = "the worker that sent them has ended, or cannot be reached"


class PartsNotSent(Struct, frozen=True):
    """An expected failure; storage may hold some of the parts."""

    reason: Reason
    message: str = ""


DataResult: TypeAlias = PartsSent | PartsNotSent


# ── what a machine provides ─────────────────────────────────────────────────────────────────


class PutPart(Protocol):
    """Sends one part, and repeats it after connection trouble; needs no token."""

    def __call__(
        self, url: str, *, length: int, body: Callable[[], Iterator[bytes | memoryview]]
    ) -> Response:
        """PUT `length` bytes; each call of `body` yields them from the beginning."""
        ...


Sign: TypeAlias = Callable[[int], Mapping[int, str]]
"""Asks the control plane for URLs: of this part and of those sent near it."""


class Resources(Struct, frozen=True):
    """What all data tasks on one machine share."""

    senders: Executor
    """Threads that send the parts of streams with several parts."""
    at_once: int
    """Largest number of parts of one stream in flight."""
    buffers: Buffers
    stopping: Callable[[], bool]


def send_parts(task: DataTask, resources: Resources, *, put: PutPart, sign: Sign) -> DataResult:
    """Read the whole stream once; send and compare the parts that the task names.

    A URL is used for 45 minutes. `sign` is called for a part whose URL is missing, old or refused
    with 403. Exceptions of `put` and `sign` pass through, except Interrupted.
    """
    try:
        return _Transfer(task, resources, put, sign).run()
    except _Failed as failed:
        return PartsNotSent(failed.reason, failed.message)
    except FileChanged as changed:
        return PartsNotSent(Reason.FILE_CHANGED, str(changed))
    except (Stopped, Interrupted):
        return PartsNotSent(Reason.STOPPED)


class _Failed(Exception):
    def __init__(self, reason: Reason, message: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class _Transfer:
    """One run of a data task."""

    def __init__(self, task: DataTask, resources: Resources, put: PutPart, sign: Sign) -> None:
        self._task, self._resources, self._put = task, resources, put
        self._urls = _Urls(task.urls, sign)
        self._etags: dict[int, str] = {}
        self._encrypted = False

    def run(self) -> PartsSent:
        task, resources = self._task, self._resources
        stream = open_stream(
            task.content, task.size, buffers=resources.buffers, stopping=resources.stopping
        )
        if part_count(task.size, task.part_size) == 1:
            for part in self._named_parts(stream):
                self._send_or_compare(part)
        else:
            self._use_senders(stream)
        stream.check()
        assert stream.digests is not None
        return PartsSent(dict(sorted(self._etags.items())), self._encrypted, stream.digests)

    def _named_parts(self, stream: Stream) -> Iterator[Part]:
        named = {*self._task.send, *self._task.stored}
        for part in stream.parts(self._task.part_size):
            if part.number in named:
                yield part
                continue
            part.release()
            if self._resources.stopping():
                raise Stopped

    def _use_senders(self, stream: Stream) -> None:
        in_flight: dict[Future[None], Part] = {}
        try:
            for part in self._named_parts(stream):
                future = self._resources.senders.submit(self._send_or_compare, part)
                in_flight[future] = part
                while len(in_flight) >= self._resources.at_once + _AHEAD:
                    self._await_one(in_flight)
            while in_flight:
                self._await_one(in_flight)
        finally:
            for future, part in in_flight.items():
                if future.cancel():
                    part.release()
            wait(in_flight)

    def _await_one(self, in_flight: dict[Future[None], Part]) -> None:
        completed, _ = wait(in_flight, timeout=0.5, return_when=FIRST_COMPLETED)
        for future in completed:
            del in_flight[future]
            future.result()
        if self._resources.stopping():
            raise Stopped

    def _send_or_compare(self, part: Part) -> None:
        try:
            if self._resources.stopping():
                raise Stopped
            stored = self._task.stored.get(part.number)
            if stored is None:
                self._send(part)
            elif stored.size == part.length and stored.etag == part.read():
                self._etags[part.number] = stored.etag
            else:
                raise _Failed(Reason.UPLOAD_LOST)
        finally:
            part.release()

    def _send(self, part: Part) -> None:
        for _ in range(_TRIES):
            url = self._urls.get(part.number)
            answer = self._put(url, length=part.length, body=part.body)
            if answer.ok and self._is_proven(part, answer):
                return
            if answer.status == 403:  # noqa: PLR2004
                self._urls.discard(part.number, url)
            elif answer.status == 404:  # noqa: PLR2004
                raise _Failed(Reason.UPLOAD_LOST)
            elif not answer.ok:
                break
        if answer.ok:
            message = "storage received different bytes from those sent, several times"
        else:
            found = re.search(r"<Code>([\w.]{1,80})</Code>", answer.text)
            message = f"storage answered {answer.status}{f' ({found[1]})' if found else ''}"
        raise _Failed(Reason.STORAGE_REFUSED, message)

    def _is_proven(self, part: Part, answer: Response) -> bool:
        """Whether storage's ETag is the MD5 of the bytes read; with KMS, any ETag will do."""
        etag = answer.headers.get("etag", "").strip('"')
        if "kms" in answer.headers.get("x-amz-server-side-encryption", ""):
            self._encrypted = True
        if not self._encrypted and etag != part.md5:
            return False
        self._etags[part.number] = etag
        return bool(etag)


class _Urls:
    """The presigned URLs of one task, shared by its senders."""

    def __init__(self, urls: Mapping[int, str], sign: Sign) -> None:
        self._sign = sign
        self._lock = threading.Lock()
        self._urls = urls
        self._received = time.monotonic()

    def get(self, number: int) -> str:
        """The URL of a part, new enough to be used; raises what `sign` raises."""
        with self._lock:
            is_old = time.monotonic() - self._received > _URL_LIFE_S
            if is_old or number not in self._urls:
                asked = time.monotonic()
                self._urls, self._received = self._sign(number), asked
            return self._urls[number]

    def discard(self, number: int, url: str) -> None:
        """Storage says that a URL has expired: so have those that were signed with it."""
        with self._lock:
            if self._urls.get(number) == url:
                self._urls = {}
