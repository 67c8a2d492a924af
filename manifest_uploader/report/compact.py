"""Packs the rows for the page's script, with each repeated text stored once.

A table of 40,000 values takes 26 MB as HTML and 7 MB in this form; the script makes HTML only of
the rows that are shown. Unknown values are empty texts. All texts are printable; times are in
whole seconds.
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
    """The rows as JSON for a script element; `offset_s` is the time zone's, east of UTC."""
    text = json.dumps(_as_lists(rows, offset_s), ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def contents(row: Row) -> str:
    """The row's files, or the start of its value."""
    if row.value is None:
        return files_words(row)
    text = row.value if isinstance(row.value, str) else json.dumps(row.value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


@dataclass(slots=True)
class _Texts:
    """Texts that many rows share, numbered in the order of their first use."""

    indexes: dict[str, int] = field(default_factory=dict)

    def index(self, text: str | None) -> int:
        """The number of a text; unknown texts are added."""
        return self.indexes.setdefault(printable(text or ""), len(self.indexes))


def _as_lists(rows: Sequence[Row], offset_s: int) -> dict[str, Any]:
    texts = _Texts()
    cases: dict[str, int] = {}
    case_lists: list[list[Any]] = []
    for row in rows:
        if row.case not in cases:
            cases[row.case] = len(cases)
            case_lists.append(_case_list(row, texts))
    times = [time for row in rows for time in (row.sent, row.confirmed) if time is not None]
    base = int(min(times, default=0.0))
    row_lists = [_row_list(row, cases[row.case], texts, base) for row in rows]
    return {
        "base": base,
        "offset": offset_s,
        "texts": list(texts.indexes),
        "cases": case_lists,
        "rows": row_lists,
    }


def _case_list(row: Row, texts: _Texts) -> list[Any]:
    """[name, title (1 if equal to the name), order, item, page with `*` for the item]."""
    item = printable(row.item or "")
    page = row.page or ""
    head = page.removesuffix(f"{item}/")
    page = f"{head}*/" if item and head != page else page
    title = 1 if row.title == row.case else printable(row.title)
    return [printable(row.case), title, "" if row.order is None else row.order, item,
            texts.index(page)]  # fmt: skip


def _row_list(row: Row, case: int, texts: _Texts, base: int) -> list[Any]:
    """[case, socket, standing, words, sent, confirmed, contents, size, SHA-256, image].

    Empty texts at the end are left out.
    """
    fields = [
        *(case, texts.index(row.socket), texts.index(row.standing), texts.index(row.words)),
        *(_seconds(row.sent, base), _seconds(row.confirmed, base)),
        *(printable(contents(row)), "" if row.size is None else row.size),
        *(printable(row.sha256 or ""), printable(row.image or "")),
    ]
    while fields[-1] == "":
        fields.pop()
    return fields


def _seconds(time: float | None, base: int) -> int | str:
    return "" if time is None else round(time) - base
