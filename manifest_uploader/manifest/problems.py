"""Collects the problems of a file, and formats them for people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from msgspec import Struct

from manifest_uploader.errors import UploaderError
from manifest_uploader.text import Block, Piece, Tone, block, line, some_of, with_hint

if TYPE_CHECKING:
    from manifest_uploader.manifest.model import Manifest


class Place(Struct, frozen=True, order=True):
    """Where something stands in a file, as an editor counts."""

    file: str
    line: int
    """From 1."""
    column: int
    """From 1, in characters."""
    case: str = ""
    """The case that is meant, where one place stands for many cases."""
    folder: str = ""
    """The same case's path below the root."""


class Problem(Struct, frozen=True):
    """One thing that the user has to fix before anything is sent."""

    message: str
    place: Place | None
    hint: str | None = None
    first_line: int | None = None
    """The line of what this repeats, in the same file; None if it repeats nothing."""

    @property
    def advice(self) -> str | None:
        """The hint, with the line of what this repeats."""
        if self.first_line is None:
            return self.hint
        first = f"the first is on line {self.first_line}"
        return f"{first}: {self.hint}" if self.hint else first


class ManifestInvalid(UploaderError):
    """The manifest, its files or the platform do not fit; `problems` holds all of them."""

    exit_code = 2

    def __init__(
        self,
        problems: tuple[Problem, ...],
        *,
        rest: Manifest | None = None,
        warnings: tuple[Problem, ...] = (),
    ) -> None:
        super().__init__(f"{len(problems)} problem{'s' * (len(problems) != 1)}")
        self.problems = problems
        self.warnings = warnings
        """What is odd besides, and not wrong for certain."""
        self.rest = rest
        """The part of the manifest that could be read, so that its files can be checked too."""

    def __str__(self) -> str:
        """All problems: what Python shows of an error."""
        found = [format_problem(one, cases) for one, cases in grouped(self.problems)]
        return block(self.message, *found)


def in_file_order(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Return the problems in the order of their file; those without a place first."""
    return tuple(
        sorted(
            dict.fromkeys(problems),
            key=lambda one: (
                one.place is not None,
                one.place and (one.place.line, one.place.column),
            ),
        )
    )


MOST: Final = 1000
"""More do not help anyone; a file that is no manifest would have millions."""


class Located(Protocol):
    """Something that stands at a place in a file."""

    @property
    def line(self) -> int:
        """From 1."""

    @property
    def column(self) -> int:
        """From 1, in characters."""


class TooManyProblems(Exception):
    """The file has more problems than are listed."""


class Problems:
    """The problems of one file, each listed once."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.case = self.folder = ""
        """The case that places are about, where one place stands for many."""
        self._found: dict[Problem, None] = {}
        self._settled: set[tuple[int, int]] = set()
        self._line = 0
        """The last line; places share its number, which saves a tenth of a case's memory."""

    def __len__(self) -> int:
        return len(self._found)

    def place(self, at: Located) -> Place:
        """Return the place of `at` in this file."""
        if at.line != self._line:
            self._line = at.line
        return Place(self.path, self._line, at.column, self.case, self.folder)

    def add(
        self,
        message: str,
        at: Located,
        hint: str | None = None,
        *,
        first_line: int | None = None,
        last_word: bool = False,
    ) -> None:
        """Add a problem; raise TooManyProblems instead if the list is full.

        After a `last_word`, further problems at that place are dropped: they would follow from it.
        """
        problem = Problem(message, self.place(at), hint, first_line)
        if problem in self._found or (at.line, at.column) in self._settled:
            return
        if len(self._found) >= MOST:
            raise TooManyProblems
        if last_word:
            self._settled.add((at.line, at.column))
        self._found[problem] = None

    def in_order(self) -> list[Problem]:
        """Return all problems in the order of the file."""
        return sorted(self._found, key=_position)


def _position(problem: Problem) -> tuple[int, int]:
    place = problem.place
    return (place.line, place.column) if place else (0, 0)


def format_problem(problem: Problem, cases: Sequence[str] = (), mark: str = "") -> Block:
    """Return `lung.yaml:8:5: unknown key 'titel'`, with the hint on a line of its own.

    Args:
        problem: what is wrong, or odd.
        cases: all that have this problem, where one place stands for many.
        mark: what stands before the message: `warning:`.

    """
    place = problem.place
    pieces: list[Piece] = [(mark, Tone.WARNING), " "] if mark else []
    pieces.append(problem.message)
    if place is not None:
        names = cases or ([place.case] if place.case else [])
        about = f" ({some_of(names)})" if names else ""
        where = f"{place.file}:{place.line}:{place.column}"
        pieces = [(where, Tone.STRONG), f"{about}: ", *pieces]
    return with_hint(line(*pieces), problem.advice)


_ALIKE: Final = 3
"""More problems of one place that differ only in what they quote are told as one."""
_QUOTED: Final = re.compile("'[^']*'")

Group: TypeAlias = tuple[Problem, list[str]]
"""A problem, and the cases that have it."""


def grouped(problems: Iterable[Problem]) -> list[Group]:
    """Return each problem with the cases that have it; equal ones but for the case are one."""
    equal = _groups((one, [one.place.case] if one.place else []) for one in problems)
    alike: dict[Problem, list[Group]] = {}
    for first, names in equal:
        alike.setdefault(_general(first, quotes=True) if names else first, []).append(
            (first, names)
        )
    return [
        group
        for groups in alike.values()
        for group in (groups if len(groups) <= _ALIKE else [_merged(groups)])
    ]


def _groups(found: Iterable[Group]) -> list[Group]:
    groups: dict[Problem, Group] = {}
    for one, names in found:
        known = groups.setdefault(_general(one), (one, []))[1]
        known += [name for name in names if name and name not in known[-1:]]
    return list(groups.values())


def _merged(groups: list[Group]) -> Group:
    return groups[0][0], list(dict.fromkeys(name for _, names in groups for name in names))


def _general(problem: Problem, *, quotes: bool = False) -> Problem:
    """Return the problem without what only its case has in it."""
    place = problem.place
    if place is None or not place.case:
        return problem
    texts = []
    for text in (problem.message, problem.hint or ""):
        plain = text
        for name in (place.folder, place.case):
            plain = plain.replace(name, "\x00") if name else plain
        texts.append(_QUOTED.sub("\x00", plain) if quotes else plain)
    at = Place(place.file, place.line, place.column)
    return Problem(texts[0], at, texts[1], problem.first_line)
