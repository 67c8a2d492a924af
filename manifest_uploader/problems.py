"""How problems are gathered, and how they are put to a person."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Final, Protocol

from manifest_uploader.model import Place, Problem

MOST: Final = 1000
"""Nobody mends more in one sitting; a file of another kind would bring millions."""

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


class Located(Protocol):
    """Something that stands at a place in a file."""

    @property
    def line(self) -> int:
        """From 1."""

    @property
    def column(self) -> int:
        """From 1, in characters."""


class TooManyProblems(Exception):
    """There are as many problems as anybody wants to read."""


class Problems:
    """The problems of one file, each once; `in_order` is the order of the file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._found: dict[Problem, None] = {}
        self._settled: set[tuple[int, int]] = set()
        self._line = 0
        """The last line; places on one line share it, which is a tenth of what a case takes."""

    def __len__(self) -> int:
        return len(self._found)

    def place(self, at: Located) -> Place:
        """Where `at` stands."""
        if at.line != self._line:
            self._line = at.line
        return Place(self.path, self._line, at.column)

    def add(
        self, message: str, at: Located, hint: str | None = None, *, last_word: bool = False
    ) -> None:
        """Note a problem; TooManyProblems is raised with the first that is too many.

        After a `last_word` nothing more is said about that place: it would be a consequence.
        """
        if len(self._found) >= MOST:
            raise TooManyProblems
        if (at.line, at.column) in self._settled:
            return
        if last_word:
            self._settled.add((at.line, at.column))
        self._found[Problem(message, self.place(at), hint)] = None

    def in_order(self) -> list[Problem]:
        """All of them, as they follow each other in the file."""
        return sorted(self._found, key=_position)


def _position(problem: Problem) -> tuple[int, int]:
    place = problem.place
    return (place.line, place.column) if place else (0, 0)


def format_problem(problem: Problem) -> Block:
    """`lung.yaml:8:5: unknown key 'titel'`, and the hint on a line of its own."""
    place = problem.place
    where = f"{place.file}:{place.line}:{place.column}: " if place else ""
    return with_hint(f"{where}{problem.message}", problem.hint)


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
