"""Reads a DICOM header as the platform's importer does: with pydicom, for files that need it."""

from __future__ import annotations

import io
import logging
import re
import threading
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from manifest_uploader.files.dicom.elements import FRAME_GROUPS, TRANSFER_SYNTAX, Elements
from manifest_uploader.files.dicom.patient import PRIVATE
from manifest_uploader.files.dicom.syntaxes import is_compressed
from manifest_uploader.files.dicom.walk import Cut, Unsure, Walk
from manifest_uploader.files.dicom.window import TooMuch, Window

_LONGEST_VALUE: Final = 1024 * 1024
"""Bytes; longer values stay in the file."""
_MOST_READ: Final = 16 * 1024 * 1024
"""Bytes of a header that is not what the standard asks for."""
_TOO_LONG: Final = b"too long"
"""Stands for a value that stays in the file: it is filled."""
_PYDICOM: Final = re.compile("pydicom")
_silencing: Final = threading.Lock()


def dcmread() -> Callable[..., Any]:
    """Pydicom's `dcmread`, silenced: its warnings quote values, which must not reach a log."""
    from pydicom import dcmread as read  # noqa: PLC0415  takes 150 ms, which most runs save

    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    with _silencing:
        if not any(entry[0] == "ignore" and entry[3] == _PYDICOM for entry in warnings.filters):
            warnings.filterwarnings("ignore", module=_PYDICOM.pattern)
    return read


class _Bounded:
    """A stream that ends the reading of what is no header: pydicom keeps all that it reads."""

    def __init__(self, stream: BinaryIO) -> None:
        self._left = _MOST_READ
        self._read = stream.read
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, count: int = -1) -> bytes:
        """Up to `count` bytes; raises TooMuch."""
        data = self._read(count if count >= 0 else self._left)
        self._left -= len(data)
        if self._left < 0:
            raise TooMuch
        return data


def read_with_pydicom(stream: BinaryIO, size: int) -> Elements | None:
    """The elements of a file; None if pydicom cannot read its header. Raises OSError."""
    found, read = Elements(), dcmread()
    stream.seek(0)
    try:
        bounded = _Bounded(stream)
        data = read(bounded, stop_before_pixels=True, force=True, defer_size=_LONGEST_VALUE)
        at = stream.tell()
        implicit, found.little = data.original_encoding
        for part in (data.file_meta, data):
            _collect(part, found, depth=0)
    except OSError as error:
        if error.errno is not None:  # the disk's, not pydicom's own
            raise
        return None
    except Exception:  # noqa: BLE001  pydicom raises any exception on a broken file
        return None
    _collect_pixels(Window(stream, size), at, found, explicit=not implicit)
    return found


def _collect_pixels(window: Window, at: int, found: Elements, *, explicit: bool) -> None:
    """Add what stands at the pixels, where pydicom has stopped, and behind them."""
    compressed = is_compressed(found.text(TRANSFER_SYNTAX))
    walk = Walk(window, found, compressed=compressed)
    try:
        walk.data_set(at, window.size, explicit=explicit)
    except (Unsure, Cut, TooMuch):
        return  # nothing can be known of what follows; pydicom would not read it either


def _collect(data: Any, found: Elements, *, depth: int) -> None:
    """Add the elements of a pydicom Dataset; nearly all are raw, and stay so."""
    for tag in sorted(data.keys()):
        element = data.get_item(tag, keep_deferred=True)
        if isinstance(element.value, bytes):
            _collect_raw(element, found, depth=depth)
        elif element.VR == "SQ":
            items = list(element.value or ())
            if tag == FRAME_GROUPS and not depth:
                found.frame_groups = len(items)
            for item in items:
                _collect(item, found, depth=depth + 1)
        elif isinstance(element.value, str) or not element.value:
            value = (element.value or "").encode("latin-1", "replace")
            if element.value is None and getattr(element, "length", None):
                value = _TOO_LONG
            found.note(int(tag), _vr(element), value, top=not depth)


def _collect_raw(element: Any, found: Elements, *, depth: int) -> None:
    tag, vr, value = int(element.tag), _vr(element), element.value
    if tag >> 16 & 1:
        if tag & 0xFF00 == 0:
            found.note_creator(tag, value[:64])
        elif vr != b"PN" and found.keeps_people(tag):
            found.identity.note(PRIVATE, value)
    found.note(tag, vr, value, top=not depth)
    if vr not in (b"SQ", b"UN", b""):
        return
    walk = Walk(Window(io.BytesIO(value), len(value)), found)
    if vr == b"SQ" or walk.is_item(0):
        try:
            walk.sequence(tag, 0, len(value), explicit=not element.is_implicit_VR, depth=depth)
        except (Unsure, Cut, TooMuch):
            return  # no sequence


def _vr(element: Any) -> bytes:
    return (element.VR or "").encode()
