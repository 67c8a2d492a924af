"""Reads a sheet of an Excel workbook, and tells what in it is no value."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from msgspec import Struct

from manifest_uploader.errors import UsageError
from manifest_uploader.system import disk
from manifest_uploader.system.extras import EXTRAS, install_command
from manifest_uploader.text import quoted

ENDINGS: Final = (".xlsx", ".xlsm")

_ZEROS: Final = re.compile("0{2,}")
"""The number format of a cell that shows 7 as 007."""
_ROW: Final = re.compile(rb"<(?:\w+:)?row\b([^>]*)>")
_NUMBER: Final = re.compile(rb'\br="(\d+)"')
_HIDDEN: Final = re.compile(rb'\bhidden="(?:1|true)"')
_UNSTORED: Final = re.compile(
    rb"<(?:\w+:)?c\b([^>]*)>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:</(?:\w+:)?c>|<(?:\w+:)?v\s*/>|<(?:\w+:)?v></)"
)
"""A cell with a formula and without its result."""
_PLACE: Final = re.compile(rb'\br="([A-Z]+)(\d+)"')
_TEXT_RESULT: Final = re.compile(rb'\bt="str"')
"""A formula whose result is an empty text."""
_LARGEST: Final = 1 << 28
"""Bytes of a sheet that are searched for hidden rows and formulas."""


class Unstored(Struct, frozen=True):
    """Stands in a cell for a formula whose result is not in the file."""


class Sheet(Struct, frozen=True):
    """The rows of a sheet, and which of them are hidden."""

    rows: Iterator[tuple[int, Sequence[Any]]]
    """By line, from 1; the values of the cells as openpyxl reads them."""
    hidden: tuple[int, ...]
    """Lines that a filter or a person has hidden."""


_Unstored: TypeAlias = dict[int, set[int]]
"""By line, the columns of formulas without a result; both from 1."""


def check_extra() -> None:
    """Raise UsageError unless workbooks can be read here."""
    if not EXTRAS["xlsx"].is_installed:
        hint = f"save the table as CSV (UTF-8), or install it with: {install_command('xlsx')}"
        raise UsageError("reading Excel files needs a package that is not installed", hint=hint)


def sheet_names(path: Path) -> tuple[str, ...]:
    """The sheets of a workbook, in its order; raises UsageError if it cannot be read."""
    book = _open(path)
    try:
        return tuple(book.sheetnames)
    finally:
        book.close()


def open_sheet(path: Path, name: str | None) -> Sheet:
    """A sheet of a workbook, by default the first.

    Raises:
        UsageError: it cannot be read, or it has no such sheet.

    """
    book = _open(path)
    if name is not None and name not in book.sheetnames:
        hint = f"it has {', '.join(map(quoted, book.sheetnames))}"
        book.close()
        raise UsageError(f"{path.name} has no sheet {quoted(name)}", hint=hint)
    found = book[name or book.sheetnames[0]]
    hidden, unstored = _marks(path, str(getattr(found, "_worksheet_path", "")))
    return Sheet(_rows(book, found, unstored), hidden)


def _open(path: Path) -> Any:
    check_extra()
    from openpyxl import load_workbook  # noqa: PLC0415 - an extra

    try:
        # what is not needed is not read: macros, links to other files
        return load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except Exception:  # noqa: BLE001  openpyxl raises whatever a broken file leads it to
        kind = path.suffix.lower()
        raise UsageError(f"{quoted(path.name)} is not a readable {kind} file") from None


def _rows(book: Any, sheet: Any, unstored: _Unstored) -> Iterator[tuple[int, Sequence[Any]]]:
    try:
        for line, cells in enumerate(sheet.iter_rows(), 1):
            values = [_shown_value(cell) for cell in cells]
            for place in unstored.get(line, ()):
                values += [None] * (place - len(values))
                values[place - 1] = Unstored()
            yield line, values
    finally:
        book.close()


def _shown_value(cell: Any) -> Any:
    """The value of a cell; a number that is shown as `007` becomes that text."""
    value, style = cell.value, _ZEROS.fullmatch(cell.number_format or "")
    is_whole = type(value) is int or (type(value) is float and value.is_integer())
    return f"{int(value):0{len(style[0])}}" if style and is_whole else value


def _marks(path: Path, part: str) -> tuple[tuple[int, ...], _Unstored]:
    """The hidden rows of a sheet, and its formulas without a result."""
    try:
        with disk.open_file(path) as stream, zipfile.ZipFile(stream) as archive:
            if archive.getinfo(part).file_size > _LARGEST:
                return (), {}
            data = archive.read(part)
    except (OSError, KeyError, zipfile.BadZipFile):
        return (), {}
    unstored: _Unstored = {}
    for cell in _UNSTORED.finditer(data):
        place = _PLACE.search(cell[1])
        if place is not None and not _TEXT_RESULT.search(cell[1]):
            unstored.setdefault(int(place[2]), set()).add(_column_number(place[1]))
    return tuple(_hidden(data)), unstored


def _hidden(data: bytes) -> Iterator[int]:
    line = 0
    for row in _ROW.finditer(data):
        number = _NUMBER.search(row[1])
        line = int(number[1]) if number else line + 1
        if _HIDDEN.search(row[1]):
            yield line


def _column_number(letters: bytes) -> int:
    """27 for `AA`."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number
