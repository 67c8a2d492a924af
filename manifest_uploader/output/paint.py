"""Decides whether a stream gets colours, and paints blocks of text."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import IO, Final

from manifest_uploader.text import Block, Tone


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
    """The block with lines of at most `width` characters; words and commands are never cut.

    A blank becomes the end of a line, so that every tone stays where it is.
    """
    lines = [part for one in text.split("\n") for part in _wrapped_line(one, width)]
    return Block.of("\n".join(lines), text.tones)


def _wrapped_line(text: str, width: int) -> list[str]:
    """The parts of one line; blanks between them are left out."""
    kept = {at for found in _COMMAND.finditer(text) for at in range(*found.span())}
    indent = len(text) - len(text.lstrip())
    blanks = [at for at, one in enumerate(text) if one == " " and at > indent and at not in kept]
    found: list[str] = []
    start = 0
    while len(text) - start > width:
        within = [at for at in blanks if start < at <= start + width]
        beyond = [at for at in blanks if at > start + width]
        if not within and not beyond:
            break
        at = within[-1] if within else beyond[0]
        found.append(text[start:at])
        start = at + 1
    return [*found, text[start:]]


def understands_codes(stream: IO[str]) -> bool:
    """Whether the terminal behind a stream obeys codes; on Windows, rich makes it."""
    if os.name != "nt" or not is_terminal(stream):
        return True
    from rich.console import Console  # noqa: PLC0415 - 135 ms, and only Windows needs it

    return not Console(file=stream).legacy_windows
