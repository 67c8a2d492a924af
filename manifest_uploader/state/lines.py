"""Reads the whole lines of a state file, and the JSON objects in them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

from manifest_uploader.errors import StateDamaged, StateUnwritable
from manifest_uploader.system import disk

FORMAT: Final = "manifest-uploader state"
VERSION: Final = 1
_LONGEST_LINE: Final = 4 * 2**20
_READ_SIZE: Final = 64 * 2**10
"""Bytes."""
Piece: TypeAlias = tuple[int, bytes]
"""The number of the first line, from 1, and adjacent lines without the final newline."""


def pieces_of(path: Path) -> Generator[Piece, None, None]:
    """The whole lines, many at a time.

    Raises:
        StateDamaged: a line is longer than any that uploader writes.
        StateUnwritable: the file cannot be read, or is not a regular file.

    """
    try:
        is_regular = stat.S_ISREG(disk.usable(path).stat().st_mode)
        if is_regular:
            with disk.open_file(path) as file:
                yield from _whole_lines(file, path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateUnwritable(
            f"{path} cannot be read: {disk.reason(error)}", hint="nothing was sent"
        ) from None
    if not is_regular:  # reading a device may never end, opening a pipe may block
        raise StateUnwritable(
            f"{path} is not a regular file", hint="name another with --state; nothing was sent"
        )


def objects_of(piece: Piece, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The number and object of each line that is not blank; raises StateDamaged."""
    first, lines = piece
    for number, line in enumerate(lines.split(b"\n"), first):
        if line and not line.isspace():
            yield number, object_of(line, path, number)


def object_of(line: bytes, path: Path, number: int) -> dict[str, Any]:
    """The object of one line; raises StateDamaged."""
    try:
        obj = json.loads(line) if len(line) <= _LONGEST_LINE else None
    except (ValueError, RecursionError):
        obj = None
    if not isinstance(obj, dict):
        raise damaged(path, number, "it is not an event")
    return obj


def damaged(path: Path, number: int, why: str) -> StateDamaged:
    """The error for a line that uploader did not write."""
    return StateDamaged(
        f"{path}:{number}: damaged: {why}",
        hint="restore the file (from git, or a backup); nothing was sent",
    )


def end_of_last_line(path: Path) -> int:
    """Offset in bytes of the end of the last whole line; a torn line after it is cut off."""
    with disk.open_file(path) as file:
        position = file.seek(0, os.SEEK_END)
        while position > 0:
            start = max(0, position - _READ_SIZE)
            file.seek(start)
            at = file.read(position - start).rfind(b"\n")
            if at >= 0:
                return start + at + 1
            position = start
    return 0


def _whole_lines(file: IO[bytes], path: Path) -> Iterator[Piece]:
    """The whole lines, many at a time; raises StateDamaged if one is too long."""
    number, torn = 1, b""
    while data := file.read(_READ_SIZE):
        whole, end, torn = (torn + data).rpartition(b"\n")
        if end:
            yield number, whole
            number += whole.count(b"\n") + 1
        if len(torn) > _LONGEST_LINE:
            raise damaged(path, number, "a line longer than any that uploader writes")
