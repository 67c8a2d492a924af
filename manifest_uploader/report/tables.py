"""Writes the rows as CSV for spreadsheets and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from manifest_uploader.digests import Json
from manifest_uploader.output import csv_cells
from manifest_uploader.report.rows import Row

COLUMNS: Final = (
    *("case", "title", "order", "state", "item", "page", "socket", "files", "value", "bytes"),
    *("sha256", "image", "sent", "confirmed", "standing", "words", "remedy", "sent_from"),
)
_MOST_LISTED_FILES: Final = 20
"""The most files that a cell lists; a spreadsheet's cell holds at most 32,767 characters."""


def csv_bytes(rows: Iterable[Row]) -> bytes:
    """The rows as CSV in UTF-8, with commas and CRLF; times are ISO 8601 in UTC."""
    return csv_cells.csv_bytes(COLUMNS, (_fields(row).values() for row in rows))


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
        "standing": row.standing.value,
        "words": row.words,
        "remedy": row.remedy,
        "sent_from": row.worker,
    }
    assert tuple(fields) == COLUMNS
    return fields


def _object(row: Row) -> dict[str, Any]:
    files = [{"name": one.name, "sha256": one.sha256, "bytes": one.size} for one in row.files]
    return dict(_fields(row)) | {"files": files}
