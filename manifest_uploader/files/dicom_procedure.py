"""The platform's own procedure, applied to one DICOM file: which bytes its copy has.

Beside the data set, which the procedure is about, the preamble and the file meta information may
name a hospital or a patient: both are made anew. Pixels are copied as they are, and whatever stands
behind them is left out. The same key gives the same bytes.
"""

from __future__ import annotations

from importlib import import_module
from io import BytesIO
from typing import Any, BinaryIO, Final

from msgspec import Struct

from manifest_uploader.errors import CannotGoOn
from manifest_uploader.files.dicom_pixels import (
    CutOff,
    Pixels,
    check_length,
    expected_bytes,
    find_pixels,
)
from manifest_uploader.files.uid_key import KeyedUids
from manifest_uploader.system.extras import reinstall_command

METHOD: Final = "grand-challenge-dicom-de-identifier:procedure:"
_DEFLATED: Final = "1.2.840.10008.1.2.1.99"
_SYNTAXES: Final = {
    (True, True): "1.2.840.10008.1.2",
    (False, True): "1.2.840.10008.1.2.1",
    (False, False): "1.2.840.10008.1.2.2",
}
"""By implicit VR and little endian, for files that do not name theirs."""


class Rejected(Exception):
    """The procedure does not cover a file's SOP class, which the message names."""


class Copy(Struct, frozen=True):
    """What the copy of a file consists of."""

    head: bytes
    """Its new bytes, up to the pixels."""
    pixels: Pixels | None
    """Where in the original the rest is; None: `head` is all of it."""


def does_not_start() -> CannotGoOn:
    """What to raise if the procedure cannot be loaded."""
    return CannotGoOn(
        "the platform's procedure for de-identification does not start",
        hint=f"install it again with: {reinstall_command('grand-challenge-dicom-de-identifier')}",
    )


class Procedure:
    """The procedure with a key for new UIDs; loading it takes half a second."""

    def __init__(self, key: str) -> None:
        package: Any = import_module("grand_challenge_dicom_de_identifier.deidentifier")
        self.pydicom: Any = import_module("pydicom")
        self._rejected: Any = package.RejectedDICOMFileError
        self._procedure: Any = package.DicomDeidentifier()
        self.uids: Final = KeyedUids(key)
        self._procedure.uid_map = self.uids
        self.method: Final = f"{METHOD}{self._procedure.procedure.get('version', 'unknown')}"

    def read(self, stream: BinaryIO) -> Any:
        """The data set without pixels, and the stream behind it; deflated ones are read whole."""
        stream.seek(0)
        data = self.pydicom.dcmread(stream, stop_before_pixels=True, force=True)
        if data.file_meta.get("TransferSyntaxUID") == _DEFLATED:
            stream.seek(0)
            data = self.pydicom.dcmread(stream, force=True)
        return data

    def copy(self, stream: BinaryIO, data: Any) -> Copy:
        """The de-identified copy of what `read` has just returned, which is changed.

        Raises:
            CutOff: its pixel data ends early.
            Rejected: the procedure does not cover its SOP class.

        """
        cut: CutOff | None = None
        pixels: Pixels | None = None
        try:
            pixels = pixels_of(stream, data)
        except CutOff as error:
            cut = error  # of a file that is rejected anyway, that does not matter
        sop_class = self.pydicom.uid.UID(str(data.SOPClassUID)).name
        if "DeidentificationMethod" in data and not data.DeidentificationMethod:
            del data.DeidentificationMethod  # the procedure fails on an empty one
        try:
            self._procedure.deidentify_dataset(data)
        except self._rejected:
            raise Rejected(sop_class) from None
        if cut is not None:
            raise cut
        head = self._header(data)
        if pixels is not None:
            implicit, little = self._encoding(data)
            head += pixels.head(implicit=implicit, little=little)
        return Copy(head, pixels)

    def _header(self, data: Any) -> bytes:
        """The file up to its pixels, with nothing of the original's first part."""
        implicit_little = data.original_encoding
        meta = self.pydicom.dataset.FileMetaDataset()
        meta.TransferSyntaxUID = data.file_meta.get(
            "TransferSyntaxUID", _SYNTAXES.get(implicit_little)
        )
        meta.ImplementationClassUID = self.pydicom.uid.PYDICOM_IMPLEMENTATION_UID
        meta.ImplementationVersionName = "UPLOADER"
        data.file_meta, data.preamble = meta, None
        try:
            return self._encoded(data)
        except (LookupError, UnicodeError):
            # pydicom cannot write every text that it reads; UTF-8 takes them all.
            data.SpecificCharacterSet = "ISO_IR 192"
            return self._encoded(data)

    @staticmethod
    def _encoded(data: Any) -> bytes:
        buffer = BytesIO()
        data.save_as(buffer, enforce_file_format=True)
        return buffer.getvalue()

    @staticmethod
    def _encoding(data: Any) -> tuple[bool, bool]:
        """Implicit VR, little endian: as pydicom writes, whatever the original has."""
        syntax = data.file_meta.TransferSyntaxUID
        if syntax.is_private:
            implicit, little = data.original_encoding
            return bool(implicit), bool(little)
        return bool(syntax.is_implicit_VR), bool(syntax.is_little_endian)


def pixels_of(stream: BinaryIO, data: Any) -> Pixels | None:
    """The pixels behind the header; None if they are in the data set. Raises CutOff."""
    if "PixelData" in data:  # deflated
        check_length(data, len(data.PixelData))
        return None
    found = find_pixels(stream, data, little=data.original_encoding[1])
    if found is None:
        raise CutOff(expected_bytes(data), 0)
    return found
