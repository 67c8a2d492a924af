"""Whether files are DICOM, and whether they name their patients."""

from __future__ import annotations

import logging
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from msgspec import Struct

_DICOM_ENDINGS: Final = frozenset({".dcm", ".dicom", ".ima"})
_OTHER_ENDINGS: Final = re.compile(
    r"\.(avi|bmp|bz2|csv|dat|gz|h5|hdr|html?|img|ini|jp2|jpe?g|json|md|mha|mhd|mp4|mrxs|nd2|ndpi"
    r"|nhdr|nii|npy|npz|nrrd|pdf|png|pptx|raw|scn|svs|tar|tiff?|tsv|txt|vms|xlsx|xml|ya?ml|zip|zraw)"
)
_NAMING: Final = ("PatientName", "PatientID", "PatientBirthDate")
"""Attributes that tell who the patient is, and that the platform shows to every reader."""
_SERIES: Final = ("SeriesInstanceUID", "Modality", "SeriesDescription")
_PREAMBLE: Final = 128
_START: Final = 32 * 1024
"""Bytes that hold the whole header of nearly every slice."""
_FORMS: Final = (
    (
        re.compile(rb"\xe0\x7f\x10\0O[BW]\0\0"),
        re.compile(rb"\x10\0(?:\x10\0(?!PN\0\0)|\x20\0(?!LO\0\0)|\x30\0(?!DA\0\0))"),
    ),
    (
        re.compile(rb"\xe0\x7f\x10\0"),
        re.compile(rb"\x10\0[\x10\x20\x30]\0(?!\0\0\0\0)"),
    ),
)
"""How pixels begin, up to their length, and tags of `_NAMING` with anything but an empty value:
VR explicit, then implicit, little endian (PS3.5, 7.1)."""
_PYDICOM: Final = re.compile("pydicom")
_silencing: Final = threading.Lock()


class Named(Protocol):
    """A file with the name by which people know it."""

    @property
    def path(self) -> Path:
        """Can be opened."""

    @property
    def name(self) -> str:
        """For people."""


class Series(Struct, frozen=True):
    """The series that a DICOM file belongs to."""

    uid: str
    modality: str
    """Such as `CT`; may be empty."""
    description: str
    """As the scanner's operator wrote it; may be empty."""


def looks_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its ending, or by its bytes where that says nothing."""
    return is_named_dicom(path) or is_dicom(path)


def is_named_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its ending."""
    return _ending(path) in _DICOM_ENDINGS


def is_dicom(path: Path) -> bool:
    """Whether a file's bytes are DICOM; files whose ending says otherwise are not opened."""
    found = _looked_into(path, lambda stream, marked: marked or _read(stream) is not None)
    return bool(found)


def patient_words(path: Path) -> str | None:
    """Which attributes that tell who the patient is are filled; None: none, or not DICOM.

    The values themselves are never repeated: the words end up in logs.
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
    """The name and the words of the first file that names a patient; None if none does.

    With `all_files` False the first DICOM file speaks for its series.
    """
    for file in files:
        found, words = _looked_into(file.path, _judged) or (False, None)
        if words is not None:
            return file.name, words
        if found and not all_files:
            return None
    return None


def _judged(stream: BinaryIO, marked: bool) -> tuple[bool, str | None]:  # noqa: FBT001 - a plain fact
    """Whether a file is DICOM, and the words about the patient whom it names."""
    if marked and _is_surely_nameless(stream):
        _require_pydicom()
        return True, None
    data = _read(stream)
    return data is not None, None if data is None else _words(data)


def _is_surely_nameless(stream: BinaryIO) -> bool:
    """Whether the bytes before the pixels hold no tag of a patient's name but empty ones.

    Measured: a tenth of the time of pydicom, which decides about all files that leave a doubt.
    What is taken for the pixels has to end where the file does: nothing is hidden behind it.
    """
    stream.seek(0)
    start, size = stream.read(_START), os.fstat(stream.fileno()).st_size
    for pixels, filled in _FORMS:
        found = pixels.search(start)
        if found is not None and _end_of_value(start, found.end()) == size:
            return filled.search(start, 0, found.end()) is None
    return False


def _end_of_value(start: bytes, at: int) -> int:
    """Where the value ends whose length stands at `at`, little endian."""
    return at + 4 + int.from_bytes(start[at : at + 4], "little")


@cache
def _require_pydicom() -> None:
    """Raise ModuleNotFoundError: a check whose library is missing is never skipped."""
    if find_spec("pydicom") is None:
        raise ModuleNotFoundError("pydicom is not installed", name="pydicom")


def _ending(path: Path) -> str:
    return os.path.splitext(path)[1].lower()  # noqa: PTH122  a third of the time of Path.suffix


def _may_lack_preamble(ending: str, start: bytes) -> bool:
    may = not ending or ending in _DICOM_ENDINGS or ending[1:].isdigit()
    return may and _begins_plausibly(start)


def _begins_plausibly(start: bytes) -> bool:
    """Whether a data set without a preamble may begin so: with an element of group 2 or 8."""
    return len(start) > 8 and start[:2] in (b"\x02\x00", b"\x08\x00")  # noqa: PLR2004


def _header(path: Path, tags: tuple[str, ...]) -> Any:
    """The attributes as a pydicom Dataset; None if it is not DICOM."""
    return _looked_into(path, lambda stream, _: _read(stream, tags))


def _looked_into(path: Path, look: Callable[[BinaryIO, bool], Any]) -> Any:
    """What a look into a file finds, told whether it bears DICOM's mark; None if it cannot be one.

    The file is opened once, and not at all if its ending says that it is something else.
    """
    ending = _ending(path)
    if _OTHER_ENDINGS.fullmatch(ending):
        return None
    try:
        with path.open("rb") as stream:
            start = stream.read(_PREAMBLE + 4)
            marked = start[_PREAMBLE:] == b"DICM"
            return look(stream, marked) if marked or _may_lack_preamble(ending, start) else None
    except OSError:
        return None


def _read(stream: BinaryIO, tags: tuple[str, ...] = _NAMING) -> Any:
    """The attributes as a pydicom Dataset; None if the bytes cannot be read as DICOM."""
    stream.seek(0)
    try:
        data = _pydicom_reader()(
            stream,
            stop_before_pixels=True,
            specific_tags=[*tags, "SOPClassUID", "Modality"],
            force=True,
        )
    except Exception:  # noqa: BLE001  pydicom raises whatever a broken file leads it to
        return None
    return data if len(data) or len(data.file_meta) else None


def _pydicom_reader() -> Callable[..., Any]:
    """Pydicom's `dcmread`, made silent: its warnings quote values, which must not reach a log."""
    from pydicom import dcmread  # noqa: PLC0415  150 ms that manifests without DICOM need not pay

    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    with _silencing:
        if not any(entry[0] == "ignore" and entry[3] == _PYDICOM for entry in warnings.filters):
            warnings.filterwarnings("ignore", module=_PYDICOM.pattern)
    return dcmread


def _words(data: Any) -> str | None:
    filled = [name for name in _NAMING if _is_filled(data, name)]
    return _sentence(filled) if filled else None


def _text(data: Any, name: str) -> str:
    """An attribute as text, whatever it holds; empty if it is missing or cannot be decoded."""
    try:
        return str(data.get(name, "") or "").strip(" \0")
    except Exception:  # noqa: BLE001  pydicom raises whatever a broken value leads it to
        return ""


def _is_filled(data: Any, name: str) -> bool:
    """Whether an attribute holds more than padding; looked at as bytes, which need no decoding."""
    from pydicom.datadict import tag_for_keyword  # noqa: PLC0415

    tag = tag_for_keyword(name)
    if tag is None or tag not in data:
        return False
    value = data.get_item(tag).value
    return bool(value.strip(b" \0") if isinstance(value, bytes) else value)


def _sentence(names: list[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} is filled"
    return f"{', '.join(names[:-1])} and {names[-1]} are filled"
