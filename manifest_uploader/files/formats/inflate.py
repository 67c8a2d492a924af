"""Unpack zlib and gzip data in constant memory, as much as is wanted and no more."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final, Protocol

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


def unpacked(
    stream: Readable, *, members: bool, packed: int | None = None, limit: int
) -> Iterator[bytes]:
    """Yield what the stream holds from its position on, in pieces of at most 256 KiB.

    It ends with the compressed data, with the file, or when more than `limit` bytes were yielded:
    then one byte more than that is the most. What comes after the compressed data is ignored, as
    zlib's own gzread does.

    Args:
        stream: Read from where it is.
        members: gzip data may consist of several members, one directly after the other.
        packed: Bytes of compressed data; None for all that is there.
        limit: Unpacked bytes that are wanted.

    Raises:
        Damaged: What is wrong was found before, or at the end of, the data that is wanted.
        OSError: The file cannot be read.

    """
    left = limit + 1
    pending = b""
    inside = zlib.decompressobj(_EITHER)
    try:
        while left > 0:
            if not pending:
                size = _READ if packed is None else min(_READ, packed)
                pending = stream.read(size)
                if not pending:
                    return
                packed = None if packed is None else packed - len(pending)
            piece = inside.decompress(pending, min(left, _PIECE))
            pending = inside.unconsumed_tail
            if piece:
                left -= len(piece)
                yield piece
            if inside.eof:
                pending = inside.unused_data
                if len(pending) < len(GZIP_MARK):
                    pending += stream.read(_READ if packed is None else min(_READ, packed))
                if not members or not pending.startswith(GZIP_MARK):
                    return
                inside = zlib.decompressobj(_EITHER)
    except zlib.error as error:
        raise Damaged from error


def count(stream: Readable, *, members: bool, packed: int | None = None, limit: int) -> int:
    """How many bytes `unpacked` yields, at most `limit`."""
    pieces = unpacked(stream, members=members, packed=packed, limit=limit)
    return min(limit, sum(map(len, pieces)))


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
