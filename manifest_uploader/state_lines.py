"""The lines of a state file: which are whole, which have to be read, and the objects in them.

A line is known by its number, from 1, and by where it begins, in bytes.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

from manifest_uploader.errors import StateDamaged, StateUnwritable

_LONGEST_LINE: Final = 4 * 2**20
_TOGETHER: Final = 64 * 2**10
"""Bytes; one line at a time takes thrice as long."""
_TEXT: Final = rb'"(?:[^"\\]|\\.)*"'
_HEAD: Final = re.compile(rb'\{"time":[\d.e+]+,"event":"[a-z-]+","case":(' + _TEXT + rb"),")
"""How we begin the lines of cases."""
_FOLDED: Final = re.compile(rb'"event":"folded","case":(' + _TEXT + rb'),|"event"\s*:\s*"renamed"')
_Lines: TypeAlias = list[tuple[int, bytes]]
"""Lines that follow each other, each with its number."""
Piece: TypeAlias = list[tuple[int, dict[str, Any]]]
"""The same as objects."""


@dataclass(frozen=True, slots=True)
class Needed:
    """Which lines have to be read: for the others a later one of their case stands."""

    last: Mapping[bytes, int]
    """Case, as it is written → where its last line begins that stands for all before it."""
    since: int
    """Where the last line begins that gives a case another name: what is before it is read."""


EVERY_LINE: Final = Needed({}, 0)


@dataclass(frozen=True, slots=True)
class _Block:
    """Whole lines that follow each other, without the end of the last one."""

    text: bytes
    start: int
    """Where the first one begins."""
    number: int
    """Of the first one."""


def needed_lines(path: Path) -> Needed:
    """Which lines have to be read; found without reading them as JSON, in a tenth of the time."""
    last: dict[bytes, int] = {}
    since = 0
    with closing(_blocks(path)) as blocks:
        for block in blocks:
            for found in _FOLDED.finditer(block.text):
                begin = block.start + block.text.rfind(b"\n", 0, found.start()) + 1
                if found[1] is None:
                    since = begin
                else:
                    last[found[1]] = begin
    return Needed(last, since)


def pieces_of(path: Path, needed: Needed) -> Generator[Piece, None, None]:
    """The objects of the needed lines, many together, never none.

    Raises:
        StateDamaged: a line is no object, or longer than any that we write.
        StateUnwritable: the file cannot be read, or is none.

    """
    with closing(_blocks(path)) as blocks:
        for block in blocks:
            lines = _chosen(block, needed)
            if piece := _read_together(lines) or _read_each(lines, path):
                yield piece


def object_of(line: bytes, path: Path, number: int) -> dict[str, Any]:
    """The object of one line; raises StateDamaged."""
    try:
        obj = json.loads(line) if len(line) <= _LONGEST_LINE else None
    except (ValueError, RecursionError):
        obj = None
    if not isinstance(obj, dict):
        raise damaged(path, number, "no event")
    return obj


def damaged(path: Path, number: int, why: str) -> StateDamaged:
    """What to raise of a line that we did not write."""
    return StateDamaged(
        f"{path}:{number}: damaged: {why}",
        hint="restore the file (from git, or a backup); nothing was sent",
    )


def end_of_last_line(path: Path) -> int:
    """Where the last whole line ends, in bytes: a torn one behind it is cut off."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        while position > 0:
            start = max(0, position - 65536)
            file.seek(start)
            at = file.read(position - start).rfind(b"\n")
            if at >= 0:
                return start + at + 1
            position = start
    return 0


def _chosen(block: _Block, needed: Needed) -> _Lines:
    """The lines of a block that have to be read."""
    lines = enumerate(block.text.split(b"\n"), block.number)
    if not needed.last:
        return list(lines)
    head, last, since = _HEAD.match, needed.last.get, needed.since
    begin, kept = block.start, []
    for number, line in lines:
        found = head(line)
        if found is None or not since < begin < last(found[1], -1):
            kept.append((number, line))
        begin += len(line) + 1
    return kept


def _blocks(path: Path) -> Generator[_Block, None, None]:
    try:
        is_regular = stat.S_ISREG(path.stat().st_mode)
        if is_regular:
            with path.open("rb") as file:
                yield from _whole_lines(file, path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateUnwritable(
            f"{path} cannot be read: {error.strerror}", hint="nothing was sent"
        ) from None
    if not is_regular:  # a device may have no end, a pipe no beginning
        raise StateUnwritable(
            f"{path} is not a regular file", hint="name another with --state; nothing was sent"
        )


def _whole_lines(file: IO[bytes], path: Path) -> Iterator[_Block]:
    start, number, torn = 0, 1, b""
    while data := file.read(_TOGETHER):
        whole, end, torn = (torn + data).rpartition(b"\n")
        if end:
            yield _Block(whole, start, number)
            start += len(whole) + 1
            number += whole.count(b"\n") + 1
        if len(torn) > _LONGEST_LINE:
            raise damaged(path, number, "a line longer than any that uploader writes")


def _read_together(lines: _Lines) -> Piece:
    """The objects of the lines; nothing if they are not an object each."""
    try:
        found = json.loads(b"[" + b"\n,".join(line for _, line in lines) + b"]")
    except (ValueError, RecursionError):
        return []
    whole = len(found) == len(lines) and all(type(one) is dict for one in found)
    return [(number, obj) for (number, _), obj in zip(lines, found, strict=True)] if whole else []


def _read_each(lines: _Lines, path: Path) -> Piece:
    return [
        (number, object_of(line, path, number))
        for number, line in lines
        if line and not line.isspace()
    ]
