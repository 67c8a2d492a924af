"""`uploader report`: writes the page and the tables from manifest, state file and receipts."""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from manifest_uploader.engine.options import Options
from manifest_uploader.engine.reading import read_manifest
from manifest_uploader.errors import ExtraMissing, StateMismatch, UsageError
from manifest_uploader.manifest.model import Manifest
from manifest_uploader.output.formatting import counted, note_line
from manifest_uploader.report import figures, page, tables, timeline
from manifest_uploader.report.links import Links, links_of
from manifest_uploader.report.next_steps import Commands, Step, next_steps
from manifest_uploader.report.overview import cases_of, count_states
from manifest_uploader.report.pictures import USUAL_CASES, Pictures, can_draw, make_pictures
from manifest_uploader.report.rows import UNCHECKED, Row, make_rows
from manifest_uploader.report.words import sentence
from manifest_uploader.state import file as state_file
from manifest_uploader.state import lock, receipts
from manifest_uploader.state.events import AnyEvent
from manifest_uploader.state.file import Stored
from manifest_uploader.system import disk
from manifest_uploader.system.extras import install_command
from manifest_uploader.text import Block, Tone, line

_STDOUT: Final = "-"
_DAY_S: Final = 86_400.0
_NEEDED: Final = ("jinja2", "pygal")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to write, and where; `-` is standard output."""

    page: str
    page_is_asked_for: bool
    """With `--output`, or because nothing else is asked for."""
    commands: Commands
    """Writes the commands that the page names."""
    csv: str | None = None
    json: str | None = None
    pictures: int | None = None
    """Of how many cases there are pictures; None: of as many as usual."""
    opens: bool = False
    """Whether to show the page in the browser."""


@dataclass(frozen=True, slots=True)
class _Material:
    """What a report is made from."""

    manifest: Manifest
    stored: Stored
    links: Links
    rows: tuple[Row, ...]
    problems: int
    """How many the manifest has: it may have changed since the run."""
    runs_since: str | None
    """Since when a run is at work; None if there is none."""


def report(options: Options, wanted: Wanted) -> list[Block]:
    """Write what is wanted and return a line for people about each file.

    Raises:
        ManifestInvalid: no case of the manifest can be read.
        ExtraMissing: the page is asked for, and the packages that draw it are missing.
        UsageError: a file cannot be written, or is needed for something else.

    """
    check_outputs(options, wanted)
    require_page(wanted)
    material = _gather(options)
    said: list[Block] = []
    if material.problems:
        found = f"{counted(material.problems, 'problem')} (see 'uploader validate')"
        said.append(
            note_line(f"{options.manifest} has {found}; what can be read of it is reported")
        )
    if wanted.csv is not None:
        said += _write(wanted.csv, tables.csv_bytes(material.rows))
    if wanted.json is not None:
        said += _write(wanted.json, tables.json_bytes(material.rows))
    if not _can_draw():
        return [*said, line(("without the page;", Tone.WARNING), f" {_missing().message}")]
    content, notes = _page(options, wanted, material)
    said += map(note_line, notes)
    said += _write(wanted.page, content.encode("utf-8", "replace"))
    if wanted.opens and wanted.page != _STDOUT and not _opened(Path(wanted.page)):
        said.append(note_line("no browser was found; open the file yourself"))
    return said


def require_page(wanted: Wanted) -> None:
    """Raise ExtraMissing if the page is asked for and the packages that draw it are missing."""
    if wanted.page_is_asked_for and not _can_draw():
        raise _missing()


def _can_draw() -> bool:
    return all(find_spec(name) is not None for name in _NEEDED)


def _missing() -> ExtraMissing:
    return ExtraMissing("the page needs packages that are not installed", "report")


def _opened(path: Path) -> bool:
    """Whether a browser was started with a page."""
    import webbrowser  # noqa: PLC0415 - only with --open

    try:
        return webbrowser.open(path.resolve().as_uri())
    except (webbrowser.Error, OSError, ValueError):
        return False


def _gather(options: Options) -> _Material:
    reading = read_manifest(options)
    stored = state_file.read(options.state)
    _check_target(reading.manifest, stored, options.state)
    holder, links = lock.holder_of(options.state), links_of(stored.binding, options.platform)
    rows = make_rows(
        reading.manifest,
        stored.events,
        receipts=receipts.read(options.receipts) if options.receipts is not None else (),
        links=links,
        at_work=holder is not None,
    )
    since = None if holder is None else holder.since
    return _Material(reading.manifest, stored, links, rows, len(reading.problems), since)


def _check_target(manifest: Manifest, stored: Stored, path: Path) -> None:
    was = stored.binding
    if was is not None and (was.kind, was.slug) != (manifest.kind, manifest.slug):
        raise StateMismatch(
            f"{path} belongs to the {was.kind} '{was.slug}', "
            f"not to the {manifest.kind} '{manifest.slug}'",
            hint="name another state file with --state",
        )


def _page(options: Options, wanted: Wanted, material: _Material) -> tuple[str, list[str]]:
    """The page, and notes about it for people."""
    times = _times(material.stored.events)
    zone, line = _zone(times), timeline.make_timeline(material.stored.events)
    found = _pictures(options, wanted, material.manifest)
    notes = [found.note] if found.note is not None else []
    if found.found:
        privacy = "The pictures show the files on the computer where this page was written."
        notes.append(f"{privacy} Whoever gets the page can see them.")
    content = page.Material(
        cases_of(material.rows),
        _steps(wanted, material),
        times,
        figures.draw(line, zone),
        any(one.silence for one in line.bins),
        found.found,
        [sentence(one) for one in notes],
    )
    said = [found.note] if found.note is not None else []
    return page.render(_heading(options, wanted, material), content, zone), said


def _heading(options: Options, wanted: Wanted, material: _Material) -> page.Heading:
    return page.Heading(
        Path(options.manifest).name,
        options.state.name,
        material.manifest.kind,
        material.manifest.slug,
        material.stored.binding,
        material.links.target,
        wanted.commands("report", "--csv", "FILE"),
    )


def _steps(wanted: Wanted, material: _Material) -> tuple[Step, ...]:
    return next_steps(
        count_states(cases_of(material.rows)),
        wanted.commands,
        kind=material.manifest.kind,
        runs_since=material.runs_since,
        problems=material.problems,
        unchecked=sum(row.words == UNCHECKED for row in material.rows),
    )


def _pictures(options: Options, wanted: Wanted, manifest: Manifest) -> Pictures:
    if wanted.pictures == 0:
        return Pictures()
    if not can_draw():
        missing = f"no pictures: packages are missing; install them: {install_command('report')}"
        return Pictures(note=missing)
    if wanted.pictures is None:
        return make_pictures(manifest, root=options.root, cases=USUAL_CASES)
    return make_pictures(manifest, root=options.root, cases=wanted.pictures, most_s=math.inf)


def _times(events: Sequence[AnyEvent]) -> tuple[float, float] | None:
    """When the first and the last event happened; None if there is none.

    Windows knows no local time in the first hours of 1970.
    """
    times = [event.time for event in events if event.time >= _DAY_S]
    return (min(times), max(times)) if times else None


def _zone(times: tuple[float, float] | None) -> tzinfo:
    """This machine's time zone when the run ended; before the first run, now."""
    last = datetime.now(UTC) if times is None else datetime.fromtimestamp(times[1], UTC)
    zone = last.astimezone().tzinfo
    assert zone is not None
    return zone


# ── writing ─────────────────────────────────────────────────────────────────────────────────


def check_outputs(options: Options, wanted: Wanted) -> None:
    """Raise UsageError if a file to write is one to read, or is named twice."""
    sources = [Path(options.manifest), options.state]
    sources += [options.receipts] if options.receipts is not None else []
    given = [one for one in (wanted.page, wanted.csv, wanted.json) if one not in (None, _STDOUT)]
    places = [Path(one) for one in given if one is not None]
    for number, place in enumerate(places):
        if any(disk.is_same(place, one) for one in (*sources, *places[:number])):
            raise UsageError(f"'{place.name}' cannot be written: it is needed for something else")


def _write(name: str, content: bytes) -> list[Block]:
    """Write a file as a whole or not at all, and return a line about it."""
    if name == _STDOUT:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return []
    path = Path(name)
    try:
        _replace(path, content)
    except OSError as error:
        why = disk.writing_reason(path, error)
        raise UsageError(f"'{name}' cannot be written: {why}") from None
    return [line(("wrote", Tone.GOOD), f" {path}")]


def _replace(path: Path, content: bytes) -> None:
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(aside).chmod(0o666 & ~_umask())
        disk.replace(Path(aside), path)
    except BaseException:
        disk.could_remove(Path(aside))
        raise


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now
