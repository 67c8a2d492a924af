"""New cases in a manifest, and new sockets in its cases; every byte that is there stays as it is.

Invariant: what comes out begins with the same cases as before, in every detail and with what was
to be added to them, or nothing does.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from manifest_uploader.errors import UsageError
from manifest_uploader.files.listing import is_magic
from manifest_uploader.init.compose import (
    Entry,
    Files,
    Layout,
    OneFile,
    Source,
    case_lines,
    socket_lines,
)
from manifest_uploader.init.spots import ListSpot, Spot, list_of_cases
from manifest_uploader.manifest.model import Case, FileValue, Manifest
from manifest_uploader.manifest.parser import parse
from manifest_uploader.manifest.problems import ManifestInvalid

_COMMENTED: Final = re.compile(
    r"^[ \t]*#[ \t#]*-[ \t]+name:[ \t]*(.+?)[ \t]*(?: #.*)?$", re.MULTILINE
)
_COMMAND: Final = re.compile(r"^#\s+(uploader init .+)$", re.MULTILINE)


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


# ── adding ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class More:
    """Sockets for a case that a manifest has."""

    place: int
    """Of the case in the list, from 0."""
    name: str
    sockets: tuple[tuple[str, Source], ...]


def addable(data: bytes) -> list[CaseText]:
    """Every case of the list as far as more can be said in it."""
    lines = _lines(data)
    found = list_of_cases(data.removeprefix(_BOM))
    if found is None:
        return []
    starts = [case.line for case in found.cases]
    texts = ("".join(lines[a:b]) for a, b in zip(starts, [*starts[1:], len(lines)], strict=True))
    return [
        CaseText(case.sockets is not None, frozenset(_SPOKEN.findall(text)))
        for case, text in zip(found.cases, texts, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class CaseText:
    """How a case is written."""

    is_open: bool
    """Sockets can be added to it: it is on lines of its own, and nothing else repeats it."""
    commented: frozenset[str]
    """The keys in its comments: who comments a socket out does not want it back."""


def extended(data: bytes, path: str, entries: Sequence[Entry], more: Sequence[More] = ()) -> bytes:
    """The manifest with the entries at the end of its list, and more in cases that it has.

    Raises:
        UsageError: its list is written in a way that cannot be added to.

    """
    found = list_of_cases(data.removeprefix(_BOM))
    if found is None or found.end is None or not found.keys:
        hint = "write every case on lines of its own: '- name: …'; or make a new manifest"
        raise UsageError(f"the cases of '{path}' are written with brackets", hint=hint)
    lines = _lines(data)
    layout = _layout(lines, found)
    pieces: dict[int, str] = {}
    for one in more:
        spot = found.cases[one.place].sockets
        if spot is not None:
            pieces[spot.place(lines, spot.column - 1)] = _more(one, spot, layout)
    if entries:
        place = found.place(lines, found.column)
        gap = layout.line_end if layout.gap and not found.is_block else ""
        pieces[place] = pieces.get(place, "") + gap + _added(entries, layout)
    new = data[: len(data) - len(data.removeprefix(_BOM))] + _joined(lines, pieces, layout).encode()
    _check(data, new, path, more)
    return new


_SPOKEN: Final = re.compile(r"""^[ \t]*#[ \t#]*["']?([a-z0-9_-]+)["']?:""", re.MULTILINE)
_ENDS: Final = ("\n", "\r", "\x85", "\u2028", "\u2029")
"""Of a line, as YAML counts lines."""
_LINE: Final = re.compile("[^\n\r\x85\u2028\u2029]*(?:\r\n|[\n\r\x85\u2028\u2029])|.+$")
_BOM: Final = b"\xef\xbb\xbf"


def _lines(data: bytes) -> list[str]:
    return _LINE.findall(data.removeprefix(_BOM).decode())


def _joined(lines: list[str], pieces: Mapping[int, str], layout: Layout) -> str:
    """The lines, with each piece before the line of its number."""
    parts: list[str] = []
    last = ""
    for number in range(len(lines) + 1):
        if number in pieces:
            glue = layout.line_end if last[-1:] not in _ENDS else ""
            parts += [glue, pieces[number]]
        if number < len(lines):
            last = lines[number]
            parts.append(last)
    return "".join(parts)


def _more(more: More, spot: Spot, layout: Layout) -> str:
    lines = socket_lines(more.sockets, spot.column, layout)
    return "".join(line + layout.line_end for line in lines)


def _layout(lines: list[str], found: ListSpot) -> Layout:
    first = next((line for line in lines if line.endswith("\n")), "\n")
    dashes = [n for n, line in enumerate(lines) if line.startswith(" " * found.column + "- ")]
    gap = len(dashes) < 2 or not lines[dashes[-1] - 1].strip()  # noqa: PLR2004
    return Layout(
        dash=found.column,
        keys=found.keys,
        step=found.step or 2,
        line_end="\r\n" if first.endswith("\r\n") else "\n",
        gap=gap,
    )


def _added(entries: Sequence[Entry], layout: Layout) -> str:
    blocks = [layout.line_end.join(case_lines(entry, layout)) for entry in entries]
    between = layout.line_end * (2 if layout.gap else 1)
    return between.join(blocks) + layout.line_end


def _check(old: bytes, new: bytes, path: str, more: Sequence[More]) -> None:
    """Raise UsageError unless all that stood there still says the same, and more only what it is.

    What is added is compared as well: it must have come into the cases that it is for.
    """
    try:
        before, after = parse(old, path), parse(new, path)
    except ManifestInvalid:
        same = False
    else:
        kept = replace(after, cases=after.cases[: len(before.cases)], digest=before.digest)
        same = _said_by(kept) == _said_by(before, {one.place: one for one in more})
    if not same:
        hint = "add them by hand, or make a new manifest with --output FILE"
        raise UsageError(f"nothing can be added to '{path}' without changing it", hint=hint)


def _said_by(manifest: Manifest, more: Mapping[int, More] = MappingProxyType({})) -> object:
    """What a manifest says, with more in some of its cases; where it says it may move."""
    cases = []
    for place, case in enumerate(manifest.cases):
        added = more[place].sockets if place in more else ()
        values = [*map(_said, case.values), *(_meant(*one) for one in added)]
        cases.append((case.name, case.title, case.order, values))
    return manifest.kind, manifest.slug, manifest.root, manifest.identifiable, cases


def _said(value: object) -> tuple[object, ...]:
    fields = ("socket", "paths", "single", "value", "pk")
    return tuple(getattr(value, name, None) for name in fields)


def _meant(socket: str, source: Source) -> tuple[object, ...]:
    """What a manifest says of a socket that is added."""
    match source:
        case OneFile(path):
            return socket, (path,), True, None, None
        case Files(paths):
            return socket, paths, False, None, None
        case value:
            return socket, None, None, value, None
