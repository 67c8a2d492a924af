"""What readers make of files: pictures with a size, and sometimes the values in them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from manifest_uploader.sandbox.readers.source import Source, Unreadable

MOST_SEGMENTS = 64


@dataclass(frozen=True)
class Picture:
    """One image, and the files it was read from."""

    name: str
    width: int
    height: int
    depth: int | None
    sources: tuple[Source, ...]
    values: frozenset[int] | None = None
    """The values of its voxels; None if unknown, not whole numbers, or more than 64."""
    study: str = ""
    series: str = ""


def distinct(pieces: Iterable[bytes], typecode: str, *, swap: bool) -> frozenset[int] | None:
    """Return the distinct values in pieces of an array, None if there are more than 64."""
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
    """Yield so many bytes of a source in pieces of whole numbers."""
    with source.open() as file:
        file.seek(offset)
        while length:
            piece = file.read(min(length, 65536))
            if not piece:
                raise Unreadable(f"{source.name} ends early")
            length -= len(piece)
            yield piece
