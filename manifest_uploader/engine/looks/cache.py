"""Remembers what looks into files showed, so that a second look is free.

A file of JSON lines beside the state: the rules by which was looked, then one line for each value;
a later line about a value replaces an earlier one. It holds nothing that a look cannot find out
again: it may be deleted, and whatever cannot be read in it is looked at anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Final

import msgspec
from msgspec import Struct

from manifest_uploader.plan.value_look import ValueLook

RULES: Final = 1
"""Raised whenever a look sees more or other things than before."""
_SETTLED_S: Final = 2.0
"""A file that changed this recently may change again within the same time stamp."""
_STALE: Final = 1000
"""Replaced lines that the file may hold beside as many as it needs."""


class _Header(Struct, frozen=True):
    looks: int


class _Line(Struct, frozen=True):
    value: str
    stat: str
    look: ValueLook


_encode: Final = msgspec.json.Encoder().encode


class Cache:
    """What values' files were seen to be; without a path only for the time of this command."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lines: dict[str, _Line] = {}
        self._file: IO[bytes] | None = None
        self._is_new, self._stale = True, 0
        if path is not None:
            self._read(path)

    def get(self, value: str, stat: str) -> ValueLook | None:
        """What the files were seen to be, if they still have these names, sizes and times."""
        line = self._lines.get(value)
        return line.look if line is not None and line.stat == stat else None

    def put(self, value: str, stat: str, look: ValueLook, *, changed: float) -> None:
        """Remember a look; `changed`: when a file changed last, in seconds since 1970."""
        if self._path is None or time.time() - changed < _SETTLED_S:
            return
        line = _Line(value, stat, look)
        self._stale += value in self._lines
        self._lines[value] = line
        with contextlib.suppress(OSError):  # a folder that cannot be written has no cache
            if self._file is None:
                self._file = self._open(self._path)
            self._file.write(_encode(line) + b"\n")

    def close(self) -> None:
        """Bring what was remembered to the disk."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()

    def _open(self, path: Path) -> IO[bytes]:
        """The file to append to; written anew if most of it is of no use."""
        if not self._is_new and self._stale < len(self._lines) + _STALE:
            return path.open("ab")
        file = path.open("wb")
        file.write(_encode(_Header(RULES)) + b"\n")
        file.writelines(_encode(line) + b"\n" for line in self._lines.values())
        return file

    def _read(self, path: Path) -> None:
        try:
            header, *lines = path.read_bytes().split(b"\n")
            self._is_new = msgspec.json.decode(header, type=_Header).looks != RULES
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return
        if not self._is_new:
            for line in _read_lines(lines):
                self._stale += line.value in self._lines
                self._lines[line.value] = line


def _read_lines(lines: list[bytes]) -> Iterable[_Line]:
    """The lines that can be read; a run that was killed leaves half a line at the end."""
    decoder = msgspec.json.Decoder(_Line)
    for line in lines:
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            yield decoder.decode(line)


def value_key(root: str, paths: tuple[str, ...]) -> str:
    """What a value is remembered by: where its files are searched, and as what."""
    text = "\0".join((root, *paths))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:24]
