"""Text for people: quoted values, lines that print safely, and spelling suggestions."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from enum import Enum, auto
from itertools import islice, zip_longest
from typing import Final, NamedTuple, TypeAlias

CUT: Final = 60
"""Longest quoted value, in characters."""


_NEVER: Final = (
    "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff"
)


UNPRINTABLE: Final = re.compile(f"[{_NEVER}]")
"""Characters that no name or title contains: C0, C1, line and paragraph separators, byte order
marks, surrogates, and overrides of the writing direction."""


_ESCAPED: Final = re.compile(f"[{_NEVER}\u061c\u200e\u200f]")
"""The same and the direction marks, which names in some languages need. None of them may reach a
terminal, where they could start a line or disguise a name."""


_LOOKALIKES: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0406"
    "\u03bf\u0391\u0392\u0395\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a7\u0396"
    "\u2010\u2011\u2012\u2013\u2212\u2018\u2019",
    "aeopcyxijsABEKMHOPCTXIoABEHIKMNOPTXZ-----''",
)
"""Letters of Cyrillic and Greek, dashes and quotes that look like others."""


_LONGEST_LINE: Final = 8_000
"""In characters; no path is longer than 4,096."""


_SHOWN_END: Final = 1_000
_SOME: Final = 3
"""Names that one line lists."""


def with_hint(message: str, hint: str | None) -> Block:
    """The message, and the hint on a line of its own."""
    if not hint:
        return block(message)
    first, *more = lines_of(hint)
    return block(message, line("  ", ("hint:", Tone.ADVICE), f" {first}"), *more)


def some_of(names: Collection[str], most: int = _SOME) -> str:
    """`patient-1, patient-2, patient-3 and 36 more`."""
    more = len(names) - most
    return ", ".join(islice(names, most)) + (f" and {more:,} more" if more > 0 else "")


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """`did you mean 'title'?` for the most similar candidate; None if none is similar."""
    meant = most_like(word, candidates)
    return None if meant is None else suggestion(word, meant)


def suggestion(word: str, meant: str) -> str:
    """`did you mean 'title'?`, and where the two differ if nobody can see it."""
    question = f"did you mean {quoted(meant)}?"
    if word == meant or _seen(word) != _seen(meant):
        return question
    pairs = enumerate(zip_longest(word, meant), 1)
    place, (is_there, _) = next(one for one in pairs if one[1][0] != one[1][1])
    what = "the end is missing" if is_there is None else f"character {place} is {_name(is_there)}"
    return f"{question} They look the same, but in what you wrote {what}"


def _seen(text: str) -> str:
    """What people see of a text: the same for texts that look the same."""
    shown = "".join(one for one in unicodedata.normalize("NFKC", text) if not _hides(one))
    return shown.translate(_LOOKALIKES)


def _hides(character: str) -> bool:
    return unicodedata.category(character) in {"Cf", "Cc", "Mn"} and not character.isspace()


def _name(character: str) -> str:
    return unicodedata.name(character, f"U+{ord(character):04X}")


def composed(name: str) -> str:
    """The name with accents composed: macOS decomposes them, and it is the same name."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def most_like(word: str, candidates: Iterable[str]) -> str | None:
    """The most similar candidate, ignoring case; None if none is similar."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    close = difflib.get_close_matches(word.lower()[:CUT], by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def quoted(text: str) -> str:
    """The text in single quotes, shortened if it is long, with control characters escaped."""
    return f"'{printable(beginning(text, CUT))}'"


def beginning(text: str, most: int) -> str:
    """The text, or as much of its start as fits, with `…`, into so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def printable(text: str) -> str:
    r"""The text on one line, with unprintable characters escaped as `\x1b`, `\x0a` and so on."""
    return _ESCAPED.sub(_escape, text)


class Tone(Enum):
    """What a piece of text means; a terminal may show it in a colour."""

    GOOD = auto()
    BAD = auto()
    WARNING = auto()
    QUIET = auto()
    """Less important than what is beside it."""
    STRONG = auto()
    """A heading."""
    ADVICE = auto()
    """What to do."""


class Toned(NamedTuple):
    """A tone of a block's characters from `start` up to `end`."""

    start: int
    end: int
    tone: Tone


class Block(str):  # noqa: SLOT000 - it holds its tones
    """Lines that may be printed as they are; only `block` and `line` make them.

    Any other text counts as one line, so that no name can start a line of its own.
    """

    tones: tuple[Toned, ...] = ()

    @classmethod
    def of(cls, text: str, tones: Iterable[Toned]) -> Block:
        """A block with tones."""
        made = cls(text)
        made.tones = tuple(tones)
        return made


Piece: TypeAlias = str | tuple[str, Tone]


def line(*pieces: Piece) -> Block:
    """One line of pieces of text, some of them with a tone; blocks keep their tones."""
    text, tones = "", []
    for piece in pieces:
        part, tone = piece if isinstance(piece, tuple) else (piece, None)
        shown = part if isinstance(part, Block) else _shortened(printable(part))
        if isinstance(part, Block):
            tones += _shifted(part.tones, len(text))
        if tone is not None and shown:
            tones.append(Toned(len(text), len(text) + len(shown), tone))
        text += shown
    return Block.of(text, tones)


def block(*parts: str) -> Block:
    """Each part on a line of its own; blocks keep their lines and tones."""
    texts: list[str] = []
    tones: list[Toned] = []
    at = 0
    for part in parts:
        texts.append(part if isinstance(part, Block) else _shortened(printable(part)))
        tones += _shifted(part.tones, at) if isinstance(part, Block) else ()
        at += len(texts[-1]) + 1
    return Block.of("\n".join(texts), tones)


def _shifted(tones: Iterable[Toned], by: int) -> list[Toned]:
    return [Toned(one.start + by, one.end + by, one.tone) for one in tones]


def rows_of(text: Block) -> list[Block]:
    """The lines of a block, each with its tones; a tone that spans several stays with the first."""
    found, at = [], 0
    for row in text.split("\n"):
        end = at + len(row)
        tones = [one for one in text.tones if at <= one.start < end or one.start == at == end]
        kept = [Toned(one.start - at, min(one.end, end) - at, one.tone) for one in tones]
        found.append(Block.of(row, kept))
        at = end + 1
    return found


def lines_of(text: str) -> list[str]:
    """The lines of a block; any other text as one printable line of limited length."""
    return text.split("\n") if isinstance(text, Block) else [_shortened(printable(text))]


def _shortened(line: str) -> str:
    """The line, or both ends of one that is too long to read."""
    left = len(line) - _LONGEST_LINE
    if left <= 0:
        return line
    start, end = line[: _LONGEST_LINE - _SHOWN_END], line[-_SHOWN_END:]
    return f"{start} … {left:,} more characters … {end}"


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code <= ord("\xff") else f"\\u{code:04x}"


def some_names(names: Sequence[str], most: int = _SOME) -> str:
    """`'IM1', 'IM2', 'IM3' and 4 more`."""
    return some_of([f"'{name}'" for name in names], most)
