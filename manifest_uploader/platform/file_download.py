"""Downloads a file of the platform to the disk in constant memory, and goes on where it broke off.

A file grows under another name and is the reader's own once it is whole. It grows only by bytes
that follow those that are there, so whatever ends the process, what is there is right. The last
byte is asked for again, so that an answer tells the whole size even if nothing is missing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from manifest_uploader.platform.responses import Interrupted, Response
from manifest_uploader.system import disk

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_SLICE: Final = 1024 * 1024
_PLACE: Final = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_REST: Final = 206
_NO_REST: Final = 416


class Downloaded(Struct, frozen=True):
    """What a whole file holds."""

    size: int
    sha256: str
    """In hex."""


class CutShort(Exception):
    """The platform gave fewer bytes than it said, or more."""


def download_file(
    client: Client,
    address: str,
    part: Path,
    *,
    tell: Callable[[int], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Downloaded | None:
    """Download a file to `part`, or the rest of it; None if the platform does not give it.

    Args:
        client: sends the requests.
        address: of the file, as the platform gave it.
        part: where it grows; its folder exists. Stays there if the download does not end.
        tell: is told how many more bytes are there.
        stopping: whether the command is being stopped.

    Raises:
        OSError: the disk does not take it.
        CutShort: what came is not a whole file, although there was no other trouble.
        PlatformUnreachable, PlatformRefused, Interrupted: as for `Client.download`.

    """
    growing = _Growing(part, tell, stopping)
    try:
        answer = client.download(address, growing.begin, start=growing.start)
        if answer.status == _NO_REST:
            growing.empty()
            answer = client.download(address, growing.begin, start=growing.start)
        return growing.ended(answer)
    finally:
        growing.close()


class _Growing:
    """A file that grows by what one answer after the other brings."""

    def __init__(
        self, part: Path, tell: Callable[[int], None], stopping: Callable[[], bool]
    ) -> None:
        self._tell, self._stopping = tell, stopping
        self._file: FileIO = disk.open_unbuffered(part)
        self._digest = hashlib.sha256()
        self._size = self._whole = self._known = 0
        while piece := self._file.read(_SLICE):
            self._digest.update(piece)
            self._size += len(piece)

    def start(self) -> int:
        """The byte to ask for: the last one that is there."""
        return max(0, self._size - 1)

    def begin(self, status: int, headers: Mapping[str, str]) -> Callable[[bytes], None]:
        """Take an answer that holds the file, or the rest of it."""
        is_packed = headers.get("content-encoding", "identity").lower() not in {"", "identity"}
        if status != _REST:
            self.empty()
            self._whole = 0 if is_packed else _number(headers.get("content-length", ""))
            return self._add
        place = _PLACE.fullmatch(headers.get("content-range", ""))
        if place is None or is_packed or int(place[1]) != self.start():
            self.empty()
            raise CutShort
        self._known = self._size - self.start()
        self._whole = _number(place[2])
        return self._add

    def empty(self) -> None:
        """Begin anew."""
        self._file.seek(0)
        self._file.truncate()
        self._digest, self._size, self._known = hashlib.sha256(), 0, 0

    def ended(self, answer: Response) -> Downloaded | None:
        """What the whole file holds; None if the platform did not give it."""
        if not answer.ok:
            return None
        if self._whole and self._size != self._whole:
            self.empty()
            raise CutShort
        disk.sync(self._file.fileno())
        return Downloaded(self._size, self._digest.hexdigest())

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()

    def _add(self, piece: bytes) -> None:
        if self._stopping():
            raise Interrupted
        left = memoryview(piece)[self._known :]
        self._known = max(0, self._known - len(piece))
        self._digest.update(left)
        self._size += len(left)
        self._tell(len(left))
        while left:
            left = left[self._file.write(left) :]


def _number(text: str) -> int:
    """The number; 0 if it is none."""
    return int(text) if text.isdecimal() else 0
