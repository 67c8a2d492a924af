"""Renders the report as one HTML page that loads nothing and sends nothing.

The template escapes every text from a manifest, a state file or the platform, isolates its
writing direction and spells out invisible characters. The Content-Security-Policy allows only
the script whose digest it contains, and pictures that are part of the page.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from importlib import resources
from typing import Any, Final

from manifest_uploader import __version__
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.output.formatting import counted, size_words
from manifest_uploader.platform.targets import has_jobs, type_of
from manifest_uploader.report.compact import cases_json, contents
from manifest_uploader.report.figures import Figure
from manifest_uploader.report.next_steps import Step
from manifest_uploader.report.overview import (
    MOST_LISTED,
    CaseRows,
    Trouble,
    count_states,
    troubles,
)
from manifest_uploader.report.rows import Row
from manifest_uploader.report.words import ORDER, case_words, mood, sentence
from manifest_uploader.state.file import Binding
from manifest_uploader.state.standing import Standing
from manifest_uploader.text import printable

_WITHOUT_SCRIPT: Final = 1000
"""Up to so many values, the page has a table that needs no script, as for a mail preview."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The subject of a page."""

    manifest: str
    """The manifest's file name."""
    state: str
    """The state file's name."""
    kind: TargetKind
    slug: str
    binding: Binding | None
    """The platform and the target that the state file belongs to; None if it is new."""
    target: str | None
    """The address of the target's web page."""
    csv_command: str
    """What to type for the same as a table."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a page shows."""

    cases: Sequence[CaseRows]
    steps: Sequence[Step]
    """What to do next."""
    times: tuple[float, float] | None
    """The first and the last event, in seconds since 1970; None: nothing happened yet."""
    figures: Sequence[Figure]
    silences: bool
    """Whether the figures leave out long silences."""
    pictures: Mapping[tuple[str, str], str]
    """WebP in base64, by case and socket."""
    notes: Sequence[str]
    """What else there is to say, at the end of the page."""


def render(heading: Heading, material: Material, zone: tzinfo) -> str:
    """Render the page."""
    import jinja2  # noqa: PLC0415 - an extra
    import markupsafe  # noqa: PLC0415 - comes with it

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters["plain"] = printable
    style, script = _read_file("page.css"), _read_file("page.js")
    return environment.from_string(_read_file("page.html.j2")).render(
        page=_page_values(heading, material, zone),
        figures=material.figures,
        moods={one: mood(one) for one in ORDER},
        style=markupsafe.Markup(style),  # noqa: S704 - our own file
        script=markupsafe.Markup(script),  # noqa: S704 - our own file
        data=markupsafe.Markup(_data(heading, material, zone)),  # noqa: S704 - it holds no <
        style_hash=_digest(style),
        script_hash=_digest(script),
        version=__version__,
    )


def _data(heading: Heading, material: Material, zone: tzinfo) -> str:
    last = material.times[1] if material.times else 0.0
    offset = datetime.fromtimestamp(last, zone).utcoffset() or timedelta()
    return cases_json(
        material.cases,
        offset_s=int(offset.total_seconds()),
        pictures=material.pictures,
        kind=heading.kind,
    )


def _read_file(name: str) -> str:
    """The text of a file in this package."""
    return resources.files(__package__ or "").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """The digest of a script or style for a Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _page_values(heading: Heading, material: Material, zone: tzinfo) -> dict[str, Any]:
    rows = [row for case in material.cases for row in case.rows]
    words = case_words(jobs=has_jobs(heading.kind))
    counts = count_states(material.cases)
    last = material.times[1] if material.times else 0.0
    shown, more = troubles(material.cases)
    return {
        "manifest": heading.manifest,
        "state": heading.state,
        "slug": heading.slug,
        "noun": type_of(heading.kind).noun,
        "item_noun": type_of(heading.kind).item_noun,
        "platform": _platform_words(heading.binding),
        "target": heading.target,
        "csv_command": heading.csv_command,
        "times": _span(material.times, zone),
        "zone": zone_words(last, zone),
        "headline": _headline(counts, jobs=has_jobs(heading.kind)),
        "mood": "good" if counts.keys() == {Standing.DONE} else "",
        "bar": _bar(counts),
        "counts": [(state, f"{count:,}") for state, count in counts.items()],
        "case_words": words,
        "numbers": _numbers(rows),
        "steps": material.steps,
        "troubles": [_trouble(one, material.pictures) for one in shown],
        "more_troubles": more,
        "silences": material.silences,
        "count": len(rows),
        "rows": [_row(row, words, zone) for row in rows] if len(rows) <= _WITHOUT_SCRIPT else [],
        "notes": material.notes,
    }


def _platform_words(binding: Binding | None) -> str | None:
    """What the platform is called: its address, and no sandbox's id."""
    if binding is None:
        return None
    if binding.is_sandbox:
        return "rehearsal in a sandbox"
    return binding.platform.removesuffix("/api/v1/")


def _headline(counts: Mapping[Standing, int], *, jobs: bool) -> str:
    total, done = sum(counts.values()), counts.get(Standing.DONE, 0)
    if not total:
        return "The manifest has no cases."
    noun, how = ("job", "succeeded") if jobs else ("case", "uploaded and verified")
    first = f"{done:,} of " if done < total else "All " if total > 1 else ""
    return f"{first}{counted(total, noun)} {how}"


def _bar(counts: Mapping[Standing, int]) -> list[dict[str, str]]:
    """The parts of a bar of width 100, done first."""
    total, start, parts = sum(counts.values()), 0.0, []
    for state, count in reversed(list(counts.items())):
        width = 100 * count / total
        part = {"state": state, "mood": mood(state)}
        parts.append(part | {"start": f"{start:.3f}", "width": f"{width:.3f}"})
        start += width
    return parts


def _numbers(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Key figures: a number, and what it counts."""
    values = [row for row in rows if row.socket]
    done = sum(row.standing is Standing.DONE for row in values)
    size = sum(row.size or 0 for row in rows)
    return [(f"{done:,} of {len(values):,}", "values verified"), (size_words(size), "sent")]


def _trouble(trouble: Trouble, pictures: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """A reason with its first cases."""
    cases = [
        {
            "number": case.number,
            "name": case.first.case,
            "title": case.first.title,
            "page": case.first.page,
            "files": files,
            "picture": pictures.get((case.first.case, trouble.socket)),
        }
        for case, files in trouble.cases[:MOST_LISTED]
    ]
    return {
        "state": trouble.state,
        "socket": trouble.socket,
        "reason": sentence(trouble.reason),
        "remedy": trouble.remedy,
        "cases": cases,
        "more": max(0, len(trouble.cases) - MOST_LISTED),
    }


def _row(row: Row, words: Mapping[Standing, str], zone: tzinfo) -> dict[str, Any]:
    return {
        "case": row.case,
        "title": row.title,
        "page": row.page,
        "socket": row.socket,
        "holds": contents(row),
        "size": None if row.size is None else size_words(row.size),
        "sent": _moment(row.sent, zone),
        "confirmed": _moment(row.confirmed, zone),
        "standing": row.standing,
        "word": row.standing.value if row.socket else words[row.standing],
        "words": sentence(row.words or ""),
    }


def _span(times: tuple[float, float] | None, zone: tzinfo) -> str | None:
    """From when to when something happened; the day only once if it is the same."""
    if times is None:
        return None
    first, last = (_moment(one, zone) or "" for one in times)
    day = len("2026-11-23 ")
    return f"{first} to {last[day:] if first[:day] == last[:day] else last}"


def _moment(time: float | None, zone: tzinfo) -> str | None:
    return None if time is None else f"{datetime.fromtimestamp(time, zone):%Y-%m-%d %H:%M:%S}"


def zone_words(time: float, zone: tzinfo) -> str:
    """The zone's offset at that time, as `UTC+01:00`."""
    offset = f"{datetime.fromtimestamp(time, zone):%z}"
    return f"UTC{offset[:3]}:{offset[3:5]}".removesuffix("+00:00")
