"""The text of a manifest, for a person who reads it for the first time.

Invariant: every YAML reader, and the manifest's own, reads each text as the text that was meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from manifest_uploader.manifest.schema import NAME as SCHEMA_NAME
from manifest_uploader.text import printable

_PLAIN: Final = re.compile(r"[^\W\d_](?:[\w ./()+,*-]*[\w./()+,*-])?")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_SIMPLE: Final = re.compile(r"[ !#-\[\]-~\xa1-\u05ff]*")
"""Stands in double quotes as it is: no quote, no backslash, nothing that does not show."""


# ── what is said ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class OneFile:
    """`file: PATH`."""

    path: str


@dataclass(frozen=True, slots=True)
class Files:
    """`files:` with one pattern, folder or path, or with a list of them."""

    paths: tuple[str, ...]


Source: TypeAlias = OneFile | Files | str | int | float | bool
"""A text, a number or a boolean is the value itself."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several things that could be a socket's; a person has to choose."""

    source: OneFile | Files
    label: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One case."""

    name: str
    title: str | None = None
    order: int | None = None
    sockets: tuple[tuple[str, Source], ...] = ()
    open: tuple[tuple[str, tuple[Choice, ...]], ...] = ()
    """Sockets that are left out until a person chooses."""
    remarks: tuple[str, ...] = ()
    """What else is left out, and why."""


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the cases."""

    kind: str
    slug: str
    root: str | None
    """None: the files lie outside the manifest's folder."""
    words: str
    """The command that wrote the manifest."""
    schema: str | None
    """Where the schema lies, as the editor finds it; None: it is not there yet."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is indented; columns from 0."""

    dash: int = 2
    keys: int = 4
    step: int = 2
    line_end: str = "\n"
    gap: bool = True
    """There is an empty line between two cases."""


# ── scalars ─────────────────────────────────────────────────────────────────────────────────


def scalar(value: str | float | bool) -> str:  # noqa: FBT001
    """The value as YAML: a text in quotes wherever it could be read as something else."""
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if _SIMPLE.fullmatch(value):
        return f'"{value}"'
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    if code <= 0xFF:  # noqa: PLR2004
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


def remark(text: str) -> str:
    """A comment: one line, whatever names are in it."""
    return f"# {''.join(map(_shown, printable(text)))}"


def _shown(character: str) -> str:
    return character if character.isprintable() else f"\\u{ord(character):04x}"


# ── the head ────────────────────────────────────────────────────────────────────────────────


def head_lines(head: Head) -> Iterator[str]:
    """Everything before the first case."""
    yield f"# yaml-language-server: $schema={head.schema or SCHEMA_NAME}"
    if head.schema is None:
        yield "# (Editors check what you type once that file is here:"
        yield f"#     uploader schema > {SCHEMA_NAME}  )"
    yield "#"
    yield "# Written by this command; with --update it adds what is new and keeps your changes:"
    yield "#"
    yield remark(f"    {head.words}")
    yield "#"
    yield "version: 1"
    yield "target:"
    yield f"  kind: {head.kind}"
    yield f"  slug: {scalar(head.slug)} # the last word of its page's address"
    if head.root is None:
        yield "# The files lie outside this folder: give --root DIR with every command."
    else:
        yield f"root: {scalar(head.root)} # the paths below start in this folder"
    yield ""
    yield "cases:"


def whole(head: Head, entries: Iterable[Entry]) -> str:
    """The text of a new manifest."""
    layout = Layout()
    blocks = [
        "\n".join(case_lines(entry, layout, explained=not place))
        for place, entry in enumerate(entries)
    ]
    return "\n".join(head_lines(head)) + "\n" + "\n\n".join(blocks) + "\n"


# ── cases ───────────────────────────────────────────────────────────────────────────────────


_EXPLAINED: Final = {
    "name": "how the uploader speaks of the case; unique",
    "title": "what readers see; unique; without it they see the name",
    "order": "the place in the readers' worklist",
    "sockets": "what goes where: the names are those of your target's sockets",
}


@dataclass(slots=True)
class _Lines:
    """Lines under way, with the explanations of the first case."""

    layout: Layout
    explained: bool
    lines: list[str] = field(default_factory=list)

    def key(self, depth: int, key: str, text: str = "", *, open_: bool = False) -> None:
        """`key: text` at a depth of keys."""
        why = _EXPLAINED.get(key, "") if self.explained and depth == 0 else ""
        self.line(depth, f"{key}:{' ' * bool(text)}{text}{' # ' * bool(why)}{why}", open_=open_)

    def line(self, depth: int, text: str, *, open_: bool = False) -> None:
        """A line at a depth; an open one is a comment until a person takes the `# ` away."""
        step = " " * self.layout.step
        before = f"{step}# {step * (depth - 1)}" if open_ else step * depth
        self.lines.append(" " * self.layout.keys + before + text)

    def comment(self, depth: int, text: str) -> None:
        """A line for people."""
        self.line(depth, remark(text))


def case_lines(entry: Entry, layout: Layout, *, explained: bool = False) -> list[str]:
    """The lines of one case, its dash included."""
    lines = _Lines(layout, explained)
    lines.key(0, "name", scalar(entry.name))
    if entry.title is not None:
        lines.key(0, "title", scalar(entry.title))
    if entry.order is not None:
        lines.key(0, "order", str(entry.order))
    lines.key(0, "sockets")
    for socket, source in entry.sockets:
        _add_source(lines, socket, source)
    for text in entry.remarks:
        lines.comment(1, text)
    for socket, choices in entry.open:
        _add_choices(lines, socket, choices)
    first = lines.lines[0][layout.keys :]
    dash = " " * layout.dash + "-" + " " * (layout.keys - layout.dash - 1)
    return [dash + first, *lines.lines[1:]]


def socket_lines(
    sockets: Iterable[tuple[str, Source]], column: int, layout: Layout
) -> Iterator[str]:
    """The lines of sockets for a case that is there, with their names at a column."""
    lines = _Lines(Layout(keys=0, step=layout.step), explained=False)
    for socket, source in sockets:
        _add_source(lines, socket, source)
    return (" " * column + line[layout.step :] for line in lines.lines)


def _add_source(lines: _Lines, socket: str, source: Source, *, open_: bool = False) -> None:
    match source:
        case OneFile(path):
            lines.key(1, socket, open_=open_)
            lines.key(2, "file", scalar(path), open_=open_)
        case Files((path,)):
            lines.key(1, socket, open_=open_)
            lines.key(2, "files", scalar(path), open_=open_)
        case Files(paths):
            lines.key(1, socket, open_=open_)
            lines.key(2, "files", open_=open_)
            for path in paths:
                lines.line(3, f"- {scalar(path)}", open_=open_)
        case value:
            lines.key(1, socket, scalar(value), open_=open_)


def _add_choices(lines: _Lines, socket: str, choices: tuple[Choice, ...]) -> None:
    """All of them as comments: a person takes the `# ` before one of them away."""
    what = f"{socket}: {len(choices)} fit; choose one and remove the '# ' before its lines"
    lines.comment(1, what)
    for choice in choices:
        lines.comment(1, f"({choice.label})")
        _add_source(lines, socket, choice.source, open_=True)
