"""The images that readers find: their size and, if needed, the values of their voxels."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from manifest_uploader.sandbox.readers.source import Source, Unreadable

MOST_SEGMENTS = 64


@dataclass(frozen=True)
class Picture:
    """One image and the files from which it was read."""

    name: str
    width: int
    height: int
    depth: int | None
    sources: tuple[Source, ...]
    values: frozenset[int] | None = None
    """The distinct values of its voxels; None if unknown, not integers, or more than 64."""
    study: str = ""
    series: str = ""


def distinct(pieces: Iterable[bytes], typecode: str, *, swap: bool) -> frozenset[int] | None:
    """Return the distinct values in the pieces of an array; None if there are more than 64."""
    found: set[int] = set()
    last: bytes | None = None
    for piece in pieces:
        if piece == last:
            continue
        last = piece
        found |= _values(piece, typecode, found, swap=swap)
        if len(found) > MOST_SEGMENTS:
            return None
    return frozenset(found)


def _values(piece: bytes, typecode: str, known: set[int], *, swap: bool) -> set[int]:
    if typecode == "B":
        return set(piece.translate(None, bytes(known)))
    numbers = array(typecode)
    numbers.frombytes(piece)
    if swap:
        numbers.byteswap()
    return set(numbers)


def slices(source: Source, offset: int, length: int) -> Iterable[bytes]:
    """Yield `length` bytes of a source in pieces that do not split numbers."""
    with source.open() as file:
        file.seek(offset)
        while length:
            piece = file.read(min(length, 65536))
            if not piece:
                raise Unreadable(f"{source.name} ends early")
            length -= len(piece)
            yield piece
