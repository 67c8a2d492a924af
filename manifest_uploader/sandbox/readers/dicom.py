"""Reads DICOM files: the slices of one series make one image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from manifest_uploader.sandbox.readers.picture import Picture, distinct, slices
from manifest_uploader.sandbox.readers.source import Source, Unreadable

_PIXELS = 0x7FE00010
_UNDEFINED = 0xFFFFFFFF
_TAGS = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SamplesPerPixel",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "PixelRepresentation",
    "PixelData",
)
"""The only elements that are read; reading all of them takes twice as long."""
_TYPECODES = {(8, 0): "B", (8, 1): "b", (16, 0): "H", (16, 1): "h", (32, 0): "I", (32, 1): "i"}


@dataclass(frozen=True)
class Slice:
    """What is read from one DICOM file."""

    source: Source
    study: str
    series: str
    width: int
    height: int
    frames: int
    typecode: str | None
    offset: int | None
    """The offset of uncompressed pixels; None if they are compressed."""
    length: int


def read_dicoms(sources: list[Source], *, with_values: bool) -> Iterator[Picture]:
    """Yield the DICOM images among the files of one folder, one for each series."""
    groups: dict[tuple[str, str], list[Slice]] = {}
    for source in sources:
        try:
            found = _read(source)
        except Unreadable:
            continue
        groups.setdefault((found.study, found.series), []).append(found)
    for number, group in enumerate(groups.values()):
        if len({(one.width, one.height) for one in group}) == 1:
            yield _picture(group, number, with_values=with_values)


def _read(source: Source) -> Slice:
    import pydicom  # noqa: PLC0415 - it takes 0.3 s, and most starts need none

    with source.open() as file:
        file.seek(128)
        if file.read(4) != b"DICM":
            raise Unreadable("not a DICOM file")
        file.seek(0)
        try:
            data = pydicom.dcmread(file, defer_size=1024, specific_tags=list(_TAGS))
            return _slice(source, data)
        except Exception as error:  # pydicom raises various errors for damaged files
            raise Unreadable(f"{source.name}: {error}") from error


def _slice(source: Source, data: Any) -> Slice:
    pixels = data.get_item(_PIXELS, keep_deferred=True)  # else pydicom would read them
    width, height = int(data.Columns), int(data.Rows)
    frames = int(data.get("NumberOfFrames", 1) or 1)
    bits, sign = int(data.BitsAllocated), int(data.get("PixelRepresentation", 0))
    wanted = width * height * frames * int(data.get("SamplesPerPixel", 1)) * bits // 8
    offset = None
    if pixels.length != _UNDEFINED:
        offset = int(pixels.value_tell)
        if pixels.length < wanted or source.size < offset + wanted:
            raise Unreadable("too few pixels")
    return Slice(
        source,
        study=str(data.StudyInstanceUID),
        series=str(data.SeriesInstanceUID),
        width=width,
        height=height,
        frames=frames,
        typecode=_TYPECODES.get((bits, sign)),
        offset=offset,
        length=wanted,
    )


def _picture(group: list[Slice], number: int, *, with_values: bool) -> Picture:
    first = group[0]
    depth = sum(one.frames for one in group)
    return Picture(
        name=f"{first.study}-{number}",
        width=first.width,
        height=first.height,
        depth=depth if depth > 1 else None,
        sources=tuple(one.source for one in group),
        values=_values(group) if with_values else None,
        study=first.study,
        series=first.series,
    )


def _values(group: list[Slice]) -> frozenset[int] | None:
    found: frozenset[int] = frozenset()
    for one in group:
        if one.offset is None or one.typecode is None:
            return None
        pieces = slices(one.source, one.offset, one.length)
        more = distinct(pieces, one.typecode, swap=False)
        if more is None:
            return None
        found |= more
    return found
