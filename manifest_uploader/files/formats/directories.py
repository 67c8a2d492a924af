"""Read the directories of a TIFF file, classic or BigTIFF, in either byte order."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from struct import Struct as Layout
from typing import BinaryIO, Final, Literal

from msgspec import Struct

_ARRAYS: Final = {
    1: "B",
    3: "H",
    4: "I",
    6: "b",
    7: "B",
    8: "h",
    9: "i",
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
}
"""Of each type of whole numbers: how `array` names it."""
_SIZES: Final = {
    **dict.fromkeys((1, 2, 6, 7), 1),
    **dict.fromkeys((3, 8), 2),
    **dict.fromkeys((4, 9, 11, 13), 4),
    **dict.fromkeys((5, 10, 12, 16, 17, 18), 8),
}
"""Bytes of one value of each type."""
_MOST_ENTRIES: Final = 4096
"""In one directory; the largest that are written have a few hundred."""
_MOST_BYTES: Final = 96 * 2**20
"""Read of one file, in all: five million tiles need 60 MB."""


class Entry(Struct, frozen=True):
    """One tag of a directory."""

    type: int
    count: int
    size: int
    """Bytes of all its values."""
    value: bytes
    """The values themselves, or, where they are too long, the offset at which they lie."""


class Directory(Struct, frozen=True):
    """A directory: the tags of one page."""

    tags: dict[int, Entry]
    next: int
    """The next directory's offset; 0 after the last."""


class Outside(Exception):
    """The file ends before something that it refers to."""

    def __init__(self, end: int) -> None:
        super().__init__(end)
        self.end = end
        """Bytes that the file must have at least."""


class Unreadable(Exception):
    """There is no directory at that place, or more than is sensible was read already."""


class Reader:
    """Reads directories and the values of their tags."""

    def __init__(
        self, stream: BinaryIO, size: int, *, order: Literal["little", "big"], big: bool
    ) -> None:
        sign = "<" if order == "little" else ">"
        self.order: Final = order
        self.size: Final = size
        self._stream = stream
        self._left = _MOST_BYTES
        self._count = Layout(sign + ("Q" if big else "H"))
        self._entry = Layout(sign + ("HHQ8s" if big else "HHI4s"))
        self._offset = Layout(sign + ("Q" if big else "I"))
        self.first: Final = int.from_bytes(self._take(8 if big else 4, self._offset.size), order)

    def read(self, offset: int) -> Directory:
        """The directory at an offset.

        Raises:
            Outside: The file ends before it or within it.
            Unreadable: There is none.

        """
        if offset < self._offset.size:
            raise Unreadable
        (count,) = self._count.unpack(self._take(offset, self._count.size))
        if not 1 <= count <= _MOST_ENTRIES:
            raise Unreadable
        start = offset + self._count.size
        table = self._take(start, count * self._entry.size + self._offset.size)
        entries = self._entry.iter_unpack(table[: count * self._entry.size])
        (following,) = self._offset.unpack(table[count * self._entry.size :])
        return Directory(
            {
                tag: Entry(type_, number, number * _SIZES.get(type_, 0), value)
                for tag, type_, number, value in entries
            },
            following,
        )

    def end_of(self, entry: Entry) -> int:
        """Where the values of a tag end in the file; 0 if they stand in the directory itself."""
        if entry.size <= self._offset.size:
            return 0
        return int.from_bytes(entry.value, self.order) + entry.size

    def raw(self, entry: Entry, most: int) -> bytes:
        """The values of a tag as they are stored, at most so many bytes.

        Raises:
            Outside: The file ends before them.

        """
        if entry.size <= self._offset.size:
            return entry.value[: min(entry.size, most)]
        offset = int.from_bytes(entry.value, self.order)
        if offset + entry.size > self.size:
            raise Outside(offset + entry.size)
        return self._take(offset, min(entry.size, most))

    def numbers(self, entry: Entry | None) -> Sequence[int]:
        """The values of a tag of whole numbers; none if it is another or not there.

        Raises:
            Outside: The file ends before them.
            Unreadable: There are too many.

        """
        code = _ARRAYS.get(entry.type) if entry is not None else None
        if entry is None or code is None:
            return ()
        values = array(code)
        values.frombytes(self.raw(entry, entry.size))
        if self.order != sys.byteorder:
            values.byteswap()
        return values

    def number(self, entry: Entry | None, default: int = 0) -> int:
        """The first value of a tag of whole numbers; the default if there is none."""
        found = self.numbers(entry)
        return found[0] if found else default

    def _take(self, offset: int, size: int) -> bytes:
        if offset + size > self.size:
            raise Outside(offset + size)
        self._left -= size
        if self._left < 0:
            raise Unreadable
        self._stream.seek(offset)
        taken = self._stream.read(size)
        if len(taken) < size:
            raise Outside(offset + size)
        return taken


def open_reader(stream: BinaryIO, size: int) -> Reader:
    """A reader of a file that begins with one of TIFF's four marks.

    Raises:
        Outside: The file ends within its header.

    """
    stream.seek(0)
    mark = stream.read(4)
    order: Literal["little", "big"] = "little" if mark.startswith(b"I") else "big"
    return Reader(stream, size, order=order, big=b"+" in mark)
