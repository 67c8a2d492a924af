"""A table of text, numbers and booleans, and its rows by key."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from manifest_uploader.errors import UsageError
from manifest_uploader.manifest.yaml_reader import LONGEST_NUMBER
from manifest_uploader.text import composed, did_you_mean, quoted

Cell: TypeAlias = str | int | float | bool
"""An empty text stands for an empty cell."""

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""As JSON writes numbers: `007` and `+5` are text."""
COMMA: Final = re.compile(r"-?(?:0|[1-9][0-9]*),[0-9]+")
"""A number with a decimal comma."""
_BOOLEANS: Final = {"true": True, "false": False}


class Row(Struct, frozen=True):
    """One row of a table."""

    line: int
    """In the file, from 1."""
    cells: Mapping[str, Cell]
    """By column, as the file has them; `parse_cell` turns them into values."""


class Table(Struct, frozen=True):
    """A table with a header."""

    name: str
    """The file's name."""
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    decimal_comma: bool = False
    notices: tuple[str, ...] = ()
    """Sentences about what the user should know."""
    notices_of: Mapping[str, tuple[str, ...]] = {}
    """By column, those of them that are about this column alone."""

    def check_column(self, column: str) -> None:
        """Raise UsageError unless there is exactly one column of this name."""
        count = self.columns.count(column)
        if count == 1:
            return
        named = [one for one in self.columns if one]
        what = f"{self.name} has {count or 'no'} column{'s' * (count > 1)}"
        hint = did_you_mean(column, named) or f"its columns are {', '.join(map(quoted, named))}"
        raise UsageError(f"{what} {quoted(column)}", hint=hint if not count else "rename one")


def cell_text(cell: Cell) -> str:
    """A cell as a person writes it, for example in the name of a folder."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell)


def parse_cell(cell: Cell, *, decimal_comma: bool = False) -> Cell:
    """The cell as a value: a number in JSON's notation, true or false in any case, or text."""
    if not isinstance(cell, str):
        return cell
    text = cell.replace(",", ".") if decimal_comma and COMMA.fullmatch(cell) else cell
    if text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    found = _NUMBER.fullmatch(text)
    if not found or len(text) > LONGEST_NUMBER:
        return text
    if found[1] is None and found[2] is None:
        return int(text)
    value = float(text)
    return value if math.isfinite(value) else text


# ── rows by key ─────────────────────────────────────────────────────────────────────────────


Key: TypeAlias = tuple[str, ...]


class RowsByKey(Struct, frozen=True):
    """The rows of a table by key."""

    rows: Mapping[Key, Row]
    conflicting: Mapping[Key, tuple[int, ...]]
    """By key, the lines of rows that contradict each other; none of them is used."""
    without_key: tuple[int, ...]
    """The lines of rows whose key is incomplete."""


def index_rows(table: Table, columns: tuple[str, ...]) -> RowsByKey:
    """Index the rows by the texts in the columns; raises UsageError if a column is missing."""
    for column in columns:
        table.check_column(column)
    groups: dict[Key, list[Row]] = {}
    without_key: list[int] = []
    for row in table.rows:
        key = tuple(composed(cell_text(row.cells[column])) for column in columns)
        if all(key):
            groups.setdefault(key, []).append(row)
        else:
            without_key.append(row.line)
    conflicting = {
        key: tuple(row.line for row in rows) for key, rows in groups.items() if _differ(rows)
    }
    rows = {key: rows[0] for key, rows in groups.items() if key not in conflicting}
    return RowsByKey(rows, conflicting, tuple(without_key))


def _differ(rows: Iterable[Row]) -> bool:
    first, *others = rows
    return any(other.cells != first.cells for other in others)
