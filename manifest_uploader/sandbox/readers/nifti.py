"""Reads NIfTI files: .nii and .nii.gz."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, cast

from manifest_uploader.sandbox.readers.picture import Picture, distinct, slices
from manifest_uploader.sandbox.readers.source import Source, Unreadable

_HEADER = 348
_TYPES = {2: "B", 4: "h", 8: "i", 256: "b", 512: "H", 768: "I", 1024: "q", 1280: "Q"}
_BITS = {2: 8, 4: 16, 8: 32, 16: 32, 64: 64, 128: 24, 256: 8, 512: 16, 768: 32, 1024: 64, 1280: 64}


def read_niftis(sources: list[Source], *, with_values: bool) -> Iterator[Picture]:
    """Yield the NIfTI images among the files of one folder."""
    for source in sources:
        name = source.base.lower()
        try:
            if name.endswith(".nii.gz"):
                yield _picture(source, _gunzipped(source), with_values=with_values)
            elif name.endswith(".nii"):
                yield _picture(source, source, with_values=with_values)
        except (Unreadable, OSError, EOFError, zlib.error, struct.error):
            continue


def _gunzipped(source: Source) -> Source:
    """Return a source of the uncompressed contents; reads all of them to learn their size."""

    def reopen() -> BinaryIO:
        return cast("BinaryIO", gzip.GzipFile(fileobj=source.open()))

    size = 0
    with reopen() as file:
        while piece := file.read(1024 * 1024):
            size += len(piece)
    return replace(source, open=reopen, size=size)


def _picture(source: Source, data: Source, *, with_values: bool) -> Picture:
    with data.open() as file:
        header = file.read(_HEADER)
    order = next((o for o in "<>" if struct.unpack_from(f"{o}i", header)[0] == _HEADER), None)
    if order is None or header[344:347] != b"n+1":
        raise Unreadable("not a NIfTI file")
    dims = struct.unpack_from(f"{order}8h", header, 40)
    kind = struct.unpack_from(f"{order}h", header, 70)[0]
    offset, slope, intercept = struct.unpack_from(f"{order}3f", header, 108)
    shape = dims[1 : dims[0] + 1]
    if kind not in _BITS or not 2 <= len(shape) <= 7 or min(shape) < 1:  # noqa: PLR2004
        raise Unreadable("a NIfTI file of an unknown kind")
    length = math.prod(shape) * _BITS[kind] // 8
    if data.size < int(offset) + length:
        raise Unreadable(f"{source.name} is too short")
    values = None
    if with_values and kind in _TYPES and slope in (0, 1) and intercept == 0:
        swap = order == ">"
        values = distinct(slices(data, int(offset), length), _TYPES[kind], swap=swap)
    depth = shape[2] if len(shape) > 2 else None  # noqa: PLR2004
    return Picture(source.base, shape[0], shape[1], depth, (source,), values)
