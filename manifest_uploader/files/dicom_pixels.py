"""Where the pixel data of an open DICOM file stands, so that it can be copied as it is."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO, Final

from msgspec import Struct

PIXEL_DATA: Final = 0x7FE00010
_UNDEFINED: Final = 0xFFFFFFFF
_ITEM: Final = 0xFFFEE000
_END: Final = 0xFFFEE0DD
_VRS: Final = (b"OB", b"OW", b"UN")


class CutOff(Exception):
    """The pixel data is shorter than it has to be."""

    def __init__(self, expected: int, found: int) -> None:
        """Numbers of bytes; `expected` is 0 if only the end is missing."""
        super().__init__(expected, found)
        self.expected, self.found = expected, found


class Pixels(Struct, frozen=True):
    """The value of the pixel data."""

    first: int
    """Its first byte, from the start of the file."""
    end: int
    """Behind its last byte, or behind the mark at the end of compressed pixel data."""
    vr: str
    """`OB`, `OW` or anything else; empty in implicit VR."""
    compressed: bool

    def head(self, *, implicit: bool, little: bool) -> bytes:
        """The start of the element in this encoding; an odd length is made even."""
        order = "<" if little else ">"
        tag = struct.pack(f"{order}2H", PIXEL_DATA >> 16, PIXEL_DATA & 0xFFFF)
        size = self.end - self.first
        length = struct.pack(f"{order}L", _UNDEFINED if self.compressed else size + size % 2)
        if implicit:
            return tag + length
        vr = self.vr if self.vr in ("OB", "OW") else "OB" if self.compressed else "OW"
        return tag + vr.encode() + b"\0\0" + length


def find_pixels(stream: BinaryIO, data: Any, *, little: bool) -> Pixels | None:
    """The pixel data that begins where the stream is; None if something else does, or nothing.

    Args:
        stream: Just behind the header, as pydicom leaves it.
        data: The header, as pydicom's Dataset.
        little: Whether bytes are in little endian order.

    Raises:
        CutOff: it ends early, or is shorter than the header says.
    """
    start = stream.tell()
    order = "<" if little else ">"
    head = stream.read(12)
    # Some files are implicit and say that they are explicit. These VRs read as odd lengths.
    vr = head[4:6].decode("latin-1") if head[4:6] in _VRS else ""
    size = 12 if vr else 8
    if len(head) < size or _tag(head, order) != PIXEL_DATA:
        return None
    (length,) = struct.unpack(f"{order}L", head[size - 4 : size])
    first = start + size
    left = stream.seek(0, 2) - first
    if length == _UNDEFINED:
        end = _end_of_items(stream, first, first + left, order, frames_of(data))
        return Pixels(first, end, vr, compressed=True)
    if length > left:
        raise CutOff(length, left)
    check_length(data, length)
    return Pixels(first, first + length, vr, compressed=False)


def check_length(data: Any, found: int) -> None:
    """Raise CutOff if uncompressed pixel data has fewer bytes than the header implies."""
    expected = expected_bytes(data)
    if found < expected:
        raise CutOff(expected, found)


def expected_bytes(data: Any) -> int:
    """How many bytes uncompressed pixel data must have at least; 0 if the header does not tell."""
    numbers = [_number(data, name) for name in ("Rows", "Columns", "BitsAllocated")]
    samples = float(_number(data, "SamplesPerPixel") or 1)
    if data.get("PhotometricInterpretation") in ("YBR_FULL_422", "YBR_PARTIAL_422"):
        samples = 2.0  # two pixels share their colors (PS3.3, C.7.6.3.1.2)
    rows, columns, bits = numbers
    return int(rows * columns * bits * samples * frames_of(data)) // 8


def frames_of(data: Any) -> int:
    """NumberOfFrames; 1 if it is absent."""
    return _number(data, "NumberOfFrames") or 1


def _number(data: Any, name: str) -> int:
    value = data.get(name)
    try:
        return max(int(value), 0) if value is not None else 0
    except (TypeError, ValueError):
        return 0


def _tag(head: bytes, order: str) -> int:
    group, element = struct.unpack(f"{order}2H", head[:4])
    return int(group << 16 | element)


def _end_of_items(stream: BinaryIO, at: int, size: int, order: str, frames: int) -> int:
    """Where compressed pixel data ends: a table of offsets, then at least an item a frame."""
    items = 0
    while True:
        stream.seek(at)
        head = stream.read(8)
        if len(head) < 8:  # noqa: PLR2004 - a tag and a length
            raise CutOff(0, size)
        (length,) = struct.unpack(f"{order}L", head[4:])
        match _tag(head, order):
            case tag if tag == _END:
                break
            case tag if tag == _ITEM and at + 8 + length <= size:
                items += 1
                at += 8 + length
            case _:
                raise CutOff(0, size)
    if items - 1 < frames:
        raise CutOff(0, size)
    return at + 8
