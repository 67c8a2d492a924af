"""New cases at the end of a manifest's list; every byte that stands there stays as it is.

Invariant: what comes out begins with the same cases as before, in every detail, or nothing does.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml

from manifest_uploader.errors import ManifestInvalid, UsageError
from manifest_uploader.init.compose import Entry, Layout, case_lines
from manifest_uploader.listing import is_magic
from manifest_uploader.located_yaml import LOADER
from manifest_uploader.manifest import parse
from manifest_uploader.model import Case, FileValue, Manifest

_COMMENTED: Final = re.compile(
    r"^[ \t]*#[ \t#]*-[ \t]+name:[ \t]*(.+?)[ \t]*(?: #.*)?$", re.MULTILINE
)
_COMMAND: Final = re.compile(r"^#\s+(uploader init .+)$", re.MULTILINE)
_BLOCK: Final = ("|", ">")


# ── what is known ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Known:
    """What a manifest has already."""

    names: frozenset[str]
    """Of cases, those in comments too: who comments a case out does not want it back."""
    without_files: frozenset[str]
    """Those of the names whose cases have no files, by which they could be known."""
    paths: frozenset[str]
    """That files are named by, and every folder above them."""
    globs: Mapping[str, tuple[str, ...]]
    """By the case's name."""
    titles: frozenset[str]


def known(manifest: Manifest, text: str) -> Known:
    """What the cases are called and which files they have."""
    commented = [found[1].strip("'\"") for found in _COMMENTED.finditer(text)]
    bare = [case.name for case in manifest.cases if not any(_paths_of(case))]
    return Known(
        names=frozenset([*(case.name for case in manifest.cases), *commented]),
        without_files=frozenset([*bare, *commented]),
        paths=frozenset(
            start for case in manifest.cases for path in _paths_of(case) for start in starts(path)
        ),
        globs={case.name: tuple(filter(is_magic, _paths_of(case))) for case in manifest.cases},
        titles=frozenset(case.title for case in manifest.cases),
    )


def _paths_of(case: Case) -> Iterator[str]:
    for value in case.values:
        yield from value.paths if isinstance(value, FileValue) else ()


def starts(path: str) -> Iterator[str]:
    """The path, and every folder above it."""
    parts = posixpath.normpath(path).split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))


def recalled(text: str) -> list[str] | None:
    """The words behind `uploader init` of the command that wrote a manifest, out of its head."""
    found = _COMMAND.search(text[: text.find("\nversion:") + 1] or text[:4000])
    if found is None:
        return None
    try:
        return shlex.split(found[1])[2:]
    except ValueError:
        return None


# ── where the list ends ─────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _List:
    """Where the cases stand; lines and columns from 0."""

    dash: int
    keys: int = 0
    step: int = 0
    end: Any = None
    """The mark behind the last of what the list holds."""
    is_block: bool = False
    """It ends with a text over several lines, to which an empty line would be added."""


def _list_of_cases(data: bytes) -> _List | None:
    """The list under `cases`; None if it is written with brackets."""
    depth, key = 0, None
    found: _List | None = None
    for event in _events(data):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if found is not None and depth == 1:
            return found
        if found is not None:
            _learn(found, depth, event)
        elif depth == 2 and key == "cases" and isinstance(event, yaml.SequenceStartEvent):  # noqa: PLR2004
            if event.flow_style:
                return None
            found = _List(_column(event))
        if depth == 1:
            key = event.value if isinstance(event, yaml.ScalarEvent) and key is None else None
    return None


def _events(data: bytes) -> Iterator[Any]:
    loader = LOADER(data)
    try:
        while not isinstance(event := loader.get_event(), yaml.StreamEndEvent):
            yield event
    finally:
        loader.dispose()


def _column(event: Any) -> int:
    return int(event.start_mark.column)


def _learn(found: _List, depth: int, event: Any) -> None:
    """The indentation of a case and of its sockets, and how far the list goes."""
    if isinstance(event, yaml.MappingStartEvent) and not event.flow_style:
        if depth == 3:  # noqa: PLR2004
            found.keys = _column(event)
        elif depth == 4 and _column(event) > found.keys:  # noqa: PLR2004
            found.step = _column(event) - found.keys
    # The end of a collection in block style is where the next thing begins: it says nothing.
    is_said = isinstance(event, yaml.ScalarEvent | yaml.AliasEvent)
    if is_said or (isinstance(event, yaml.CollectionEndEvent) and _is_written(event)):
        found.end = event.end_mark
        found.is_block = isinstance(event, yaml.ScalarEvent) and event.style in _BLOCK


def _is_written(event: Any) -> bool:
    return bool(event.end_mark.index > event.start_mark.index)


# ── adding ──────────────────────────────────────────────────────────────────────────────────


def extended(data: bytes, path: str, entries: Sequence[Entry]) -> bytes:
    """The manifest with the entries at the end of its list.

    Raises:
        UsageError: its list is written in a way that cannot be added to.

    """
    found = _list_of_cases(data.removeprefix(_BOM))
    if found is None or found.end is None or not found.keys:
        hint = "write every case on lines of its own: '- name: …'; or make a new manifest"
        raise UsageError(f"the cases of '{path}' are written with brackets", hint=hint)
    lines = _LINE.findall(data.removeprefix(_BOM).decode())
    place = _place(lines, found)
    layout = _layout(lines, found)
    before, after = "".join(lines[:place]), "".join(lines[place:])
    glue = layout.line_end if before[-1:] not in _ENDS else ""
    gap = layout.line_end if layout.gap and not found.is_block else ""
    text = before + glue + gap + _added(entries, layout) + after
    new = data[: len(data) - len(data.removeprefix(_BOM))] + text.encode()
    _check(data, new, path)
    return new


_ENDS: Final = ("\n", "\r", "\x85", "\u2028", "\u2029")
"""Of a line, as YAML counts lines."""
_LINE: Final = re.compile("[^\n\r\x85\u2028\u2029]*(?:\r\n|[\n\r\x85\u2028\u2029])|.+$")
_BOM: Final = b"\xef\xbb\xbf"


def _place(lines: list[str], found: _List) -> int:
    """The line before which to add: behind the last case and the comments that belong to it."""
    place: int = found.end.line + (found.end.column > 0)
    while place < len(lines):
        text = lines[place].lstrip(" ")
        if not text.startswith("#") or len(lines[place]) - len(text) <= found.dash:
            break
        place += 1
    return place


def _layout(lines: list[str], found: _List) -> Layout:
    first = next((line for line in lines if line.endswith("\n")), "\n")
    dashes = [n for n, line in enumerate(lines) if line.startswith(" " * found.dash + "- ")]
    gap = len(dashes) < 2 or not lines[dashes[-1] - 1].strip()  # noqa: PLR2004
    return Layout(
        dash=found.dash,
        keys=found.keys,
        step=found.step or 2,
        line_end="\r\n" if first.endswith("\r\n") else "\n",
        gap=gap,
    )


def _added(entries: Sequence[Entry], layout: Layout) -> str:
    blocks = [layout.line_end.join(case_lines(entry, layout)) for entry in entries]
    between = layout.line_end * (2 if layout.gap else 1)
    return between.join(blocks) + layout.line_end


def _check(old: bytes, new: bytes, path: str) -> None:
    """Raise UsageError unless all that stood there still says the same."""
    try:
        before, after = parse(old, path), parse(new, path)
    except ManifestInvalid:
        same = False
    else:
        kept = replace(after, cases=after.cases[: len(before.cases)], digest=before.digest)
        same = _without_places(kept) == _without_places(before)
    if not same:
        hint = "add them by hand, or make a new manifest with --output FILE"
        raise UsageError(f"nothing can be added to '{path}' without changing it", hint=hint)


def _without_places(manifest: Manifest) -> object:
    """What a manifest says; where it says it may move."""
    cases = [
        (case.name, case.title, case.order, [_said(value) for value in case.values])
        for case in manifest.cases
    ]
    return manifest.kind, manifest.slug, manifest.root, manifest.identifiable, cases


def _said(value: object) -> tuple[object, ...]:
    fields = ("socket", "paths", "single", "value", "pk")
    return tuple(getattr(value, name, None) for name in fields)
