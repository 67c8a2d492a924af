"""Look into a JPEG picture.

The rules are those of panimg 0.18, `image_builders/fallback.py`, and of Pillow, which it uses.
Formats: ITU-T T.81; CIPA DC-007 for several pictures in one file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from msgspec import Struct

from manifest_uploader.files.formats.about import About
from manifest_uploader.files.formats.shared import MOST_PIXELS, cut, unreadable, unsupported
from manifest_uploader.files.looks import FileLook, Flaw, FlawKind, Format, ImageHeader

_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN: Final = 0xDA
_END: Final = 0xD9
_ALONE: Final = frozenset((0x01, *range(0xD0, 0xD9)))
"""Markers without data."""
_APP1: Final = 0xE1
_APP2: Final = 0xE2
_NUMBER_OF_PICTURES: Final = 0xB001
_COLOURS: Final = (1, 3, 4)
_MOST_SEGMENTS: Final = 10_000
_TAIL: Final = 2**16


class _Segment(Struct, frozen=True):
    marker: int
    start: int
    """Of its data, after the length."""
    length: int
    """Of its data."""


class _Header(Struct, frozen=True):
    image: ImageHeader | None
    flaws: tuple[Flaw, ...]
    pixels: int | None
    """Where the pixels begin; None if they are not reached."""
    end: int
    """How long the file must be at least for what was read."""


def look_jpeg(stream: BinaryIO, size: int) -> FileLook:
    """What a JPEG's header says, and whether its pixels reach to their end."""
    header = _read_header(stream, size)
    if header.image is None or header.pixels is None:
        if header.end > size:
            return FileLook(Format.JPEG, flaws=(cut(header.end, size),))
        return FileLook(Format.JPEG, flaws=(unreadable(About.HEADER),))
    flaws = header.flaws
    if not _has_end(stream, size, header.pixels):
        flaws += (Flaw(FlawKind.CUT),)
    return FileLook(Format.JPEG, flaws=flaws, image=header.image)


def _read_header(stream: BinaryIO, size: int) -> _Header:
    image = None
    found: list[About] = []
    pictures, gain_map = 1, False
    end = 2
    for segment in _segments(stream, size):
        end = segment.start + segment.length
        if end > size:
            break
        if segment.marker in _FRAMES and image is None:
            image, found = _frame(_data(stream, segment, 6))
        elif segment.marker == _APP2:
            pictures = max(pictures, _pictures(_data(stream, segment, 2**12)))
        elif segment.marker == _APP1:
            gain_map = gain_map or b' hdrgm:Version="' in _data(stream, segment, 2**16)
        elif segment.marker == _SCAN:
            # a picture with a gain map for bright screens is one picture to Pillow
            if pictures > 1 and not gain_map:
                found = [*found, About.SEVERAL_PICTURES]
            return _Header(image, unsupported(*found), end, end)
    return _Header(image, (), None, end)


def _segments(stream: BinaryIO, size: int) -> Iterator[_Segment]:
    """The segments up to the pixels; at the end of the file, one that lies beyond it."""
    place = 2
    for _ in range(_MOST_SEGMENTS):
        stream.seek(place)
        begins = stream.read(2)
        while begins == b"\xff\xff":
            # any number of these may come before a marker
            place += 1
            begins = begins[1:] + stream.read(1)
        if len(begins) < len(b"\xff\xd9"):
            yield _Segment(_END, size, 2)
            return
        if begins[0] != 0xFF or begins[1] in (0, _END):  # noqa: PLR2004 the first byte of markers
            return
        place += 2
        if begins[1] in _ALONE:
            continue
        length = int.from_bytes(stream.read(2))
        yield _Segment(begins[1], place + 2, max(0, length - 2))
        place += max(2, length)


def _data(stream: BinaryIO, segment: _Segment, most: int) -> bytes:
    stream.seek(segment.start)
    return stream.read(min(segment.length, most))


def _frame(data: bytes) -> tuple[ImageHeader | None, list[About]]:
    """The image that a frame's header describes, and what the importer does not take of it."""
    if len(data) < 6:  # noqa: PLR2004 precision, height, width, components
        return None, []
    precision, height, width, components = struct.unpack(">BHHB", data)
    if not (width and height):
        return None, []
    found = []
    if precision != 8:  # noqa: PLR2004
        found.append(About.BIT_DEPTH)
    if components not in _COLOURS:
        found.append(About.CHANNELS)
    if width * height > MOST_PIXELS:
        found.append(About.PIXELS)
    return ImageHeader(width, height, channels=components, voxel="uint8", dimensions=2), found


def _pictures(data: bytes) -> int:
    """How many pictures the index of a multi-picture file counts; 1 in any other segment."""
    if not data.startswith((b"MPF\0II*\0", b"MPF\0MM\0*")):
        return 1
    order = "<" if data[4:5] == b"I" else ">"
    index = data[4:]
    try:
        (place,) = struct.unpack_from(order + "I", index, 4)
        (count,) = struct.unpack_from(order + "H", index, place)
        for entry in range(count):
            tag, _, _, value = struct.unpack_from(order + "HHII", index, place + 2 + 12 * entry)
            if tag == _NUMBER_OF_PICTURES:
                return int(value)
    except struct.error:
        return 1
    return 1


def _has_end(stream: BinaryIO, size: int, pixels: int) -> bool:
    """Whether the marker of the end comes after the pixels' beginning.

    Among pixels its first byte is never followed by its second. It is looked for at the end first:
    most files end with it; what some cameras add to it can be long.
    """
    mark = bytes((0xFF, _END))
    stream.seek(max(pixels, size - _TAIL))
    if mark in stream.read(_TAIL):
        return True
    stream.seek(pixels)
    before = b""
    while piece := stream.read(2**18):
        if mark in before + piece:
            return True
        before = piece[-1:]
    return False
