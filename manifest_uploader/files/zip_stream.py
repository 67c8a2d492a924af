"""Many files as one stored zip stream, the same bytes every time and on every system.

Invariants: the length is known from the files' names and sizes before the first byte; entries
carry a fixed date and fixed rights; nothing is held but one chunk and the table of contents.

The records are written here, as APPNOTE.TXT 4.3 gives them: zipstream-ng takes each entry's date
from the clock and cannot be told another, and `zipfile` may encode names differently from one
Python to the next; but an upload that is resumed must be made of the very same bytes.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from msgspec import Struct

from manifest_uploader.files.local_file import CHUNK, LocalFile, Source, chunks

_LONG: Final = 0xFFFF_FFFF
"""A size or offset that a 32-bit field cannot hold: this value says, look in the long field."""
_MANY: Final = 0xFFFF
_VERSION, _VERSION_LONG, _UNIX = 20, 45, 3 << 8
_FLAGS: Final = 0x0808
"""Checksum and sizes follow the data; names are UTF-8."""
_STORED, _TIME, _DATE = 0, 0, 1 << 5 | 1
"""1980-01-01 00:00, the first moment that the format knows."""
_RIGHTS: Final = 0o100644 << 16


def bundle_size(source: Source) -> int:
    """The bytes of the whole zip."""
    entries = _entries(source.files)
    directory = sum(len(entry.directory_record(crc=0)) for entry in entries)
    start = entries[-1].end
    return start + directory + len(_end_records(len(entries), start, directory))


def bundle_stream(
    source: Source, on_file: Callable[[LocalFile, str], None] | None = None
) -> Iterator[bytes]:
    """The bytes of the zip in chunks of at most 256 KiB, the files in their order.

    Args:
        source: What to send.
        on_file: Told of each file and its SHA-256 in hex, once its last byte was read.

    Raises:
        FileChanged: A file is not what it was when it was looked at.
    """
    return _coalesced(_pieces(source, on_file or _nobody))


class _Entry(Struct, frozen=True):
    """One file's place in the zip, and the records about it."""

    name: bytes
    size: int
    offset: int

    @property
    def is_long(self) -> bool:
        return _is_long(self.size)

    @property
    def end(self) -> int:
        return self.offset + len(self.header()) + self.size + len(self.descriptor(crc=0))

    def header(self) -> bytes:
        """The record before the data."""
        version = _VERSION_LONG if self.is_long else _VERSION
        size = _LONG if self.is_long else 0
        extra = _long_field(0, 0) if self.is_long else b""
        fixed = (version, _FLAGS, _STORED, _TIME, _DATE, 0, size, size, len(self.name), len(extra))
        return struct.pack("<4s5H3L2H", b"PK\3\4", *fixed) + self.name + extra

    def descriptor(self, *, crc: int) -> bytes:
        """The record behind the data."""
        form = "<4sLQQ" if self.is_long else "<4sLLL"
        return struct.pack(form, b"PK\7\x08", crc, self.size, self.size)

    def directory_record(self, *, crc: int) -> bytes:
        """The record in the table of contents."""
        longs = [self.size, self.size] if self.is_long else []
        longs += [self.offset] if _is_long(self.offset) else []
        extra = _long_field(*longs) if longs else b""
        version = _VERSION_LONG if longs else _VERSION
        size, offset = (min(_LONG, number) for number in (self.size, self.offset))
        return b"".join(
            (
                struct.pack("<4s2H", b"PK\1\2", _UNIX | version, version),
                struct.pack("<4H3L", _FLAGS, _STORED, _TIME, _DATE, crc, size, size),
                struct.pack("<5H2L", len(self.name), len(extra), 0, 0, 0, _RIGHTS, offset),
                self.name,
                extra,
            )
        )


def _is_long(number: int) -> bool:
    return number >= _LONG


def _is_many(count: int) -> bool:
    return count >= _MANY


def _long_field(*numbers: int) -> bytes:
    return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers)


def _end_records(count: int, start: int, size: int) -> bytes:
    """The end of a zip whose table of contents begins at `start` and has `size` bytes."""
    long = b""
    if _is_many(count) or _is_long(start) or _is_long(size):
        versions = (_UNIX | _VERSION_LONG, _VERSION_LONG)
        long = struct.pack("<4sQ2H2L", b"PK\6\6", 44, *versions, 0, 0)
        long += struct.pack("<4Q", count, count, size, start)
        long += struct.pack("<4sLQL", b"PK\6\7", 0, start + size, 1)
    counted = min(count, _MANY)
    last = (counted, counted, *(min(_LONG, number) for number in (size, start)))
    return long + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *last, 0)


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
    """The pieces put together, as far as they fit a chunk; a whole chunk is not copied."""
    pending: list[bytes] = []
    size = 0
    for piece in pieces:
        if size + len(piece) > CHUNK:
            yield b"".join(pending)
            pending, size = [], 0
        pending.append(piece)
        size += len(piece)
    yield b"".join(pending)


def _nobody(file: LocalFile, sha256: str) -> None:
    """Hears of a file, and does nothing."""
