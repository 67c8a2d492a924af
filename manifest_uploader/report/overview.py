"""Sums the rows up: how many cases stand where, and which of them failed and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final, TypeAlias

from msgspec import Struct

from manifest_uploader.report.rows import Row
from manifest_uploader.report.words import ORDER, TROUBLE
from manifest_uploader.state.standing import Standing

MOST_LISTED: Final = 20
"""Cases that are listed for one reason."""
_MOST_REASONS: Final = 30
_MOST_FILES: Final = 3
"""Files of a value that are named."""
_WITHOUT_REASON: Final = {
    Standing.DELETED: "It was deleted on the platform.",
    Standing.UNCONFIRMED: "It is not known whether the platform received it. The next run checks.",
    Standing.FAILED: "No reason is recorded.",
}


_Key: TypeAlias = tuple[Standing, str, str, str | None]
"""State, socket, reason and remedy of a trouble."""


class CaseRows(Struct, frozen=True):
    """A case with the rows of its values."""

    number: int
    """Its place on the page, from 0."""
    rows: tuple[Row, ...]
    """At least one; the row of a case without values has no socket."""

    @property
    def first(self) -> Row:
        """The row that says what concerns the whole case."""
        return self.rows[0]


class Trouble(Struct, frozen=True):
    """A reason, and the cases that need attention because of it."""

    state: Standing
    socket: str
    """Empty if it concerns whole cases."""
    reason: str
    remedy: str | None
    cases: tuple[tuple[CaseRows, str], ...]
    """With the names of the files, unless the reason has them."""


def cases_of(rows: Sequence[Row]) -> tuple[CaseRows, ...]:
    """The cases of the rows, in their order."""
    grouped = groupby(rows, key=lambda row: row.case)
    return tuple(CaseRows(number, tuple(found)) for number, (_, found) in enumerate(grouped))


def count_states(cases: Sequence[CaseRows]) -> Mapping[Standing, int]:
    """How many cases are in each state, in the order of `words.ORDER`."""
    counts = Counter(case.first.state for case in cases)
    return {word: counts[word] for word in ORDER if counts[word]}


def troubles(cases: Sequence[CaseRows]) -> tuple[tuple[Trouble, ...], int]:
    """The reasons for failures, those of most cases first, and how many more there are."""
    found: dict[_Key, list[tuple[CaseRows, str]]] = {}
    for case in cases:
        if case.first.state in TROUBLE:
            for key, files in _reasons(case):
                found.setdefault(key, []).append((case, files))
    every = [Trouble(*key, tuple(those)) for key, those in found.items()]
    every.sort(key=lambda one: (ORDER.index(one.state), -len(one.cases)))
    return tuple(every[:_MOST_REASONS]), len(every[_MOST_REASONS:])


def _reasons(case: CaseRows) -> list[tuple[_Key, str]]:
    state = case.first.state
    own = [row for row in case.rows if row.standing is Standing.FAILED and row.words]
    if own and state is Standing.FAILED:
        return [((state, row.socket, row.words or "", row.remedy), _files(row)) for row in own]
    words = next((row.words for row in case.rows if row.words), None)
    return [((state, "", words or _WITHOUT_REASON[state], None), "")]


def _files(row: Row) -> str:
    """The row's files, of many the first and the last, unless its words already name them."""
    names = [file.name for file in row.files]
    shown = "; ".join(names)
    if len(names) > _MOST_FILES:
        shown = f"{names[0]} … {names[-1]} ({len(names):,} files)"
    return "" if shown in (row.words or "") else shown
