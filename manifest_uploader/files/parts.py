"""What travels as one upload, as parts whose bytes can be sent again: a file, a bundle, or JSON.

Each byte is hashed for its part's MD5 while it is sent, and once for its file's SHA-256. A bundle
cannot seek, so its parts are kept in memory while they are under way, a bounded number in all. A
file's parts are read once more, with a handle of their own each (Windows has no pread): measured,
to keep them in memory instead saves no CPU.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from msgspec import Struct, field

from manifest_uploader.digests import content_digest
from manifest_uploader.files.local_file import (
    FileChanged,
    LocalFile,
    Source,
    check_same,
)
from manifest_uploader.files.zip_stream import bundle_size, bundle_stream

MIB: Final = 2**20
SMALLEST_PART: Final = 8 * MIB
MOST_PARTS: Final = 10_000
"""S3: parts are numbered from 1 to 10,000."""
SLICE: Final = 256 * 1024
"""Measured: 1.6 CPU s per GiB over TLS, against 2.0 with 64 KiB, in constant memory."""


def part_size(size: int) -> int:
    """Bytes of every part but the last of a stream of `size` bytes."""
    smallest = -(-size // MOST_PARTS)
    return max(SMALLEST_PART, -(-smallest // MIB) * MIB)


def part_count(size: int, part: int) -> int:
    """How many parts a stream has; an empty one has one empty part."""
    return max(1, -(-size // part))


class Part(Struct):
    """One part of a stream."""

    number: int
    """From 1."""
    length: int
    """Bytes."""
    slices: Callable[[], Iterator[bytes | memoryview]]
    """The bytes, from the beginning at every call; hashes them on the way."""
    release: Callable[[], None] = lambda: None
    """To be called once, when the part is stored or given up."""
    md5: str = ""
    """Of the bytes, in hex; known once `slices` was read to its end."""

    def body(self) -> Iterator[bytes | memoryview]:
        """The slices, hashed as they pass."""
        total = hashlib.md5(usedforsecurity=False)
        for piece in self.slices():
            total.update(piece)
            yield piece
        self.md5 = total.hexdigest()

    def read(self) -> str:
        """The MD5 of the bytes without sending them."""
        for _ in self.body():
            pass
        return self.md5


class Proof(Struct):
    """What is known of a stream's content once all its parts were made."""

    content: str = ""
    """Digest of (name, SHA-256) of every file."""
    sha256: str | None = None
    """Of a single file."""
    files: list[tuple[str, str, int]] = field(default_factory=list)
    """(name, SHA-256, bytes) of every file."""


class Stream(Protocol):
    """One upload's bytes."""

    size: int
    proof: Proof

    def parts(self, size: int) -> Iterator[Part]:
        """The parts in order, each to be sent before long; sets `proof` at the end.

        Raises:
            FileChanged: a file is not what it was when the stream was made.

        """
        ...

    def check(self) -> None:
        """Raise FileChanged unless what was sent is what `proof` says; once all of it was sent."""
        ...


class JsonStream:
    """A value that travels as a JSON file."""

    def __init__(self, name: str, data: bytes, digest: str) -> None:
        self.size = len(data)
        self.proof = Proof()
        self._name, self._data, self._digest = name, data, digest

    def parts(self, size: int) -> Iterator[Part]:
        """The parts; `size` in bytes."""
        view = memoryview(self._data)
        for number in range(1, part_count(self.size, size) + 1):
            piece = view[(number - 1) * size : number * size]
            yield Part(number, len(piece), lambda piece=piece: _sliced(piece))  # type: ignore[misc]
        sha256 = hashlib.sha256(self._data).hexdigest()
        self.proof = Proof(self._digest, sha256, [(self._name, sha256, self.size)])

    def check(self) -> None:
        """Nothing can have changed it."""


class FileStream:
    """One file as it lies on the disk."""

    def __init__(self, file: LocalFile) -> None:
        self.size = file.size
        self.proof = Proof()
        self._file = file
        self._sha256 = ""

    def parts(self, size: int) -> Iterator[Part]:
        """The parts; `size` in bytes.

        A single part is hashed while it is sent. Of several, each is read for the SHA-256 just
        before it is handed out: its sender then finds it in the system's cache.
        """
        check_same(self._file)
        count = part_count(self.size, size)
        sha256 = hashlib.sha256()
        if count == 1:
            yield Part(1, self.size, self._hashed)
        for number in range(1, count + 1) if count > 1 else ():
            offset = (number - 1) * size
            length = min(size, self.size - offset)
            for piece in self._slices(offset, length):
                sha256.update(piece)
            yield Part(number, length, self._reader(offset, length))
        check_same(self._file)
        self._prove(self._sha256 if count == 1 else sha256.hexdigest())

    def check(self) -> None:
        """Parts of several were read a second time when they were sent."""
        check_same(self._file)

    def _hashed(self) -> Iterator[memoryview]:
        total = hashlib.sha256()
        for piece in self._slices(0, self.size):
            total.update(piece)
            yield piece
        self._sha256 = total.hexdigest()

    def _prove(self, sha256: str) -> None:
        name = self._file.name
        self.proof = Proof(content_digest([(name, sha256)]), sha256, [(name, sha256, self.size)])

    def _reader(self, offset: int, length: int) -> Callable[[], Iterator[memoryview]]:
        return lambda: self._slices(offset, length)

    def _slices(self, offset: int, length: int) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(min(SLICE, length) or 1))
        left = length
        try:
            with self._file.path.open("rb", buffering=0) as handle:
                handle.seek(offset)
                while left:
                    got = handle.readinto(buffer[: min(left, len(buffer))])
                    if not got:
                        raise FileChanged(f"'{self._file.name}' became shorter while it was sent")
                    yield buffer[:got]
                    left -= got
        except OSError as error:
            raise FileChanged(
                f"'{self._file.name}' cannot be read any more: {error.strerror}"
            ) from None


class Buffers:
    """Memory for parts that are under way: so many buffers, for all uploads together.

    They are used again and again: new memory for each part would be scattered, and take half as
    much again (measured: 30 MiB more for six parts).
    """

    def __init__(self, count: int) -> None:
        self._left = count
        self._changed = threading.Condition()
        self._idle: list[bytearray] = []

    def take(self, stop: Callable[[], bool]) -> bytearray:
        """A buffer of at least the smallest part's size; waits for one.

        Raises:
            FileChanged: the run is being stopped.

        """
        with self._changed:
            while not self._left:
                if stop():
                    raise FileChanged("stopped")
                self._changed.wait(0.5)
            self._left -= 1
            return self._idle.pop() if self._idle else bytearray(SMALLEST_PART)

    def give_back(self, buffer: bytearray) -> None:
        """Let others have it."""
        with self._changed:
            self._left += 1
            self._idle.append(buffer)
            self._changed.notify()


class BundleStream:
    """Several files as one stored zip."""

    def __init__(self, source: Source, buffers: Buffers, stop: Callable[[], bool]) -> None:
        self.size = bundle_size(source)
        self.proof = Proof()
        self._source, self._buffers, self._stop = source, buffers, stop

    def parts(self, size: int) -> Iterator[Part]:
        """The parts; `size` in bytes. Waits for a buffer before it fills each."""
        hashed: list[tuple[str, str, int]] = []

        def on_file(file: LocalFile, sha256: str) -> None:
            hashed.append((file.name, sha256, file.size))

        chunks = _Rechunked(bundle_stream(self._source, on_file))
        for number in range(1, part_count(self.size, size) + 1):
            yield self._part(number, chunks, min(size, self.size - (number - 1) * size))
        chunks.finish()
        self.proof = Proof(
            content_digest([(name, sha256) for name, sha256, _ in hashed]), None, hashed
        )

    def check(self) -> None:
        """What was sent is what was hashed: it lay in memory."""

    def _part(self, number: int, chunks: _Rechunked, length: int) -> Part:
        buffer = self._buffers.take(self._stop)
        try:
            if len(buffer) < length:
                buffer = bytearray(length)
            view = memoryview(buffer)[:length]
            chunks.fill(view)
        except BaseException:
            self._buffers.give_back(buffer)
            raise
        return Part(number, length, lambda: _sliced(view), lambda: self._buffers.give_back(buffer))


class _Rechunked:
    """A stream of chunks, taken in pieces of wanted lengths."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def fill(self, view: memoryview) -> None:
        """Copy the next bytes, as many as the view holds."""
        done = 0
        while done < len(view):
            if not self._rest:
                self._rest = memoryview(next(self._chunks))
            count = min(len(self._rest), len(view) - done)
            view[done : done + count] = self._rest[:count]
            self._rest = self._rest[count:]
            done += count

    def finish(self) -> None:
        """Read to the end: the last file is reported behind its last byte."""
        for chunk in self._chunks:
            assert not len(chunk), "a bundle is as long as it was said to be"


def _sliced(data: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(data), SLICE):
        yield data[start : start + SLICE]
