"""The rows as the page's own script reads them: every byte is there once.

A table of 40,000 values is 26 MB as HTML and 7 MB so; the script makes lines of what is looked at.
What is not known is an empty text. Every text prints as it is; times are in whole seconds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from manifest_uploader.report.rows import Row
from manifest_uploader.report.tables import files_words
from manifest_uploader.text import printable

_LONGEST_VALUE: Final = 200
"""Characters of a value that the page shows."""


def rows_json(rows: Sequence[Row], *, offset_s: int) -> str:
    """The rows as JSON that can stand in a script element; `offset_s`: of the zone, east of UTC."""
    whole = json.dumps(_whole(rows, offset_s), ensure_ascii=False, separators=(",", ":"))
    return whole.replace("<", "\\u003c")


def holds(row: Row) -> str:
    """The files, or the value as the manifest gives it."""
    if row.value is None:
        return files_words(row)
    text = row.value if isinstance(row.value, str) else json.dumps(row.value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


@dataclass(slots=True)
class _Texts:
    """Texts that many rows share, each by its place."""

    places: dict[str, int] = field(default_factory=dict)

    def place(self, text: str | None) -> int:
        """Where the text is."""
        return self.places.setdefault(printable(text or ""), len(self.places))


def _whole(rows: Sequence[Row], offset_s: int) -> dict[str, Any]:
    texts = _Texts()
    cases: dict[str, int] = {}
    told: list[list[Any]] = []
    for row in rows:
        if row.case not in cases:
            cases[row.case] = len(cases)
            told.append(_case(row, texts))
    times = [time for row in rows for time in (row.sent, row.confirmed) if time is not None]
    base = int(min(times, default=0.0))
    found = [_row(row, cases[row.case], texts, base) for row in rows]
    return {
        "base": base,
        "offset": offset_s,
        "texts": list(texts.places),
        "cases": told,
        "rows": found,
    }


def _case(row: Row, texts: _Texts) -> list[Any]:
    """Name, title (1: the name), order, item, and its page with `*` for the item."""
    item = printable(row.item or "")
    page = row.page or ""
    head = page.removesuffix(f"{item}/")
    page = f"{head}*/" if item and head != page else page
    title = 1 if row.title == row.case else printable(row.title)
    return [printable(row.case), title, "" if row.order is None else row.order, item,
            texts.place(page)]  # fmt: skip


def _row(row: Row, case: int, texts: _Texts, base: int) -> list[Any]:
    """Case, socket, standing, words, sent, confirmed, what it holds, size, SHA-256, image."""
    found = [
        *(case, texts.place(row.socket), texts.place(row.standing), texts.place(row.words)),
        *(_seconds(row.sent, base), _seconds(row.confirmed, base)),
        *(printable(holds(row)), "" if row.size is None else row.size),
        *(printable(row.sha256 or ""), printable(row.image or "")),
    ]
    while found[-1] == "":
        found.pop()
    return found


def _seconds(time: float | None, base: int) -> int | str:
    return "" if time is None else round(time) - base
