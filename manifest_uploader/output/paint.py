"""Decides whether a stream gets colours, and paints blocks of text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import IO, Final

from manifest_uploader.output.cells import start_of, width_of
from manifest_uploader.text import Block, Tone, Toned, block, rows_of


class Colour(StrEnum):
    """What `--color` says."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


STYLES: Final = {
    Tone.GOOD: "green",
    Tone.BAD: "red",
    Tone.WARNING: "yellow",
    Tone.QUIET: "dim",
    Tone.STRONG: "bold",
    Tone.ADVICE: "cyan",
}
"""As rich names them."""
_CODES: Final = {
    Tone.GOOD: "32",
    Tone.BAD: "31",
    Tone.WARNING: "33",
    Tone.QUIET: "2",
    Tone.STRONG: "1",
    Tone.ADVICE: "36",
}
"""The same as codes of ECMA-48, which every terminal but old ones of Windows obeys."""
_COMMAND: Final = re.compile(
    r"'(?:uploader|run) [^']*'|(?<![\w'-])(?:uploader|\S*python\S* -m) .*$"
)
"""A command in quotes, or up to the end of its line: it can be copied whole."""
_RESET: Final = "\x1b[0m"
_MARK: Final = re.compile(r" *(?:[→-] )?(?=\S)")
"""Blanks, and a mark that belongs to the word after it."""
_COLUMN: Final = re.compile(r"(?<=\S) {2,}(?=\S)")
"""What parts the columns of a table."""
_TYPED: Final = str.maketrans("→…–—×⚠✓‘’“”", ">.--x!+''\"\"")
"""What is typed instead where an encoding lacks our own signs."""


def is_wanted(choice: Colour, stream: IO[str], environment: Mapping[str, str]) -> bool:
    """Whether a stream gets colours (https://no-color.org, https://force-color.org)."""
    if choice is not Colour.AUTO:
        return choice is Colour.ALWAYS
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and environment.get("TERM") != "dumb"


def is_terminal(stream: IO[str]) -> bool:
    """Whether a person may be looking at a stream."""
    try:
        return stream.isatty()
    except ValueError:  # it is closed
        return False


def painted(text: Block) -> str:
    """The text with a code around each piece that has a tone; pieces do not overlap."""
    found, at = [], 0
    for start, end, tone in sorted(text.tones):
        found += [text[at:start], f"\x1b[{_CODES[tone]}m", text[start:end], _RESET]
        at = end
    return "".join((*found, text[at:]))


def wrapped(text: Block, width: int) -> Block:
    """The block in lines of at most `width` columns; words and commands are never cut.

    The rest of a line is indented: in a table below its last column, otherwise by two.
    """
    return block(*(part for row in rows_of(text) for part in _wrapped_row(row, width)))


def _wrapped_row(row: Block, width: int) -> Iterator[Block]:
    """The parts of one line; blanks between them are left out."""
    if width_of(row) <= width:
        yield row
        return
    blanks, margin, indent = _blanks(row), _margin(row), ""
    ends = [*blanks, len(row)]
    longest = max(width_of(row[at:end]) for at, end in pairwise([margin, *ends]))
    below = _below(row, width)
    below = below if below + longest <= width else min(margin + 2, width // 4)
    start = max(0, width_of(row[: ends[0]]) - width)  # by which the first word is too long
    start = start if start <= margin else 0
    while width_of(row[start:]) + len(indent) > width:
        blanks = [at for at in blanks if at > start]
        within = [at for at in blanks if width_of(row[start:at]) + len(indent) <= width]
        if not blanks:
            break
        end = within[-1] if within else blanks[0]
        yield _part(row, start, len(row[:end].rstrip()), indent)
        start = len(row) - len(row[end:].lstrip())
        indent = " " * below
    yield _part(row, start, len(row), indent)


def _margin(row: str) -> int:
    """How many blanks a line begins with."""
    return len(row) - len(row.lstrip())


def _blanks(row: str) -> list[int]:
    """Where a line may end: not in a command, and not after the mark that it begins with."""
    kept = {at for found in _COMMAND.finditer(row) for at in range(*found.span())}
    begins = _MARK.match(row)
    first = begins.end() if begins is not None else 0
    return [at for at, one in enumerate(row) if one == " " and at >= first and at not in kept]


def _below(row: str, width: int) -> int:
    """Where the rest of a line begins: below its last column, or below what a mark is before."""
    columns = [found.end() for found in _COLUMN.finditer(row) if found.end() <= width // 2]
    begins = _MARK.match(row)
    if columns:
        return width_of(row[: columns[-1]])
    return min(max(_margin(row) + 2, len(begins[0]) if begins is not None else 0), width // 2)


def _part(row: Block, start: int, end: int, indent: str, sign: str = "") -> Block:
    """Some of a line, with its tones."""
    by = len(indent) - start
    tones = [
        Toned(max(one.start, start) + by, min(one.end, end) + by, one.tone)
        for one in row.tones
        if one.start < end and one.end > start
    ]
    return Block.of(f"{indent}{row[start:end]}{sign}", tones)


def clipped(text: Block, width: int, sign: str) -> Block:
    """One line in at most `width` columns, its end left out if it is longer."""
    if width_of(text) <= width:
        return text
    kept = start_of(text, max(0, width - width_of(sign)))
    tones = [
        Toned(one.start, min(one.end, len(kept)), one.tone)
        for one in text.tones
        if one.start < len(kept)
    ]
    return Block.of(kept + sign, tones)


def writable(text: Block, encoding: str) -> Block:
    """The block with the characters that an encoding lacks typed or escaped."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        parts = [_typed(one, encoding) for one in text]
        at = list(accumulate(map(len, parts), initial=0))
        tones = [Toned(at[one.start], at[one.end], one.tone) for one in text.tones]
        return Block.of("".join(parts), tones)
    except LookupError:
        return writable(text, "ascii")
    return text


def _typed(character: str, encoding: str) -> str:
    """The character, or the one that is typed instead."""
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return character.translate(_TYPED).encode(encoding, "backslashreplace").decode(encoding)
    return character


def understands_codes(stream: IO[str]) -> bool:
    """Whether the terminal behind a stream obeys codes; on Windows, rich makes it."""
    if os.name != "nt" or not is_terminal(stream):
        return True
    from rich.console import Console  # noqa: PLC0415 - 135 ms, and only Windows needs it

    return not Console(file=stream).legacy_windows
