"""The bytes of one upload as a stream of parts: a file, a bundle of files, or a JSON value.

Every part can be read more than once, because it may have to be sent again. Each read computes the
part's MD5; the SHA-256 of each file is computed once. A bundle cannot seek, so its parts stay in
memory until they are stored, in a bounded number of shared buffers. The parts of a file are read
from the disk a second time, each with its own handle (Windows has no pread): measured, keeping them
in memory saves no CPU.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, Protocol, TypeAlias

from msgspec import Struct

from manifest_uploader.digests import content_digest
from manifest_uploader.files.local_file import FileChanged, LocalFile, Source, check_same, sha256
from manifest_uploader.files.zip_stream import bundle_size, bundle_stream
from manifest_uploader.system import disk

MIB: Final = 2**20
SMALLEST_PART: Final = 8 * MIB
MOST_PARTS: Final = 10_000
"""S3: parts are numbered from 1 to 10,000."""
SLICE: Final = 256 * 1024
"""Measured: 1.6 CPU s per GiB over TLS, against 2.0 with 64 KiB, in constant memory."""


# ── what is sent ────────────────────────────────────────────────────────────────────────────


class JsonContent(Struct, frozen=True):
    """A JSON value that is uploaded as a file."""

    name: str
    data: bytes
    digest: str
    """Digest of the value, as `json_digest` computes it."""


class DicomCopy(Struct, frozen=True):
    """A de-identified DICOM file: a header of its own, and the pixels of the original."""

    file: LocalFile
    """The original."""
    head: bytes
    first: int
    """Where in the original the bytes begin that follow `head`."""
    end: int
    """Behind the last of them; a NUL makes an odd number of them even."""
    sha256: str
    """Of the original, in hex."""
    made_by: str = ""
    """The fingerprint of the key for UIDs and of the procedure."""

    @property
    def size(self) -> int:
        """Bytes of the copy."""
        body = self.end - self.first
        return len(self.head) + body + body % 2


Content: TypeAlias = Source | JsonContent | DicomCopy


class Digests(Struct, frozen=True):
    """What the bytes of a stream turned out to be."""

    content: str
    """Digest of (name, SHA-256) of every file; of a JSON value, its digest."""
    sha256: str | None
    """SHA-256 in hex of a single file; None for a bundle."""
    files: tuple[tuple[str, str, int], ...]
    """(name, SHA-256 in hex, size in bytes) of every file, in the order of the stream."""


def content_size(content: Content) -> int:
    """The length of the stream in bytes."""
    if isinstance(content, JsonContent):
        return len(content.data)
    if isinstance(content, DicomCopy):
        return content.size
    return bundle_size(content) if content.bundle else content.files[0].size


# ── parts ───────────────────────────────────────────────────────────────────────────────────


def part_size(size: int) -> int:
    """The size in bytes of every part but the last, for a stream of `size` bytes."""
    smallest = -(-size // MOST_PARTS)
    return max(SMALLEST_PART, -(-smallest // MIB) * MIB)


def part_count(size: int, part: int) -> int:
    """The number of parts; an empty stream has one empty part."""
    return max(1, -(-size // part))


def part_length(size: int, part: int, number: int) -> int:
    """The length in bytes of part `number`; only the last may be shorter than `part`."""
    return min(part, size - (number - 1) * part)


class Part(Struct):
    """One part of a stream."""

    number: int
    """Counts from 1."""
    length: int
    """Bytes."""
    slices: Callable[[], Iterator[bytes | memoryview]]
    """Each call yields the bytes from the beginning."""
    release: Callable[[], None] = lambda: None
    """Call it once, when the part is stored or given up."""
    md5: str = ""
    """MD5 in hex, as soon as `body` has been read to its end."""

    def body(self) -> Iterator[bytes | memoryview]:
        """Yield the slices and compute their MD5."""
        total = hashlib.md5(usedforsecurity=False)
        for piece in self.slices():
            total.update(piece)
            yield piece
        self.md5 = total.hexdigest()

    def read(self) -> str:
        """Read the bytes without sending them; return their MD5."""
        for _ in self.body():
            pass
        return self.md5


class Stopped(Exception):
    """The run is being stopped."""


class Buffers:
    """A fixed number of buffers for parts in flight, shared by all uploads.

    Buffers are reused. Fresh memory for every part fragments the heap and needs half as much again
    (measured: 30 MiB more for six parts).
    """

    def __init__(self, count: int) -> None:
        self._left = count
        self._changed = threading.Condition()
        self._idle: list[bytearray] = []

    def take(self, stopping: Callable[[], bool]) -> bytearray:
        """Wait for a buffer of at least the smallest part's size.

        Raises:
            Stopped: the run is being stopped.

        """
        with self._changed:
            while not self._left:
                if stopping():
                    raise Stopped
                self._changed.wait(0.5)
            self._left -= 1
            return self._idle.pop() if self._idle else bytearray(SMALLEST_PART)

    def give_back(self, buffer: bytearray) -> None:
        """Return a buffer and wake one thread that waits for it."""
        with self._changed:
            self._left += 1
            self._idle.append(buffer)
            self._changed.notify()


# ── streams ─────────────────────────────────────────────────────────────────────────────────


class Stream(Protocol):
    """The bytes of one upload."""

    size: int
    """Bytes."""
    digests: Digests | None
    """Known once `parts` is exhausted."""

    def parts(self, size: int) -> Iterator[Part]:
        """Yield the parts in order, each of `size` bytes but the last.

        The consumer sends or skips a part, and releases it.

        Raises:
            FileChanged: a file has changed since it was looked at.
            Stopped: the run is being stopped.

        """
        ...

    def check(self) -> None:
        """Raise FileChanged if the bytes sent may differ from those hashed."""
        ...


def open_stream(
    content: Content, size: int, *, buffers: Buffers, stopping: Callable[[], bool]
) -> Stream:
    """The stream of a content; `size` is its `content_size`, which is costly for a large bundle."""
    if isinstance(content, JsonContent):
        return JsonStream(content)
    if isinstance(content, DicomCopy):
        return CopyStream(content)
    if content.bundle:
        return BundleStream(content, size, buffers, stopping)
    return FileStream(content.files[0])


class JsonStream:
    """A JSON value as a file."""

    def __init__(self, content: JsonContent) -> None:
        self.size = len(content.data)
        self.digests: Digests | None = None
        self._content = content

    def parts(self, size: int) -> Iterator[Part]:
        """Yield views of the data."""
        content = self._content
        view = memoryview(content.data)
        for number in range(1, part_count(self.size, size) + 1):
            piece = view[(number - 1) * size : number * size]
            yield Part(number, len(piece), partial(_sliced, piece))
        hashed = hashlib.sha256(content.data).hexdigest()
        self.digests = Digests(content.digest, hashed, ((content.name, hashed, self.size),))

    def check(self) -> None:
        """Nothing to check: the data cannot change."""


class FileStream:
    """A single file on the disk."""

    def __init__(self, file: LocalFile) -> None:
        self.size = file.size
        self.digests: Digests | None = None
        self._file = file
        self._sha256 = ""

    def parts(self, size: int) -> Iterator[Part]:
        """Yield the parts.

        A single part gets its SHA-256 while it is sent. Of several parts, each is read for the
        SHA-256 just before it is yielded: its sender then finds it in the page cache.
        """
        check_same(self._file)
        count = part_count(self.size, size)
        if count == 1:
            yield Part(1, self.size, self._hashed_slices)
            hashed = self._sha256 or sha256(self._file)
        else:
            total = hashlib.sha256()
            for number in range(1, count + 1):
                slices = partial(
                    self._slices, (number - 1) * size, part_length(self.size, size, number)
                )
                for piece in slices():
                    total.update(piece)
                yield Part(number, part_length(self.size, size, number), slices)
            hashed = total.hexdigest()
        check_same(self._file)
        name = self._file.name
        content = content_digest([(name, hashed)])
        self.digests = Digests(content, hashed, ((name, hashed, self.size),))

    def check(self) -> None:
        """Check the file: of several parts, each was read once for its hash and once to be sent."""
        check_same(self._file)

    def _hashed_slices(self) -> Iterator[memoryview]:
        total = hashlib.sha256()
        for piece in self._slices(0, self.size):
            total.update(piece)
            yield piece
        self._sha256 = total.hexdigest()

    def _slices(self, offset: int, length: int) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(min(SLICE, length) or 1))
        left = length
        try:
            with disk.open_raw(self._file.full) as handle:
                handle.seek(offset)
                while left:
                    got = handle.readinto(buffer[: min(left, len(buffer))])
                    if not got:
                        raise FileChanged(f"'{self._file.name}' became shorter while it was sent")
                    yield buffer[:got]
                    left -= got
        except OSError as error:
            raise FileChanged(
                f"'{self._file.name}' cannot be read any more: {disk.reason(error)}"
            ) from None


class CopyStream(FileStream):
    """A de-identified DICOM file, which is nowhere on the disk."""

    def __init__(self, copy: DicomCopy) -> None:
        super().__init__(copy.file)
        self.size = copy.size
        self._copy = copy

    def parts(self, size: int) -> Iterator[Part]:
        """Yield the parts; the digests are those of the original."""
        check_same(self._file)
        for number in range(1, part_count(self.size, size) + 1):
            length = part_length(self.size, size, number)
            yield Part(number, length, partial(self._pieces, (number - 1) * size, length))
        check_same(self._file)
        name, hashed = self._file.name, self._copy.sha256
        content = content_digest([(name, hashed)])
        self.digests = Digests(content, hashed, ((name, hashed, self._file.size),))

    def _pieces(self, offset: int, length: int) -> Iterator[bytes | memoryview]:
        """`length` bytes of the copy: of its head, of the original's pixels, and of its end."""
        copy, end = self._copy, offset + length
        head, body = len(copy.head), copy.end - copy.first
        yield from _sliced(memoryview(copy.head)[offset:end])
        start, stop = max(offset - head, 0), min(end - head, body)
        if start < stop:
            yield from self._slices(copy.first + start, stop - start)
        if end > head + body:
            yield b"\0"


class BundleStream:
    """Several files as one stored zip, read once."""

    def __init__(
        self, source: Source, size: int, buffers: Buffers, stopping: Callable[[], bool]
    ) -> None:
        self.size = size
        self.digests: Digests | None = None
        self._source, self._buffers, self._stopping = source, buffers, stopping

    def parts(self, size: int) -> Iterator[Part]:
        """Yield the parts; waits for a free buffer before each."""
        hashed: list[tuple[str, str, int]] = []

        def on_file(file: LocalFile, sha256: str) -> None:
            hashed.append((file.name, sha256, file.size))

        chunks = _ChunkReader(bundle_stream(self._source, on_file))
        for number in range(1, part_count(self.size, size) + 1):
            yield self._part(number, chunks, part_length(self.size, size, number))
        chunks.finish()
        content = content_digest([(name, sha256) for name, sha256, _ in hashed])
        self.digests = Digests(content, None, tuple(hashed))

    def check(self) -> None:
        """Nothing to check: the bytes sent were hashed in memory."""

    def _part(self, number: int, chunks: _ChunkReader, length: int) -> Part:
        buffer = self._buffers.take(self._stopping)
        try:
            if len(buffer) < length:
                buffer = bytearray(length)
            view = memoryview(buffer)[:length]
            chunks.read_into(view)
        except BaseException:
            self._buffers.give_back(buffer)
            raise
        return Part(
            number, length, partial(_sliced, view), partial(self._buffers.give_back, buffer)
        )


class _ChunkReader:
    """Reads an iterator of chunks like a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def read_into(self, view: memoryview) -> None:
        """Fill the view with the next bytes."""
        done = 0
        while done < len(view):
            if not self._rest:
                self._rest = memoryview(next(self._chunks))
            count = min(len(self._rest), len(view) - done)
            view[done : done + count] = self._rest[:count]
            self._rest = self._rest[count:]
            done += count

    def finish(self) -> None:
        """Exhaust the iterator: `bundle_stream` reports the last file after its last byte."""
        for chunk in self._chunks:
            assert not len(chunk), "a bundle has the size computed for it"


def _sliced(data: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(data), SLICE):
        yield data[start : start + SLICE]
