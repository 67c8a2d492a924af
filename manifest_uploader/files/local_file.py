"""Local files as they were when they were looked at; reading one fails if it has changed since."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from errno import EISDIR
from pathlib import Path
from typing import Final

from msgspec import Struct

from manifest_uploader.system import disk

CHUNK: Final = 256 * 2**10
"""Bytes."""


class FileChanged(Exception):
    """A file has changed since it was looked at, or cannot be read; the message names it."""


class LocalFile(Struct, frozen=True):
    """A regular, readable file as it was when it was looked at."""

    full: str
    """Its absolute path."""
    name: str
    """Its name inside the upload: the base name, sometimes with a number or a folder before it."""
    size: int
    """Bytes."""
    mtime_ns: int

    @property
    def path(self) -> Path:
        """`full` as a Path, which takes longer to make than a stat."""
        return Path(self.full)


class Source(Struct, frozen=True):
    """The files of one value, at least one."""

    files: tuple[LocalFile, ...]
    name: str
    """The file name of the upload."""
    bundle: bool
    """Whether the files are sent as one stored zip, because there are several."""

    @property
    def size(self) -> int:
        """Total size of the files in bytes."""
        return sum(file.size for file in self.files)


def check_same(file: LocalFile) -> None:
    """Raise FileChanged if a file has changed since it was looked at."""
    try:
        now = os.stat(file.full)  # noqa: PTH116  a Path takes longer than the stat
    except OSError as error:
        raise unreadable(file, error) from error
    if stat.S_ISDIR(now.st_mode):  # the same message as from reading it
        raise unreadable(file, IsADirectoryError(EISDIR, os.strerror(EISDIR)))
    if (now.st_size, now.st_mtime_ns) != (file.size, file.mtime_ns):
        raise FileChanged(f"'{file.name}' changed after it was checked")


def chunks(file: LocalFile) -> Iterator[bytes]:
    """Yield the bytes of a file, at most 256 KiB at a time.

    Raises:
        FileChanged: It has changed since it was looked at, before or while it was read.
    """
    check_same(file)
    left = file.size
    try:
        with disk.open_raw(file.full) as stream:
            while left and (chunk := stream.read(min(left, CHUNK))):
                left -= len(chunk)
                yield chunk
    except OSError as error:
        raise unreadable(file, error) from error
    if left:
        raise FileChanged(f"'{file.name}' became shorter while it was read")
    check_same(file)


def sha256(file: LocalFile) -> str:
    """The SHA-256 of a file in hex; raises FileChanged."""
    total = hashlib.sha256()
    for chunk in chunks(file):
        total.update(chunk)
    return total.hexdigest()


def unreadable(file: LocalFile, error: OSError) -> FileChanged:
    """What to raise if a file cannot be read."""
    return FileChanged(f"'{file.name}' cannot be read: {disk.reason(error)}")
