"""Renders the report as one HTML page that loads nothing and sends nothing.

The template escapes every text from a manifest, a state file or the platform, isolates its
writing direction and spells out invisible characters. The Content-Security-Policy allows only
the script whose digest it contains.
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
from manifest_uploader.output.formatting import size_words
from manifest_uploader.platform.targets import type_of
from manifest_uploader.report.compact import contents, rows_json
from manifest_uploader.report.figures import Figure
from manifest_uploader.report.rows import Row
from manifest_uploader.report.tables import files_words
from manifest_uploader.state.events import AnyEvent
from manifest_uploader.state.standing import Standing
from manifest_uploader.text import printable

_FAILED: Final = frozenset({Standing.FAILED, Standing.DELETED, Standing.UNCONFIRMED})
_MOODS: Final = {"confirmed": "good", "failed": "bad", "gone": "bad", "unsure": "bad"}
_STANDINGS: Final = {
    Standing.DONE: ("done and seen on the platform", "good"),
    Standing.FAILED: ("failed", "bad"),
    Standing.DELETED: ("deleted on the platform", "bad"),
    Standing.UNCONFIRMED: ("not sure", "bad"),
    Standing.IMPORTING: ("being imported", "wait"),
    Standing.UPLOADING: ("not finished", "wait"),
    Standing.UPLOADING: ("being sent", "wait"),
    Standing.NEW: ("not begun", "wait"),
}
_WITHOUT_SCRIPT: Final = 1000
"""Up to so many rows, the page has a table that needs no script, as for a mail preview."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The subject of a page."""

    manifest: str
    """The manifest's file name."""
    state: str
    """The state file's name."""
    kind: TargetKind
    slug: str
    platform: str | None
    """Host and path, or a sandbox's id; None if nothing was sent yet."""
    target: str | None
    """The address of the target's web page."""


def render(
    heading: Heading,
    rows: Sequence[Row],
    events: Sequence[AnyEvent],
    *,
    figures: Sequence[Figure],
    silences: bool,
    zone: tzinfo,
) -> str:
    """Render the page."""
    import jinja2  # noqa: PLC0415 - an extra
    import markupsafe  # noqa: PLC0415 - comes with it

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters["plain"] = printable
    style, script = _read_file("page.css"), _read_file("page.js")
    return environment.from_string(_read_file("page.html.j2")).render(
        page=_page_values(heading, rows, events, zone) | {"silences": silences},
        figures=figures,
        style=markupsafe.Markup(style),  # noqa: S704 - our own file
        script=markupsafe.Markup(script),  # noqa: S704 - our own file
        data=markupsafe.Markup(_data(rows, events, zone)),  # noqa: S704 - it holds no <
        style_hash=_digest(style),
        script_hash=_digest(script),
        version=__version__,
    )


def _data(rows: Sequence[Row], events: Sequence[AnyEvent], zone: tzinfo) -> str:
    last = max((event.time for event in events), default=0.0)
    offset = datetime.fromtimestamp(last, zone).utcoffset() or timedelta()
    return rows_json(rows, offset_s=int(offset.total_seconds()))


def _read_file(name: str) -> str:
    """The text of a file in this package."""
    return resources.files(__package__ or "").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """The digest of a script or style for a Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _page_values(
    heading: Heading, rows: Sequence[Row], events: Sequence[AnyEvent], zone: tzinfo
) -> dict[str, Any]:
    times = [event.time for event in events]
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
    """The key figures as (number, what it counts, mood)."""
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
    """The cases that need the user's attention, with the reasons."""
    found = []
    for case, group in groupby(rows, key=lambda row: row.case):
        case_rows = list(group)
        if case_rows[0].state in _FAILED:
            found.append(_failure(case, case_rows))
    return found


def _failure(case: str, rows: Sequence[Row]) -> dict[str, Any]:
    first = rows[0]
    own = [row for row in rows if row.standing == "failed" and row.words]
    reasons = [(row.socket, row.words, _unnamed_files(row)) for row in own]
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


def _unnamed_files(row: Row) -> str:
    """The row's files, unless its words already name them."""
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
        "holds": contents(row),
        "sha256": row.sha256,
        "image": row.image,
        "size": row.size,
        "size_words": None if row.size is None else size_words(row.size),
        "sent": _sort_key(row.sent),
        "sent_words": _day_and_time(row.sent, zone),
        "confirmed": _sort_key(row.confirmed),
        "confirmed_words": _day_and_time(row.confirmed, zone),
        "standing": row.standing,
        "mood": _MOODS.get(row.standing, "wait"),
        "words": row.words,
    }


def _sort_key(time: float | None) -> str | None:
    """The time in the form by which the page sorts."""
    return None if time is None else f"{time:.0f}"


def _moment(time: float | None, zone: tzinfo) -> str | None:
    return None if time is None else f"{datetime.fromtimestamp(time, zone):%Y-%m-%d %H:%M:%S}"


def _day_and_time(time: float | None, zone: tzinfo) -> str | None:
    """The day and the time on two lines."""
    return None if time is None else f"{datetime.fromtimestamp(time, zone):%Y-%m-%d\n%H:%M:%S}"


def zone_words(time: float, zone: tzinfo) -> str:
    """The zone's offset at that time, as `UTC+01:00`."""
    offset = f"{datetime.fromtimestamp(time, zone):%z}"
    return f"UTC{offset[:3]}:{offset[3:5]}".removesuffix("+00:00")
