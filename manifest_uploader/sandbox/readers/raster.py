"""Reads PNG, JPEG and TIFF files (and slide formats based on TIFF), and MIRAX slides."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from manifest_uploader.sandbox.readers.picture import Picture
from manifest_uploader.sandbox.readers.source import Source, Unreadable

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_TIFF = {b"II*\x00": "<", b"MM\x00*": ">", b"II+\x00": "<", b"MM\x00+": ">"}
_TAIL = 64
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def read_slides(sources: list[Source]) -> Iterator[Picture]:
    """Yield the MIRAX slides: an .mrxs file with a folder of the same name beside it."""
    for source in sources:
        if not source.base.lower().endswith(".mrxs"):
            continue
        stem = source.name[: -len(".mrxs")]
        beside = tuple(other for other in sources if other.name.startswith(f"{stem}/"))
        if any(other.base == "Slidedat.ini" for other in beside):
            yield Picture(source.base, 1, 1, None, (source, *beside))


def read_rasters(sources: list[Source]) -> Iterator[Picture]:
    """Yield the two-dimensional images among the files of one folder."""
    for source in sources:
        if source.base.lower().endswith(".mrxs"):
            continue
        try:
            width, height = _size(source)
        except (Unreadable, struct.error, IndexError):
            continue
        yield Picture(source.base, width, height, None, (source,))


def _size(source: Source) -> tuple[int, int]:
    with source.open() as file:
        start = file.read(1024 * 1024)
        file.seek(max(0, source.size - _TAIL))
        tail = file.read()
    if start.startswith(_PNG):
        if b"IEND" not in tail:
            raise Unreadable("a PNG without its end")
        width, height = struct.unpack_from(">II", start, 16)
        return width, height
    if start.startswith(_JPEG):
        if b"\xff\xd9" not in tail:
            raise Unreadable("a JPEG without its end")
        return _jpeg_size(start)
    if start[:4] in _TIFF:
        return _tiff_size(source, _TIFF[start[:4]], big=start[2:3] in b"+" or start[3:4] == b"+")
    raise Unreadable("no flat image")


def _jpeg_size(start: bytes) -> tuple[int, int]:
    at = 2
    while start[at] == 0xFF:  # noqa: PLR2004
        marker = start[at + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", start, at + 5)
            return width, height
        at += 2 + struct.unpack_from(">H", start, at + 2)[0]
    raise Unreadable("a JPEG without a frame")


def _tiff_size(source: Source, order: str, *, big: bool) -> tuple[int, int]:
    """Return (width, height) from the first image file directory."""
    with source.open() as file:
        file.seek(8 if big else 4)
        file.seek(struct.unpack(order + ("Q" if big else "I"), file.read(8 if big else 4))[0])
        count = struct.unpack(order + ("Q" if big else "H"), file.read(8 if big else 2))[0]
        width = 20 if big else 12
        entries = file.read(min(count, 4096) * width)
    tags: dict[int, int] = {}
    for at in range(0, len(entries), width):
        tag, kind = struct.unpack_from(f"{order}HH", entries, at)
        form = "H" if kind == 3 else "I"  # noqa: PLR2004
        tags[tag] = struct.unpack_from(order + form, entries, at + width - (8 if big else 4))[0]
    if 256 not in tags or 257 not in tags:  # noqa: PLR2004
        raise Unreadable("a TIFF without a size")
    return tags[256], tags[257]
