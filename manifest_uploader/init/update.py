"""Adds cases, and sockets of cases, to a manifest and keeps every byte that is there.

Invariant: the result begins with the same cases as before, unchanged but for what was to be
added to them; otherwise nothing is written.
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
from manifest_uploader.init.insertion_points import CaseList, find_case_list
from manifest_uploader.manifest.model import Case, FileValue, Manifest
from manifest_uploader.manifest.parser import parse
from manifest_uploader.manifest.problems import ManifestInvalid
from manifest_uploader.text import composed

_COMMENTED_CASE: Final = re.compile(
    r"^[ \t]*#[ \t#]*-[ \t]+name:[ \t]*(.+?)[ \t]*(?: #.*)?$", re.MULTILINE
)
_COMMAND: Final = re.compile(r"^#\s+(uploader init .+)$", re.MULTILINE)


# ── what the manifest has ────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class KnownCases:
    """The cases that a manifest already has, including those that are commented out.

    Whoever comments a case out does not want it back.
    """

    names: frozenset[str]
    without_files: frozenset[str]
    """Names of the cases that can be recognised by their names only."""
    paths: frozenset[str]
    """The paths of their files and every folder above them."""
    globs: Mapping[str, tuple[str, ...]]
    """By the case's name."""
    titles: frozenset[str]


def find_known_cases(manifest: Manifest, text: str) -> KnownCases:
    """The cases of a manifest, given its text for those that are commented out."""
    commented = [match[1].strip("'\"") for match in _COMMENTED_CASE.finditer(text)]
    without_files = [case.name for case in manifest.cases if not any(file_paths(case))]
    return KnownCases(
        names=frozenset(map(composed, [*(case.name for case in manifest.cases), *commented])),
        without_files=frozenset(map(composed, [*without_files, *commented])),
        paths=frozenset(
            parent
            for case in manifest.cases
            for path in file_paths(case)
            for parent in path_and_parents(composed(path))
        ),
        globs={
            composed(case.name): tuple(filter(is_magic, file_paths(case)))
            for case in manifest.cases
        },
        titles=frozenset(case.title for case in manifest.cases),
    )


def file_paths(case: Case) -> Iterator[str]:
    """The paths, folders and globs of all files of a case."""
    for value in case.values:
        yield from value.paths if isinstance(value, FileValue) else ()


def path_and_parents(path: str) -> Iterator[str]:
    """Every folder above the path, then the path itself."""
    parts = posixpath.normpath(path).split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))


def recall_command(text: str) -> list[str] | None:
    """The arguments of the `uploader init` command in the manifest's head; None if unreadable."""
    found = _COMMAND.search(text[: text.find("\nversion:") + 1] or text[:4000])
    if found is None:
        return None
    try:
        return shlex.split(found[1])[2:]
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class CaseText:
    """How a case is written."""

    is_open: bool
    """Whether sockets can be added: it is in block style, and no anchor or alias repeats it."""
    commented: frozenset[str]
    """The keys in its comments; whoever comments a socket out does not want it back."""


def read_case_texts(data: bytes) -> list[CaseText]:
    """How each case of the list is written; empty if the list is in brackets."""
    lines = _lines(data)
    found = find_case_list(data.removeprefix(_BOM))
    if found is None:
        return []
    starts = [case.line for case in found.cases]
    texts = ("".join(lines[a:b]) for a, b in zip(starts, [*starts[1:], len(lines)], strict=True))
    return [
        CaseText(case.sockets is not None, frozenset(_COMMENTED_KEY.findall(text)))
        for case, text in zip(found.cases, texts, strict=True)
    ]


# ── adding ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Addition:
    """Sockets to add to a case of the manifest."""

    index: int
    """Of the case in the list, from 0."""
    name: str
    sockets: tuple[tuple[str, Source], ...]


def extend(
    data: bytes, path: str, entries: Sequence[Entry], additions: Sequence[Addition] = ()
) -> bytes:
    """The manifest with the entries at the end of its list and the additions in their cases.

    Raises:
        UsageError: its list is written in a way that cannot be added to.

    """
    found = find_case_list(data.removeprefix(_BOM))
    if found is None or found.end is None or not found.keys:
        hint = "write every case on lines of its own: '- name: …'; or make a new manifest"
        raise UsageError(f"the cases of '{path}' are written with brackets", hint=hint)
    lines = _lines(data)
    layout = _layout(lines, found)
    insertions: dict[int, str] = {}
    for addition in additions:
        point = found.cases[addition.index].sockets
        if point is not None:
            added = socket_lines(addition.sockets, point.column, layout)
            text = "".join(line + layout.line_end for line in added)
            insertions[point.line_after(lines, point.column - 1)] = text
    if entries:
        end = found.line_after(lines, found.column)
        gap = layout.line_end if layout.gap and not found.ends_in_block_text else ""
        blocks = [layout.line_end.join(case_lines(entry, layout)) for entry in entries]
        between = layout.line_end * (2 if layout.gap else 1)
        text = gap + between.join(blocks) + layout.line_end
        insertions[end] = insertions.get(end, "") + text
    bom = data[: len(data) - len(data.removeprefix(_BOM))]
    new = bom + _insert(lines, insertions, layout).encode()
    _check(data, new, path, additions)
    return new


_COMMENTED_KEY: Final = re.compile(r"""^[ \t]*#[ \t#]*["']?([a-z0-9_-]+)["']?:""", re.MULTILINE)
_LINE_ENDS: Final = ("\n", "\r", "\x85", "\u2028", "\u2029")
"""As YAML counts lines."""
_LINE: Final = re.compile("[^\n\r\x85\u2028\u2029]*(?:\r\n|[\n\r\x85\u2028\u2029])|.+$")
_BOM: Final = b"\xef\xbb\xbf"


def _lines(data: bytes) -> list[str]:
    return _LINE.findall(data.removeprefix(_BOM).decode())


def _insert(lines: list[str], insertions: Mapping[int, str], layout: Layout) -> str:
    """The lines with each insertion before the line of its number."""
    parts: list[str] = []
    last = ""
    for number in range(len(lines) + 1):
        if number in insertions:
            missing_end = layout.line_end if last[-1:] not in _LINE_ENDS else ""
            parts += [missing_end, insertions[number]]
        if number < len(lines):
            last = lines[number]
            parts.append(last)
    return "".join(parts)


def _layout(lines: list[str], found: CaseList) -> Layout:
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


def _check(old: bytes, new: bytes, path: str, additions: Sequence[Addition]) -> None:
    """Raise UsageError unless the new text means what the old one did plus the additions."""
    try:
        before, after = parse(old, path), parse(new, path)
    except ManifestInvalid:
        same = False
    else:
        kept = replace(after, cases=after.cases[: len(before.cases)], digest=before.digest)
        expected = _meaning(before, {addition.index: addition for addition in additions})
        same = _meaning(kept) == expected
    if not same:
        hint = "add them by hand, or make a new manifest with --output FILE"
        raise UsageError(f"nothing can be added to '{path}' without changing it", hint=hint)


def _meaning(
    manifest: Manifest, additions: Mapping[int, Addition] = MappingProxyType({})
) -> object:
    """What a manifest and additions to its cases mean, wherever in the text they stand."""
    cases = []
    for index, case in enumerate(manifest.cases):
        added = additions[index].sockets if index in additions else ()
        values = [*map(_value_meaning, case.values), *(_source_meaning(*one) for one in added)]
        cases.append((case.name, case.title, case.order, values))
    words = (manifest.identifiable, manifest.import_check)
    return manifest.kind, manifest.slug, manifest.root, words, cases


def _value_meaning(value: object) -> tuple[object, ...]:
    fields = ("socket", "paths", "single", "value", "pk")
    return tuple(getattr(value, name, None) for name in fields)


def _source_meaning(socket: str, source: Source) -> tuple[object, ...]:
    match source:
        case OneFile(path):
            return socket, (path,), True, None, None
        case Files(paths):
            return socket, paths, False, None, None
        case value:
            return socket, None, None, value, None
