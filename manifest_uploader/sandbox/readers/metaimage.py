"""Reads MetaImage files: .mha, and .mhd with a data file beside it."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from manifest_uploader.sandbox.readers.picture import Picture, distinct, slices
from manifest_uploader.sandbox.readers.source import Source, Unreadable

_TYPES = {
    "MET_CHAR": "b",
    "MET_UCHAR": "B",
    "MET_SHORT": "h",
    "MET_USHORT": "H",
    "MET_INT": "i",
    "MET_UINT": "I",
    "MET_LONG": "i",
    "MET_ULONG": "I",
    "MET_LONG_LONG": "q",
    "MET_ULONG_LONG": "Q",
    "MET_FLOAT": "f",
    "MET_DOUBLE": "d",
}
_SIZES = {"b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "q": 8, "Q": 8, "f": 4, "d": 8}
_LONGEST_LINE = 4096
_MOST_LINES = 500


@dataclass(frozen=True)
class Header:
    """What a header says about the data."""

    shape: tuple[int, ...]
    """Width first."""
    typecode: str
    channels: int
    compressed: bool
    big_endian: bool
    skip: int
    """Bytes to skip in the data file; -1 if the data are at its end."""
    data_file: str
    end: int
    """The offset of the header's end."""

    @property
    def data_size(self) -> int:
        """Return the size of the uncompressed data in bytes."""
        return math.prod(self.shape) * self.channels * _SIZES[self.typecode]


def read_metaimages(sources: list[Source], *, with_values: bool) -> Iterator[Picture]:
    """Yield the MetaImages among the files of one folder."""
    by_base = {source.base: source for source in sources}
    for source in sources:
        try:
            header = _read_header(source)
            yield _picture(source, header, by_base, with_values=with_values)
        except Unreadable:
            continue


def _read_header(source: Source) -> Header:
    fields: dict[str, str] = {}
    with source.open() as file:
        for key, value in _lines(file):
            fields[key] = value
            if key == "ElementDataFile":
                return _header(fields, file.tell())
    raise Unreadable("no ElementDataFile")


def _lines(file: BinaryIO) -> Iterator[tuple[str, str]]:
    for _ in range(_MOST_LINES):
        line = file.readline(_LONGEST_LINE)
        key, equals, value = line.partition(b"=")
        if not equals:
            raise Unreadable("not a MetaImage header")
        yield key.strip().decode("latin-1"), value.strip().decode("utf-8", "replace")


def _header(fields: dict[str, str], end: int) -> Header:
    try:
        shape = tuple(int(size) for size in fields["DimSize"].split())
        header = Header(
            shape=shape,
            typecode=_TYPES[fields["ElementType"]],
            channels=int(fields.get("ElementNumberOfChannels", "1")),
            compressed=_is_true(fields.get("CompressedData")),
            big_endian=_is_true(
                fields.get("BinaryDataByteOrderMSB") or fields.get("ElementByteOrderMSB")
            ),
            skip=int(fields.get("HeaderSize", "0")),
            data_file=fields["ElementDataFile"],
            end=end,
        )
        dimensions = int(fields["NDims"])
    except (KeyError, ValueError) as error:
        raise Unreadable(f"broken header: {error}") from error
    if dimensions != len(shape) or dimensions not in (2, 3, 4) or min(shape) < 1:
        raise Unreadable("broken DimSize")
    return header


def _is_true(value: str | None) -> bool:
    return value is not None and value.lower() in ("true", "1", "yes")


def _picture(
    source: Source, header: Header, by_base: dict[str, Source], *, with_values: bool
) -> Picture:
    local = header.data_file == "LOCAL"
    data = source if local else by_base.get(header.data_file)
    if data is None or "/" in header.data_file:
        raise Unreadable(f"{header.data_file} is missing")
    offset = header.end if local else max(0, header.skip)
    if header.skip == -1 and not header.compressed:
        offset = data.size - header.data_size
    _check(data, header, offset)
    values = None
    if with_values and header.typecode not in "fd":
        pieces = _data(data, header, offset)
        values = distinct(pieces, header.typecode, swap=header.big_endian)
    return Picture(
        name=source.base,
        width=header.shape[0],
        height=header.shape[1],
        depth=header.shape[2] if len(header.shape) > 2 else None,  # noqa: PLR2004
        sources=(source,) if local else (source, data),
        values=values,
    )


def _check(data: Source, header: Header, offset: int) -> None:
    """Raise Unreadable if the data are too short."""
    if header.compressed:
        size = sum(len(piece) for piece in _data(data, header, offset))
        if size < header.data_size:
            raise Unreadable(f"{data.name} is too short")
    elif offset < 0 or data.size < offset + header.data_size:
        raise Unreadable(f"{data.name} is too short")


def _data(data: Source, header: Header, offset: int) -> Iterable[bytes]:
    if offset < 0:
        raise Unreadable(f"{data.name} is too short")
    if header.compressed:
        return _inflated(data, offset, header.data_size)
    return slices(data, offset, header.data_size)


def _inflated(data: Source, offset: int, size: int) -> Iterator[bytes]:
    """Yield the uncompressed data in pieces that do not split numbers."""
    inflate = zlib.decompressobj(wbits=47)
    rest = b""
    with data.open() as file:
        file.seek(offset)
        while size and not inflate.eof and (packed := file.read(65536)):
            try:
                rest += inflate.decompress(packed)
            except zlib.error as error:
                raise Unreadable(f"{data.name} is damaged") from error
            whole = rest[: min(size, len(rest) // 8 * 8)]
            rest = rest[len(whole) :]
            size -= len(whole)
            yield whole
    yield rest[:size]
    if size > len(rest):
        raise Unreadable(f"{data.name} is too short")
