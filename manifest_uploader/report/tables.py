"""The rows as a CSV table that opens in a spreadsheet, and as JSON.

CSV is opened in spreadsheets, which run what looks like a formula: a cell of text that begins
with one of `= + - @`, a tab or a line end gets a `'` before it, also behind a `;` (where that
parts the cells of a spreadsheet, a cell of ours begins in the middle). Numbers stay numbers.
The CSV begins with a byte order mark only where something in it is not ASCII: without the mark
spreadsheets read names in the wrong alphabet; where it changes nothing, no program has to know
of it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from manifest_uploader.digests import Json
from manifest_uploader.report.rows import Row
from manifest_uploader.text import printable

COLUMNS: Final = (
    *("case", "title", "order", "state", "item", "page", "socket", "files", "value", "bytes"),
    *("sha256", "image", "sent", "confirmed", "standing", "words"),
)
_NAMED: Final = 20
"""Files that a cell names one by one; a spreadsheet's cell ends at 32,767 characters."""
_FORMULA: Final = re.compile(r"(^|;)([\s\"']*)(?=[=+\-@＝＋－＠])")


def csv_bytes(rows: Iterable[Row]) -> bytes:
    """The table: UTF-8, comma, CRLF; times are ISO 8601 in UTC."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(value) for value in _fields(row).values()])
    found = text.getvalue()
    return found.encode("utf-8" if found.isascii() else "utf-8-sig", "backslashreplace")


def json_bytes(rows: Iterable[Row]) -> bytes:
    """The same rows as an array of objects, ASCII only; `files` is a list, with each SHA-256."""
    lines = [json.dumps(_object(row), ensure_ascii=True) for row in rows]
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


def iso(time: float | None) -> str | None:
    """`2026-11-23T03:14:40Z`; milliseconds are of no use to a person."""
    if time is None:
        return None
    return f"{datetime.fromtimestamp(round(time), UTC):%Y-%m-%dT%H:%M:%SZ}"


def files_words(row: Row) -> str:
    """The files in a cell: all, or the first, the last and how many."""
    names = [file.name for file in row.files]
    if len(names) > _NAMED:
        return f"{names[0]} … {names[-1]} ({len(names)} files)"
    return "; ".join(names)


def _fields(row: Row) -> Mapping[str, Json]:
    found = {
        "case": row.case,
        "title": row.title,
        "order": row.order,
        "state": row.state.value,
        "item": row.item,
        "page": row.page,
        "socket": row.socket,
        "files": files_words(row),
        "value": row.value,
        "bytes": row.size,
        "sha256": row.sha256,
        "image": row.image,
        "sent": iso(row.sent),
        "confirmed": iso(row.confirmed),
        "standing": row.standing,
        "words": row.words,
    }
    assert tuple(found) == COLUMNS
    return found


def _object(row: Row) -> dict[str, Any]:
    files = [{"name": one.name, "sha256": one.sha256, "bytes": one.size} for one in row.files]
    return dict(_fields(row)) | {"files": files}


def _cell(value: Json) -> str | int | float | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return safe(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula, and no terminal for a command."""
    return _FORMULA.sub(r"\1\2'", printable(text))
