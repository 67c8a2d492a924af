"""Look into an NRRD file: `.nrrd`, or `.nhdr` with its data beside it.

The rules are those of panimg 0.18 and of the NRRD library in ITK 5.4, found by trying. The format:
https://teem.sourceforge.net/nrrd/format.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import BinaryIO, Final

from msgspec import Struct

from manifest_uploader.files.formats import inflate
from manifest_uploader.files.formats.about import About
from manifest_uploader.files.formats.metadata import metadata_flaws
from manifest_uploader.files.formats.shared import WrongHeaderError, image_flaws, is_singular
from manifest_uploader.files.formats.voxels import voxel_flaws
from manifest_uploader.files.looks import (
    FileLook,
    Flaw,
    FlawKind,
    Format,
    ImageHeader,
    VoxelData,
)

_MOST_LINES: Final = 10_000
_LONGEST_LINE: Final = 2**20
_LONGEST_HEADER: Final = 2**26
_LARGEST: Final = 2**62
_VERSIONS: Final = b"12345"

_FIELDS: Final = frozenset(
    (
        *("content", "number", "type", "blocksize", "dimension", "space", "spacedimension"),
        *("sizes", "spacings", "thicknesses", "axismins", "axismaxs", "spacedirections"),
        *("centers", "centerings", "kinds", "labels", "units", "min", "max", "oldmin", "oldmax"),
        *("endian", "encoding", "lineskip", "byteskip", "sampleunits", "spaceunits"),
        *("spaceorigin", "measurementframe", "datafile"),
    )
)
"""Without their blanks, which may be left out."""
_NUMBERS: Final = frozenset(("spacings", "thicknesses", "axismins", "axismaxs"))
_WORDS: Final = frozenset(("sizes", "kinds", "centers", "centerings", *_NUMBERS))
_PER_AXIS: Final = frozenset(("spacedirections", *_WORDS))
"""They have a value for each dimension: how many there are must have been said before."""
_PER_SPACE: Final = frozenset(("spacedirections", "spaceorigin", "spaceunits", "measurementframe"))
"""They need a space, or its dimension, before them."""
_QUOTED: Final = frozenset(("labels", "units", "spaceunits"))
_SPACES: Final = frozenset(
    (
        *("right-anterior-superior", "ras", "left-anterior-superior", "las"),
        *("left-posterior-superior", "lps", "scanner-xyz", "3d-right-handed", "3d-left-handed"),
    )
)
"""Each also with time as another dimension: `…-time`, `…t`."""

_VOXELS: Final = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), ("int8", 1)),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), ("uint8", 1)),
    **dict.fromkeys(
        ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
        ("int16", 2),
    ),
    **dict.fromkeys(
        ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), ("uint16", 2)
    ),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), ("int32", 4)),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), ("uint32", 4)),
    **dict.fromkeys(
        (
            *("longlong", "long long", "long long int", "signed long long"),
            *("signed long long int", "int64", "int64_t"),
        ),
        ("int64", 8),
    ),
    **dict.fromkeys(
        (
            *("ulonglong", "unsigned long long", "unsigned long long int"),
            *("uint64", "uint64_t"),
        ),
        ("uint64", 8),
    ),
    "float": ("float32", 4),
    "double": ("float64", 8),
}
_ENCODINGS: Final = {
    "raw": "raw",
    **dict.fromkeys(("gzip", "gz"), "gzip"),
    **dict.fromkeys(("ascii", "text", "txt"), "ascii"),
    "hex": "hex",
}
_DOMAINS: Final = frozenset(("domain", "space", "time", "none", "???"))
"""Kinds of an axis of the image; every other kind is an axis of a vector's components."""
_COMPONENTS: Final = {
    **dict.fromkeys(("list", "point", "vector", "covariant-vector", "normal"), 0),
    **dict.fromkeys(("stub", "scalar"), 1),
    **dict.fromkeys(("complex", "2-vector"), 2),
    **dict.fromkeys(
        (
            *("3-color", "rgb-color", "hsv-color", "xyz-color", "3-vector", "3-normal"),
            "2d-symmetric-matrix",
        ),
        3,
    ),
    **dict.fromkeys(("4-color", "rgba-color", "4-vector", "quaternion", "2d-matrix"), 4),
    "3d-matrix": 9,
}
"""How many of each kind there must be, 0 for any number; ITK reads no other kind."""
_NUMBER: Final = re.compile(r"\s*[-+]?\d{1,18}")
_REAL: Final = re.compile(
    r"[-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:e[-+]?\d++)?|[-+]?(?:nan|inf)", re.IGNORECASE
)
_TEXTS: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*+"\s*+)++')
_VECTOR: Final = re.compile(r"none|\(([^()]*)\)")


class _Header(Struct, frozen=True):
    fields: Mapping[str, str]
    """By name, lower case, without blanks."""
    pairs: Mapping[str, str]
    """What is written as `key:=value`."""
    length: int
    """Bytes up to the first one after the empty line."""


def look_nrrd(stream: BinaryIO, size: int) -> FileLook:
    """What an NRRD header says, and whether its voxels are all there.

    The importer refuses every header that names a separate data file; it is not read here either.
    """
    try:
        header = _read_header(stream)
        if "datafile" in header.fields:
            name = header.fields["datafile"]
            flaw = Flaw(FlawKind.SEPARATE_DATA, about=name)
            return FileLook(Format.NRRD, flaws=(flaw,), data_file=name.removeprefix("./"))
        image = _image(header.fields)
        voxels = _voxels(stream, header)
    except WrongHeaderError as wrong:
        return FileLook(Format.NRRD, flaws=(wrong.flaw,))
    flaws = image_flaws(image) + metadata_flaws(header.pairs, image.timepoints)
    return FileLook(
        Format.NRRD,
        flaws=flaws + voxel_flaws(stream, size, voxels),
        image=image,
        voxels=voxels,
    )


# ── the header ──────────────────────────────────────────────────────────────────────────────


def _read_header(stream: BinaryIO) -> _Header:
    stream.seek(0)
    first = _read_line(stream)
    length = len(first)
    if len(first.strip()) != 8 or first[7:8] not in _VERSIONS:  # noqa: PLR2004 `NRRD0005`
        raise WrongHeaderError(FlawKind.UNSUPPORTED, About.VERSION)
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    for _ in range(_MOST_LINES):
        line = _read_line(stream)
        length += len(line)
        if length > _LONGEST_HEADER:
            break
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            return _Header(fields, pairs, length)
        if not text.startswith("#"):
            _add_line(text, fields, pairs)
    raise WrongHeaderError(FlawKind.UNSUPPORTED, About.HEADER_LENGTH)


def _read_line(stream: BinaryIO) -> bytes:
    line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        kind = FlawKind.UNSUPPORTED if len(line) == _LONGEST_LINE else FlawKind.CUT
        raise WrongHeaderError(
            kind, About.HEADER_LENGTH if kind is FlawKind.UNSUPPORTED else About.HEADER
        )
    return line


def _add_line(text: str, fields: dict[str, str], pairs: dict[str, str]) -> None:
    """Add what a line of the header says: a field, or a pair of key and value."""
    key, sign, value = text.partition(":=")
    if sign and ": " not in key:
        pairs[key] = value
        return
    key, sign, value = text.partition(": ")
    if re.fullmatch(r"data\s*file:?", key, re.IGNORECASE):
        key, sign, value = "datafile", ": ", text.partition(":")[2]
    name = key.lower().replace(" ", "")
    if not sign or name not in _FIELDS or key != key.strip():
        raise WrongHeaderError(FlawKind.UNREADABLE, About.HEADER)
    early = (name in _PER_AXIS and "dimension" not in fields) or (
        name in _PER_SPACE and not {"space", "spacedimension"} & fields.keys()
    )
    if name in fields or early or _is_wrong(name, value.strip()):
        raise WrongHeaderError(FlawKind.UNREADABLE, key.lower())
    fields[name] = value.strip()


def _is_wrong(name: str, value: str) -> bool:
    """Whether the NRRD library cannot read a field's value."""
    if name in _QUOTED:
        return not _TEXTS.fullmatch(value)
    if name in _NUMBERS:
        return not all(_REAL.fullmatch(word) for word in value.split())
    if name == "space":
        lower = value.lower()
        return not {lower, lower.removesuffix("-time"), lower.removesuffix("t")} & _SPACES
    # it belongs to a type that ITK does not read
    return name == "blocksize"


# ── what the fields say ─────────────────────────────────────────────────────────────────────


def _image(fields: Mapping[str, str]) -> ImageHeader:
    dimension = _whole(fields, "dimension")
    if not 1 <= dimension <= 16:  # noqa: PLR2004 as many as NRRD has room for
        raise WrongHeaderError(FlawKind.UNREADABLE, "dimension")
    sizes = _sizes(fields, dimension)
    voxel, bytes_each = _voxel_type(fields)
    if bytes_each > 1 and fields.get("endian", "").lower() not in ("little", "big"):
        raise WrongHeaderError(FlawKind.UNREADABLE, "endian")
    _check_geometry(fields)
    kinds = fields["kinds"].lower().split() if "kinds" in fields else ["???"] * dimension
    for kind, size in zip(kinds, sizes, strict=True):
        needed = 0 if kind in _DOMAINS else _COMPONENTS.get(kind)
        if needed is None or needed not in (0, size):
            raise WrongHeaderError(FlawKind.UNSUPPORTED, "kinds")
    domain = [size for kind, size in zip(kinds, sizes, strict=True) if kind in _DOMAINS]
    channels = math.prod(sizes) // math.prod(domain)
    # ITK puts the components of all vectors into one
    domain += [1] * (dimension - len(domain) - 1)
    plain = {"stub", "scalar", "complex"}.issuperset(set(kinds) - _DOMAINS)
    if "complex" in kinds:
        if not voxel.startswith("float"):
            raise WrongHeaderError(FlawKind.UNSUPPORTED, "kinds")
        channels //= 2
    width, height, depth, timepoints = (*domain, 1, 1, 1, 1)[:4]
    return ImageHeader(
        width,
        height,
        depth,
        timepoints,
        channels,
        voxel=voxel,
        dimensions=len(domain),
        vector=not plain,
    )


def _sizes(fields: Mapping[str, str], dimension: int) -> list[int]:
    for name in _WORDS & fields.keys():
        words = len(fields[name].split())
        if words < dimension or (words > dimension and name in ("sizes", "kinds")):
            raise WrongHeaderError(FlawKind.UNREADABLE, name)
    found = [_NUMBER.match(word) for word in fields.get("sizes", "").split()]
    sizes = [int(one[0]) for one in found if one is not None]
    if len(sizes) != dimension or min(sizes) < 1 or math.prod(sizes) > _LARGEST:
        raise WrongHeaderError(FlawKind.UNREADABLE, "sizes")
    return sizes


def _voxel_type(fields: Mapping[str, str]) -> tuple[str, int]:
    if "type" not in fields:
        raise WrongHeaderError(FlawKind.UNREADABLE, "type")
    found = _VOXELS.get(fields["type"].lower())
    if found is None:
        raise WrongHeaderError(FlawKind.UNSUPPORTED, About.VOXEL_TYPE)
    return found


def _check_geometry(fields: Mapping[str, str]) -> None:
    spacings = fields.get("spacings", "").split()
    if any(re.fullmatch(r"[-+]?0*\.?0*(?:[eE].*)?", word) for word in spacings):
        raise WrongHeaderError(FlawKind.UNSUPPORTED, About.SPACING)
    found = _VECTOR.finditer(fields.get("spacedirections", ""))
    rows = [_vector(one[1]) for one in found if one[1] is not None]
    size = len(rows)
    if size and all(len(row) == size for row in rows):
        flat = [number for row in rows for number in row]
        if is_singular(flat, size):
            raise WrongHeaderError(FlawKind.UNSUPPORTED, About.DIRECTION)


def _vector(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise WrongHeaderError(FlawKind.UNREADABLE, "space directions") from None


def _voxels(stream: BinaryIO, header: _Header) -> VoxelData:
    """Where the voxels lie: after the skipped lines; what is skipped then is inside the stream."""
    fields = header.fields
    _, bytes_each = _voxel_type(fields)
    length = math.prod(_sizes(fields, _whole(fields, "dimension"))) * bytes_each
    if "encoding" not in fields:
        raise WrongHeaderError(FlawKind.UNREADABLE, "encoding")
    encoding = _ENCODINGS.get(fields["encoding"].lower())
    if encoding is None:
        raise WrongHeaderError(FlawKind.UNSUPPORTED, About.ENCODING)
    start = _after_lines(stream, header.length, _whole(fields, "lineskip", 0))
    skip = _whole(fields, "byteskip", 0)
    if encoding in ("ascii", "hex"):
        return VoxelData(length, start=start, packing=encoding, numbers=length // bytes_each)
    if skip < -1:
        raise WrongHeaderError(FlawKind.UNSUPPORTED, "byte skip")
    if encoding == "gzip" and _is_gzip(stream, start):
        return VoxelData(length, start=start, packing="gzip", skip=max(0, skip), at_end=skip < 0)
    return VoxelData(length, start=start + max(0, skip), at_end=skip < 0)


def _after_lines(stream: BinaryIO, start: int, lines: int) -> int:
    """The place after so many lines of the data."""
    if not 0 <= lines <= _MOST_LINES:
        raise WrongHeaderError(FlawKind.UNREADABLE, "line skip")
    stream.seek(start)
    for _ in range(lines):
        start += len(_read_line(stream))
        if start > _LONGEST_HEADER:
            raise WrongHeaderError(FlawKind.UNSUPPORTED, About.HEADER_LENGTH)
    return start


def _is_gzip(stream: BinaryIO, start: int) -> bool:
    """Data that is not compressed, though the header says so, is read as it is."""
    stream.seek(start)
    return stream.read(2) == inflate.GZIP_MARK


def _whole(fields: Mapping[str, str], name: str, default: int | None = None) -> int:
    if default is not None and name not in fields:
        return default
    found = _NUMBER.match(fields.get(name, ""))
    if found is None:
        raise WrongHeaderError(FlawKind.UNREADABLE, name)
    return int(found[0])
