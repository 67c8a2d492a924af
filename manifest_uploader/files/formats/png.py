"""Look into a PNG picture.

The rules are those of panimg 0.18, `image_builders/fallback.py`, and of Pillow, which it uses.
The format: https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from msgspec import Struct

from manifest_uploader.files.formats import inflate
from manifest_uploader.files.formats.about import About
from manifest_uploader.files.formats.shared import MOST_PIXELS, cut, unreadable, unsupported
from manifest_uploader.files.formats.voxels import DAMAGED
from manifest_uploader.files.looks import FileLook, Flaw, FlawKind, Format, ImageHeader

_MARK: Final = 8
_FRAME: Final = 12
"""Bytes of a chunk besides its data: length, type and CRC."""
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By PNG's colour types."""
_DEPTHS: Final = (1, 2, 4, 8, 16)
_MOST_CHUNKS: Final = 2**19
_PALETTE: Final = 3
_GREY: Final = 0
_GREY_ALPHA: Final = 4
_ADAM7: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4))
_ADAM7_LAST: Final = ((1, 0, 2, 2), (0, 1, 1, 2))
"""Of each pass of an interlaced PNG: first column and row, and the steps between them."""


class _Chunk(Struct, frozen=True):
    start: int
    """Of its data."""
    length: int
    type: bytes


def look_png(stream: BinaryIO, size: int) -> FileLook:
    """What a PNG's header says, and whether it reaches to its end.

    If it does not, its rows are counted: the importer takes a picture that lacks only its end.
    """
    stream.seek(_MARK)
    begins = stream.read(_FRAME + 13)
    if len(begins) < _FRAME + 13:
        return FileLook(Format.PNG, flaws=(cut(_MARK + _FRAME + 13, size),))
    width, height, depth, colour = struct.unpack_from(">IIBB", begins, 8)
    samples = _SAMPLES.get(colour)
    checked = zlib.crc32(begins[4:21]).to_bytes(4) == begins[21:25]
    valid = checked and begins[:8] == b"\0\0\0\x0dIHDR" and depth in _DEPTHS
    if samples is None or not (valid and width and height):
        return FileLook(Format.PNG, flaws=(unreadable(About.HEADER),))
    image = ImageHeader(
        width,
        height,
        channels=_channels(colour, depth, samples),
        voxel="uint16" if (depth, colour) == (16, _GREY) else "uint8",
        dimensions=2,
        vector=colour == _PALETTE,
    )
    flaws = _png_refused(image, colour, depth)
    needed = _row_bytes(image, samples * depth, interlaced=begins[20] == 1)
    return FileLook(Format.PNG, flaws=flaws + _pixel_flaws(stream, size, needed), image=image)


def _channels(colour: int, depth: int, samples: int) -> int:
    """Pillow reads grey and alpha of 16 bits as RGBA."""
    return 4 if (colour, depth) == (_GREY_ALPHA, 16) else samples


def _png_refused(image: ImageHeader, colour: int, depth: int) -> tuple[Flaw, ...]:
    found = []
    if image.channels not in (1, 3, 4):
        found.append(About.CHANNELS)
    if (colour, depth) == (_GREY, 1):
        found.append(About.BIT_DEPTH)
    if image.width * image.height > MOST_PIXELS:
        found.append(About.PIXELS)
    return unsupported(*found)


def _pixel_flaws(stream: BinaryIO, size: int, needed: int) -> tuple[Flaw, ...]:
    """What is wrong with the chunks of pixels; `needed` is what the rows unpack to."""
    chunks = list(_chunks(stream, size))
    has_end = bool(chunks) and chunks[-1].type == b"IEND"
    parts = _Parts(stream, [chunk for chunk in chunks if chunk.type == b"IDAT"])
    try:
        found = inflate.measure(parts, members=False, limit=needed).length
    except inflate.Damaged:
        return (DAMAGED,)
    if found >= needed:
        return ()
    # each chunk is as long as it says, and the last is one without data
    end = max((chunk.start + chunk.length + 4 for chunk in chunks), default=size)
    return (Flaw(FlawKind.CUT),) if has_end else (cut(max(end, size) + _FRAME, size),)


def _chunks(stream: BinaryIO, size: int) -> Iterator[_Chunk]:
    """The chunks up to the last, IEND, or as far as there are any; one may be cut off."""
    place = _MARK
    for _ in range(_MOST_CHUNKS):
        if place + 8 > size:
            return
        stream.seek(place)
        length, type_ = struct.unpack(">I4s", stream.read(8))
        if not type_.isalpha():
            return
        yield _Chunk(place + 8, length, type_)
        if type_ == b"IEND":
            return
        place += _FRAME + length


class _Parts:
    """The data of several chunks as one stream."""

    def __init__(self, stream: BinaryIO, chunks: list[_Chunk]) -> None:
        self._stream = stream
        self._chunks = iter(chunks)
        self._left = 0

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many; empty at the end."""
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._stream.seek(chunk.start)
            self._left = chunk.length
        found = self._stream.read(min(size, self._left))
        self._left = self._left - len(found) if found else 0
        return found


def _row_bytes(image: ImageHeader, bits: int, *, interlaced: bool) -> int:
    """What all rows unpack to, each with the byte that names its filter."""
    passes = (*_ADAM7, *_ADAM7_LAST) if interlaced else ((0, 0, 1, 1),)
    total = 0
    for column, row, across, down in passes:
        width = max(0, -(-(image.width - column) // across))
        height = max(0, -(-(image.height - row) // down))
        total += height * (1 + -(-width * bits // 8)) if width else 0
    return total
