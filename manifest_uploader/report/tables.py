"""Writes the rows as CSV for spreadsheets and as JSON.

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
_MOST_LISTED_FILES: Final = 20
"""The most files that a cell lists; a spreadsheet's cell holds at most 32,767 characters."""
_FORMULA: Final = re.compile(r"(^|;)([\s\"']*)(?=[=+\-@＝＋－＠])")


def csv_bytes(rows: Iterable[Row]) -> bytes:
    """The rows as CSV in UTF-8, with commas and CRLF; times are ISO 8601 in UTC."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(value) for value in _fields(row).values()])
    table = text.getvalue()
    return table.encode("utf-8" if table.isascii() else "utf-8-sig", "backslashreplace")


def json_bytes(rows: Iterable[Row]) -> bytes:
    """The rows as a JSON array of objects in ASCII; `files` lists each file with its SHA-256."""
    lines = [json.dumps(_object(row), ensure_ascii=True) for row in rows]
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


def iso(time: float | None) -> str | None:
    """The time in whole seconds, as `2026-11-23T03:14:40Z`."""
    if time is None:
        return None
    return f"{datetime.fromtimestamp(round(time), UTC):%Y-%m-%dT%H:%M:%SZ}"


def files_words(row: Row) -> str:
    """The names of the row's files, or of the first and last with their number."""
    names = [file.name for file in row.files]
    if len(names) > _MOST_LISTED_FILES:
        return f"{names[0]} … {names[-1]} ({len(names)} files)"
    return "; ".join(names)


def _fields(row: Row) -> Mapping[str, Json]:
    fields = {
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
    assert tuple(fields) == COLUMNS
    return fields


def _object(row: Row) -> dict[str, Any]:
    files = [{"name": one.name, "sha256": one.sha256, "bytes": one.size} for one in row.files]
    return dict(_fields(row)) | {"files": files}


def _cell(value: Json) -> str | int | float | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return safe(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def safe(text: str) -> str:
    """The text in a form that no spreadsheet takes for a formula and no terminal for a command."""
    return _FORMULA.sub(r"\1\2'", printable(text))
