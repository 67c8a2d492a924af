"""A stream read forwards through a window: headers of any size, in constant memory."""

from __future__ import annotations

from typing import BinaryIO, Final

PADDING: Final = 16
"""Bytes; zeros behind the end of the stream, so that a header near it can be unpacked."""
_FIRST: Final = 32 * 1024
"""Bytes; the header of nearly every slice is shorter."""
_NEXT: Final = 128 * 1024
_LONGEST_VALUE: Final = 64 * 1024
"""Bytes; no value that counts is longer, and of a longer one the start is enough."""
_MOST_READ: Final = 256 * 1024 * 1024
"""Bytes of elements; the headers of the largest multi-frame images have a third of this."""


class TooMuch(Exception):
    """The header is longer than any real one."""


class Window:
    """The part of a stream that is in memory; positions count from the stream's start."""

    __slots__ = ("_left", "_stream", "data", "size", "start")

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._left = _MOST_READ
        self.size = size
        """Of the stream, in bytes."""
        self.start = 0
        self.data = self._read(0, _FIRST)
        """The bytes from `start` on; behind the end of the stream, zeros."""

    def move(self, at: int) -> bytes:
        """The window's bytes after it was moved, so that it starts at `at`; may raise TooMuch."""
        if at <= self.start + len(self.data):  # else a long value was skipped
            self._left -= _NEXT
            if self._left < 0:
                raise TooMuch
        self.start = at
        self.data = self._read(at, _NEXT)
        return self.data

    def peek(self, at: int, count: int) -> bytes:
        """`count` bytes at `at`, for which the window may move; zeros behind the end."""
        offset = at - self.start
        if offset < 0 or offset + count > len(self.data):
            offset = 0
            self.move(at)
        return self.data[offset : offset + count]

    def glance(self, at: int, count: int) -> bytes:
        """Up to `count` bytes at `at`, for which the window stays where it is."""
        offset = at - self.start
        if offset >= 0 and offset + count <= len(self.data) - PADDING:
            return self.data[offset : offset + count]
        return self._fully(at, count)

    def value(self, at: int, length: int) -> bytes:
        """The bytes of a value that starts at `at`, as far as they are there and matter."""
        offset = at - self.start
        if offset >= 0 and offset + length <= len(self.data) - PADDING and length <= _LONGEST_VALUE:
            return self.data[offset : offset + length]
        return self.glance(at, max(0, min(length, _LONGEST_VALUE, self.size - at)))

    def _read(self, at: int, count: int) -> bytes:
        data = self._fully(at, count)
        if len(data) < count:
            self.size = min(self.size, at + len(data))
        return data + bytes(PADDING) if at + len(data) >= self.size else data

    def _fully(self, at: int, count: int) -> bytes:
        """The bytes from `at` on, fewer only at the end: one read may return less than there is."""
        self._stream.seek(at)
        data = self._stream.read(count)
        while len(data) < count and (more := self._stream.read(count - len(data))):
            data += more
        return data
