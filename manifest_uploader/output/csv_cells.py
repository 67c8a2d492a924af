"""Writes tables as CSV for spreadsheets and other programs.

Spreadsheets execute cells that look like formulas. A text that begins with one of `= + - @` gets
a `'` before it, and so does one that continues like that after a `;`, which some spreadsheets
take for the end of a cell. Numbers stay numbers.

The CSV begins with a byte order mark only if it is not pure ASCII. Without the mark, spreadsheets
would decode names wrongly; in pure ASCII, it would only disturb other programs.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from typing import Final

from manifest_uploader.digests import Json
from manifest_uploader.text import printable

_FORMULA: Final = re.compile(r"(^|;)([\s\"']*)(?=[=+\-@＝＋－＠])")


def csv_bytes(
    columns: Sequence[str], rows: Iterable[Iterable[Json]], *, breaks: bool = False
) -> bytes:
    """The rows as CSV in UTF-8, with commas and CRLF; None is an empty cell.

    With `breaks`, texts of several lines stay that; otherwise their ends are escaped.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(value, breaks=breaks) for value in row])
    table = text.getvalue()
    return table.encode("utf-8" if table.isascii() else "utf-8-sig", "backslashreplace")


def safe(text: str) -> str:
    """The text in a form that no spreadsheet takes for a formula and no terminal for a command."""
    return _FORMULA.sub(r"\1\2'", printable(text))


def safe_lines(text: str) -> str:
    """The same for a text that may have several lines."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return _FORMULA.sub(r"\1\2'", "\n".join(map(printable, lines)))


def _cell(value: Json, *, breaks: bool) -> str | int | float | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return safe_lines(text) if breaks else safe(text)
