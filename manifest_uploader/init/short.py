"""Writes the short form: one description, and what single cases have different.

Invariant: what is written stands for the same cases as the explicit form would; otherwise
`Unsaid` says why not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from manifest_uploader.files.case_patterns import names_in, read_each
from manifest_uploader.files.expanding import Cases, find_cases_of
from manifest_uploader.files.local_file import Source as Found
from manifest_uploader.files.root import Root, find_root
from manifest_uploader.files.search import resolve
from manifest_uploader.init.compose import (
    Entry,
    Files,
    Head,
    Layout,
    OneFile,
    Source,
    case_lines,
    flow,
    head_lines,
    scalar,
)
from manifest_uploader.init.explicit import source_of
from manifest_uploader.init.options import Options, SocketRule
from manifest_uploader.init.paths import Paths
from manifest_uploader.manifest.model import Case, FileValue, JsonValue, Value
from manifest_uploader.manifest.parser import parse
from manifest_uploader.manifest.problems import ManifestInvalid, Place, Problem

_NAME: Final = re.compile(r"(\{\w+\})")
_MOST: Final = 20
"""Exceptions that a short manifest may have, but for more than half of its cases; beyond that,
one in five cases."""


class Unsaid(Exception):
    """The short form cannot say what the explicit form would; the text is the reason."""


@dataclass(frozen=True, slots=True)
class _Exceptions:
    """What the description does not say."""

    entries: tuple[Entry, ...] = ()
    exclude: tuple[str, ...] = ()


def short_text(
    head: Head, options: Options, there: Paths, entries: Sequence[Entry], *, are_files: bool
) -> tuple[str, int]:
    """The text of a short manifest for these entries, and how many exceptions it has.

    `are_files`: the cases are files, not folders.

    Raises:
        Unsaid: it would not stand for the same cases.

    """
    writer = _Writer(head, options, there, entries, are_files=are_files)
    exceptions = writer.compare(writer.cases(_Exceptions()))
    count = len(exceptions.entries) + len(exceptions.exclude)
    if count > max(_MOST, len(entries) // 5) or len(exceptions.entries) > max(2, len(entries) // 2):
        raise Unsaid(f"it needs {count} exceptions for {len(entries)} cases")
    if count:
        left = writer.compare(writer.cases(exceptions))
        if left.entries or left.exclude:
            names = [*(one.name for one in left.entries), *left.exclude]
            raise Unsaid(f"{names[0]} would be another case")
    problems = writer.cases(exceptions).problems if count else writer.problems
    if problems:
        raise Unsaid(problems[0].message)
    return writer.text(exceptions), count


class _Writer:
    """Writes a description and compares what it stands for with the entries."""

    def __init__(
        self,
        head: Head,
        options: Options,
        there: Paths,
        entries: Sequence[Entry],
        *,
        are_files: bool,
    ) -> None:
        self.problems: tuple[Problem, ...] = ()
        self._head, self._options = head, options
        self._entries = {entry.name: entry for entry in entries}
        self._root: Root | None = None
        description = _description(options, there, entries, are_files=are_files)
        self._description = list(description)

    def text(self, exceptions: _Exceptions) -> str:
        """The manifest."""
        lines = [*head_lines(self._head, cases=False), ""]
        lines += self._description
        if exceptions.exclude:
            lines.append(f"exclude: [{', '.join(map(_inline, exceptions.exclude))}]")
        if exceptions.entries:
            lines.append("cases: # what is different for single cases; paths start in the root")
        for entry in exceptions.entries:
            lines += case_lines(entry, Layout())
        return "\n".join(lines) + "\n"

    def cases(self, exceptions: _Exceptions) -> Cases:
        """What the manifest stands for."""
        options = self._options
        try:
            manifest = parse(self.text(exceptions).encode(), options.output)
            given = None if manifest.root is not None else options.folder
            self._root = find_root(manifest, root=given, follow_links=True)
        except ManifestInvalid as invalid:
            raise Unsaid(invalid.problems[0].message) from None
        found = find_cases_of(manifest, self._root)
        self.problems = found.problems
        return found

    def compare(self, found: Cases) -> _Exceptions:
        """What the entries have different."""
        broken = dict.fromkeys(map(_case_of, found.problems))
        if "" in broken:
            raise Unsaid(next(one.message for one in found.problems if not _case_of(one)))
        cases = {case.name: case for case in found.manifest.cases}
        exceptions = [
            self._exception(entry, cases.get(entry.name), is_broken=entry.name in broken)
            for entry in self._entries.values()
        ]
        return _Exceptions(
            tuple(one for one in exceptions if one is not None),
            tuple(name for name in dict.fromkeys((*cases, *broken)) if name not in self._entries),
        )

    def _exception(self, entry: Entry, case: Case | None, *, is_broken: bool) -> Entry | None:
        """What the description does not say of an entry; None if it says all."""
        if case is None:
            return entry
        if not is_broken:
            return self._difference(entry, case)
        if entry.title is None and self._options.title is not None:  # for want of a cell
            bare = replace(entry, order=None, sockets=(), comments=())
            return replace(self._difference(entry, case) or bare, title=entry.name)
        return entry

    def _difference(self, entry: Entry, case: Case) -> Entry | None:
        """What an entry has different from the case; None if nothing."""
        values = {value.socket: value for value in case.values}
        sockets = tuple(
            (socket, source)
            for socket, source in entry.sockets
            if socket not in values or not self._is_same(source, values[socket])
        )
        named = {socket for socket, _ in entry.sockets}
        title = entry.title if (entry.title or entry.name) != case.title else None
        order = entry.order if entry.order != case.order else None
        if (entry.title is None) and case.title != entry.name:
            title = entry.name
        dropped = tuple(socket for socket in values if socket not in named)
        found = replace(
            entry, title=title, order=order, sockets=sockets, dropped=dropped, comments=()
        )
        is_different = sockets or dropped or title is not None or order is not None
        return found if is_different else None

    def _is_same(self, source: Source, value: Value) -> bool:
        """Whether both are the same value or the same files."""
        if isinstance(value, JsonValue):
            return type(source) is type(value.value) and source == value.value
        if source_of(value) == source:
            return True
        if not isinstance(value, FileValue) or not isinstance(source, OneFile | Files):
            return False
        assert self._root is not None, "there are cases"
        paths = (source.path,) if isinstance(source, OneFile) else source.paths
        mine = FileValue(value.socket, paths, isinstance(source, OneFile), Place("", 1, 1))
        found = [resolve(one, self._root) for one in (mine, value)]
        files = [[file.full for file in one.files] for one in found if isinstance(one, Found)]
        return len(files) == len(found) and files[0] == files[1]


def _case_of(problem: Problem) -> str:
    return problem.place.case if problem.place is not None else ""


# ── the description ─────────────────────────────────────────────────────────────────────────


def _description(
    options: Options, there: Paths, entries: Sequence[Entry], *, are_files: bool
) -> Iterator[str]:
    each = options.each or "*"
    yield f"each: {scalar(each)} # one case for each folder, or file, that matches"
    if options.table is not None:
        yield f"table: {_table(options, there)} # with a row for each case"
        keys = [scalar(key) if "," not in key else flow(key) for key in options.keys]
        written = keys[0] if len(keys) == 1 else f"[{', '.join(keys)}]"
        yield f"key: {written} # the column with the cases' names"
    yield "case:"
    name = _case_name(each)
    if name is not None:
        yield f"  name: {scalar(name)} # what messages call the case; unique"
    if options.title:
        yield f"  title: {_title(options.title)} # what readers see; unique"
    if options.order:
        yield f"  order: {_column(options.order)} # the place in the readers' worklist"
    yield "  sockets: # what goes where: the names are those of your target's sockets"
    for rule in options.sockets:
        yield _socket_line(rule, each if are_files else None, entries)


def _inline(text: str) -> str:
    """A text inside brackets or braces."""
    return flow(text) if "," in text else scalar(text)


def _column(name: str) -> str:
    return f"{{column: {_inline(name)}}}"


def _title(title: str) -> str:
    return _column(title[1:].strip()) if title.startswith("@") else scalar(_escaped(title))


def _escaped(text: str) -> str:
    """The text with braces doubled, but for those of names."""
    pieces = _NAME.split(text)
    pieces[::2] = [one.replace("{", "{{").replace("}", "}}") for one in pieces[::2]]
    return "".join(pieces)


def _table(options: Options, there: Paths) -> str:
    path = there.table_path(options)
    if path is None:
        raise Unsaid("the table lies neither beside the manifest nor in the folder")
    if options.sheet is None and options.encoding is None and not options.decimal_comma:
        return scalar(path)
    more = f", sheet: {_inline(options.sheet)}" if options.sheet is not None else ""
    more += f", encoding: {_inline(options.encoding)}" if options.encoding is not None else ""
    more += ', decimal: ","' if options.decimal_comma else ""
    return f"{{file: {_inline(path)}{more}}}"


def _case_name(each: str) -> str | None:
    """The template of the name that the explicit form gives; None for the path below the root."""
    parts = read_each(each)
    varying = [part for part in parts if part.varies]
    if len(varying) in (0, len(parts)) or any(part.is_any_depth for part in parts):
        return None
    last = parts[-1]
    texts = [part.text for part in varying if part is not last]
    if any("*" in text or "?" in text or "[" in text for text in texts):
        raise Unsaid("the cases' names need named parts in --each, as in {site}/{patient}")
    return "-".join([*texts, *(["{name}"] if last.varies else [])])


def _socket_line(rule: SocketRule, file: str | None, entries: Sequence[Entry]) -> str:
    if rule.column is not None:
        return f"    {rule.socket}: {_column(rule.column)}"
    found = [one for entry in entries for socket, one in entry.sockets if socket == rule.socket]
    key = "file" if all(isinstance(one, OneFile) for one in found) else "files"
    missing = len(entries) - len(found)
    more = ", optional: true" if missing else ""
    why = f" # {missing} of {len(entries)} cases lack it" if missing else ""
    return f"    {rule.socket}: {{{key}: {_inline(_pattern(rule, file))}{more}}}{why}"


def _pattern(rule: SocketRule, each: str | None) -> str:
    """The pattern of a socket's files; `each` is that of cases that are files."""
    if each is None:
        return _escaped(rule.pattern or "**/*")
    ending = Path(each).suffix.lower()
    if not rule.pattern or (rule.pattern.startswith("*") and rule.pattern[1:].lower() == ending):
        return "{file}"
    if rule.pattern.startswith("*.") and not names_in(rule.pattern):
        return "{name}" + rule.pattern[1:]
    return _escaped(rule.pattern)
