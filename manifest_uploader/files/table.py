"""Reads a table of text, numbers and booleans from a .csv, .tsv, .xlsx or .xlsm file."""

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
from manifest_uploader.files.workbook import ENDINGS, Unstored, open_sheet
from manifest_uploader.manifest.tables import COMMA, Cell, Row, Table, cell_text
from manifest_uploader.system import disk
from manifest_uploader.text import composed, quoted

_DELIMITERS: Final = (",", ";", "\t")
_SAMPLE_ROWS: Final = 100
"""Rows from which the delimiter is guessed."""
_ERROR: Final = re.compile(
    "#(?:N/A|NV|DIV/0!|NAME[?]|NULL!|NUM!|ZAHL!|REF!|BEZUG!|VALUE!|WERT!|SPILL!|ÜBERLAUF!|CALC!"
    "|GETTING_DATA|FIELD!|BLOCKED!|CONNECT!|UNKNOWN!|##*)"
)
"""What Excel shows instead of a result, in English and in German, and instead of a number or date
for which a column is too narrow; it saves the same to CSV files."""
GUESSES: Final = ("cp1252", "cp850", "mac-roman")
"""How Excel saves CSV files that are not UTF-8: on Windows, as MS-DOS text, on a Mac."""
_LETTERS: Final = re.compile("[À-ÖØ-öø-ÿŒœŠšŽžŸ]")


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
    encoding_key: str = "--encoding cp1252"


class NotUtf8(UsageError):
    """A table is in another encoding than UTF-8, and nobody has said in which."""


_USUAL: Final = Dialect()


def read(path: Path, dialect: Dialect = _USUAL) -> Table:
    """Read the table in a file.

    Raises:
        UsageError: the file cannot be read or is not a table.

    """
    ending = path.suffix.lower()
    if ending in ENDINGS:
        _bytes(path)
        sheet = open_sheet(path, dialect.sheet)
        return _make_table(path.name, sheet.rows, dialect, hidden=sheet.hidden)
    if dialect.sheet is not None:
        what = f"{dialect.sheet_key} is for Excel files"
        raise UsageError(what, hint=f"leave it out for {path.name}")
    if ending not in (".csv", ".tsv", ".txt"):
        hint = "save it as CSV (UTF-8)" if ending in (".xls", ".ods") else "give a .csv file"
        raise UsageError(f"{quoted(path.name)} is not a table that can be read", hint=hint)
    text = _text(path, dialect)
    return _make_table(path.name, _text_rows(path.name, text, dialect.separator), dialect)


def guess_encoding(path: Path) -> tuple[str, tuple[str, ...]]:
    """The likely encoding of a table that is not UTF-8, and words in it to judge that by.

    Raises:
        UsageError: the file cannot be read.

    """
    data = _bytes(path)
    found = [(name, text) for name in GUESSES if (text := _decoded(data, name)) is not None]
    name, text = max(found, key=lambda one: _plausible(one[1]))
    words = dict.fromkeys(re.findall(r"\w*[^\W\x00-\x7f]+\w*", text))
    return name, tuple(words)[:3]


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeError:
        return None


def _plausible(text: str) -> float:
    """The share of letters among the characters beyond ASCII."""
    beyond = [one for one in text if not one.isascii()]
    return len(_LETTERS.findall(text)) / len(beyond) if beyond else 0.0


def _text(path: Path, dialect: Dialect) -> str:
    data, named = _bytes(path), dialect.encoding
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(named or encoding)
    except LookupError:
        hint = "as in utf-8, cp1252 or latin-1"
        raise UsageError(f"unknown encoding {quoted(named or '')}", hint=hint) from None
    except UnicodeError:
        if named is not None:
            raise UsageError(
                f"{quoted(path.name)} is not {named}",
                hint="name the encoding that it has, or save it as 'CSV UTF-8' and name none",
            ) from None
        hint = (
            f"save it as 'CSV UTF-8', or say which encoding it has, as in {dialect.encoding_key} "
            "for Windows"
        )
        raise NotUtf8(f"{quoted(path.name)} is not UTF-8", hint=hint) from None


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
        raise UsageError(f"{where}: this is not a row of a table: {error}") from None


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
    errors: dict[str, dict[int, str]] = field(default_factory=dict)
    """Errors of Excel by column and line."""
    unstored: dict[str, list[int]] = field(default_factory=dict)
    """Lines of formulas without a result, by column."""

    def notices(self, name: str, decimal_key: str) -> Iterator[str]:
        """Sentences about a table of this name."""
        if self.too_long:
            yield (
                f"{name}: rows with more cells than the header, which are not used (a comma inside "
                f"a number, or missing quotes?): line {_number_list(self.too_long)}"
            )
        if self.too_short:
            yield (
                f"{name}: rows with fewer cells than the header; the rest is treated as empty: "
                f"line {_number_list(self.too_short)}"
            )
        if self.unnamed:
            yield (
                f"{name}: columns without a name in the header, which cannot be used: "
                f"column {_number_list(list(self.unnamed))}"
            )
        for one in self.of_columns(name, decimal_key).values():
            yield from one

    def of_columns(self, name: str, decimal_key: str) -> dict[str, tuple[str, ...]]:
        """Those that are about one column, by column."""
        columns = dict.fromkeys((*self.errors, *self.unstored, *self.commas))
        return {one: tuple(self._of_column(one, name, decimal_key)) for one in columns}

    def _of_column(self, column: str, name: str, decimal_key: str) -> Iterator[str]:
        what = f"{name}: column {quoted(column)} has"
        if errors := self.errors.get(column):
            words = ", ".join(dict.fromkeys(errors.values()))
            yield (
                f"{what} cells in which Excel shows {words} instead of a value; they are treated "
                f"as empty: line {_number_list([*errors])}"
            )
        if lines := self.unstored.get(column):
            yield (
                f"{what} formulas whose results are not in the file (open it in Excel and save "
                f"it); they are treated as empty: line {_number_list(lines)}"
            )
        if lines := self.commas.get(column):
            yield (
                f"{what} numbers with a decimal comma, read as text ({decimal_key} reads them as "
                f"numbers): line {_number_list(lines)}"
            )


def _number_list(numbers: list[int]) -> str:
    more = f" and {len(numbers) - 20} more" if len(numbers) > 20 else ""  # noqa: PLR2004
    return ", ".join(map(str, numbers[:20])) + more


def _make_table(name: str, rows: _Rows, dialect: Dialect, *, hidden: Sequence[int] = ()) -> Table:
    header = _header(name, rows)
    oddities = _Oddities()
    found = tuple(_rows(rows, header, oddities))
    if not dialect.decimal_comma:
        _note_commas(found, oddities)
    key = dialect.decimal_key
    notices = (*oddities.notices(name, key), *_of_hidden(name, found, hidden))
    of_columns = oddities.of_columns(name, key)
    return Table(name, header, found, dialect.decimal_comma, notices, of_columns)


def _of_hidden(name: str, rows: Sequence[Row], hidden: Sequence[int]) -> Iterator[str]:
    lines = [row.line for row in rows if row.line in set(hidden)]
    if lines:
        yield (
            f"{name}: hidden rows (by a filter or by hand), which are used anyway: "
            f"line {_number_list(lines)}"
        )


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
        _note_no_values(line, raw, header, oddities)
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


def _note_no_values(
    line: int, cells: Sequence[Any], header: tuple[str, ...], oddities: _Oddities
) -> None:
    """Note the cells that hold an error, or a formula without a result, instead of a value."""
    for cell, column in zip(cells, header, strict=False):
        if isinstance(cell, Unstored):
            oddities.unstored.setdefault(column, []).append(line)
        elif (error := _error_in(cell)) is not None:
            oddities.errors.setdefault(column, {})[line] = error


def _error_in(cell: Any) -> str | None:
    """The error of Excel that a cell shows; None if it holds a value."""
    text = cell.strip() if isinstance(cell, str) and "#" in cell else ""
    return text if _ERROR.fullmatch(text.upper()) else None


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
    if cell is None or isinstance(cell, Unstored) or _error_in(cell) is not None:
        return ""
    return str(cell).strip()


def _without_fraction(value: float) -> int | float:
    """The number as an integer if it is whole: spreadsheets store 3 as 3.0."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _note_commas(rows: Iterable[Row], oddities: _Oddities) -> None:
    for row in rows:
        for column, cell in row.cells.items():
            if isinstance(cell, str) and COMMA.fullmatch(cell):
                oddities.commas.setdefault(column, []).append(row.line)
