"""Look into a MetaImage file: `.mha`, or `.mhd` with its data beside it.

The rules are those of panimg 0.18 and of the MetaIO library in ITK 5.4, found by trying: which
fields there must be, in which order, and what becomes of a wrong one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import BinaryIO, Final

from msgspec import Struct

from manifest_uploader.files.formats.about import About
from manifest_uploader.files.formats.metadata import metadata_flaws
from manifest_uploader.files.formats.shared import (
    WrongHeaderError,
    image_flaws,
    is_singular,
    unsupported,
)
from manifest_uploader.files.formats.voxels import voxel_flaws
from manifest_uploader.files.looks import (
    FileLook,
    FlawKind,
    Format,
    ImageHeader,
    VoxelData,
)

_DATA: Final = "ElementDataFile"
_MOST_LINES: Final = 10_000
_LONGEST_LINE: Final = 10_000
"""Characters; panimg reads no longer line, and no more lines than that."""
_LONGEST_TEXT: Final = 499
"""Characters that MetaIO reads of one of its own text fields; the header ends at a longer one."""
_LONGEST_KEY: Final = 1023
_LARGEST: Final = 2**62

_NUMBER: Final = re.compile(r"[-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d{1,4})?")
_TEXTS: Final = frozenset(
    (
        *("Comment", "ObjectType", "ObjectSubType", "TransformType", "Name", "DistanceUnits"),
        *("AnatomicalOrientation", "BinaryData", "BinaryDataByteOrderMSB", "ElementByteOrderMSB"),
        *("CompressedData", "Modality", "ElementType", _DATA),
    )
)
_MATRICES: Final = ("TransformMatrix", "Rotation", "Orientation")
_LISTS: Final = ("DimSize", "Offset", "Position", "Origin", "CenterOfRotation")
_SPACINGS: Final = ("ElementSpacing", "ElementSize")
_FOURS: Final = ("Color", "SequenceID")
"""MetaIO reads four numbers of these, whatever NDims says."""
_LATER: Final = frozenset((*_MATRICES, *_LISTS, *_SPACINGS))
"""Their lengths depend on NDims, so they must come after it."""

_VOXELS: Final = {
    "CHAR": ("int8", 1),
    "ASCII_CHAR": ("int8", 1),
    "STRING": ("int8", 1),
    "UCHAR": ("uint8", 1),
    "SHORT": ("int16", 2),
    "USHORT": ("uint16", 2),
    "INT": ("int32", 4),
    "UINT": ("uint32", 4),
    "LONG": ("int32", 4),
    "ULONG": ("uint32", 4),
    "LONG_LONG": ("int64", 8),
    "ULONG_LONG": ("uint64", 8),
    "FLOAT": ("float32", 4),
    "DOUBLE": ("float64", 8),
}
"""numpy's name and the bytes of each ElementType, without `MET_`; also of its `_ARRAY`."""


class _Header(Struct, frozen=True):
    fields: Mapping[str, str]
    length: int
    """Bytes up to the first one after the line of ElementDataFile."""


def look_metaimage(stream: BinaryIO, size: int) -> FileLook:
    """What a MetaImage header says, and whether its voxels are all in this file.

    Of a header whose data is in another file, `data_flaws` judges the other file.
    """
    try:
        header = _read_header(stream)
        image = _image(header.fields)
        several = _names_several(header.fields)
        voxels = None if several else _voxels(header, image)
    except WrongHeaderError as wrong:
        return FileLook(Format.METAIMAGE, flaws=(wrong.flaw,))
    flaws = image_flaws(image) + metadata_flaws(header.fields, image.timepoints)
    if several:
        flaws += unsupported(About.DATA_FILES)
    data_file = _data_file(header.fields)
    if data_file is None and voxels is not None:
        flaws += voxel_flaws(stream, size, voxels)
    return FileLook(
        Format.METAIMAGE,
        flaws=flaws,
        image=image,
        data_file=None if several else data_file,
        voxels=voxels,
    )


# ── the header ──────────────────────────────────────────────────────────────────────────────


def _read_header(stream: BinaryIO) -> _Header:
    """The fields up to ElementDataFile; of a key that is there twice the last value counts.

    A key ends at `=`; MetaIO also takes a `:`, panimg does not for ElementDataFile. To MetaIO, a
    line without either is the beginning of the next line's key: that line says nothing then.
    """
    stream.seek(0)
    fields: dict[str, str] = {}
    length = 0
    lost = False
    for _ in range(_MOST_LINES):
        line = stream.readline(_LONGEST_LINE)
        length += len(line)
        text = _checked(line)
        key, sign, value = _split(text)
        if sign and not lost:
            _add_field(key, value, fields)
        if key == _DATA and sign == "=":
            if lost or not value:
                raise WrongHeaderError(FlawKind.UNREADABLE, _DATA)
            return _Header(fields, length)
        lost = not sign and (lost or not text.isspace())
    raise WrongHeaderError(FlawKind.UNSUPPORTED, About.HEADER_LENGTH)


def _checked(line: bytes) -> str:
    if not line:
        raise WrongHeaderError(FlawKind.CUT, _DATA)
    if len(line) >= _LONGEST_LINE:
        raise WrongHeaderError(FlawKind.UNSUPPORTED, About.HEADER_LENGTH)
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise WrongHeaderError(FlawKind.UNREADABLE, About.HEADER) from None
    if "\r" in text[:-2]:
        # lines that end as on an old Macintosh
        raise WrongHeaderError(FlawKind.UNREADABLE, About.HEADER)
    return text


def _split(line: str) -> tuple[str, str, str]:
    key, sign, value = line.partition("=")
    if ":" in key:
        key, sign, value = line.partition(":")
    return key.strip().removeprefix("\ufeff"), sign, value.strip()


def _add_field(name: str, value: str, fields: dict[str, str]) -> None:
    if name in _LATER and "NDims" not in fields:
        raise WrongHeaderError(FlawKind.UNREADABLE, name)
    if name in _TEXTS and len(value.encode()) > _LONGEST_TEXT:
        raise WrongHeaderError(FlawKind.UNSUPPORTED, About.HEADER_LENGTH)
    if len(name) > _LONGEST_KEY:
        raise WrongHeaderError(FlawKind.UNSUPPORTED, About.HEADER_LENGTH)
    fields[name] = value


# ── what the fields say ─────────────────────────────────────────────────────────────────────


def _image(fields: Mapping[str, str]) -> ImageHeader:
    dimensions = _whole(fields, "NDims")
    if not 1 <= dimensions <= 10:  # noqa: PLR2004 MetaIO has room for ten
        raise WrongHeaderError(FlawKind.UNREADABLE, "NDims")
    sizes = _numbers(fields, "DimSize", dimensions)
    if min(sizes) < 1 or math.prod(sizes) > _LARGEST:
        raise WrongHeaderError(FlawKind.UNREADABLE, "DimSize")
    voxel, _ = _voxel_type(fields)
    channels = _whole(fields, "ElementNumberOfChannels", 1)
    if channels < 1:
        raise WrongHeaderError(FlawKind.UNREADABLE, "ElementNumberOfChannels")
    _check_geometry(fields, dimensions)
    width, height, depth, timepoints = ([int(one) for one in sizes] + [1, 1, 1])[:4]
    return ImageHeader(
        width,
        height,
        depth,
        timepoints,
        channels,
        voxel=voxel,
        dimensions=dimensions,
        vector=_is_vector(fields),
    )


def _voxel_type(fields: Mapping[str, str]) -> tuple[str, int]:
    if "ElementType" not in fields:
        raise WrongHeaderError(FlawKind.UNREADABLE, "ElementType")
    name = fields["ElementType"]
    bare = "FLOAT" if name == "MET_FLOAT_MATRIX" else name.removesuffix("_ARRAY")
    found = _VOXELS.get(bare.removeprefix("MET_"))
    if found is None or not name.startswith("MET_"):
        raise WrongHeaderError(FlawKind.UNSUPPORTED, About.VOXEL_TYPE)
    return found


def _is_vector(fields: Mapping[str, str]) -> bool:
    return fields["ElementType"].endswith(("_ARRAY", "_STRING"))


def _check_geometry(fields: Mapping[str, str], dimensions: int) -> None:
    counts = {**dict.fromkeys(_LISTS, dimensions), **dict.fromkeys(_FOURS, 4)}
    for name, count in counts.items():
        if name in fields and len(fields[name].split()) < count:
            raise WrongHeaderError(FlawKind.UNREADABLE, name)
    spacings = [_numbers(fields, name, dimensions) for name in _SPACINGS if name in fields]
    if spacings and not all(spacings[0]):
        raise WrongHeaderError(FlawKind.UNSUPPORTED, About.SPACING)
    for name in _MATRICES:
        if name in fields:
            numbers = _numbers(fields, name, dimensions * dimensions)
            if is_singular(numbers, dimensions):
                raise WrongHeaderError(FlawKind.UNSUPPORTED, About.DIRECTION)


def _voxels(header: _Header, image: ImageHeader) -> VoxelData | None:
    """None if there are dimensions whose sizes the image does not say."""
    fields = header.fields
    if not _is_true(fields, "BinaryData", default=True):
        raise WrongHeaderError(FlawKind.UNSUPPORTED, About.ENCODING)
    if image.dimensions > 4:  # noqa: PLR2004
        return None
    local = _data_file(fields) is None
    skip = _whole(fields, "HeaderSize", 0)
    if local and 0 < skip < header.length:
        raise WrongHeaderError(FlawKind.UNSUPPORTED, About.HEADER_SIZE)
    start = skip if skip > 0 else header.length if local else 0
    _, bytes_each = _voxel_type(fields)
    pixels = image.width * image.height * image.depth * image.timepoints
    length = pixels * bytes_each * image.channels
    if not _is_true(fields, "CompressedData", default=False):
        return VoxelData(length, start=start, at_end=skip == -1)
    packed = _whole(fields, "CompressedDataSize", 0)
    if packed <= 0 and start:
        raise WrongHeaderError(FlawKind.UNSUPPORTED, About.COMPRESSED_SIZE)
    return VoxelData(length, start=start, packing="zlib", packed=packed if packed > 0 else None)


def _data_file(fields: Mapping[str, str]) -> str | None:
    """The separate data file, without a leading `./`; None if the data follows the header."""
    name = fields[_DATA]
    return None if name == "LOCAL" else re.sub(r"^(?:\./+)++", "", name)


def _names_several(fields: Mapping[str, str]) -> bool:
    """Whether MetaIO takes the data file's name for a list of files, or for a pattern.

    panimg looks for a file of just that name. Where there is one, MetaIO still reads others.
    """
    return fields[_DATA].startswith("LIST") or "%" in fields[_DATA]


# ── values ──────────────────────────────────────────────────────────────────────────────────


def _whole(fields: Mapping[str, str], name: str, default: int | None = None) -> int:
    if default is not None and name not in fields:
        return default
    number = _numbers(fields, name, 1)[0]
    if abs(number) > _LARGEST:
        raise WrongHeaderError(FlawKind.UNREADABLE, name)
    return int(number)


def _numbers(fields: Mapping[str, str], name: str, count: int) -> list[float]:
    """The first numbers of a field, finite; MetaIO ignores what follows."""
    words = fields.get(name, "").split()[:count]
    numbers = [float(word) for word in words if _NUMBER.fullmatch(word)]
    if len(numbers) < count or not all(map(math.isfinite, numbers)):
        raise WrongHeaderError(FlawKind.UNREADABLE, name)
    return numbers


def _is_true(fields: Mapping[str, str], name: str, *, default: bool) -> bool:
    """MetaIO looks at the first character only."""
    return fields[name][:1] in {"T", "t", "1"} if name in fields else default
