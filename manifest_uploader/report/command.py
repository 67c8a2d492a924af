"""`uploader report`: writes the page and the tables from manifest, state file and receipts."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from manifest_uploader.engine.options import Options
from manifest_uploader.engine.reading import read_manifest
from manifest_uploader.errors import ExtraMissing, StateMismatch, UsageError
from manifest_uploader.manifest.model import Manifest
from manifest_uploader.output.formatting import counted
from manifest_uploader.report import tables
from manifest_uploader.report.links import links_of
from manifest_uploader.report.rows import Row, make_rows
from manifest_uploader.state import file as state_file
from manifest_uploader.state import receipts
from manifest_uploader.state.file import Stored
from manifest_uploader.system import disk

_STDOUT: Final = "-"
_DAY_S: Final = 86_400.0
_NEEDED: Final = ("jinja2", "pygal")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to write, and where; `-` is standard output."""

    page: str
    page_is_asked_for: bool
    """With `--output`, or because nothing else is asked for."""
    csv: str | None = None
    json: str | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """What a report is made from."""

    manifest: Manifest
    stored: Stored
    rows: tuple[Row, ...]
    problems: int
    """How many the manifest has: it may have changed since the run."""


def report(options: Options, wanted: Wanted) -> list[str]:
    """Write what is wanted and return a line for people about each file.

    Raises:
        ManifestInvalid: no case of the manifest can be read.
        ExtraMissing: the page is asked for, and the packages that draw it are missing.
        UsageError: a file cannot be written, or is needed for something else.

    """
    _check_outputs(options, wanted)
    if wanted.page_is_asked_for and not _can_draw():
        raise _missing()
    material = _gather(options)
    said = []
    if material.problems:
        found = f"{counted(material.problems, 'problem')} ('uploader validate' tells)"
        said.append(f"note: {options.manifest} has {found}; what can be read of it is reported")
    if wanted.csv is not None:
        said += _write(wanted.csv, tables.csv_bytes(material.rows))
    if wanted.json is not None:
        said += _write(wanted.json, tables.json_bytes(material.rows))
    if _can_draw():
        return said + _write(wanted.page, _page(options, material).encode("utf-8", "replace"))
    return [*said, f"without the page; {_missing().message}"]


def _can_draw() -> bool:
    return all(find_spec(name) is not None for name in _NEEDED)


def _missing() -> ExtraMissing:
    return ExtraMissing("the page needs the packages that draw it", "report")


def _gather(options: Options) -> Material:
    reading = read_manifest(options)
    stored = state_file.read(options.state)
    _check_target(reading.manifest, stored, options.state)
    rows = make_rows(
        reading.manifest,
        stored.events,
        receipts=receipts.read(options.receipts) if options.receipts is not None else (),
        links=links_of(stored.binding),
    )
    return Material(reading.manifest, stored, rows, len(reading.problems))


def _check_target(manifest: Manifest, stored: Stored, path: Path) -> None:
    was = stored.binding
    if was is not None and (was.kind, was.slug) != (manifest.kind, manifest.slug):
        raise StateMismatch(
            f"{path} belongs to the {was.kind} '{was.slug}', "
            f"not to the {manifest.kind} '{manifest.slug}'",
            hint="name another state file with --state",
        )


def _page(options: Options, material: Material) -> str:
    from manifest_uploader.report import figures, page, timeline  # noqa: PLC0415 - an extra

    zone = _zone(material)
    line = timeline.make_timeline(material.stored.events)
    binding = material.stored.binding
    heading = page.Heading(
        Path(options.manifest).name,
        options.state.name,
        material.manifest.kind,
        material.manifest.slug,
        None if binding is None else binding.platform,
        links_of(binding).target,
    )
    return page.render(
        heading,
        material.rows,
        material.stored.events,
        figures=figures.draw(line, zone),
        silences=any(one.silence for one in line.bins),
        zone=zone,
    )


def _zone(material: Material) -> tzinfo:
    """This machine's time zone when the run ended; before the first run, now.

    Windows knows no local time in the first hours of 1970.
    """
    times = [event.time for event in material.stored.events if event.time >= _DAY_S]
    last = datetime.fromtimestamp(max(times), UTC) if times else datetime.now(UTC)
    zone = last.astimezone().tzinfo
    assert zone is not None
    return zone


# ── writing ─────────────────────────────────────────────────────────────────────────────────


def _check_outputs(options: Options, wanted: Wanted) -> None:
    """Raise UsageError if a file to write is one to read, or is named twice."""
    sources = [Path(options.manifest), options.state]
    sources += [options.receipts] if options.receipts is not None else []
    given = [one for one in (wanted.page, wanted.csv, wanted.json) if one not in (None, _STDOUT)]
    places = [Path(one) for one in given if one is not None]
    for number, place in enumerate(places):
        if any(disk.is_same(place, one) for one in (*sources, *places[:number])):
            raise UsageError(f"'{place.name}' cannot be written: it is needed for something else")


def _write(name: str, content: bytes) -> list[str]:
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
    return [f"wrote {path}"]


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
