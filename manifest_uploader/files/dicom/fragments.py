"""Walks over compressed pixels, which come in fragments (PS3.5, A.4), without reading them."""

from __future__ import annotations

from struct import Struct
from typing import Final

from manifest_uploader.files.dicom.elements import Pixels
from manifest_uploader.files.dicom.window import TooMuch, Window

_HEADER: Final = Struct("<II")
_ITEM: Final = 0xE000FFFE
"""Group and element as one little-endian number."""
_END: Final = 0xE0DDFFFE
_MANY: Final = 64
"""Frames; from then on the offset table leads to the last one, as a whole slide has 100,000."""
_MOST: Final = 4_000_000
"""Fragments."""
_CHUNK: Final = 1024 * 1024


def walk_fragments(window: Window, tag: int, at: int, end: int | None) -> tuple[Pixels, int]:
    """The pixels of a value that starts at `at`, and where they end.

    `end` is None if a mark ends them, and known if the element says so. Half of the mark is enough,
    as it is for pydicom. Raises TooMuch.
    """
    size = window.size if end is None else min(end, window.size)
    start, count, filled, offsets = at, -1, 0, 0
    ended = False
    while at + 4 <= size:
        kind, length = _HEADER.unpack(window.glance(at, 8).ljust(8, b"\0"))
        at += 8
        if kind != _ITEM:
            ended = kind == _END
            break
        if count < 0:  # the first item is the basic offset table
            offsets, count = length // 4, 0
            jump = _offset_of_last(window, at, length)
            count, filled, at = count + (offsets - 1 if jump else 0), jump, at + length + jump
            continue
        count, filled, at = count + 1, filled + length, at + length
        if count > _MOST:
            raise TooMuch
    if not ended and count < 0 and end is None:
        return _to_the_end_mark(window, tag, start)
    found = filled - max(0, at - size)
    ended = ended or (end is not None and at == end <= window.size)
    pixels = Pixels(
        tag,
        filled,
        found,
        encapsulated=True,
        fragments=count,
        offsets=offsets,
        ended=ended,
    )
    return pixels, at if ended or end is None else end


def _offset_of_last(window: Window, at: int, length: int) -> int:
    """How far behind the offset table, at `at`, the last frame starts; 0 if it is not worth it."""
    if length < _MANY * 4:
        return 0
    offset = int.from_bytes(window.glance(at + length - 4, 4), "little")
    is_item = window.glance(at + length + offset, 4) == _ITEM.to_bytes(4, "little")
    return offset if is_item else 0


def _to_the_end_mark(window: Window, tag: int, at: int) -> tuple[Pixels, int]:
    """Pixels that are not in fragments: all bytes up to the mark that ends them."""
    start, mark = at, _END.to_bytes(4, "little")
    while at < window.size:
        found = window.glance(at, _CHUNK).find(mark)
        if found >= 0:
            return Pixels(tag, at + found - start, at + found - start), at + found + 8
        at += _CHUNK - 3
    size = window.size
    return Pixels(tag, size - start, size - start, ended=False), size
