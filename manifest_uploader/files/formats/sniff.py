"""Tell what a file is by its first bytes."""

from __future__ import annotations

import io
import re
from typing import Final, Literal

from manifest_uploader.files.formats import inflate
from manifest_uploader.files.formats.about import About
from manifest_uploader.files.looks import Format

ENOUGH: Final = 4096
"""Bytes of a file that tell what it is."""

_DICOM_MARK: Final = (128, b"DICM")
_MARKS: Final = (
    (b"\x89PNG\r\n\x1a\n", Format.PNG),
    (b"\xff\xd8\xff", Format.JPEG),
    (b"II*\0", Format.TIFF),
    (b"MM\0*", Format.TIFF),
    (b"II+\0\x08\0", Format.TIFF),
    (b"MM\0+\0\x08", Format.TIFF),
    (b"NRRD000", Format.NRRD),
    (b"GIF87a", Format.GIF),
    (b"GIF89a", Format.GIF),
    (b"%PDF-", Format.PDF),
    (b"PK\x03\x04", Format.ZIP),
    (b"PK\x05\x06", Format.ZIP),
    (b"PK\x07\x08PK", Format.ZIP),
    (b"FOCTFDS", Format.OCT),
    (b"FOCTFDA", Format.OCT),
    (b"CMDb", Format.OCT),
)
_BMP_HEADERS: Final = (12, 16, 40, 52, 56, 64, 108, 124)
"""Lengths of the second header of a BMP file."""

_NIFTI_SIZE: Final = 348
_NIFTI2_SIZE: Final = 540
_DEEPEST: Final = 7
"""Dimensions that a NIfTI or Analyze header has room for."""

_LFS: Final = re.compile(rb"version https://(?:git-lfs|hawser)\.github\.com/spec/")
_ANNEX: Final = re.compile(rb"/annex/objects/\S|(?:\.{1,2}/)*\.git/annex/objects/\S")
_DVC: Final = re.compile(
    rb"\A(?:#[^\n]*\n|(?:wdir|desc|md5|frozen|meta|deps|type|labels|remote):[^\n]*\n)*"
    rb"outs:[ \t]*\r?\n[ \t]*-[ \t]+(?:md5|etag|checksum|hash|size|path|nfiles|cache|isexec)\b"
)
_POINTERS: Final = ((_LFS, About.GIT_LFS), (_ANNEX, About.GIT_ANNEX), (_DVC, About.DVC))

_META_DATA: Final = re.compile(rb"^[ \t]*ElementDataFile[ \t]*=", re.MULTILINE)
_META_FIELD: Final = re.compile(
    rb"^[ \t]*(?:ObjectType|NDims|DimSize|ElementType|ElementSpacing|BinaryData|CompressedData"
    rb"|TransformMatrix|AnatomicalOrientation)[ \t]*[=:]",
    re.MULTILINE,
)
_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\v\f\r\b\x1b")) + b"\x7f"
"""Characters that no text has."""
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


def sniff(start: bytes, name: str) -> Format:
    """What a file is.

    Args:
        start: Its first `ENOUGH` bytes, or all of it.
        name: The file's name; it decides only what the content leaves open.

    """
    if not start:
        return Format.EMPTY
    if start.startswith(_DICOM_MARK[1], _DICOM_MARK[0]):
        return Format.DICOM
    for mark, format_ in _MARKS:
        if start.startswith(mark):
            return format_
    return _unmarked(start, name)


def _unmarked(start: bytes, name: str) -> Format:
    if start.startswith(inflate.GZIP_MARK):
        inside = _nifti(inflate.first(io.BytesIO(start), _NIFTI2_SIZE), name)
        return Format.GZIP if inside is None else inside
    if _is_bmp(start):
        return Format.BMP
    return _nifti(start, name) or _text_format(start)


def pointer_of(start: bytes) -> About | None:
    """Which tool left a pointer in the place of the file; None if it is none."""
    for pattern, tool in _POINTERS:
        if pattern.match(start):
            return tool
    return None


def _is_bmp(start: bytes) -> bool:
    return start.startswith(b"BM") and int.from_bytes(start[14:18], "little") in _BMP_HEADERS


def _nifti(start: bytes, name: str) -> Format | None:
    """NIfTI, NIfTI-2 or Analyze; None if it is neither.

    An Analyze header has no mark, only its length, 348, as its first number. A file so short that
    the mark is cut off is what its name says.
    """
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    for order in orders:
        size = int.from_bytes(start[:4], order)
        if size == _NIFTI2_SIZE and start[4:8] in (b"n+2\0", b"ni2\0"):
            return Format.NIFTI2
        if size == _NIFTI_SIZE:
            return _nifti_1(start, name, order)
    return None


def _nifti_1(start: bytes, name: str, order: Literal["little", "big"]) -> Format | None:
    lower = name.lower()
    if len(start) < _NIFTI_SIZE:
        if lower.endswith((".nii", ".nii.gz")):
            return Format.NIFTI
        return Format.ANALYZE if lower.endswith(".hdr") else None
    if start[344:348] == b"n+1\0":
        return Format.NIFTI
    dimensions = int.from_bytes(start[40:42], order)
    fits = start[344:348] == b"ni1\0" or 1 <= dimensions <= _DEEPEST
    return Format.ANALYZE if fits or lower.endswith(".hdr") else None


def _text_format(start: bytes) -> Format:
    if pointer_of(start) is not None:
        return Format.POINTER
    if _META_DATA.search(start) or len(_META_FIELD.findall(start)) > 1:
        return Format.METAIMAGE
    return Format.TEXT if _is_text(start) else Format.OTHER


def _is_text(start: bytes) -> bool:
    if start.startswith(_UTF_16):
        return True
    if len(start.translate(None, _CONTROLS)) < len(start):
        return False
    try:
        # the last character may be cut off
        start[:-3].decode()
    except UnicodeDecodeError as error:
        if error.start >= len(start) - 6:
            return True
        ascii_ = sum(1 for byte in start if byte < 128)  # noqa: PLR2004 the end of ASCII
        return ascii_ > len(start) / 2
    return True
