"""How problems are gathered, and how they are put to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from manifest_uploader.errors import UploaderError
from manifest_uploader.text import Block, with_hint

if TYPE_CHECKING:
    from manifest_uploader.manifest.model import Manifest


class Place(Struct, frozen=True, order=True):
    """Where something stands in a file, as an editor counts."""

    file: str
    line: int
    """From 1."""
    column: int
    """From 1, in characters."""


class Problem(Struct, frozen=True):
    """One thing that a person has to mend before anything is sent."""

    message: str
    place: Place | None
    hint: str | None = None


class ManifestInvalid(UploaderError):
    """The manifest, its files or the platform do not fit; `problems` holds all of them."""

    exit_code = 2

    def __init__(self, problems: tuple[Problem, ...], *, rest: Manifest | None = None) -> None:
        super().__init__(f"{len(problems)} problem{'s' * (len(problems) != 1)}")
        self.problems = problems
        self.rest = rest
        """What of the manifest could be read all the same, to find the problems of its files."""


def in_file_order(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The problems as they stand in their file; those without a place first."""
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
"""Nobody mends more in one sitting; a file of another kind would bring millions."""


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
        problem = Problem(message, self.place(at), hint)
        if problem in self._found or (at.line, at.column) in self._settled:
            return
        if len(self._found) >= MOST:
            raise TooManyProblems
        if last_word:
            self._settled.add((at.line, at.column))
        self._found[problem] = None

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
