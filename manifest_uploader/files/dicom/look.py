"""Looks into a DICOM file: what it is, what is wrong with it, whom it names."""

from __future__ import annotations

from typing import BinaryIO, Final

from manifest_uploader.files.dicom.elements import METHOD
from manifest_uploader.files.dicom.header import judge
from manifest_uploader.files.dicom.patient import PREAMBLE_TEXT, is_written_on
from manifest_uploader.files.dicom.reading import read
from manifest_uploader.files.looks import FileLook, Format

_OUR_PLATFORM: Final = "grand-challenge-dicom-de-identifier"


def look_dicom(stream: BinaryIO, size: int, name: str) -> FileLook | None:
    """Look into a file of `size` bytes; None if its content is not DICOM, whatever its name says.

    `stream` can seek; it is read from its start, forwards, in constant memory. `names` are the
    keywords of all attributes that identify a patient, wherever they are: at the top, in sequences,
    in private elements, behind the pixels, deflated. Damaged files have flaws; only OSError is
    raised.
    """
    reading = read(stream, size, name)
    if reading is None:
        return None
    header, flaws = judge(reading)
    by_platform = _OUR_PLATFORM in reading.elements.text(METHOD)
    names = reading.elements.identity.keywords(by_platform=by_platform)
    if is_written_on(reading.preamble):
        names.add(PREAMBLE_TEXT)
    return FileLook(Format.DICOM, flaws, dicom=header, names=tuple(sorted(names)))
