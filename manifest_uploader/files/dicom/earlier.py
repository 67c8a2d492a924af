"""Tell whether files are DICOM, which series they belong to, and whether they name a patient."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from msgspec import Struct

from manifest_uploader.files.dicom.fallback import dcmread

_DICOM_ENDINGS: Final = frozenset({".dcm", ".dicom", ".ima"})
_OTHER_ENDINGS: Final = re.compile(
    r"\.(avi|bmp|bz2|csv|dat|gz|h5|hdr|html?|img|ini|jp2|jpe?g|json|md|mha|mhd|mp4|mrxs|nd2|ndpi"
    r"|nhdr|nii|npy|npz|nrrd|pdf|png|pptx|raw|scn|svs|tar|tiff?|tsv|txt|vms|xlsx|xml|ya?ml|zip|zraw)"
)
_NAMING: Final = ("PatientName", "PatientID", "PatientBirthDate")
"""Attributes that identify the patient and that the platform shows to every reader."""
_SERIES: Final = ("SeriesInstanceUID", "Modality", "SeriesDescription")
_PREAMBLE: Final = 128
_START: Final = 32 * 1024
"""Bytes; the header of nearly every slice is shorter."""
_ENCODINGS: Final = (
    (
        re.compile(rb"\xe0\x7f\x10\0O[BW]\0\0"),
        re.compile(rb"\x10\0(?:\x10\0(?!PN\0\0)|\x20\0(?!LO\0\0)|\x30\0(?!DA\0\0))"),
    ),
    (
        re.compile(rb"\xe0\x7f\x10\0"),
        re.compile(rb"\x10\0[\x10\x20\x30]\0(?!\0\0\0\0)"),
    ),
)
"""The start of the pixel element up to its length, and a tag of `_NAMING` with a non-empty value.

For explicit, then for implicit VR, both little endian (PS3.5, 7.1)."""


class Named(Protocol):
    """A file with a name for messages."""

    @property
    def path(self) -> Path:
        """Where it can be opened."""

    @property
    def name(self) -> str:
        """How messages name it."""


class Series(Struct, frozen=True):
    """The series that a DICOM file belongs to."""

    uid: str
    modality: str
    """For example `CT`; may be empty."""
    description: str
    """The operator's text; may be empty."""


def looks_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its extension or its bytes."""
    return is_named_dicom(path) or is_dicom(path)


def is_named_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its extension."""
    return _ending(path) in _DICOM_ENDINGS


def is_dicom(path: Path) -> bool:
    """Whether a file's bytes are DICOM; files with another known extension are not opened."""
    found = _inspect(path, lambda stream, marked: marked or _read(stream) is not None)
    return bool(found)


def patient_words(path: Path) -> str | None:
    """Say which attributes identify the patient; None if none does, or if it is not DICOM.

    The values are never included, because the text ends up in logs.
    """
    data = _header(path, _NAMING)
    return None if data is None else _words(data)


def series_of(path: Path) -> Series | None:
    """The series of a file; None if it is not DICOM. Reads its header only."""
    data = _header(path, _SERIES)
    if data is None:
        return None
    uid, modality, description = (_text(data, name) for name in _SERIES)
    return Series(uid, modality, description)


def check(files: Iterable[Named], *, all_files: bool) -> tuple[str, str] | None:
    """The name of the first file that identifies a patient, and by which attributes; else None.

    Unless `all_files`, only the first DICOM file is checked.
    """
    for file in files:
        found, words = _inspect(file.path, _judge) or (False, None)
        if words is not None:
            return file.name, words
        if found and not all_files:
            return None
    return None


def _judge(stream: BinaryIO, marked: bool) -> tuple[bool, str | None]:  # noqa: FBT001 - `_inspect` passes it
    """Whether a file is DICOM, and which attributes identify the patient."""
    if marked and _is_surely_nameless(stream):
        _require_pydicom()
        return True, None
    data = _read(stream)
    return data is not None, None if data is None else _words(data)


def _is_surely_nameless(stream: BinaryIO) -> bool:
    """Whether every tag of `_NAMING` before the pixels is certainly absent or empty.

    Takes a tenth of pydicom's time (measured); pydicom decides whenever this is False. The pixels
    must end exactly where the file does, so that nothing can hide behind them.
    """
    stream.seek(0)
    start, size = stream.read(_START), os.fstat(stream.fileno()).st_size
    for pixels, filled in _ENCODINGS:
        found = pixels.search(start)
        if found is not None and _end_of_value(start, found.end()) == size:
            return filled.search(start, 0, found.end()) is None
    return False


def _end_of_value(start: bytes, at: int) -> int:
    """Where the value ends whose 4-byte length (little endian) is at `at`."""
    return at + 4 + int.from_bytes(start[at : at + 4], "little")


@cache
def _require_pydicom() -> None:
    """Raise ModuleNotFoundError if pydicom is missing: the check is never skipped."""
    if find_spec("pydicom") is None:
        raise ModuleNotFoundError("pydicom is not installed", name="pydicom")


def _ending(path: Path) -> str:
    return os.path.splitext(path)[1].lower()  # noqa: PTH122  Path.suffix takes three times as long


def _may_lack_preamble(ending: str, start: bytes) -> bool:
    """Whether a file may be DICOM without a preamble: it begins with an element of group 2 or 8."""
    if ending and ending not in _DICOM_ENDINGS and not ending[1:].isdigit():
        return False
    return len(start) > 8 and start[:2] in (b"\x02\x00", b"\x08\x00")  # noqa: PLR2004


def _header(path: Path, tags: tuple[str, ...]) -> Any:
    """The attributes as a pydicom Dataset; None if it is not DICOM."""
    return _inspect(path, lambda stream, _: _read(stream, tags))


def _inspect(path: Path, inspect: Callable[[BinaryIO, bool], Any]) -> Any:
    """Call `inspect` with an open file and whether it has DICOM's mark; None if it cannot be DICOM.

    The file is opened once, and not at all if its extension belongs to another format.
    """
    ending = _ending(path)
    if _OTHER_ENDINGS.fullmatch(ending):
        return None
    try:
        with path.open("rb") as stream:
            start = stream.read(_PREAMBLE + 4)
            marked = start[_PREAMBLE:] == b"DICM"
            may_be_dicom = marked or _may_lack_preamble(ending, start)
            return inspect(stream, marked) if may_be_dicom else None
    except OSError:
        return None


def _read(stream: BinaryIO, tags: tuple[str, ...] = _NAMING) -> Any:
    """The attributes as a pydicom Dataset; None if the bytes cannot be read as DICOM."""
    stream.seek(0)
    try:
        data = dcmread()(
            stream,
            stop_before_pixels=True,
            specific_tags=[*tags, "SOPClassUID", "Modality"],
            force=True,
        )
    except Exception:  # noqa: BLE001  pydicom raises any exception on a broken file
        return None
    return data if len(data) or len(data.file_meta) else None


def _words(data: Any) -> str | None:
    filled = [name for name in _NAMING if _is_filled(data, name)]
    if len(filled) > 1:
        return f"{', '.join(filled[:-1])} and {filled[-1]} are filled"
    return f"{filled[0]} is filled" if filled else None


def _text(data: Any, name: str) -> str:
    """An attribute as text; empty if it is missing or cannot be decoded."""
    try:
        return str(data.get(name, "") or "").strip(" \0")
    except Exception:  # noqa: BLE001  pydicom raises any exception on a broken value
        return ""


def _is_filled(data: Any, name: str) -> bool:
    """Whether an attribute holds more than padding; raw bytes are not decoded."""
    from pydicom.datadict import tag_for_keyword  # noqa: PLC0415  late like `dcmread`

    tag = tag_for_keyword(name)
    if tag is None or tag not in data:
        return False
    value = data.get_item(tag).value
    return bool(value.strip(b" \0") if isinstance(value, bytes) else value)
