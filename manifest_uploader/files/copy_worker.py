"""Makes de-identified copies of DICOM files; runs in processes of its own (`crew`)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, BinaryIO, Final

import msgspec
from msgspec import Struct

from manifest_uploader.files.dicom_copy import DicomCopy
from manifest_uploader.files.dicom_pixels import CutOff
from manifest_uploader.files.dicom_procedure import Procedure, Rejected
from manifest_uploader.files.local_file import FileChanged, LocalFile, check_same, unreadable
from manifest_uploader.system import disk

_CHUNK: Final = 2**20
_MOST_HEAD: Final = 2**26
"""Bytes that are held in memory; more than a header only of deflated files."""


class Answer(Struct, frozen=True):
    """A copy, or why there is none."""

    copy: DicomCopy | None = None
    changed: str = ""
    """The file has changed since it was looked at, or cannot be read."""
    refused: str = ""
    """The procedure cannot be applied to it."""


def start(key: Any, _: str) -> Callable[[Any], Any]:
    """Load the procedure; return the function that makes the copy of one file."""
    procedure = Procedure(key)
    return lambda file: msgspec.to_builtins(_answer(procedure, msgspec.convert(file, LocalFile)))


def _answer(procedure: Procedure, file: LocalFile) -> Answer:
    try:
        check_same(file)
        with disk.open_file(file.path) as stream:
            hashed = _sha256(stream)
            return _copied(procedure, file, stream, hashed)
    except FileChanged as changed:
        return Answer(changed=str(changed))
    except OSError as error:
        return Answer(changed=str(unreadable(file, error)))


def _copied(procedure: Procedure, file: LocalFile, stream: BinaryIO, hashed: str) -> Answer:
    try:
        copy = procedure.copy(stream, procedure.read(stream))
    except CutOff:
        return Answer(refused=f"'{file.name}' is cut short")
    except Rejected as rejected:
        return Answer(refused=f"'{file.name}' is of a kind that is not covered: {rejected}")
    except Exception as error:
        # pydicom raises any exception on a broken file, also an OSError; the system's have a
        # number.
        if getattr(error, "errno", None) is not None:
            raise
        return Answer(refused=f"'{file.name}' is damaged, or not a DICOM file")
    if len(copy.head) > _MOST_HEAD:
        return Answer(
            refused=f"'{file.name}' is compressed (deflated) and too large to be read at once; "
            "save it with another transfer syntax"
        )
    first, end = (copy.pixels.first, copy.pixels.end) if copy.pixels is not None else (0, 0)
    return Answer(DicomCopy(file, copy.head, first, end, hashed))


def _sha256(stream: BinaryIO) -> str:
    total = hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        total.update(chunk)
    return total.hexdigest()
