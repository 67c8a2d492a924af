"""Files as they were when they were looked at, and reading them only while they stay so."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from errno import EISDIR
from pathlib import Path
from typing import Final

from msgspec import Struct

CHUNK: Final = 256 * 2**10
"""Bytes."""


class FileChanged(Exception):
    """A file is no longer what was looked at, or cannot be read; its words name the file."""


class LocalFile(Struct, frozen=True):
    """A regular, readable file as it was when it was looked at."""

    full: str
    """Its path, that can be opened from any working directory."""
    name: str
    """Inside its upload: its base name, in a few cases with a place before it or a folder."""
    size: int
    """Bytes."""
    mtime_ns: int
    inode: int

    @property
    def path(self) -> Path:
        """The same as a Path, which costs more to make than to look at the file."""
        return Path(self.full)


class Source(Struct, frozen=True):
    """What one value is made of: at least one file."""

    files: tuple[LocalFile, ...]
    name: str
    """The file name of the upload."""
    bundle: bool
    """More than one file: they travel as one stored zip."""

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


def check_same(file: LocalFile) -> None:
    """Raise FileChanged unless a file is what it was when it was looked at."""
    try:
        now = os.stat(file.full)  # noqa: PTH116  a Path costs more than the stat
    except OSError as error:
        raise _unreadable(file, error) from error
    if stat.S_ISDIR(now.st_mode):  # as reading it would say
        raise _unreadable(file, IsADirectoryError(EISDIR, os.strerror(EISDIR)))
    if (now.st_size, now.st_mtime_ns, now.st_ino) != (file.size, file.mtime_ns, file.inode):
        raise FileChanged(f"'{file.name}' changed after it was looked at")


def chunks(file: LocalFile) -> Iterator[bytes]:
    """The bytes of a file, at most 256 KiB at a time, and exactly as many as it had.

    Raises:
        FileChanged: Before or after reading it is not what it was when it was looked at.
    """
    check_same(file)
    left = file.size
    try:
        with open(file.full, "rb", buffering=0) as stream:  # noqa: PTH123  a Path costs as much again
            while left and (chunk := stream.read(min(left, CHUNK))):
                left -= len(chunk)
                yield chunk
    except OSError as error:
        raise _unreadable(file, error) from error
    if left:
        raise FileChanged(f"'{file.name}' became shorter while it was read")
    check_same(file)


def sha256(file: LocalFile) -> str:
    """The SHA-256 of a file's bytes, in hex; raises FileChanged."""
    total = hashlib.sha256()
    for chunk in chunks(file):
        total.update(chunk)
    return total.hexdigest()


def _unreadable(file: LocalFile, error: OSError) -> FileChanged:
    return FileChanged(f"'{file.name}' cannot be read: {error.strerror or error}")
