"""Small files of each format, byte for byte, with anything in them that a test wants."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Mapping, Sequence

VOXELS = bytes(place % 2 for place in range(24))
"""Of an image of 4 x 3 x 2 voxels of 8 bits: zeros and ones."""

_META = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "CompressedData": "False",
    "ElementSpacing": "1 1 1",
    "DimSize": "4 3 2",
    "ElementType": "MET_UCHAR",
    "ElementDataFile": "LOCAL",
}
_NRRD = {
    "type": "uint8",
    "dimension": "3",
    "sizes": "4 3 2",
    "endian": "little",
    "encoding": "raw",
}


def gzipped(data: bytes, level: int = 6) -> bytes:
    """Compressed, with the same bytes at any time of day."""
    return gzip.compress(data, level, mtime=0)


def metaimage(
    data: bytes = VOXELS, *, nl: str = "\n", sign: str = " = ", **fields: object
) -> bytes:
    """A MetaImage; a field that is None is left out, a new one comes before the last."""
    *given, last = ({**_META, **fields}[name] for name in _META)
    lines = [f"{n}{sign}{v}" for n, v in zip(_META, given, strict=False) if v is not None]
    lines += [f"{n}{sign}{v}" for n, v in fields.items() if n not in _META and v is not None]
    return nl.join([*lines, f"ElementDataFile{sign}{last}", ""]).encode() + data


def nifti(
    data: bytes = VOXELS,
    *,
    dim: Sequence[int] = (3, 4, 3, 2, 1, 1, 1, 1),
    datatype: int = 2,
    offset: float = 352,
    slope: float = 1,
    intercept: float = 0,
    magic: bytes = b"n+1\0",
    order: str = "<",
    intent: int = 0,
    qform: int = 0,
    sform: int = 1,
    rows: Sequence[Sequence[float]] = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)),
    between: bytes = bytes(4),
) -> bytes:
    """A NIfTI image; `between` is what stands between its header and its voxels."""
    header = bytearray(348)
    struct.pack_into(order + "i", header, 0, 348)
    struct.pack_into(order + "8h", header, 40, *dim)
    struct.pack_into(order + "3h", header, 68, intent, datatype, 8)
    struct.pack_into(order + "8f", header, 76, *[1] * 8)
    struct.pack_into(order + "3f", header, 108, offset, slope, intercept)
    struct.pack_into(order + "2h", header, 252, qform, sform)
    struct.pack_into(order + "12f", header, 280, *[one for row in rows for one in row])
    header[344:348] = magic
    return bytes(header) + between + data


def nrrd(
    data: bytes = VOXELS,
    *,
    magic: str = "NRRD0004",
    nl: str = "\n",
    lines: Sequence[str] = (),
    **fields: object,
) -> bytes:
    """An NRRD file; `_` in a field's name is a blank, `lines` come at the header's end."""
    given = {name.replace("_", " "): value for name, value in {**_NRRD, **fields}.items()}
    header = [f"{name}: {value}" for name, value in given.items() if value is not None]
    return nl.join([magic, *header, *lines, "", ""]).encode() + data


def chunk(type_: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + type_ + data + struct.pack(">I", zlib.crc32(type_ + data))


def png(
    width: int = 8,
    height: int = 4,
    *,
    depth: int = 8,
    colour: int = 0,
    interlaced: bool = False,
    rows: bytes | None = None,
) -> bytes:
    """A PNG whose rows are zeros, or what is given."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    zeros = bytes(height * (1 + -(-width * samples * depth // 8)))
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    parts = [chunk(b"IHDR", head)]
    if colour == 3:
        parts.append(chunk(b"PLTE", bytes(range(6))))
    parts.append(chunk(b"IDAT", zlib.compress(zeros if rows is None else rows)))
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"IEND", b"")])


Tags = Mapping[int, tuple[int, Sequence[int] | bytes]]
"""Of one page: by tag, the type and the values."""

_TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 7: "B", 8: "h", 11: "f", 16: "Q"}
RESOLUTION: Tags = {282: (5, (100, 1)), 283: (5, (100, 1)), 296: (3, (3,))}


def page(width: int = 8, height: int = 4, **changes: object) -> dict[int, tuple[int, object]]:
    """The tags of a grey page of 8 bits without its pixels; `t262=None` leaves tag 262 out."""
    tags: dict[int, object] = {
        256: (3, (width,)),
        257: (3, (height,)),
        258: (3, (8,)),
        259: (3, (1,)),
        262: (3, (1,)),
        277: (3, (1,)),
        **RESOLUTION,
    }
    tags |= {int(name[1:]): value for name, value in changes.items()}
    return {tag: value for tag, value in tags.items() if value is not None}  # type: ignore[misc]


def tiff(
    *pages: tuple[Mapping[int, tuple[int, object]], Sequence[bytes]],
    big: bool = False,
    order: str = "<",
    tiled: bool = False,
    after: bool = True,
    counts: Sequence[int] | None = None,
) -> bytes:
    """A TIFF of pages, each with its strips or tiles; `after`: a directory follows its pixels."""
    width = "Q" if big else "I"
    size = struct.calcsize(order + width)
    mark = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "H", 43 if big else 42)
    head = mark + (struct.pack(order + "HH", 8, 0) if big else b"")
    out = bytearray(head + bytes(size))
    link = len(head)
    for tags, pieces in pages:
        where = []
        pixels = b"".join(pieces)
        offset = len(out) + (0 if after else _directory_size(tags, big=big, pieces=len(pieces)))
        for piece in pieces:
            where.append(offset)
            offset += len(piece)
        sizes = counts if counts is not None else [len(piece) for piece in pieces]
        offsets_tag, counts_tag = (324, 325) if tiled else (273, 279)
        every = {**tags, offsets_tag: (16 if big else 4, where), counts_tag: (4, sizes)}
        if after:
            out += pixels
        struct.pack_into(order + width, out, link, len(out))
        directory, link = _directory(every, len(out), order, big=big)
        out += directory
        if not after:
            out += bytes(where[0] - len(out)) + pixels if where else b""
    return bytes(out)


def _directory_size(tags: Mapping[int, object], *, big: bool, pieces: int) -> int:
    """More than enough for a directory with its values."""
    return (len(tags) + 4) * (20 + 16) + 16 * pieces + 4096


def _directory(
    tags: Mapping[int, tuple[int, object]], start: int, order: str, *, big: bool
) -> tuple[bytes, int]:
    """The directory with its values, and where in the file its link to the next one stands."""
    width = "Q" if big else "I"
    size = struct.calcsize(order + width)
    entries, values = [], b""
    behind = start + (8 if big else 2) + len(tags) * (20 if big else 12) + size
    for tag, (type_, given) in sorted(tags.items()):
        raw = given if isinstance(given, bytes) else b""
        if not isinstance(given, bytes):
            numbers = list(given)  # type: ignore[call-overload]
            raw = struct.pack(f"{order}{len(numbers)}{_TYPES[type_]}", *numbers)
        one = struct.calcsize(_TYPES[type_]) * (2 if type_ == 5 else 1)
        entry = struct.pack(order + "HH" + width, tag, type_, len(raw) // one)
        if len(raw) <= size:
            entries.append(entry + raw.ljust(size, b"\0"))
        else:
            entries.append(entry + struct.pack(order + width, behind + len(values)))
            values += raw
    count = struct.pack(order + ("Q" if big else "H"), len(tags))
    link = start + len(count) + sum(map(len, entries))
    return count + b"".join(entries) + bytes(size) + values, link
