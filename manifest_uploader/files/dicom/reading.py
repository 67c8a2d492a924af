"""Reads a DICOM file's elements: with its own walk where it is sure, else with pydicom."""

from __future__ import annotations

from enum import Enum
from struct import Struct as Layout
from typing import BinaryIO, Final, cast

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.files.dicom.elements import (
    INSTANCE,
    MEDIA_CLASS,
    SERIES,
    SOP_CLASS,
    STUDY,
    TRANSFER_SYNTAX,
    Elements,
)
from manifest_uploader.files.dicom.fallback import read_with_pydicom
from manifest_uploader.files.dicom.inflate import Inflated
from manifest_uploader.files.dicom.syntaxes import BIG_ENDIAN, DEFLATED, is_compressed
from manifest_uploader.files.dicom.walk import Cut, Unsure, Walk, is_long, is_short
from manifest_uploader.files.dicom.window import TooMuch, Window

_PREAMBLE: Final = 128
_MARK: Final = b"DICM"
_DICOM_ENDINGS: Final = (".dcm", ".dicom", ".ima")
_FIRST_TAGS: Final = frozenset(
    {
        *(0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010),
        *(0x00080000, 0x00080001, 0x00080005, 0x00080006, 0x00080008, 0x00080010, 0x00080012),
        *(0x00080013, 0x00080014, 0x00080016, 0x00080018, 0x00080020, 0x00080060),
    }
)
"""What a data set starts with, of those that a program writes."""
_UIDS: Final = (MEDIA_CLASS, TRANSFER_SYNTAX, SOP_CLASS, INSTANCE, STUDY, SERIES)
_LONGEST_FIRST: Final = 1024
"""Bytes; the first values of a data set are character sets, dates and UIDs."""


class State(Enum):
    """How far a file could be read."""

    WHOLE = "whole"
    CUT = "cut"
    """It ends within its header."""
    UNREADABLE = "unreadable"


class Reading(Struct, frozen=True):
    """A file that is DICOM."""

    elements: Elements
    state: State
    size: int
    """In bytes; inflated, if the file is deflated."""
    marked: bool
    """Has the preamble and its mark."""
    end: int | None = None
    """Where the header's element ends in which the file ends, if that is known."""
    preamble: bytes = b""
    """The 128 bytes before the mark."""
    by_pydicom: bool = False
    """The file is not what the standard asks for."""


def read(stream: BinaryIO, size: int, name: str) -> Reading | None:
    """Read a file's header and what is behind its pixels; None if it is not DICOM.

    A file without the mark is DICOM if it starts as a data set does (one element that fits is
    enough for a file that is named as DICOM). Raises OSError.
    """
    window = Window(stream, size)
    marked = window.data[_PREAMBLE : _PREAMBLE + 4] == _MARK
    fitting = 1 if name.lower().endswith(_DICOM_ENDINGS) else 2
    if not marked and not _starts_a_data_set(window.data, window.size, fitting):
        return None
    preamble = window.data[:_PREAMBLE] if marked else b""
    reading = replace(_walk(stream, window, marked=marked), preamble=preamble)
    found = reading.elements
    sure = reading.state is State.WHOLE and not reading.by_pydicom
    known = _has_uid(found) or (sure and (found.values or found.identity.was_asked))
    return reading if marked or known else None


def _walk(stream: BinaryIO, window: Window, *, marked: bool) -> Reading:
    found = Elements()
    try:
        at = Walk(window, found).file_meta(_PREAMBLE + 4 if marked else 0)
        if found.text(TRANSFER_SYNTAX) == DEFLATED:
            return _walk_deflated(Inflated(stream, at), found, marked=marked)
        _walk_data_set(window, at, found)
    except TooMuch:
        return Reading(found, State.UNREADABLE, window.size, marked)
    except (Unsure, Cut) as error:
        if found.pixels is None:
            end = error.end if isinstance(error, Cut) else None
            return _second_opinion(stream, window.size, found, marked=marked, end=end)
        # Whatever follows the pixels is none of the importer's concern.
    return Reading(found, State.WHOLE, window.size, marked)


def _walk_data_set(window: Window, at: int, found: Elements) -> None:
    syntax = found.text(TRANSFER_SYNTAX)
    if at >= window.size:
        raise Cut(at + 8)
    found.little = syntax != BIG_ENDIAN if syntax else _seems_little(window.peek(at, 6))
    walk = Walk(window, found, compressed=is_compressed(syntax))
    walk.data_set(at, window.size, explicit=True)


def _walk_deflated(inflated: Inflated, found: Elements, *, marked: bool) -> Reading:
    state = State.CUT if inflated.damaged else State.WHOLE
    try:
        _walk_data_set(Window(cast(BinaryIO, inflated), inflated.size), 0, found)
    except Cut:
        state = State.CUT
    except (Unsure, TooMuch):
        state = State.UNREADABLE if found.pixels is None else state
    return Reading(found, state, inflated.size, marked)


def _second_opinion(
    stream: BinaryIO, size: int, found: Elements, *, marked: bool, end: int | None
) -> Reading:
    """What pydicom makes of a file; `end` is known if the file ends in its header."""
    state = State.UNREADABLE if end is None else State.CUT
    again = read_with_pydicom(stream, size)
    if again is None:
        return Reading(found, state, size, marked, end)
    again.identity.add(found.identity)
    if again.pixels is not None or (end is None and again.values):
        state = State.WHOLE
    return Reading(again, state, size, marked, end, by_pydicom=True)


def _seems_little(start: bytes) -> bool:
    """Whether a data set without a transfer syntax is little endian, as pydicom guesses."""
    return not (is_short(start[4:6]) or is_long(start[4:6])) or start[1] < 4  # noqa: PLR2004


def _starts_a_data_set(start: bytes, size: int, fitting: int) -> bool:
    """Whether bytes without the mark start with some elements that fit."""
    return any(_fit(start, size, fitting, endian) for endian in "<>")


def _fit(start: bytes, size: int, fitting: int, endian: str) -> bool:
    tags = Layout(endian + "HH")
    at = last = 0
    for _ in range(fitting):
        group, element = tags.unpack_from(start, at)
        tag, vr = group << 16 | element, start[at + 4 : at + 6]
        if not (tag in _FIRST_TAGS if not at else last < tag < 0x00300000):  # noqa: PLR2004
            return False
        if is_short(vr):
            (length,), value = Layout(endian + "H").unpack_from(start, at + 6), at + 8
        elif is_long(vr):
            (length,), value = Layout(endian + "I").unpack_from(start, at + 8), at + 12
        else:
            (length,), value = Layout(endian + "I").unpack_from(start, at + 4), at + 8
        at, last = value + length, tag
        if length > _LONGEST_FIRST or at > size:
            return False
        if at == size:
            break
    return True


def _has_uid(found: Elements) -> bool:
    texts = (found.text(tag) for tag in _UIDS)
    return any(text.replace(".", "").isdigit() for text in texts)
