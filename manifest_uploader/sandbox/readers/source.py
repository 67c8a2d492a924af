"""Files to be read as images: uploads themselves, or what was inside a zip of them."""

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
"""APPNOTE.TXT 4.3.7: where the lengths of a local header's name and extra field stand."""


class Unreadable(Exception):
    """Says that bytes are not an image of some format."""


@dataclass(frozen=True)
class Source:
    """One file: its path among the others, its size in bytes, its hash, a way to open it."""

    name: str
    size: int
    sha256: str
    open: Callable[[], BinaryIO]

    @property
    def folder(self) -> str:
        """Return the folder it is in; files of several folders never make one image."""
        return str(PurePosixPath(self.name).parent)

    @property
    def base(self) -> str:
        """Return the name without its folder."""
        return PurePosixPath(self.name).name


class _Piecewise(io.RawIOBase):
    """Bytes that lie elsewhere, from 0 to `_end`."""

    _at = 0
    _end = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another place."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        self._at = max(0, origin + offset)
        return self._at


class Joined(_Piecewise):
    """Several files read as one; each is opened when it is first needed."""

    def __init__(self, paths: tuple[Path, ...], ends: tuple[int, ...]) -> None:
        """`ends`: where each file ends among all their bytes."""
        self._paths, self._ends = paths, ends
        self._end = ends[-1] if ends else 0
        self._files: dict[int, BinaryIO] = {}

    @property
    def name(self) -> str:
        """Return what readers that want a name are content with."""
        return str(self._paths[0]) if self._paths else ""

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as one of the files reaches."""
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
        """Close them all."""
        for file in self._files.values():
            file.close()
        super().close()


class _Window(_Piecewise):
    """A stretch of another file."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self._end = file, start, size

    @property
    def name(self) -> str:
        """Return what readers that want a name are content with."""
        return self._file.name

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as the stretch reaches."""
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
    """Return an upload as a source; it is read once for its hash."""
    digest, ends = hashlib.sha256(), _ends(paths)
    with _joined(paths, ends) as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return Source(name, max(ends, default=0), digest.hexdigest(), lambda: _joined(paths, ends))


@contextmanager
def unpacked(sources: list[Source], within: Path) -> Iterator[list[Source]]:
    """Give the sources with what is inside the zips among them in their places.

    It is unpacked within a folder, and removed at the end.
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
    """Give a stored entry as the stretch of its zip that it is: nothing needs to be copied."""
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
    """Return the size and the hash of an entry's bytes; a checksum that differs is an error."""
    left, digest, checksum = entry.file_size, hashlib.sha256(), 0
    while left and (piece := file.read(min(left, _CHUNK))):
        left -= len(piece)
        digest.update(piece)
        checksum = zlib.crc32(piece, checksum)
    if left or checksum != entry.CRC:
        raise zipfile.BadZipFile("an entry's checksum differs")
    return entry.file_size, digest.hexdigest()
