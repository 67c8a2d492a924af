"""Unpack zlib and gzip data in constant memory, as much as is wanted and no more."""

from __future__ import annotations

import zlib
from collections.abc import Generator
from typing import Final, Protocol

from msgspec import Struct

GZIP_MARK: Final = b"\x1f\x8b"

_READ: Final = 64 * 2**10
_PIECE: Final = 256 * 2**10
_EITHER: Final = 32 + zlib.MAX_WBITS
"""zlib or gzip, whichever the first bytes are."""
_LARGEST_RATIO: Final = 1032
"""deflate cannot pack more into a byte: 258 bytes in two bits."""


class Readable(Protocol):
    """What compressed data is read from."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most so many; empty at the end."""


class Damaged(Exception):
    """The compressed data is not what was once written."""


class Measure(Struct, frozen=True):
    """How much there was to unpack."""

    length: int
    """Unpacked bytes."""
    ended: bool | None
    """Whether the compressed data has its end; None where enough was read before it came."""


def unpacked(
    stream: Readable, *, members: bool, packed: int | None = None, limit: int
) -> Generator[bytes, None, bool | None]:
    """Yield what the stream holds from its position on, in pieces of at most 256 KiB.

    It ends with the compressed data, with the file, or when more than `limit` bytes were yielded:
    then one byte more than that is the most. What comes after the compressed data is ignored, as
    zlib's own gzread does. The generator returns what `Measure.ended` says.

    Args:
        stream: Read from where it is.
        members: gzip data may consist of several members, one directly after the other.
        packed: Bytes of compressed data; None for all that is there.
        limit: Unpacked bytes that are wanted.

    Raises:
        Damaged: What is wrong was found before, or at the end of, the data that is wanted.
        OSError: The file cannot be read.

    """
    source = _Source(stream, packed)
    left = limit + 1
    pending = b""
    inside = zlib.decompressobj(_EITHER)
    try:
        while left > 0:
            pending = pending or source.read()
            if not pending:
                return False
            piece = inside.decompress(pending, min(left, _PIECE))
            pending = inside.unconsumed_tail
            if piece:
                left -= len(piece)
                yield piece
            if inside.eof:
                pending = inside.unused_data
                if len(pending) < len(GZIP_MARK):
                    pending += source.read()
                if not members or not pending.startswith(GZIP_MARK):
                    return True
                inside = zlib.decompressobj(_EITHER)
    except zlib.error as error:
        raise Damaged from error
    return None


class _Source:
    """Reads compressed data piece by piece, up to its length."""

    def __init__(self, stream: Readable, packed: int | None) -> None:
        self._stream = stream
        self._left = packed

    def read(self) -> bytes:
        found = self._stream.read(_READ if self._left is None else min(_READ, self._left))
        if self._left is not None:
            self._left -= len(found)
        return found


def measure(stream: Readable, *, members: bool, packed: int | None = None, limit: int) -> Measure:
    """Unpack as `unpacked` does, and only count."""
    pieces = unpacked(stream, members=members, packed=packed, limit=limit)
    length = 0
    while True:
        try:
            length += len(next(pieces))
        except StopIteration as end:
            return Measure(length, end.value)


def first(stream: Readable, size: int) -> bytes:
    """The first bytes of a gzip file, unpacked; fewer where it is damaged or ends."""
    found = bytearray()
    try:
        for piece in unpacked(stream, members=True, limit=size):
            found += piece
    except Damaged:
        pass
    return bytes(found[:size])


def can_hold(packed: int, length: int) -> bool:
    """Whether so many bytes can have been packed into so few."""
    return length <= packed * _LARGEST_RATIO
