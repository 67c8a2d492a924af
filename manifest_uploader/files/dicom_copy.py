"""The bytes of a de-identified DICOM file, which is nowhere on the disk."""

from __future__ import annotations

from msgspec import Struct

from manifest_uploader.files.local_file import LocalFile


class DicomCopy(Struct, frozen=True):
    """A de-identified DICOM file: a header of its own, and the pixels of the original."""

    file: LocalFile
    """The original."""
    head: bytes
    first: int
    """Where in the original the bytes begin that follow `head`."""
    end: int
    """Behind the last of them; a NUL makes an odd number of them even."""
    sha256: str
    """Of the original, in hex."""
    made_by: str = ""
    """The fingerprint of the key for UIDs and of the procedure."""

    @property
    def size(self) -> int:
        """Bytes of the copy."""
        body = self.end - self.first
        return len(self.head) + body + body % 2
