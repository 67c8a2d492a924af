"""The report as one HTML page: nothing of it comes from elsewhere, and nothing leaves it.

Every text from a manifest, a state file or the platform is escaped by the template and shown
in isolation, with what turns or hides writing spelt out. The Content-Security-Policy lets run
only the one script whose digest it names.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from importlib import resources
from itertools import groupby
from typing import Any, Final

from manifest_uploader import __version__
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.output.console import size_words
from manifest_uploader.platform.targets import type_of
from manifest_uploader.report.compact import holds, rows_json
from manifest_uploader.report.figures import Figure
from manifest_uploader.report.rows import Row
from manifest_uploader.report.tables import files_words
from manifest_uploader.state.events import AnyEvent
from manifest_uploader.state.standing import Standing
from manifest_uploader.text import printable

_BAD: Final = frozenset({Standing.FAILED, Standing.GONE, Standing.UNSURE})
_MOODS: Final = {"confirmed": "good", "failed": "bad", "gone": "bad", "unsure": "bad"}
_STANDINGS: Final = {
    Standing.DONE: ("done and seen on the platform", "good"),
    Standing.FAILED: ("failed", "bad"),
    Standing.GONE: ("deleted on the platform", "bad"),
    Standing.UNSURE: ("not sure", "bad"),
    Standing.FILLED: ("being imported", "wait"),
    Standing.CREATED: ("not finished", "wait"),
    Standing.UPLOADING: ("being sent", "wait"),
    Standing.NEW: ("not begun", "wait"),
}
_WITHOUT_SCRIPT: Final = 1000
"""Rows that the page also shows where no script runs, as in the preview of a letter."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What a page is about."""

    manifest: str
    """Its file's name."""
    state: str
    """Its file's name."""
    kind: TargetKind
    slug: str
    platform: str | None
    """Host and path, or a sandbox; None: nothing was sent yet."""
    target: str | None
    """The page of the reader study or archive."""


def render(
    heading: Heading,
    rows: Sequence[Row],
    records: Sequence[AnyEvent],
    *,
    figures: Sequence[Figure],
    silences: bool,
    zone: tzinfo,
) -> str:
    """The page."""
    import jinja2  # noqa: PLC0415 - an extra
    import markupsafe  # noqa: PLC0415 - comes with it

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters["plain"] = printable
    style, script = _own("page.css"), _own("page.js")
    return environment.from_string(_own("page.html.j2")).render(
        page=_page(heading, rows, records, zone) | {"silences": silences},
        figures=figures,
        style=markupsafe.Markup(style),  # noqa: S704 - our own file
        script=markupsafe.Markup(script),  # noqa: S704 - our own file
        data=markupsafe.Markup(_data(rows, records, zone)),  # noqa: S704 - it holds no <
        style_hash=_digest(style),
        script_hash=_digest(script),
        version=__version__,
    )


def _data(rows: Sequence[Row], records: Sequence[AnyEvent], zone: tzinfo) -> str:
    last = max((record.time for record in records), default=0.0)
    offset = datetime.fromtimestamp(last, zone).utcoffset() or timedelta()
    return rows_json(rows, offset_s=int(offset.total_seconds()))


def _own(name: str) -> str:
    """A file of this package."""
    return resources.files(__package__ or "").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """As a Content-Security-Policy names a script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _page(
    heading: Heading, rows: Sequence[Row], records: Sequence[AnyEvent], zone: tzinfo
) -> dict[str, Any]:
    times = [record.time for record in records]
    standings = sorted({row.standing for row in rows})
    return {
        "manifest": heading.manifest,
        "state": heading.state,
        "slug": heading.slug,
        "noun": type_of(heading.kind).noun,
        "item_noun": type_of(heading.kind).item_noun,
        "platform": heading.platform and heading.platform.removesuffix("/api/v1/"),
        "target": heading.target,
        "begun": _moment(min(times), zone) if times else None,
        "ended": _moment(max(times), zone) if times else None,
        "zone": zone_words(max(times, default=0.0), zone),
        "numbers": _numbers(rows),
        "failures": _failures(rows),
        "standings": standings,
        "count": len(rows),
        "rows": [_row(row, zone) for row in rows] if len(rows) <= _WITHOUT_SCRIPT else [],
    }


def _numbers(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """(number, what it counts, how good that is)."""
    cases = Counter({row.case: row.state for row in rows}.values())
    found = [(f"{cases.total():,}", "case" if cases.total() == 1 else "cases", "")]
    found += [
        (f"{cases[standing]:,}", words, mood)
        for standing, (words, mood) in _STANDINGS.items()
        if cases[standing]
    ]
    confirmed = sum(row.standing == "confirmed" for row in rows)
    size = sum(row.size or 0 for row in rows)
    return [
        *found,
        (f"{confirmed:,} of {sum(bool(row.socket) for row in rows):,}", "values confirmed", ""),
        (size_words(size), "sent for what is there", ""),
    ]


def _failures(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The cases that a person has to do something about, with every reason once."""
    found = []
    for case, group in groupby(rows, key=lambda row: row.case):
        of_case = list(group)
        if of_case[0].state in _BAD:
            found.append(_failure(case, of_case))
    return found


def _failure(case: str, rows: Sequence[Row]) -> dict[str, Any]:
    first = rows[0]
    own = [row for row in rows if row.standing == "failed" and row.words]
    reasons = [(row.socket, row.words, _unsaid_files(row)) for row in own]
    if not reasons:
        words = next((row.words for row in rows if row.words), _STANDINGS[first.state][0])
        reasons = [("", words, "")]
    state = _STANDINGS[first.state][0]
    return {
        "case": case,
        "title": first.title,
        "item": first.item,
        "page": first.page,
        "state": state,
        "reasons": reasons,
    }


def _unsaid_files(row: Row) -> str:
    """The files, unless the words name them."""
    names = files_words(row)
    return "" if names in (row.words or "") else names


def _row(row: Row, zone: tzinfo) -> dict[str, Any]:
    return {
        "case": row.case,
        "title": row.title,
        "order": row.order,
        "item": row.item,
        "page": row.page,
        "socket": row.socket,
        "holds": holds(row),
        "sha256": row.sha256,
        "image": row.image,
        "size": row.size,
        "size_words": None if row.size is None else size_words(row.size),
        "sent": _key(row.sent),
        "sent_words": _lines(row.sent, zone),
        "confirmed": _key(row.confirmed),
        "confirmed_words": _lines(row.confirmed, zone),
        "standing": row.standing,
        "mood": _MOODS.get(row.standing, "wait"),
        "words": row.words,
    }


def _key(time: float | None) -> str | None:
    """What the page sorts times by."""
    return None if time is None else f"{time:.0f}"


def _moment(time: float | None, zone: tzinfo) -> str | None:
    return None if time is None else f"{datetime.fromtimestamp(time, zone):%Y-%m-%d %H:%M:%S}"


def _lines(time: float | None, zone: tzinfo) -> str | None:
    """Day and time, one below the other."""
    return None if time is None else f"{datetime.fromtimestamp(time, zone):%Y-%m-%d\n%H:%M:%S}"


def zone_words(time: float, zone: tzinfo) -> str:
    """`UTC+01:00`, as it was then."""
    offset = f"{datetime.fromtimestamp(time, zone):%z}"
    return f"UTC{offset[:3]}:{offset[3:5]}".removesuffix("+00:00")
