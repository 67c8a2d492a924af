"""Many files as one stored zip, with the same bytes every time and on every system.

Invariants: the length is known from names and sizes before the first byte is read; entries have a
fixed date and fixed permissions; only one chunk and the central directory are held in memory.

The records follow APPNOTE.TXT 4.3. zipstream-ng takes the date of an entry from the clock, and
`zipfile` may encode names differently in another version of Python; but a resumed upload has to
consist of the same bytes.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from msgspec import Struct

from manifest_uploader.files.local_file import CHUNK, LocalFile, Source, chunks

_MAX_32: Final = 0xFFFF_FFFF
"""In a 32-bit field: the number is in the zip64 field."""
_MAX_16: Final = 0xFFFF
"""In a 16-bit field: the number is in the zip64 record."""
_VERSION, _VERSION_ZIP64, _UNIX = 20, 45, 3 << 8
_FLAGS: Final = 0x0808
"""CRC and sizes follow the data; names are UTF-8."""
_STORED, _TIME, _DATE = 0, 0, 1 << 5 | 1
"""1980-01-01 00:00, the earliest time in the format."""
_PERMISSIONS: Final = 0o100644 << 16


def bundle_size(source: Source) -> int:
    """The size of the whole zip in bytes."""
    entries = _entries(source.files)
    directory = sum(len(entry.directory_record(crc=0)) for entry in entries)
    start = entries[-1].end
    return start + directory + len(_end_records(len(entries), start, directory))


def bundle_stream(
    source: Source, on_file: Callable[[LocalFile, str], None] = lambda *_: None
) -> Iterator[bytes]:
    """Yield the bytes of the zip in chunks of at most 256 KiB, files in order.

    Args:
        source: The files.
        on_file: Called with each file and its SHA-256 in hex, after its last byte was read.

    Raises:
        FileChanged: A file has changed since it was looked at.
    """
    return _coalesced(_pieces(source, on_file))


class _Entry(Struct, frozen=True):
    """One file's place in the zip, and its records."""

    name: bytes
    size: int
    offset: int

    @property
    def end(self) -> int:
        return self.offset + len(self.header()) + self.size + len(self.descriptor(crc=0))

    def header(self) -> bytes:
        """The record before the data."""
        is_long = _needs_zip64(self.size)
        version = _VERSION_ZIP64 if is_long else _VERSION
        size = _MAX_32 if is_long else 0
        extra = _zip64_field(0, 0) if is_long else b""
        fixed = (version, _FLAGS, _STORED, _TIME, _DATE, 0, size, size, len(self.name), len(extra))
        return struct.pack("<4s5H3L2H", b"PK\3\4", *fixed) + self.name + extra

    def descriptor(self, *, crc: int) -> bytes:
        """The record after the data."""
        form = "<4sLQQ" if _needs_zip64(self.size) else "<4sLLL"
        return struct.pack(form, b"PK\7\x08", crc, self.size, self.size)

    def directory_record(self, *, crc: int) -> bytes:
        """The record in the central directory."""
        long_numbers = [self.size, self.size] if _needs_zip64(self.size) else []
        long_numbers += [self.offset] if _needs_zip64(self.offset) else []
        extra = _zip64_field(*long_numbers) if long_numbers else b""
        version = _VERSION_ZIP64 if long_numbers else _VERSION
        size, offset = (min(_MAX_32, number) for number in (self.size, self.offset))
        return b"".join(
            (
                struct.pack("<4s2H", b"PK\1\2", _UNIX | version, version),
                struct.pack("<4H3L", _FLAGS, _STORED, _TIME, _DATE, crc, size, size),
                struct.pack("<5H2L", len(self.name), len(extra), 0, 0, 0, _PERMISSIONS, offset),
                self.name,
                extra,
            )
        )


def _needs_zip64(number: int) -> bool:
    """Whether a size or an offset does not fit a 32-bit field."""
    return number >= _MAX_32


def _count_needs_zip64(count: int) -> bool:
    """Whether a number of files does not fit a 16-bit field."""
    return count >= _MAX_16


def _zip64_field(*numbers: int) -> bytes:
    return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers)


def _end_records(count: int, start: int, size: int) -> bytes:
    """The records after a central directory of `size` bytes that begins at `start`."""
    zip64 = b""
    if _count_needs_zip64(count) or _needs_zip64(start) or _needs_zip64(size):
        versions = (_UNIX | _VERSION_ZIP64, _VERSION_ZIP64)
        zip64 = struct.pack("<4sQ2H2L", b"PK\6\6", 44, *versions, 0, 0)
        zip64 += struct.pack("<4Q", count, count, size, start)
        zip64 += struct.pack("<4sLQL", b"PK\6\7", 0, start + size, 1)
    counts = (min(count, _MAX_16), min(count, _MAX_16))
    places = (min(size, _MAX_32), min(start, _MAX_32))
    return zip64 + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *counts, *places, 0)


def _entries(files: Iterable[LocalFile]) -> list[_Entry]:
    entries: list[_Entry] = []
    offset = 0
    for file in files:
        entries.append(_Entry(file.name.encode(), file.size, offset))
        offset = entries[-1].end
    return entries


def _pieces(source: Source, on_file: Callable[[LocalFile, str], None]) -> Iterator[bytes]:
    entries = _entries(source.files)
    directory = []
    for file, entry in zip(source.files, entries, strict=True):
        crc, sha256 = 0, hashlib.sha256()
        yield entry.header()
        for chunk in chunks(file):
            crc = zlib.crc32(chunk, crc)
            sha256.update(chunk)
            yield chunk
        yield entry.descriptor(crc=crc)
        directory.append(entry.directory_record(crc=crc))
        on_file(file, sha256.hexdigest())
    yield from directory
    yield _end_records(len(entries), entries[-1].end, sum(map(len, directory)))


def _coalesced(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join consecutive pieces up to the size of a chunk; a full chunk is not copied."""
    pending: list[bytes] = []
    size = 0
    for piece in pieces:
        if size + len(piece) > CHUNK:
            yield b"".join(pending)
            pending, size = [], 0
        pending.append(piece)
        size += len(piece)
    yield b"".join(pending)
