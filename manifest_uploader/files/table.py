"""Reads a table of text, numbers and booleans from a .csv, .tsv or .xlsx file."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from typing import Any, Final, TypeAlias

from msgspec import Struct

from manifest_uploader.errors import UsageError
from manifest_uploader.manifest.tables import COMMA, Cell, Row, Table, cell_text
from manifest_uploader.system import disk
from manifest_uploader.system.extras import install_command
from manifest_uploader.text import composed, quoted

_ZEROS: Final = re.compile("0{2,}")
"""The number format of a workbook's cell that shows 7 as 007."""
_DELIMITERS: Final = (",", ";", "\t")
_SAMPLE_ROWS: Final = 100
"""Rows from which the delimiter is guessed."""


# ── reading ─────────────────────────────────────────────────────────────────────────────────


class Dialect(Struct, frozen=True):
    """How a table is written, where that cannot be seen, and how messages name it."""

    sheet: str | None = None
    decimal_comma: bool = False
    separator: str | None = None
    """None: the one that fits."""
    encoding: str | None = None
    """None: UTF-8, or UTF-16 with its byte order mark."""
    sheet_key: str = "--sheet"
    decimal_key: str = "--decimal-comma"


_USUAL: Final = Dialect()


def read(path: Path, dialect: Dialect = _USUAL) -> Table:
    """Read the table in a file.

    Raises:
        UsageError: the file cannot be read or is not a table.

    """
    ending = path.suffix.lower()
    if ending == ".xlsx":
        return _make_table(path.name, _sheet_rows(path, dialect.sheet), dialect)
    if dialect.sheet is not None:
        what = f"{dialect.sheet_key} is for .xlsx files"
        raise UsageError(what, hint=f"leave it out for {path.name}")
    if ending not in (".csv", ".tsv", ".txt"):
        hint = "save it as CSV (UTF-8)" if ending in (".xls", ".ods") else "give a .csv file"
        raise UsageError(f"{quoted(path.name)} is no table that can be read", hint=hint)
    text = _text(path, dialect.encoding)
    return _make_table(path.name, _text_rows(path.name, text, dialect.separator), dialect)


def _text(path: Path, named: str | None) -> str:
    data = _bytes(path)
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(named or encoding)
    except LookupError:
        hint = "as in utf-8, cp1252 or latin-1"
        raise UsageError(f"there is no encoding {quoted(named or '')}", hint=hint) from None
    except UnicodeError:
        if named is not None:
            raise UsageError(
                f"{quoted(path.name)} is not {named}", hint="save it as UTF-8"
            ) from None
        hint = "save it as 'CSV UTF-8': in another encoding, names with accents would be guessed"
        raise UsageError(f"{quoted(path.name)} is not UTF-8", hint=hint) from None


def _bytes(path: Path) -> bytes:
    try:
        return disk.read_bytes(path)
    except OSError as error:
        message = f"table {quoted(str(path))} cannot be read: {disk.reason(error)}"
        raise UsageError(message) from None


_Rows: TypeAlias = Iterator[tuple[int, Sequence[Any]]]


def _text_rows(name: str, text: str, separator: str | None) -> _Rows:
    delimiter, text, before = _delimiter(text)
    delimiter = separator or delimiter
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
    """The delimiter, the text without a `sep=` line, and how many lines were removed.

    Without such a line, it is the delimiter that splits the first rows most evenly, and then
    into the most columns.
    """
    named = re.match(r'"?sep=(.)"?\r?\n', text)
    if named:
        return named[1], text[named.end() :], 1
    start = "".join(text.splitlines(keepends=True)[:_SAMPLE_ROWS])
    return max(_DELIMITERS, key=lambda delimiter: _evenness(start, delimiter)), text, 0


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
        hint = f"{install_command('xlsx')}, or save the table as CSV (UTF-8)"
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
            yield line, [_shown_value(cell) for cell in cells]
    finally:
        book.close()


def _shown_value(cell: Any) -> Any:
    """The value of a workbook's cell; a number that is shown as `007` becomes that text."""
    value, style = cell.value, _ZEROS.fullmatch(cell.number_format or "")
    is_whole = type(value) is int or (type(value) is float and value.is_integer())
    return f"{int(value):0{len(style[0])}}" if style and is_whole else value


# ── cells ───────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Oddities:
    """The rows and cells about which the user should know, by line."""

    too_long: list[int] = field(default_factory=list)
    too_short: list[int] = field(default_factory=list)
    unnamed: dict[int, None] = field(default_factory=dict)
    """Columns that have cells but no name, by number from 1; used as an ordered set."""
    commas: dict[str, list[int]] = field(default_factory=dict)
    """Lines with a decimal comma, by column."""

    def notices(self, name: str, decimal_key: str) -> Iterator[str]:
        """Sentences about a table of this name."""
        if self.too_long:
            yield (
                f"{name}: rows with more cells than the header, which are not used (a comma inside "
                f"a number, or quotes that are missing?): line {_number_list(self.too_long)}"
            )
        if self.too_short:
            yield (
                f"{name}: rows with fewer cells than the header; the rest is taken as empty: "
                f"line {_number_list(self.too_short)}"
            )
        if self.unnamed:
            yield (
                f"{name}: columns without a name in the header, which nothing can ask for: "
                f"column {_number_list(list(self.unnamed))}"
            )
        for column, lines in self.commas.items():
            yield (
                f"{name}: column {quoted(column)} has numbers with a decimal comma, taken as "
                f"text ({decimal_key} reads them as numbers): line {_number_list(lines)}"
            )


def _number_list(numbers: list[int]) -> str:
    more = f" and {len(numbers) - 20} more" if len(numbers) > 20 else ""  # noqa: PLR2004
    return ", ".join(map(str, numbers[:20])) + more


def _make_table(name: str, rows: _Rows, dialect: Dialect) -> Table:
    header = _header(name, rows)
    oddities = _Oddities()
    found = tuple(_rows(rows, header, oddities))
    if not dialect.decimal_comma:
        _note_commas(found, oddities)
    notices = tuple(oddities.notices(name, dialect.decimal_key))
    return Table(name, header, found, dialect.decimal_comma, notices)


def _header(name: str, rows: _Rows) -> tuple[str, ...]:
    """The names of the columns, empty for unnamed ones; the first row that is not empty."""
    for _, cells in rows:
        columns = tuple(composed(cell_text(_read_cell(cell))) for cell in cells)
        if any(columns):
            return columns
    raise UsageError(f"{name} is empty", hint="its first row holds the names of the columns")


def _rows(rows: _Rows, header: tuple[str, ...], oddities: _Oddities) -> Iterator[Row]:
    least = max(place for place, column in enumerate(header, 1) if column)
    for line, raw in rows:
        cells = [_read_cell(cell) for cell in raw]
        if all(cell == "" for cell in cells):
            continue
        if any(cell != "" for cell in cells[len(header) :]):
            oddities.too_long.append(line)
            continue
        if len(cells) < least:
            oddities.too_short.append(line)
        cells += [""] * (len(header) - len(cells))
        _note_unnamed(cells, header, oddities)
        yield Row(
            line, {column: cell for column, cell in zip(header, cells, strict=False) if column}
        )


def _note_unnamed(cells: Iterable[Cell], header: tuple[str, ...], oddities: _Oddities) -> None:
    for place, (cell, column) in enumerate(zip(cells, header, strict=False), 1):
        if cell != "" and not column:
            oddities.unnamed[place] = None


def _read_cell(cell: Any) -> Cell:
    """The contents of a cell as the file has them, before `parse_cell`."""
    if isinstance(cell, bool | int):
        return cell
    if isinstance(cell, float):
        return _without_fraction(cell) if math.isfinite(cell) else ""
    if isinstance(cell, datetime) and cell == datetime.combine(cell, time.min):
        return cell.date().isoformat()  # spreadsheets store a date as midnight
    return "" if cell is None else str(cell).strip()


def _without_fraction(value: float) -> int | float:
    """The number as an integer if it is whole: spreadsheets store 3 as 3.0."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _note_commas(rows: Iterable[Row], oddities: _Oddities) -> None:
    for row in rows:
        for column, cell in row.cells.items():
            if isinstance(cell, str) and COMMA.fullmatch(cell):
                oddities.commas.setdefault(column, []).append(row.line)
