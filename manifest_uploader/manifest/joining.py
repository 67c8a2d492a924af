"""Finds the row of a table that belongs to a case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from manifest_uploader.errors import UsageError
from manifest_uploader.manifest.found_case import FoundCase, own_name
from manifest_uploader.manifest.nodes import Node
from manifest_uploader.manifest.problems import Problem, Problems
from manifest_uploader.manifest.short_form import ShortForm
from manifest_uploader.manifest.tables import Key, Row, Table, cell_text, index_rows
from manifest_uploader.text import composed, quoted, some_of


class Rows:
    """The rows of a table, and which of them belong to no case."""

    def __init__(self, table: Table, short: ShortForm, problems: Problems) -> None:
        """Index the rows.

        Raises:
            UsageError: the table has no such column.

        """
        assert short.table is not None, "a table has a place"
        self.table = table
        self.at: Node = short.keys_at or short.table.at
        self._problems = problems
        first = next(column for column in table.columns if column)
        self.keys = short.keys or (first,)
        self._index = index_rows(table, self.keys)
        self._used: dict[Key, str] = {}
        """By the key of a row, the path of the case that it belongs to."""
        self._alone: list[str] = []
        """Cases without a row."""

    def row_of(self, found: FoundCase, name: str) -> Row | None:
        """Return the case's row, and report rows that contradict each other."""
        if all(key in found.names for key in self.keys):
            keys = [tuple(composed(found.names[key]) for key in self.keys)]
            return self._take(keys, found, name, shared=True)
        names = (name, found.path, found.path.rpartition("/")[2], own_name(found))
        keys = [(composed(one),) for one in dict.fromkeys(names)]
        return self._take(keys if len(self.keys) == 1 else [], found, name, shared=False)

    def _take(
        self, keys: Sequence[Key], found: FoundCase, name: str, *, shared: bool
    ) -> Row | None:
        for key in keys:
            if key in self._index.conflicting:
                lines = " and ".join(map(str, self._index.conflicting[key][:2]))
                what = f"lines {lines} of {self.table.name} are both for this case and differ"
                self._problems.add(what, self.at, "keep one of them")
            elif (row := self._index.rows.get(key)) is None:
                continue
            elif not shared and key in self._used:
                what = f"line {row.line} of {self.table.name} is for {quoted(self._used[key])} too"
                hint = "write more of the folder's path into the table's key"
                self._problems.add(what, self.at, hint)
            else:
                self._used[key] = found.path
                return row
            self._used.setdefault(key, found.path)
            return None
        self._alone.append(name)
        return None

    def fits_nothing(self, found: Sequence[FoundCase], names: Sequence[str]) -> Problem | None:
        """Return the problem that no row belongs to any case."""
        if self._used or not found:
            return None
        place = self._problems.place(self.at)
        if not self.table.rows:
            return Problem(f"{self.table.name} has no row that can be used", place)
        columns = " and ".join(map(quoted, self.keys))
        cells = [
            quoted(", ".join(cell_text(row.cells[key]) for key in self.keys))
            for row in self.table.rows[:3]
        ]
        return Problem(
            f"no row of {self.table.name} matches a case: {columns} has {', '.join(cells)}, "
            f"the cases are {', '.join(map(quoted, names[:3]))}",
            place,
            "if the column has only a part of the name, give that part of 'each' the column's "
            f"name, as in patient-{{{self.keys[0]}}}",
        )

    def remarks(self) -> Iterator[Problem]:
        """Yield what does not fit together and is not wrong for certain.

        If no row fits any case, `fits_nothing` says so instead of naming all of both.
        """
        fits = bool(self._used) or not self._alone
        place, table = self._problems.place(self.at), self.table.name
        left = [
            f"{', '.join(key)} (line {row.line})"
            for key, row in self._index.rows.items()
            if key not in self._used
        ]
        left += [
            f"{', '.join(key)} (lines {', '.join(map(str, lines))})"
            for key, lines in self._index.conflicting.items()
            if key not in self._used
        ]
        lines = [f"line {line}" for line in self._index.without_key]
        for names, what in (
            (left if fits else [], f"rows of {table} without a case"),
            (lines, f"rows of {table} without {' and '.join(map(quoted, self.keys))}"),
            (self._alone if fits else [], f"cases without a row in {table}"),
        ):
            if names:
                yield Problem(f"{what}: {some_of(names)}", place)
        for notice in self.table.notices:
            yield Problem(notice, place)


def open_rows(table: Table | None, short: ShortForm, problems: Problems) -> Rows | None:
    """Return the rows of a table; None if there is no table, or its key is no column of it."""
    if table is None or short.table is None:
        return None
    try:
        return Rows(table, short, problems)
    except UsageError as error:
        problems.add(error.message, short.keys_at or short.table.at, error.hint)
        return None
