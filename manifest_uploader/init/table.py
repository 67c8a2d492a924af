"""A table of text, numbers and booleans, out of a .csv, .tsv or .xlsx file."""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from typing import Any, Final, TypeAlias

from manifest_uploader.errors import UsageError
from manifest_uploader.manifest.yaml_reader import LONGEST_NUMBER
from manifest_uploader.text import did_you_mean, quoted

Cell: TypeAlias = str | int | float | bool
"""Empty text: nothing stands there."""

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""JSON's: `007` and `+5` are text."""
_COMMA: Final = re.compile(r"-?(?:0|[1-9][0-9]*),[0-9]+")
_BOOLEANS: Final = {"true": True, "false": False}
_ZEROS: Final = re.compile("0{2,}")
"""The format of a workbook's cell that shows 7 as 007."""
_DELIMITERS: Final = (",", ";", "\t")
_LOOKED_AT: Final = 100
"""Rows that tell the delimiter."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `line` is where it stands in the file, from 1."""

    line: int
    cells: Mapping[str, Cell]
    """By column, as the file has them: `typed` makes values of them."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a header."""

    name: str
    """The file's, for people."""
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    decimal_comma: bool = False
    told: tuple[str, ...] = ()
    """What a person should know of it."""

    def check_column(self, column: str) -> None:
        """Raise UsageError unless there is exactly one column of this name."""
        count = self.columns.count(column)
        if count == 1:
            return
        named = [one for one in self.columns if one]
        what = f"{self.name} has {count or 'no'} column{'s' * (count > 1)}"
        hint = did_you_mean(column, named) or f"its columns are {', '.join(map(quoted, named))}"
        raise UsageError(f"{what} {quoted(column)}", hint=hint if not count else "rename one")


def composed(text: str) -> str:
    """The text as one of the two ways to write an accent: macOS names folders in the other."""
    return unicodedata.normalize("NFC", text)


def text_of(cell: Cell) -> str:
    """A cell as a person reads it, and as folders are named for it."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell)


# ── reading ─────────────────────────────────────────────────────────────────────────────────


def read(path: Path, *, sheet: str | None = None, decimal_comma: bool = False) -> Table:
    """The table in a file.

    Raises:
        UsageError: it cannot be read, or is none.

    """
    ending = path.suffix.lower()
    if ending == ".xlsx":
        return _tabled(path.name, _sheet_rows(path, sheet), decimal_comma=decimal_comma)
    if sheet is not None:
        raise UsageError("--sheet is for .xlsx files", hint=f"leave it out for {path.name}")
    if ending not in (".csv", ".tsv", ".txt"):
        hint = "save it as CSV (UTF-8)" if ending in (".xls", ".ods") else "give a .csv file"
        raise UsageError(f"{quoted(path.name)} is no table that can be read", hint=hint)
    text = _text(path)
    return _tabled(path.name, _text_rows(path.name, text), decimal_comma=decimal_comma)


def _text(path: Path) -> str:
    data = _bytes(path)
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        hint = "save it as 'CSV UTF-8': in another encoding, names with accents would be guessed"
        raise UsageError(f"{quoted(path.name)} is not UTF-8", hint=hint) from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"table {quoted(str(path))} cannot be read: {error.strerror}") from None


_Rows: TypeAlias = Iterator[tuple[int, Sequence[Any]]]


def _text_rows(name: str, text: str) -> _Rows:
    delimiter, text, before = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = before
    try:
        for cells in reader:
            yield line + 1, cells
            line = before + reader.line_num
    except csv.Error as error:
        where = f"{name}:{before + reader.line_num}"
        raise UsageError(f"{where}: this is no row of a table: {error}") from None


def _delimiter(text: str) -> tuple[str, str, int]:
    """The delimiter, the text without a line that only names it, and how many lines that were.

    It is the sign by which the first rows fall into most columns, of the same number each.
    """
    named = re.match(r'"?sep=(.)"?\r?\n', text)
    if named:
        return named[1], text[named.end() :], 1
    start = "".join(text.splitlines(keepends=True)[:_LOOKED_AT])
    return max(_DELIMITERS, key=lambda sign: _evenness(start, sign)), text, 0


def _evenness(start: str, delimiter: str) -> tuple[bool, int, int]:
    try:
        rows = [
            row for row in csv.reader(io.StringIO(start, newline=""), delimiter=delimiter) if row
        ]
    except csv.Error:
        return False, 0, 0
    width = len(rows[0]) if rows else 0
    even = sum(len(row) == width for row in rows)
    return width > 1, even, width


def _sheet_rows(path: Path, sheet: str | None) -> _Rows:
    try:
        from openpyxl import load_workbook  # noqa: PLC0415 - an extra
    except ImportError:
        hint = "pip install 'manifest-uploader[xlsx]', or save the table as CSV (UTF-8)"
        raise UsageError("to read .xlsx files, the extra 'xlsx' is needed", hint=hint) from None
    _bytes(path)
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception:  # noqa: BLE001  openpyxl raises whatever a broken file leads it to
        raise UsageError(f"{quoted(path.name)} is no .xlsx file that can be read") from None
    try:
        if sheet is not None and sheet not in book.sheetnames:
            hint = f"it has {', '.join(map(quoted, book.sheetnames))}"
            raise UsageError(f"{path.name} has no sheet {quoted(sheet)}", hint=hint)
        found = book[sheet or book.sheetnames[0]]
        for line, cells in enumerate(found.iter_rows(), 1):
            yield line, [_as_shown(cell) for cell in cells]
    finally:
        book.close()


def _as_shown(cell: Any) -> Any:
    """What a cell of a workbook holds; a number that is shown as `007` is that text."""
    value, style = cell.value, _ZEROS.fullmatch(cell.number_format or "")
    is_whole = type(value) is int or (type(value) is float and value.is_integer())
    return f"{int(value):0{len(style[0])}}" if style and is_whole else value


# ── cells ───────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Notes:
    """What is odd about rows and cells."""

    long: list[int] = field(default_factory=list)
    short: list[int] = field(default_factory=list)
    nameless: dict[int, None] = field(default_factory=dict)
    """Columns without a name that hold something, from 1."""
    commas: dict[str, list[int]] = field(default_factory=dict)

    def told(self, name: str) -> Iterator[str]:
        """Sentences for people."""
        if self.long:
            yield (
                f"{name}: rows with more cells than the header, which are not used (a comma inside "
                f"a number, or quotes that are missing?): line {_listed(self.long)}"
            )
        if self.short:
            yield (
                f"{name}: rows with fewer cells than the header; the rest is taken as empty: "
                f"line {_listed(self.short)}"
            )
        if self.nameless:
            yield (
                f"{name}: columns without a name in the header, which nothing can ask for: "
                f"column {_listed(list(self.nameless))}"
            )
        for column, lines in self.commas.items():
            yield (
                f"{name}: column {quoted(column)} has numbers with a decimal comma, taken as "
                f"text (--decimal-comma reads them as numbers): line {_listed(lines)}"
            )


def _listed(numbers: list[int]) -> str:
    more = f" and {len(numbers) - 20} more" if len(numbers) > 20 else ""  # noqa: PLR2004
    return ", ".join(map(str, numbers[:20])) + more


def _tabled(name: str, rows: _Rows, *, decimal_comma: bool) -> Table:
    header = _header(name, rows)
    notes = _Notes()
    found = tuple(_rows(rows, header, notes))
    if not decimal_comma:
        _note_commas(found, notes)
    return Table(name, header, found, decimal_comma, tuple(notes.told(name)))


def _header(name: str, rows: _Rows) -> tuple[str, ...]:
    """The names of the columns; those that only a delimiter tells of are empty."""
    for _, cells in rows:
        columns = tuple(text_of(_raw(cell)) for cell in cells)
        if any(columns):
            return columns
    raise UsageError(f"{name} is empty", hint="its first row holds the names of the columns")


def _rows(rows: _Rows, header: tuple[str, ...], notes: _Notes) -> Iterator[Row]:
    least = max(place for place, column in enumerate(header, 1) if column)
    for line, raw in rows:
        cells = [_raw(cell) for cell in raw]
        if all(cell == "" for cell in cells):
            continue
        if any(cell != "" for cell in cells[len(header) :]):
            notes.long.append(line)
            continue
        if len(cells) < least:
            notes.short.append(line)
        cells += [""] * (len(header) - len(cells))
        _note_nameless(cells, header, notes)
        yield Row(
            line, {column: cell for column, cell in zip(header, cells, strict=False) if column}
        )


def _note_nameless(cells: Iterable[Cell], header: tuple[str, ...], notes: _Notes) -> None:
    for place, (cell, column) in enumerate(zip(cells, header, strict=False), 1):
        if cell != "" and not column:
            notes.nameless[place] = None


def _raw(cell: Any) -> Cell:
    """What stands in a cell, as the file has it."""
    if isinstance(cell, bool | int):
        return cell
    if isinstance(cell, float):
        return _whole(cell) if math.isfinite(cell) else ""
    if isinstance(cell, datetime) and cell == datetime.combine(cell, time.min):
        return cell.date().isoformat()  # spreadsheets keep a day as its first second
    return "" if cell is None else str(cell).strip()


def _whole(value: float) -> int | float:
    """Spreadsheets keep 3 as 3.0."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _note_commas(rows: Iterable[Row], notes: _Notes) -> None:
    for row in rows:
        for column, cell in row.cells.items():
            if isinstance(cell, str) and _COMMA.fullmatch(cell):
                notes.commas.setdefault(column, []).append(row.line)


def typed(cell: Cell, *, decimal_comma: bool = False) -> Cell:
    """The cell as a value: numbers as JSON writes them, true and false in any case, or text."""
    if not isinstance(cell, str):
        return cell
    text = cell.replace(",", ".") if decimal_comma and _COMMA.fullmatch(cell) else cell
    if text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    found = _NUMBER.fullmatch(text)
    if not found or len(text) > LONGEST_NUMBER:
        return text
    if found[1] is None and found[2] is None:
        return int(text)
    value = float(text)
    return value if math.isfinite(value) else text


# ── rows by their key ───────────────────────────────────────────────────────────────────────


Key: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keyed:
    """The rows by their key."""

    rows: Mapping[Key, Row]
    twice: Mapping[Key, tuple[int, ...]]
    """The lines of rows that have the same key and do not say the same: none of them is used."""
    without: tuple[int, ...]
    """The lines of rows that have no key."""


def by_key(table: Table, columns: tuple[str, ...]) -> Keyed:
    """The rows by the texts in these columns; raises UsageError if there is no such column."""
    for column in columns:
        table.check_column(column)
    groups: dict[Key, list[Row]] = {}
    without: list[int] = []
    for row in table.rows:
        key = tuple(composed(text_of(row.cells[column])) for column in columns)
        if all(key):
            groups.setdefault(key, []).append(row)
        else:
            without.append(row.line)
    twice = {key: tuple(row.line for row in rows) for key, rows in groups.items() if _differ(rows)}
    rows = {key: rows[0] for key, rows in groups.items() if key not in twice}
    return Keyed(rows, twice, tuple(without))


def _differ(rows: Iterable[Row]) -> bool:
    first, *others = rows
    return any(other.cells != first.cells for other in others)
