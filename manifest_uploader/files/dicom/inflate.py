"""Reads a deflated DICOM data set forwards, in constant memory."""

from __future__ import annotations

import zlib
from typing import BinaryIO, Final

_CHUNK: Final = 64 * 1024
_MOST: Final = 4 * 1024**3
"""Bytes inflated; the importer holds a whole data set in 8 GB of memory."""


class Inflated:
    """The inflated bytes behind a position of a stream; going back starts again at the front."""

    def __init__(self, stream: BinaryIO, start: int) -> None:
        self._stream = stream
        self._start = start
        self.damaged = False
        """The bytes end too early, are no deflated bytes, or inflate to more than `_MOST`."""
        self._restart()
        while self.read(_CHUNK) and not self.damaged:
            self.damaged = self._at > _MOST
        self.size = self._at
        """In bytes; if they are damaged, of what comes before."""

    def read(self, count: int) -> bytes:
        """Up to `count` bytes, fewer only at the end."""
        while len(self._ready) < count and self._fill():
            pass
        data = bytes(self._ready[:count])
        del self._ready[:count]
        self._at += len(data)
        return data

    def seek(self, at: int) -> int:
        """Go to a position, at most to the end."""
        if at < self._at:
            self._restart()
        while self._at < at and self.read(min(at - self._at, _CHUNK)):
            pass
        return self._at

    def tell(self) -> int:
        """The current position."""
        return self._at

    def _restart(self) -> None:
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._source = self._start
        self._ready = bytearray()
        self._at = 0

    def _fill(self) -> bool:
        """Inflate some more; False at the end."""
        if self._inflater.eof:
            return False
        data = self._inflater.unconsumed_tail
        if not data:
            self._stream.seek(self._source)
            data = self._stream.read(_CHUNK)
            self._source += len(data)
        try:
            inflated = self._inflater.decompress(data, _CHUNK)
        except zlib.error:
            inflated = b""
        self._ready += inflated
        if inflated or self._inflater.eof or (data and self._inflater.unconsumed_tail != data):
            return True
        self.damaged = True
        return False
