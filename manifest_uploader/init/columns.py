"""Proposes a table, the column that names the cases, and what its other columns are for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from manifest_uploader.files.case_patterns import Part
from manifest_uploader.files.case_tree import Tree
from manifest_uploader.init.entries import case_keys, name_to_pair
from manifest_uploader.init.numbers import paired_by_number
from manifest_uploader.manifest.found_case import FoundCase
from manifest_uploader.manifest.tables import COMMA, Cell, Table, cell_text, parse_cell
from manifest_uploader.text import composed

TABLES: Final = (".csv", ".tsv", ".xlsx", ".xlsm")


@dataclass(frozen=True, slots=True)
class Column:
    """A column that may provide the title, the order or a socket's value."""

    name: str
    role: str
    """`title`, `order`, or `socket`."""
    kind: str
    """What the user sees: `numbers`, `true and false`, `text`, `of several kinds`."""
    cell_count: int
    values: tuple[Cell, ...] = ()
    """Those that are not empty; numbers with a decimal comma are numbers."""
    commas: int = 0
    """How many of them are written with a decimal comma."""
    is_unique: bool = False
    """No two rows have the same."""

    @property
    def is_text(self) -> bool:
        """Whether all its values are text."""
        return all(isinstance(value, str) for value in self.values)


def tables_in(tree: Tree, cases: Iterable[FoundCase] = ()) -> list[str]:
    """The names of the tables in the base folder itself that are not cases."""
    taken = {one.path for one in cases if one.is_file}
    return [name for name in tree.list_folder("").files if is_table(name) and name not in taken]


def is_table(name: str) -> bool:
    """Whether a file ends like a table, and is not what a spreadsheet keeps while it is open."""
    return name.lower().endswith(TABLES) and not name.startswith(("~$", "."))


def propose_key(table: Table, cases: Sequence[FoundCase], each: tuple[Part, ...]) -> str | None:
    """The column that names the cases; None if none matches a third of the cases or rows."""
    best: tuple[int, str | None] = (0, None)
    for column in key_columns(table):
        cells = _cells(table, column)
        matched = sum(
            any(key[0] in cells for key in case_keys(one, each, (column,))) for one in cases
        )
        if matched > best[0]:
            best = (matched, column)
    return best[1] if _is_enough(best[0], table, cases) else None


def names_by_number(
    table: Table, column: str, cases: Sequence[FoundCase], each: tuple[Part, ...]
) -> bool:
    """Whether a column has the numbers of at least a third of the cases, as 7 is that of 007."""
    matched = len(pairs_by_number(table, column, cases, each))
    return matched > 0 and _is_enough(matched, table, cases)


def pairs_by_number(
    table: Table, column: str, cases: Sequence[FoundCase], each: tuple[Part, ...]
) -> dict[str, str]:
    """The keys of the cases that only their number gives, by the cases' names."""
    cells = _cells(table, column)
    used: set[str] = set()
    left = []
    for case in cases:
        exact = [key[0] for key in case_keys(case, each, (column,)) if key[0] in cells]
        used.update(exact)
        if not exact:
            left.append(name_to_pair(case, each, column))
    return paired_by_number(sorted(cells - used), left)


def _cells(table: Table, column: str) -> set[str]:
    return {composed(cell_text(row.cells[column])) for row in table.rows} - {""}


def _is_enough(matched: int, table: Table, cases: Sequence[FoundCase]) -> bool:
    return matched * 3 >= min(len(cases), len(table.rows)) > 0


def key_columns(table: Table) -> list[str]:
    """The columns that can be a key: those with a unique name."""
    return [name for name in table.columns if name and table.columns.count(name) == 1]


def names_part(table: Table, column: str, cases: Sequence[FoundCase]) -> bool:
    """Whether a column has what `{case}` stands for in at least a third of the cases or rows."""
    cells = _cells(table, column)
    matched = sum(one.names.get("case") in cells for one in cases)
    return matched > 0 and _is_enough(matched, table, cases)


def propose_columns(table: Table, keys: Sequence[str]) -> list[Column]:
    """What the columns other than the key may be used for; empty columns are left out."""
    return [
        column
        for name in key_columns(table)
        if name not in keys
        if (column := _column(table, name)).cell_count
    ]


_TITLES: Final = frozenset({"title", "label", "titel"})
_ORDERS: Final = frozenset({"order", "rank", "position"})


def _column(table: Table, name: str) -> Column:
    written = [row.cells[name] for row in table.rows if row.cells[name] != ""]
    values = [parse_cell(cell, decimal_comma=True) for cell in written]
    commas = sum(isinstance(cell, str) and bool(COMMA.fullmatch(cell)) for cell in written)
    is_unique = len(set(map(cell_text, values))) == len(table.rows)
    kinds = {_type_words(value) for value in values}
    kind = kinds.pop() if len(kinds) == 1 else "of several kinds"
    role = "socket"
    if name.lower() in _TITLES and len(set(map(cell_text, values))) == len(values):
        role = "title"
    elif name.lower() in _ORDERS and all(type(value) is int and value > 0 for value in values):
        role = "order"
    return Column(name, role, kind, len(values), tuple(values), commas, is_unique)


def _type_words(value: object) -> str:
    if isinstance(value, bool):
        return "true and false"
    return "numbers" if isinstance(value, int | float) else "text"


def each_with_case_name(each: str) -> str | None:
    """`patient-{case}` for `patient-*`; None if the last part is only `*` or has not one `*`."""
    head, slash, last = each.rpartition("/")
    return (
        f"{head}{slash}{last.replace('*', '{case}')}" if last.count("*") == 1 != len(last) else None
    )
