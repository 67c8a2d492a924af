"""Remembers what was found out about values' files, so that to find it out again is free.

A file of JSON lines beside the state: first by which rules it was found out, then a line for each
value; a later line about a value replaces an earlier one. The file holds nothing that cannot be
found out again: it may be deleted, and what cannot be read in it is found out anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from manifest_uploader.system import disk

T = TypeVar("T", bound=Struct)

_SETTLED_S: Final = 2.0
"""A file that changed this recently may change again within the same time stamp."""
_STALE: Final = 1000
"""Replaced lines that the file may hold beside as many as it needs."""


class _Header(Struct, frozen=True):
    rules: str


class _Line(Struct, Generic[T], frozen=True):
    value: str
    stat: str
    found: T


_encode: Final = msgspec.json.Encoder().encode


class Cache(Generic[T]):
    """What was found out about values' files; without a path, nothing is remembered."""

    def __init__(self, path: Path | None, kind: type[T], *, rules: str) -> None:
        """Read what earlier commands found out.

        Args:
            path: of the file.
            kind: the type of what is remembered.
            rules: names how it is found out; what was found out otherwise is forgotten.

        """
        self._path, self._rules = path, _Header(rules)
        self._decode = msgspec.json.Decoder(_Line[kind]).decode  # type: ignore[valid-type]
        self._lines: dict[str, _Line[T]] = {}
        self._file: IO[bytes] | None = None
        self._is_new, self._is_torn, self._stale = True, False, 0
        if path is not None:
            self._read(path)

    def get(self, value: str, stat: str) -> T | None:
        """What was found out, if the files still have these names, sizes and times."""
        line = self._lines.get(value)
        return line.found if line is not None and line.stat == stat else None

    def put(self, value: str, stat: str, found: T, *, changed: float) -> None:
        """Remember what was found; `changed`: when a file changed last, in seconds since 1970."""
        if self._path is None or time.time() - changed < _SETTLED_S:
            return
        line = _Line(value, stat, found)
        # A folder that cannot be written has no cache, nor has an archive's odd name a place in it.
        with contextlib.suppress(OSError, UnicodeEncodeError):
            text = _encode(line) + b"\n"
            if self._file is None:
                self._file = self._open(self._path)
            self._file.write(text)
            self._lines[value] = line

    def close(self) -> None:
        """Bring what was remembered to the disk."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()

    def _open(self, path: Path) -> IO[bytes]:
        """The file to append to; written anew if most of it is of no use."""
        if not self._is_new and self._stale < len(self._lines) + _STALE:
            file = disk.open_file(path, "ab")
            if self._is_torn:
                file.write(b"\n")
            return file
        file = disk.open_file(path, "wb")
        file.write(_encode(self._rules) + b"\n")
        file.writelines(_encode(line) + b"\n" for line in self._lines.values())
        return file

    def _read(self, path: Path) -> None:
        try:
            header, *lines = disk.read_bytes(path).split(b"\n")
            self._is_new = msgspec.json.decode(header, type=_Header) != self._rules
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return
        if not self._is_new:
            self._is_torn = not lines or lines[-1] != b""
            for line in self._read_lines(lines):
                self._stale += line.value in self._lines
                self._lines[line.value] = line

    def _read_lines(self, lines: list[bytes]) -> Iterator[_Line[T]]:
        """The lines that can be read; a command that was killed leaves half a line at the end."""
        for line in lines:
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                yield self._decode(line)


def value_key(root: str, paths: tuple[str, ...]) -> str:
    """What a value is remembered by: where its files are searched, and as what."""
    text = "\0".join((root, *paths))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:24]
