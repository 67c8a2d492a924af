"""Turns one description and the folders or files it is about into cases.

A case is made as the nodes that its entry in an explicit manifest would be, each at its place in
the description, and is read and judged as such an entry is.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from manifest_uploader.manifest.case_reader import read_case, text_of
from manifest_uploader.manifest.choosing import Exclusion, nearest
from manifest_uploader.manifest.found_case import FoundCase, own_name, stem
from manifest_uploader.manifest.joining import Rows, open_rows
from manifest_uploader.manifest.model import Case, Manifest
from manifest_uploader.manifest.nodes import Mapping, Node, Scalar, is_empty
from manifest_uploader.manifest.nodes import Sequence as Items
from manifest_uploader.manifest.problems import Problem, Problems, TooManyProblems
from manifest_uploader.manifest.short_form import ShortForm
from manifest_uploader.manifest.tables import Cell, Row, Table, cell_text, parse_cell
from manifest_uploader.manifest.template_check import check_template, part_names
from manifest_uploader.manifest.templates import (
    fill,
    fill_glob,
    filled,
    join,
    names_in,
    text_at,
)
from manifest_uploader.text import composed, quoted, suggestion


class Expanded(Struct, frozen=True):
    """A case of many."""

    case: Case
    """Without values, if no socket has anything."""
    optional: frozenset[str] = frozenset()
    """Sockets whose files may be missing."""


class Expansion(Struct, frozen=True):
    """What a description stands for."""

    cases: tuple[Expanded, ...] = ()
    problems: tuple[Problem, ...] = ()
    remarks: tuple[Problem, ...] = ()
    """What is odd, and not wrong for certain."""
    excluded: frozenset[str] = frozenset()
    """The names of cases that are left out."""


def expand(manifest: Manifest, found: Sequence[FoundCase], table: Table | None) -> Expansion:
    """Return the cases that the manifest's description stands for, in the order given.

    `table` is what `table:` names; None if that cannot be read.
    """
    assert manifest.short is not None, "there is a description"
    problems = Problems(manifest.path)
    expander = _Expander(manifest.short, table, problems)
    try:
        if expander.is_usable:
            expander.take(found)
    except TooManyProblems:
        problems.case = problems.folder = ""
        last = problems.in_order()[-1].place
        return Expansion((), (*problems.in_order(), Problem("there are more problems", last)))
    return Expansion(
        tuple(expander.cases),
        tuple(problems.in_order()),
        tuple(expander.remarks()),
        frozenset(expander.excluded),
    )


class _Empty(Exception):
    """A name stands for nothing: its cell is empty, or there is no row."""


class _Source(Struct):
    """What one case is made from."""

    found: FoundCase
    row: Row | None
    table: Table | None

    @property
    def folder(self) -> str:
        """The folder that the case's paths are relative to."""
        return self.found.path.rpartition("/")[0] if self.found.is_file else self.found.path

    def text(self, name: str) -> str:
        """Return what a name stands for; raise _Empty if that is nothing."""
        text = self.found.names.get(name)
        if text is None:
            text = self._other(name)
        if not text:
            raise _Empty(name)
        return text

    def _other(self, name: str) -> str:
        if self.row is not None and name in self.row.cells:
            return cell_text(self.row.cells[name])
        if self.table is not None and name in self.table.columns:
            return ""
        return own_name(self.found) if name == "name" else self.found.path.rpartition("/")[2]

    def cell(self, column: str) -> Cell:
        """Return the value in a column of the case's row; an empty text if there is none."""
        if self.row is None or self.table is None:
            return ""
        return parse_cell(self.row.cells[column], decimal_comma=self.table.decimal_comma)

    def why_empty(self, name: str) -> str:
        """Return why a name stands for nothing."""
        if self.table is not None and self.row is None:
            return f"{quoted(name)} has no value: there is no row in {self.table.name}"
        if self.table is not None and self.row is not None:
            return f"{quoted(name)} is empty in {self.table.name}"
        return f"{quoted(name)} has no value"


class _Expander:
    """Makes one case after another, and reports what is wrong with them."""

    def __init__(self, short: ShortForm, table: Table | None, problems: Problems) -> None:
        self.cases: list[Expanded] = []
        self.excluded: set[str] = set()
        self._short, self._table, self._problems = short, table, problems
        columns = table.columns if table is not None else ()
        self._rows: Rows | None = open_rows(table, short, problems)
        check_template(short, columns, problems)
        self.is_usable = not len(problems)
        self._name = short.case.get("name")
        is_own = self._name is None or {*names_in(text_of(self._name))} <= {
            *part_names(short.each), *({"name", "file"} - {*columns})
        }  # fmt: skip
        self._name_needs_row = not is_own
        self._exclusion = Exclusion(short.exclude)
        self._unused = dict(short.exceptions)
        self._names: dict[str, str] = {}
        self._titles: dict[str, str] = {}
        self._idle: list[Problem] = []
        """About what excludes nothing."""

    def take(self, found: Sequence[FoundCase]) -> None:
        """Make the cases of all folders or files, and then those that have none."""
        for one in found:
            self._take(one)
        self._problems.case = self._problems.folder = ""
        names = list(self._names)
        if self._rows is not None and (problem := self._rows.fits_nothing(found, names)):
            self._problems.add(problem.message, self._rows.at, problem.hint)
        for node in self._exclusion.without_case():
            what = f"no case is named {quoted(text_of(node))}"
            if (near := nearest(text_of(node), names)) is not None:
                self._problems.add(what, node, suggestion(text_of(node), near))
            else:
                self._idle.append(Problem(what, self._problems.place(node)))
        for name, other in list(self._unused.items()):
            self._take_other(name, other, names)

    def remarks(self) -> list[Problem]:
        """Return what is odd, and not wrong for certain; nothing if no case was looked at."""
        if not self.is_usable:
            return []
        found = list(self._rows.remarks()) if self._rows is not None else []
        found += self._idle
        for name, other in self._unused.items():
            what = f"{quoted(name)} matches no case of 'each', so it is a case of its own"
            found.append(Problem(what, self._problems.place(other.get("name") or other)))
        return found

    # -- one case --

    def _take(self, found: FoundCase) -> None:
        problems = self._problems
        problems.case, problems.folder = found.path.replace("/", "-"), found.path
        source = _Source(found, None, self._table)
        name = None if self._name_needs_row else self._name_of(source)
        if self._rows is not None:
            source.row = self._rows.row_of(found, name or own_name(found))
        name = name if name is not None else self._name_of(source)
        if name is None:
            return
        problems.case = name
        self._unused.pop(name, None)
        if self._exclusion.has(name):
            self.excluded.add(name)
            return
        if not self._is_new(name, found):
            return
        self._make(name, source)

    def _name_of(self, source: _Source) -> str | None:
        """Return the name of a case; None, with a problem, if a part of it is empty."""
        path = source.found.path
        if self._name is None:
            last = path.rpartition("/")[2]
            start = path[: len(path) - len(last)]
            return composed(
                (start + (stem(last) if source.found.is_file else last)).replace("/", "-")
            )
        try:
            return composed(fill(text_of(self._name), source.text).strip())
        except _Empty as empty:
            self._problems.add(source.why_empty(str(empty)), self._name)
            return None

    def _is_new(self, name: str, found: FoundCase) -> bool:
        first = self._names.setdefault(name, found.path)
        if first is not found.path:
            self._problems.add(
                f"name {quoted(name)} is used twice: {quoted(first)} has it too",
                self._name or self._short.each_at,
                "give the cases names with 'name:' in 'case:'",
            )
        return first is found.path

    def _make(self, name: str, source: _Source) -> None:
        template, exception = self._short.case, self._short.exceptions.get(name)
        entries: dict[str, tuple[Scalar, Node]] = {}
        name_at = self._name or self._short.each_at
        entries["name"] = (_key("name", name_at), text_at(name, name_at))
        for key in ("title", "order"):
            if exception is not None and key in exception.entries:
                entries[key] = exception.entries[key]
            elif (node := self._other(key, source)) is not None:
                entries[key] = (template.entries[key][0], node)
        sockets, optional = self._sockets(source, exception)
        if not sockets:
            place = self._problems.place(name_at)
            self.cases.append(Expanded(Case(name, "", None, (), place, place)))
            return
        at = template.get("sockets") or template
        entries["sockets"] = (_key("sockets", at), Mapping(sockets, at.line, at.column))
        self._add(Mapping(entries, template.line, template.column), optional)

    def _add(self, node: Mapping, optional: frozenset[str] = frozenset()) -> None:
        case = read_case(node, self._problems)
        if case is None:
            return
        title = composed(case.title)
        first = self._titles.setdefault(title, case.name) if title else case.name
        if first != case.name:
            at = node.get("title") or node.entries["name"][1]
            hint = "readers tell cases apart by their titles: make each different"
            self._problems.add(f"title {quoted(title)} is used twice", at, hint)
        self.cases.append(Expanded(case, optional))

    def _other(self, key: str, source: _Source) -> Node | None:
        """Return the title or order; None if there is none.

        A title that the table should have is missed: else readers would see the folder's name.
        """
        node = self._short.case.get(key)
        if not isinstance(node, Mapping):
            return None if node is None else self._filled(node, source)
        column = node.entries["column"][1]
        cell = self._cell(column, source)
        if cell is None and key == "title":
            hint = "fill it in, or give the case a title below 'cases:'"
            self._problems.add(source.why_empty(text_of(column)), column, hint)
        return cell

    def _filled(self, node: Node, source: _Source) -> Node | None:
        """Return the node with its names filled in; None, with a problem, if one is empty."""
        try:
            return filled(node, source.text)
        except _Empty as empty:
            hint = "write '{column: …}' to leave it out where the cell is empty"
            self._problems.add(source.why_empty(str(empty)), node, hint)
            return None

    def _cell(self, column: Node, source: _Source) -> Node | None:
        cell = source.cell(composed(text_of(column).strip()))
        if cell == "":
            return None
        plain = not isinstance(cell, str)
        return Scalar(cell, cell_text(cell), plain, column.line, column.column)

    # -- sockets --

    def _sockets(
        self, source: _Source, exception: Mapping | None
    ) -> tuple[dict[str, tuple[Scalar, Node]], frozenset[str]]:
        """Return the values of the sockets, and which of them may be missing."""
        template = self._short.case.get("sockets")
        others = exception.get("sockets") if exception is not None else None
        own = others.entries if isinstance(others, Mapping) else {}
        assert isinstance(template, Mapping), "the schema says so"
        sockets: dict[str, tuple[Scalar, Node]] = {}
        optional: list[str] = []
        for slug, (key, node) in template.entries.items():
            if slug in own:
                sockets[slug] = own[slug]
                continue
            if isinstance(node, Mapping) and "optional" in node.entries:
                optional.append(slug)
            value = self._socket(node, source)
            if value is not None:
                sockets[slug] = (key, value)
        sockets.update(own)
        kept = {slug: entry for slug, entry in sockets.items() if not is_empty(entry[1])}
        return kept, frozenset(optional)

    def _socket(self, node: Node, source: _Source) -> Node | None:
        if not isinstance(node, Mapping):
            return self._filled(node, source)
        if "column" in node.entries:
            return self._cell(node.entries["column"][1], source)
        for what in ("file", "files"):
            if what in node.entries:
                key, paths = node.entries[what]
                found = self._paths(paths, source, optional="optional" in node.entries)
                entries: dict[str, tuple[Scalar, Node]] = {}
                if "name" in node.entries:
                    name = self._filled(node.entries["name"][1], source)
                    entries |= {"name": (node.entries["name"][0], name)} if name else {}
                return found and Mapping({what: (key, found), **entries}, node.line, node.column)
        return self._filled(node, source)

    def _paths(self, node: Node, source: _Source, *, optional: bool) -> Node | None:
        """Return the paths, relative to the root."""
        try:
            if isinstance(node, Items):
                items: list[Node] = [self._path(one, source) for one in node.items]
                return Items(items, node.line, node.column)
            return self._path(node, source)
        except _Empty as empty:
            if not optional:
                hint = "write 'optional: true' to leave the socket out there"
                self._problems.add(source.why_empty(str(empty)), node, hint)
            return None

    def _path(self, node: Node, source: _Source) -> Scalar:
        return text_at(join(source.folder, fill_glob(text_of(node), source.text)), node)

    # -- cases without a folder --

    def _take_other(self, name: str, node: Mapping, names: Sequence[str]) -> None:
        near = nearest(name, names)
        at = node.get("name") or node
        if near is None and node.get("sockets") is not None:
            self._add(node)
            return
        hint = suggestion(name, near) if near else "an exception has the name of a case of 'each'"
        self._problems.add(f"no case is named {quoted(name)}", at, hint)
        del self._unused[name]


def _key(text: str, at: Node) -> Scalar:
    return text_at(text, at)
