"""Look into a NIfTI image, `.nii` or `.nii.gz`, and say what else has such a header.

The rules are those of panimg 0.18 and of ITK 5.4, found by trying. The layout of the header:
https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h
"""

from __future__ import annotations

import itertools
import math
import operator
import struct
from typing import BinaryIO, Final

from msgspec import Struct

from manifest_uploader.files.formats import inflate
from manifest_uploader.files.formats.about import About
from manifest_uploader.files.formats.shared import cut, image_flaws, unreadable, unsupported
from manifest_uploader.files.formats.voxels import voxel_flaws
from manifest_uploader.files.looks import (
    FileLook,
    Flaw,
    Format,
    ImageHeader,
    VoxelData,
)

_LENGTH: Final = 348
_VECTOR: Final = 1007
"""The intent code of an image whose fifth dimension holds the components of a vector."""
_MOST_SKEW: Final = 1.001e-4
"""Of the cosine between two axes. ITK takes 1e-4; single precision is on the user's side."""

_VOXELS: Final = {
    2: ("uint8", 1, 1),
    4: ("int16", 2, 1),
    8: ("int32", 4, 1),
    16: ("float32", 4, 1),
    32: ("complex64", 8, 1),
    64: ("float64", 8, 1),
    128: ("uint8", 1, 3),
    256: ("int8", 1, 1),
    512: ("uint16", 2, 1),
    768: ("uint32", 4, 1),
    1024: ("int64", 8, 1),
    1280: ("uint64", 8, 1),
    1792: ("complex128", 16, 1),
    2304: ("uint8", 1, 4),
}
"""numpy's name, bytes of one component, and components, of the data types that ITK reads."""


class _Header(Struct, frozen=True):
    sizes: tuple[int, ...]
    """Of the dimensions that are used, without those of size 1 at the end beyond the third."""
    is_vector: bool
    """The fifth dimension holds the components of vectors, be it one."""
    datatype: int
    offset: float
    slope: float
    intercept: float
    qform: int
    sform: int
    axes: tuple[float, ...]
    """The three rows of four of the sform."""


def look_nifti(stream: BinaryIO, size: int, start: bytes, name: str, format_: Format) -> FileLook:
    """What a NIfTI header says, and whether its voxels are all there.

    Args:
        stream: The file.
        size: Its length in bytes.
        start: Its first bytes.
        name: Its name: the importer reads `.nii` and `.nii.gz` only, and unpacks only the latter.
        format_: NIFTI, NIFTI2 or ANALYZE.

    """
    packed = start.startswith(inflate.GZIP_MARK)
    if format_ is Format.NIFTI2:
        return FileLook(format_, flaws=unsupported(About.FORMAT))
    begins = start
    if packed:
        stream.seek(0)
        begins = inflate.first(stream, _LENGTH)
    if len(begins) < _LENGTH:
        found = len(begins) if packed else size
        return FileLook(format_, flaws=(cut(_LENGTH, found),))
    header = _parse(begins)
    if header is None:
        return FileLook(format_, flaws=(unreadable("dim"),))
    named = name.endswith((".nii", ".nii.gz"))
    if format_ is Format.ANALYZE and not (named and _LENGTH <= header.offset < math.inf):
        return FileLook(format_, flaws=unsupported(About.FORMAT))
    flaws = _name_flaws(named=named, packed=packed, unpacks=name.endswith(".nii.gz"))
    return _look(stream, size, header, flaws, packed=packed, format_=format_)


def _name_flaws(*, named: bool, packed: bool, unpacks: bool) -> tuple[Flaw, ...]:
    if named and (unpacks or not packed):
        return ()
    return unsupported(About.COMPRESSED_NAME if packed else About.NAME)


def _parse(begins: bytes) -> _Header | None:
    """The header in its byte order; None if it does not say how many dimensions there are."""
    order = "<" if begins[:4] == _LENGTH.to_bytes(4, "little") else ">"
    used, *sizes = struct.unpack_from(order + "8h", begins, 40)
    if not 1 <= used <= 7:  # noqa: PLR2004 as many as there is room for
        return None
    # ITK takes a size below one for one
    sizes = [max(1, size) for size in sizes[:used]]
    while len(sizes) > 3 and sizes[-1] == 1:  # noqa: PLR2004 as ITK does
        sizes.pop()
    intent, datatype = struct.unpack_from(order + "2h", begins, 68)
    offset, slope, intercept = struct.unpack_from(order + "3f", begins, 108)
    qform, sform = struct.unpack_from(order + "2h", begins, 252)
    return _Header(
        sizes=tuple(sizes),
        is_vector=intent == _VECTOR and used >= 5,  # noqa: PLR2004
        datatype=datatype,
        offset=offset,
        slope=slope,
        intercept=intercept,
        qform=qform,
        sform=sform,
        axes=struct.unpack_from(order + "12f", begins, 280),
    )


def _look(
    stream: BinaryIO,
    size: int,
    header: _Header,
    flaws: tuple[Flaw, ...],
    *,
    packed: bool,
    format_: Format,
) -> FileLook:
    type_ = _VOXELS.get(header.datatype)
    if type_ is None:
        return FileLook(format_, flaws=flaws + unsupported(About.VOXEL_TYPE))
    image = _image(header, *type_)
    voxels = _voxels(header, type_[1] * type_[2], packed=packed)
    return FileLook(
        format_,
        flaws=flaws + _unsupported(header, image) + voxel_flaws(stream, size, voxels),
        image=image,
        voxels=voxels,
    )


def _image(header: _Header, voxel: str, _: int, components: int) -> ImageHeader:
    sizes = header.sizes
    if header.is_vector and len(sizes) == 5:  # noqa: PLR2004
        components *= sizes[4]
        sizes = sizes[:4]
        while len(sizes) > 1 and sizes[-1] == 1:
            sizes = sizes[:-1]
    width, height, depth, timepoints = (*sizes, 1, 1, 1)[:4]
    return ImageHeader(
        width,
        height,
        depth,
        timepoints,
        components,
        voxel=voxel,
        scaled=_is_scaled(header),
        dimensions=len(sizes),
        vector=header.is_vector,
    )


def _is_scaled(header: _Header) -> bool:
    """Whether ITK multiplies or shifts the voxels: a slope of 0 or of no number counts as 1."""
    slope = header.slope if math.isfinite(header.slope) and header.slope else 1.0
    shifted = math.isfinite(header.intercept) and header.intercept != 0
    return slope != 1 or shifted


def _voxels(header: _Header, bytes_each: int, *, packed: bool) -> VoxelData:
    length = math.prod(header.sizes) * bytes_each
    # ITK reads from the end of the header on where the offset lies inside it or is no number
    start = max(_LENGTH, int(header.offset)) if math.isfinite(header.offset) else _LENGTH
    if packed:
        return VoxelData(length, packing="gzip", skip=start)
    return VoxelData(length, start=start)


def _unsupported(header: _Header, image: ImageHeader) -> tuple[Flaw, ...]:
    skewed = header.sform > 0 and header.qform <= 0 and _is_skewed(header.axes)
    return image_flaws(image) + (unsupported(About.DIRECTION) if skewed else ())


def _is_skewed(rows: tuple[float, ...]) -> bool:
    """Whether two columns of the sform are not perpendicular, or one of them is zero."""
    columns = [rows[place : place + 9 : 4] for place in range(3)]
    lengths = [math.hypot(*column) for column in columns]
    if not all(lengths):
        return True
    return any(
        abs(sum(map(operator.mul, columns[a], columns[b]))) > _MOST_SKEW * lengths[a] * lengths[b]
        for a, b in itertools.combinations(range(3), 2)
    )
