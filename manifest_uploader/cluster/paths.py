"""Where workers see the files."""

from __future__ import annotations

from pathlib import PurePath

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.files.dicom_copy import DicomCopy
from manifest_uploader.files.local_file import LocalFile, Source
from manifest_uploader.files.parts import Content, JsonContent


class Paths(Struct, frozen=True):
    """Turns this machine's paths into those of the workers."""

    root: str
    """The folder of the files, on this machine."""
    theirs: str | None
    """The same folder on the workers; None: it has the same path."""

    def path(self, full: str) -> str:
        """A file's path; outside the root it is the same everywhere."""
        if self.theirs is None or not PurePath(full).is_relative_to(self.root):
            return full
        below = PurePath(full).relative_to(self.root).as_posix()
        return f"{self.theirs.rstrip('/')}/{below}"

    def file(self, file: LocalFile) -> LocalFile:
        """A file as workers see it."""
        return replace(file, full=self.path(file.full))

    def source(self, source: Source) -> Source:
        """A source as workers see it."""
        if self.theirs is None:
            return source
        return replace(source, files=tuple(map(self.file, source.files)))

    def content(self, content: Content) -> Content:
        """A content as workers see it."""
        if isinstance(content, DicomCopy):
            return replace(content, file=self.file(content.file))
        return content if isinstance(content, JsonContent) else self.source(content)
