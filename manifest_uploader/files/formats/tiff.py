"""Look into a TIFF file: whether it is whole, and whether the importer takes it.

The importer looks only at tags of the first page and imports a file that lacks half its tiles; so
this module follows every directory and sees that each strip and tile lies inside the file. Rules:
panimg 0.18, `image_builders/tiff.py`. Format: TIFF 6.0, and
https://www.awaresystems.be/imaging/tiff/bigtiff.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import BinaryIO, Final

from msgspec.structs import replace

from manifest_uploader.files.formats.about import About
from manifest_uploader.files.formats.directories import (
    Directory,
    Entry,
    Outside,
    Reader,
    Unreadable,
    open_reader,
)
from manifest_uploader.files.formats.shared import cut, unreadable, unsupported
from manifest_uploader.files.formats.slides import is_slide
from manifest_uploader.files.looks import FileLook, Flaw, Format, ImageHeader

_KIND: Final = 254
_WIDTH: Final = 256
_LENGTH: Final = 257
_BITS: Final = 258
_COMPRESSION: Final = 259
_PHOTOMETRIC: Final = 262
_DESCRIPTION: Final = 270
_STRIP_OFFSETS: Final = 273
_SAMPLES: Final = 277
_ROWS_PER_STRIP: Final = 278
_STRIP_COUNTS: Final = 279
_MIN_VALUES: Final = (280, 340)
_MAX_VALUES: Final = (281, 341)
_RESOLUTIONS: Final = (282, 283)
_PLANAR: Final = 284
_UNIT: Final = 296
_SOFTWARE: Final = 305
_TILE_WIDTH: Final = 322
_TILE_LENGTH: Final = 323
_TILE_OFFSETS: Final = 324
_TILE_COUNTS: Final = 325
_SUB_DIRECTORIES: Final = 330
_SAMPLE_FORMAT: Final = 339
_XMP: Final = 700
_HAMAMATSU: Final = 65420
_STANDARD: Final = frozenset((*range(254, 348), 700, 33432, 34675))
"""Tags whose values must be in the file; what other tags point at is their writers' affair."""

_TAKEN: Final = (1, 2, 6)
"""MinIsBlack, RGB, YCbCr."""
_UNITS: Final = (2, 3)
"""Inch, centimetre."""
_RATIONALS: Final = (5, 10)
_NOT_COMPRESSED: Final = 1
_SEPARATE_PLANES: Final = 2
_WRAPS: Final = 2**32
"""In a Hamamatsu slide as large as this the offsets are cut off and say nothing."""
_MOST_DIRECTORIES: Final = 20_000

_VOXELS: Final = {1: "uint", 2: "int", 3: "float", 5: "complex", 6: "complex"}
_VENDORS: Final = re.compile(rb"\AAperio|\APhilips|\AMedScan|leica-microsystems\.com/scn|<iScan")
"""What openslide knows a slide by, whose resolution then need not be in the usual tags."""


def look_tiff(stream: BinaryIO, size: int, name: str) -> FileLook:
    """What the first page of a TIFF file says, and whether all its pages are there.

    A CUT says how long the file must be at least. Nothing is UNSUPPORTED in a file that is named
    as a slide or is one of Hamamatsu's: openslide and libvips read more than panimg by itself.
    """
    try:
        reader = open_reader(stream, size)
        first = reader.read(reader.first)
        image = _image(reader, first)
        slide = is_slide(name) or _HAMAMATSU in first.tags
        refused = () if slide else _unsupported(reader, first)
        end, pages = (0, 1) if _is_beyond_offsets(reader, first) else _extent(reader, first)
    except Outside as outside:
        return FileLook(Format.TIFF, flaws=(cut(outside.end, size),))
    except Unreadable:
        return FileLook(Format.TIFF, flaws=(unreadable(About.HEADER),))
    return FileLook(
        Format.TIFF,
        flaws=(cut(end, size),) if end > size else refused,
        image=replace(image, pages=pages),
    )


# ── the first page ──────────────────────────────────────────────────────────────────────────


def _image(reader: Reader, first: Directory) -> ImageHeader:
    tags = first.tags
    width, height = reader.number(tags.get(_WIDTH)), reader.number(tags.get(_LENGTH))
    if width < 1 or height < 1:
        raise Unreadable
    bits = reader.number(tags.get(_BITS), 1)
    kind = _VOXELS.get(reader.number(tags.get(_SAMPLE_FORMAT), 1), "uint")
    return ImageHeader(
        width,
        height,
        channels=max(1, reader.number(tags.get(_SAMPLES), 1)),
        voxel="" if bits % 8 else f"{kind}{bits}",
        dimensions=2,
        value_range=_value_range(reader, first),
    )


def _value_range(reader: Reader, first: Directory) -> tuple[int, int] | None:
    """The voxel values by which the importer judges a segmentation.

    It takes a lowest value of 0 in MinSampleValue for none, and looks for SMinSampleValue.
    """
    tags = first.tags
    one = reader.number(tags.get(_SAMPLES)) == 1
    format_ = reader.number(tags.get(_SAMPLE_FORMAT), 1)
    if not one or format_ not in (1, 2):
        return None
    found = []
    for plain, typed in (_MIN_VALUES, _MAX_VALUES):
        value = _value(reader, tags.get(plain)) or _value(reader, tags.get(typed))
        if value is None:
            return None
        found.append(value)
    return found[0], found[1]


def _value(reader: Reader, entry: Entry | None) -> int | None:
    values = reader.numbers(entry)
    return values[0] if len(values) == 1 else None


def _unsupported(reader: Reader, first: Directory) -> tuple[Flaw, ...]:
    found = []
    if reader.number(first.tags.get(_PHOTOMETRIC), -1) not in _TAKEN:
        found.append(About.PHOTOMETRIC)
    if not _has_resolution(reader, first) and not _openslide_may_know(reader, first):
        found.append(About.RESOLUTION)
    return unsupported(*found)


def _has_resolution(reader: Reader, first: Directory) -> bool:
    if reader.number(first.tags.get(_UNIT)) not in _UNITS:
        return False
    return _has_resolutions(reader, first)


def _has_resolutions(reader: Reader, first: Directory) -> bool:
    for tag in _RESOLUTIONS:
        entry = first.tags.get(tag)
        if entry is None or entry.type not in _RATIONALS or entry.count != 1:
            return False
        ratio = reader.raw(entry, entry.size)
        if not any(ratio[:4]) or not any(ratio[4:]):
            return False
    return True


def _openslide_may_know(reader: Reader, first: Directory) -> bool:
    """Whether openslide may tell the resolution where the usual tags do not.

    Of tiled files it takes a missing unit for inches; and it knows the slides of some vendors.
    """
    tags = first.tags
    if _TILE_OFFSETS in tags and _UNIT not in tags and _has_resolutions(reader, first):
        return True
    texts = (tags.get(tag) for tag in (_DESCRIPTION, _SOFTWARE, _XMP))
    return any(_VENDORS.search(reader.raw(text, 2**16)) for text in texts if text is not None)


def _is_beyond_offsets(reader: Reader, first: Directory) -> bool:
    return _HAMAMATSU in first.tags and reader.size >= _WRAPS


# ── all pages ───────────────────────────────────────────────────────────────────────────────


def _extent(reader: Reader, first: Directory) -> tuple[int, int]:
    """How long the file must be, and how many pages are as large as the first.

    Raises:
        Outside: A directory or the values of a tag lie outside the file.

    """
    end, pages = 0, 0
    seen = {reader.first}
    waiting = [(first, True)]
    while waiting:
        directory, is_page = waiting.pop()
        try:
            end = max(end, _end_of(reader, directory))
            pages += is_page and _is_like(reader, directory, first)
            below = reader.numbers(directory.tags.get(_SUB_DIRECTORIES))
        except Unreadable:
            break
        following = ((directory.next, True),) if is_page else ()
        for offset, goes_on in (*following, *((one, False) for one in below)):
            if offset and offset not in seen and len(seen) < _MOST_DIRECTORIES:
                seen.add(offset)
                found = _read(reader, offset)
                waiting += [] if found is None else [(found, goes_on)]
    return end, max(1, pages)


def _read(reader: Reader, offset: int) -> Directory | None:
    """The directory there; None if what is there is none: then some writer left that number."""
    try:
        return reader.read(offset)
    except Unreadable:
        return None


def _is_like(reader: Reader, directory: Directory, first: Directory) -> bool:
    """Whether a page is as large as the first, and no thumbnail or mask."""
    if reader.number(directory.tags.get(_KIND)) & 0b101:
        return False
    return all(
        reader.number(directory.tags.get(tag)) == reader.number(first.tags.get(tag))
        for tag in (_WIDTH, _LENGTH)
    )


def _end_of(reader: Reader, directory: Directory) -> int:
    """Where the last strip or tile of a page, or value of one of its tags, ends."""
    tags = directory.tags
    end = max((reader.end_of(tags[tag]) for tag in tags if tag in _STANDARD), default=0)
    if end > reader.size:
        return end
    tiled = _TILE_OFFSETS in tags
    offsets = reader.numbers(tags.get(_TILE_OFFSETS if tiled else _STRIP_OFFSETS))
    counts = reader.numbers(tags.get(_TILE_COUNTS if tiled else _STRIP_COUNTS))
    if not offsets:
        return end
    if len(counts) == len(offsets) and any(counts) and max(offsets) + max(counts) <= reader.size:
        return end
    return max(end, _exact_end(offsets, counts, _needs(reader, directory, len(offsets))))


def _exact_end(offsets: Sequence[int], counts: Sequence[int], needs: Sequence[int] | None) -> int:
    """Where the last piece ends that is there at all: of some slides, empty tiles are left out.

    Args:
        offsets: Of the strips or tiles.
        counts: Their bytes as the tags say them; some writers say too many, or 0 of the only one.
        needs: Their bytes as the size of the page says them, if it is not compressed.

    """
    if not any(counts):
        counts = needs or [0] * len(offsets)
    sizes = counts if needs is None else map(min, counts, needs)
    return max((o + n for o, n in zip(offsets, sizes, strict=False) if o and n), default=0)


def _needs(reader: Reader, directory: Directory, pieces: int) -> Sequence[int] | None:
    """The bytes of each strip or tile of a page that is not compressed; None of another."""
    tags = directory.tags
    if reader.number(tags.get(_COMPRESSION), 1) != _NOT_COMPRESSED:
        return None
    bits = reader.numbers(tags.get(_BITS)) or (1,)
    samples = max(1, reader.number(tags.get(_SAMPLES), 1))
    together = reader.number(tags.get(_PLANAR), 1) != _SEPARATE_PLANES
    depth = bits[0] * samples if together else bits[0]
    if _TILE_OFFSETS in tags:
        row = (reader.number(tags.get(_TILE_WIDTH)) * depth + 7) // 8
        return [row * reader.number(tags.get(_TILE_LENGTH))] * pieces
    length = reader.number(tags.get(_LENGTH))
    rows = min(reader.number(tags.get(_ROWS_PER_STRIP), length), length)
    row = (reader.number(tags.get(_WIDTH)) * depth + 7) // 8
    if rows < 1:
        return None
    strips = -(-length // rows)
    last = length - (strips - 1) * rows
    return [row * (rows if piece % strips < strips - 1 else last) for piece in range(pieces)]
