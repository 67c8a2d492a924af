"""Text for people: quoted values, lines that print safely, and the word that was meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Final

CUT: Final = 60
"""Characters of a quoted value that are shown."""


_NEVER: Final = (
    "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff"
)


UNPRINTABLE: Final = re.compile(f"[{_NEVER}]")
"""C0, C1, line and paragraph separators, byte order marks, surrogates, what turns the writing: no
name or title has them."""


_SPELT: Final = re.compile(f"[{_NEVER}\u061c\u200e\u200f]")
"""And the marks of a direction, which names in some languages need: none of them may reach a
terminal, begin a line there, or hide what a name really says."""


_LONGEST_LINE: Final = 8_000
"""Characters; no path is longer than 4,096."""


_SHOWN_END: Final = 1_000


def with_hint(message: str, hint: str | None) -> Block:
    """The message, and the hint on a line of its own."""
    if not hint:
        return block(message)
    first, *more = lines_of(hint)
    return block(message, f"  hint: {first}", *more)


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """`did you mean 'title'?` for the candidate that is most like the word, if one is."""
    meant = most_like(word, candidates)
    return None if meant is None else f"did you mean {quoted(meant)}?"


def most_like(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that is most like the word, if one is like it at all; case counts nothing."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    close = difflib.get_close_matches(word.lower()[:CUT], by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def quoted(text: str) -> str:
    """The text in single quotes, cut where it is long, without what a terminal would obey."""
    cut = text if len(text) <= CUT else text[: CUT - 1] + "…"
    return f"'{printable(cut)}'"


def printable(text: str) -> str:
    r"""The text on one line, with `\x1b`, `\x0a` and the like for characters that do not print."""
    return _SPELT.sub(_escape, text)


class Block(str):
    """Lines that may be printed as they are: only `block` makes them.

    Any other text is one line, whatever is in it: no name can begin a line of its own.
    """

    __slots__ = ()


def block(*parts: str) -> Block:
    """Each part on a line of its own; blocks keep their lines."""
    return Block("\n".join(line for part in parts for line in lines_of(part)))


def lines_of(text: str) -> list[str]:
    """The lines of a block; any other text as one line that prints, and that can be read."""
    return text.split("\n") if isinstance(text, Block) else [_readable(printable(text))]


def _readable(line: str) -> str:
    """The line; of one that nobody reads, with a file in a name's place perhaps, both ends."""
    left = len(line) - _LONGEST_LINE
    if left <= 0:
        return line
    start, end = line[: _LONGEST_LINE - _SHOWN_END], line[-_SHOWN_END:]
    return f"{start} … {left:,} more characters … {end}"


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code <= ord("\xff") else f"\\u{code:04x}"
