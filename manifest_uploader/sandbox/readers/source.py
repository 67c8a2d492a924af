"""The files that readers read: uploads, or the contents of zip files among them."""

from __future__ import annotations

import hashlib
import io
import shutil
import struct
import tempfile
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import BinaryIO

_BUFFER = 64 * 1024
_CHUNK = 1024 * 1024
_LENGTHS_AT = 26
"""The offset of the lengths of name and extra field in a local header (APPNOTE.TXT 4.3.7)."""


class Unreadable(Exception):
    """Says that a file is not an image of a format."""


@dataclass(frozen=True)
class Source:
    """One file: its relative path, its size in bytes, its digest, and a function that opens it."""

    name: str
    size: int
    sha256: str
    open: Callable[[], BinaryIO]

    @property
    def folder(self) -> str:
        """Return the file's folder; files of several folders never make one image."""
        return str(PurePosixPath(self.name).parent)

    @property
    def base(self) -> str:
        """Return the file's name without its folder."""
        return PurePosixPath(self.name).name


class _Piecewise(io.RawIOBase):
    """A read-only file of `_end` bytes that are stored elsewhere."""

    _at = 0
    _end = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Change the position."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        self._at = max(0, origin + offset)
        return self._at


class Joined(_Piecewise):
    """Reads several files as one; each file is opened when it is first needed."""

    def __init__(self, paths: tuple[Path, ...], ends: tuple[int, ...]) -> None:
        """`ends`: the offset of each file's end."""
        self._paths, self._ends = paths, ends
        self._end = ends[-1] if ends else 0
        self._files: dict[int, BinaryIO] = {}

    @property
    def name(self) -> str:
        """Return a name for readers that need one."""
        return str(self._paths[0]) if self._paths else ""

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into the buffer, at most to the end of the current file."""
        index = bisect_right(self._ends, self._at)
        if index == len(self._ends):
            return 0
        if index not in self._files:
            self._files[index] = self._paths[index].open("rb", buffering=0)
        self._files[index].seek(self._at - (self._ends[index - 1] if index else 0))
        count: int = self._files[index].readinto(buffer) or 0  # type: ignore[attr-defined]
        self._at += count
        return count

    def close(self) -> None:
        """Close all files."""
        for file in self._files.values():
            file.close()
        super().close()


class _Window(_Piecewise):
    """A part of another file."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self._end = file, start, size

    @property
    def name(self) -> str:
        """Return a name for readers that need one."""
        return self._file.name

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into the buffer, at most to the end of the part."""
        wanted = max(0, min(len(buffer), self._end - self._at))
        self._file.seek(self._start + self._at)
        count: int = self._file.readinto(buffer[:wanted])  # type: ignore[attr-defined]
        self._at += count
        return count

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()


def open_joined(paths: tuple[Path, ...]) -> BinaryIO:
    """Open several files as one."""
    return _joined(paths, _ends(paths))


def _joined(paths: tuple[Path, ...], ends: tuple[int, ...]) -> BinaryIO:
    return io.BufferedReader(Joined(paths, ends), _BUFFER)


def _ends(paths: tuple[Path, ...]) -> tuple[int, ...]:
    return tuple(accumulate(path.stat().st_size for path in paths))


def source_of(name: str, paths: tuple[Path, ...]) -> Source:
    """Return an upload as a source; reads it once to compute its digest."""
    digest, ends = hashlib.sha256(), _ends(paths)
    with _joined(paths, ends) as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return Source(name, max(ends, default=0), digest.hexdigest(), lambda: _joined(paths, ends))


@contextmanager
def unpacked(sources: list[Source], within: Path) -> Iterator[list[Source]]:
    """Yield the sources, with the contents of zip files in place of them.

    Compressed contents are extracted within a folder and removed at the end.
    """
    with tempfile.TemporaryDirectory(prefix="unpacked-", dir=within) as folder:
        found: list[Source] = []
        for number, source in enumerate(sources):
            found += _unpack(source, Path(folder) / str(number)) or [source]
        yield found


def _unpack(source: Source, folder: Path) -> list[Source]:
    with source.open() as file:
        if not zipfile.is_zipfile(file):
            return []
        folder.mkdir()
        with zipfile.ZipFile(file) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            return [
                _stretch(source, file, entry)
                if entry.compress_type == zipfile.ZIP_STORED
                else _extract(archive, entry, folder / str(number))
                for number, entry in enumerate(entries)
            ]


def _stretch(source: Source, file: BinaryIO, entry: zipfile.ZipInfo) -> Source:
    """Return a stored entry as a part of its zip file, so that nothing is copied."""
    file.seek(entry.header_offset + _LENGTHS_AT)
    start = file.tell() + 4 + sum(struct.unpack("<2H", file.read(4)))

    def opened() -> BinaryIO:
        return io.BufferedReader(_Window(source.open(), start, entry.file_size), _BUFFER)

    file.seek(start)
    return Source(entry.filename, *_measure(file, entry), opened)


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> Source:
    with archive.open(entry) as packed, path.open("wb") as copy:
        shutil.copyfileobj(packed, copy, _CHUNK)

    def opened() -> BinaryIO:
        return path.open("rb")

    with opened() as file:
        return Source(entry.filename, *_measure(file, entry), opened)


def _measure(file: BinaryIO, entry: zipfile.ZipInfo) -> tuple[int, str]:
    """Return the size and SHA-256 of an entry; raise BadZipFile if its checksum differs."""
    left, digest, checksum = entry.file_size, hashlib.sha256(), 0
    while left and (piece := file.read(min(left, _CHUNK))):
        left -= len(piece)
        digest.update(piece)
        checksum = zlib.crc32(piece, checksum)
    if left or checksum != entry.CRC:
        raise zipfile.BadZipFile("an entry's checksum differs")
    return entry.file_size, digest.hexdigest()
