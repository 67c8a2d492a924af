"""Packs the cases for the page's script, with each repeated text stored once.

A table of 40,000 values takes 26 MB as HTML and 7 MB in this form; the script makes HTML only of
the cases that are shown. Unknown values are empty texts. All texts are printable; times are in
whole seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.platform.targets import type_of
from manifest_uploader.report.overview import CaseRows
from manifest_uploader.report.rows import File, Row
from manifest_uploader.report.tables import files_words
from manifest_uploader.report.words import case_words, mood, sentence
from manifest_uploader.text import beginning, printable

_LONGEST_VALUE: Final = 200
"""Characters of a value that the page shows."""
_LISTED_FILES: Final = 20_000
"""Files that the whole page lists one by one."""
_MOST_FILES: Final = 100
_LEAST_FILES: Final = 3
"""Files that it lists of one value."""


def cases_json(
    cases: Sequence[CaseRows],
    *,
    offset_s: int,
    pictures: Mapping[tuple[str, str], str],
    kind: TargetKind,
) -> str:
    """The cases as JSON for a script element.

    `offset_s` is the time zone's, east of UTC; `pictures` are WebP in base64 by case and socket;
    `kind` is the target's.
    """
    target_type = type_of(kind)
    words = case_words(jobs=target_type.has_jobs)
    packed = _as_lists(cases, offset_s, pictures) | {"words": words, "noun": target_type.item_noun}
    text = json.dumps(packed, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def contents(row: Row) -> str:
    """The row's files, or the start of its value."""
    if row.value is None:
        return files_words(row)
    text = row.value if isinstance(row.value, str) else json.dumps(row.value, ensure_ascii=False)
    return beginning(text, _LONGEST_VALUE)


@dataclass(slots=True)
class _Texts:
    """Texts that many values share, numbered in the order of their first use."""

    indexes: dict[str, int] = field(default_factory=dict)

    def index(self, text: str | None) -> int:
        """The number of a text; unknown texts are added."""
        return self.indexes.setdefault(printable(text or ""), len(self.indexes))


@dataclass(frozen=True, slots=True)
class _Packer:
    """Turns cases and values into lists."""

    texts: _Texts
    base: int
    """The earliest time, from which the others are counted."""
    most_files: int
    pictures: Mapping[tuple[str, str], str]

    def case(self, case: CaseRows) -> list[Any]:
        """The fields of a case as the script reads them.

        [name, title (1 if equal to the name), order, item, page (`*` stands for the item), state,
        reason, values]
        """
        row = case.first
        item = printable(row.item or "")
        page = row.page or ""
        head = page.removesuffix(f"{item}/")
        page = f"{head}*/" if item and head != page else page
        title = 1 if row.title == row.case else printable(row.title)
        values = [self.value(one) for one in case.rows if one.socket]
        reason = "" if values else sentence(row.words or "")
        return [printable(row.case), title, "" if row.order is None else row.order, item,
                self.texts.index(page), self.texts.index(row.state), self.texts.index(reason),
                values]  # fmt: skip

    def value(self, row: Row) -> list[Any]:
        """The fields of a value, without the empty texts at the end.

        [socket, state, reason, remedy, sent, seen, contents, size, SHA-256, image, files, picture,
        worker]
        """
        fields: list[Any] = [
            *(self.texts.index(row.socket), self.texts.index(row.standing)),
            *(self.texts.index(sentence(row.words or "")), self.texts.index(row.remedy)),
            *(self.seconds(row.sent), self.seconds(row.confirmed)),
            *(printable(contents(row)), "" if row.size is None else row.size),
            *(printable(row.sha256 or ""), printable(row.image or ""), self.files(row)),
            self.pictures.get((row.case, row.socket), ""),
            self.texts.index(row.worker) if row.worker else "",
        ]
        while fields[-1] == "":
            fields.pop()
        return fields

    def files(self, row: Row) -> list[Any] | str | int:
        """[[name, size, SHA-256], …, number of files that are left out].

        1 for a value that is written in the manifest; "" where the contents tell as much.
        """
        if row.value is not None:
            return 1
        if not any(file.sha256 for file in row.files) or len(row.files) == 1:
            return ""
        listed: list[Any] = [_file(file) for file in row.files[: self.most_files]]
        more = len(row.files) - len(listed)
        return [*listed, more] if more else listed

    def seconds(self, time: float | None) -> int | str:
        """The time since `base`."""
        return "" if time is None else round(time) - self.base


def _file(file: File) -> list[Any]:
    size = "" if file.size is None else file.size
    return [printable(file.name), size, printable(file.sha256 or "")]


def _as_lists(
    cases: Sequence[CaseRows], offset_s: int, pictures: Mapping[tuple[str, str], str]
) -> dict[str, Any]:
    rows = [row for case in cases for row in case.rows]
    times = [time for row in rows for time in (row.sent, row.confirmed) if time is not None]
    base = int(min(times, default=0.0))
    most_files = max(_LEAST_FILES, min(_MOST_FILES, _LISTED_FILES // max(1, len(rows))))
    packer = _Packer(_Texts(), base, most_files, pictures)
    packed = [packer.case(case) for case in cases]
    states = {row.standing for row in rows} | {row.state for row in rows}
    return {
        "base": base,
        "offset": offset_s,
        "moods": {state: mood(state) for state in sorted(states)},
        "texts": list(packer.texts.indexes),
        "cases": packed,
    }
