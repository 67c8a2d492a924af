"""Writes the text of a manifest for someone who reads one for the first time.

Invariant: every YAML reader, the manifest's own included, reads each text as it was meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from manifest_uploader.digests import Json
from manifest_uploader.manifest.schema import NAME as SCHEMA_NAME
from manifest_uploader.text import printable

_PLAIN: Final = re.compile(r"[^\W\d_](?:[\w ./()+,*-]*[\w./()+,*-])?")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_SIMPLE: Final = re.compile(r"[ !#-\[\]-~\xa1-\u05ff]*")
"""Needs no escapes in double quotes: no quote, no backslash, nothing invisible."""


# ── the contents ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class OneFile:
    """`file: PATH`."""

    path: str
    name: str | None = None
    """`name:` of the image."""


@dataclass(frozen=True, slots=True)
class Files:
    """`files:` with one pattern, folder or path, or a list of them."""

    paths: tuple[str, ...]
    name: str | None = None
    """`name:` of the image."""


@dataclass(frozen=True, slots=True)
class JsonSource:
    """`value:` with a list or a mapping."""

    value: Json


@dataclass(frozen=True, slots=True)
class Image:
    """`image: PK`."""

    pk: str


@dataclass(frozen=True, slots=True)
class SameAs:
    """`same-as: CASE/SOCKET`."""

    other: str


Source: TypeAlias = OneFile | Files | JsonSource | Image | SameAs | str | int | float | bool
"""Where a socket's value comes from; a text, number or boolean is the value itself."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several sources for a socket, among which the user has to choose."""

    source: OneFile | Files
    label: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One case."""

    name: str
    title: str | None = None
    order: int | None = None
    sockets: tuple[tuple[str, Source], ...] = ()
    undecided: tuple[tuple[str, tuple[Choice, ...]], ...] = ()
    """Sockets that are left out until the user chooses."""
    comments: tuple[str, ...] = ()
    """What else is left out, and why."""
    dropped: tuple[str, ...] = ()
    """Sockets that this case of many leaves out."""


@dataclass(frozen=True, slots=True)
class Head:
    """The part of a manifest before the cases."""

    kind: str
    slug: str
    root: str | None
    """None if the files lie outside the manifest's folder."""
    command: str
    """The command that wrote the manifest."""
    schema: str | None
    """The path of the schema, relative to the manifest; None if there is no such file."""
    name: str = "manifest.yaml"
    """The manifest's file name."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is indented; columns from 0."""

    dash: int = 2
    keys: int = 4
    step: int = 2


# ── scalars ─────────────────────────────────────────────────────────────────────────────────


def scalar(value: str | float | bool) -> str:  # noqa: FBT001
    """The value as YAML; a text is quoted if it could be read as anything else."""
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if _SIMPLE.fullmatch(value):
        return f'"{value}"'
    return '"' + "".join(map(_escaped, value)) + '"'


def flow(value: Json) -> str:
    """A JSON value as YAML on one line."""
    match value:
        case str():
            return '"' + "".join(map(_escaped, value)) + '"'
        case list():
            return f"[{', '.join(map(flow, value))}]"
        case dict():
            return f"{{{', '.join(f'{flow(key)}: {flow(one)}' for key, one in value.items())}}}"
        case _:
            return json.dumps(value)


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    if code <= 0xFF:  # noqa: PLR2004
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


def comment(text: str) -> str:
    """The text as a comment of one line; characters that do not print are escaped."""
    shown = (
        character if character.isprintable() else f"\\u{ord(character):04x}"
        for character in printable(text)
    )
    return f"# {''.join(shown)}"


# ── the head ────────────────────────────────────────────────────────────────────────────────


def head_lines(head: Head, *, cases: bool = True) -> Iterator[str]:
    """Everything before the first case, or before the description of many."""
    yield f"# yaml-language-server: $schema={head.schema or SCHEMA_NAME}"
    if head.schema is None:
        yield "# (Editors check what you type once that file is here:"
        yield f"#     uploader schema > {SCHEMA_NAME}  )"
    yield "#"
    yield "# Written by this command:"
    yield "#"
    yield comment(f"    {head.command}")
    yield "#"
    if not cases:
        yield comment(f"'uploader expand {head.name}' shows every case that this stands for.")
    yield "version: 1"
    yield "target:"
    yield f"  kind: {head.kind}"
    yield f"  slug: {scalar(head.slug)} # the last part of its page's URL"
    if head.root is None:
        yield "# The files lie outside this folder: give --root DIR with every command."
    else:
        yield f"root: {scalar(head.root)} # the paths below start in this folder"
    if cases:
        yield ""
        yield "cases:"


def manifest_text(head: Head, entries: Iterable[Entry]) -> str:
    """The text of a new manifest."""
    layout = Layout()
    blocks = [
        "\n".join(case_lines(entry, layout, explained=not index))
        for index, entry in enumerate(entries)
    ]
    return "\n".join(head_lines(head)) + "\n" + "\n\n".join(blocks) + "\n"


# ── cases ───────────────────────────────────────────────────────────────────────────────────


_EXPLANATIONS: Final = {
    "name": "what messages call the case; unique",
    "title": "what readers see; unique; without it they see the name",
    "order": "the place in the readers' worklist",
    "sockets": "what goes where: the names are those of your target's sockets",
}


@dataclass(slots=True)
class _Lines:
    """The lines of a case so far; those of the first case explain its keys."""

    layout: Layout
    explained: bool
    lines: list[str] = field(default_factory=list)

    def key(self, depth: int, key: str, text: str = "", *, commented: bool = False) -> None:
        """Add `key: text`, indented by a number of steps."""
        why = _EXPLANATIONS.get(key, "") if self.explained and depth == 0 else ""
        line = f"{key}:{' ' * bool(text)}{text}{' # ' * bool(why)}{why}"
        self.line(depth, line, commented=commented)

    def line(self, depth: int, text: str, *, commented: bool = False) -> None:
        """Add an indented line; a commented one becomes valid when its `# ` is removed."""
        step = " " * self.layout.step
        indent = f"{step}# {step * (depth - 1)}" if commented else step * depth
        self.lines.append(" " * self.layout.keys + indent + text)

    def comment(self, depth: int, text: str) -> None:
        """Add an indented comment."""
        self.line(depth, comment(text))


def case_lines(entry: Entry, layout: Layout, *, explained: bool = False) -> list[str]:
    """The lines of one case, including its dash."""
    lines = _Lines(layout, explained)
    lines.key(0, "name", scalar(entry.name))
    if entry.title is not None:
        lines.key(0, "title", scalar(entry.title))
    if entry.order is not None:
        lines.key(0, "order", str(entry.order))
    if entry.sockets or entry.dropped or entry.undecided:
        lines.key(0, "sockets")
    for socket, source in entry.sockets:
        _add_source(lines, socket, source)
    for socket in entry.dropped:
        lines.key(1, socket, "null")
    for text in entry.comments:
        lines.comment(1, text)
    for socket, choices in entry.undecided:
        _add_choices(lines, socket, choices, is_dropped=socket in entry.dropped)
    first = lines.lines[0][layout.keys :]
    dash = " " * layout.dash + "-" + " " * (layout.keys - layout.dash - 1)
    return [dash + first, *lines.lines[1:]]


def _add_source(lines: _Lines, socket: str, source: Source, *, commented: bool = False) -> None:
    match source:
        case OneFile(path):
            lines.key(1, socket, commented=commented)
            lines.key(2, "file", scalar(path), commented=commented)
        case Files((path,)):
            lines.key(1, socket, commented=commented)
            lines.key(2, "files", scalar(path), commented=commented)
        case Files(paths):
            lines.key(1, socket, commented=commented)
            lines.key(2, "files", commented=commented)
            for path in paths:
                lines.line(3, f"- {scalar(path)}", commented=commented)
        case JsonSource(value):
            lines.key(1, socket)
            lines.key(2, "value", flow(value))
        case Image(pk):
            lines.key(1, socket)
            lines.key(2, "image", scalar(pk))
        case SameAs(other):
            lines.key(1, socket)
            lines.key(2, "same-as", scalar(other))
        case value:
            lines.key(1, socket, scalar(value), commented=commented)
    if isinstance(source, OneFile | Files) and source.name is not None:
        lines.key(2, "name", scalar(source.name))


def _add_choices(
    lines: _Lines, socket: str, choices: tuple[Choice, ...], *, is_dropped: bool
) -> None:
    """Add all choices as comments; the user removes the `# ` before the lines of one of them."""
    what = f"{socket}: {len(choices)} match; choose one and remove the '# ' before its lines"
    what += f", and the line '{socket}: null'" if is_dropped else ""
    lines.comment(1, what)
    for choice in choices:
        lines.comment(1, f"({choice.label})")
        _add_source(lines, socket, choice.source, commented=True)
