"""Finds the cases that a manifest describes: their folders or files, and their table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.errors import UsageError
from manifest_uploader.files.case_patterns import read_each
from manifest_uploader.files.case_tree import Leftovers, Tree, companions, find_cases
from manifest_uploader.files.root import Root
from manifest_uploader.files.search import is_there
from manifest_uploader.files.table import Dialect, read
from manifest_uploader.manifest.expansion import Expanded, expand
from manifest_uploader.manifest.model import Case, FileValue, Manifest
from manifest_uploader.manifest.nodes import Node
from manifest_uploader.manifest.problems import Place, Problem
from manifest_uploader.manifest.same_as import resolve
from manifest_uploader.manifest.short_form import TableFile
from manifest_uploader.manifest.tables import Table
from manifest_uploader.system import disk
from manifest_uploader.text import composed, quoted, some_of


class Cases(Struct, frozen=True):
    """A manifest with the cases that it describes."""

    manifest: Manifest
    problems: tuple[Problem, ...] = ()
    remarks: tuple[Problem, ...] = ()
    """What is odd, and not wrong for certain."""


def find_cases_of(manifest: Manifest, root: Root) -> Cases:
    """Return a manifest with the cases that it describes, and what is wrong with them."""
    short = manifest.short
    assert short is not None, "the manifest describes cases"
    try:
        table = None if short.table is None else _read_table(short.table, manifest, root)
    except UsageError as error:
        assert short.table is not None
        at = _place(manifest, short.table.at)
        return Cases(manifest, (Problem(error.message, at, error.hint),))
    tree = Tree(str(root.path), excluded=_not_data(manifest, root, table))
    found = find_cases(tree, read_each(short.each))
    each = _place(manifest, short.each_at)
    if not found:
        return Cases(manifest, (_nothing(short.each, root, tree, each),))
    expansion = expand(manifest, found, table)
    every = [_without_missing(one, root) for one in expansion.cases]
    remarks = [*expansion.remarks, *_left_over(tree.leftovers, each)]
    broken = {one.place.case for one in expansion.problems if one.place is not None}
    known = {composed(case.name) for case in every}
    resolved = resolve(every, known=known, incomplete=broken, excluded=expansion.excluded)
    cases = [case for case in resolved.cases if case.values]
    names = [case.name for case in every if not case.values and case.name not in broken]
    if names:
        what = f"cases left out because no socket has a file or value: {some_of(names)}"
        remarks.append(Problem(what, each))
    problems = (*expansion.problems, *resolved.problems, *_unreadable(tree.leftovers, each))
    if not cases and not problems:
        hint = "the paths of 'case' are relative to each case's folder"
        problems = (Problem("no case has a file or value for any socket", each, hint),)
    return Cases(replace(manifest, cases=tuple(cases)), problems, tuple(remarks))


def _place(manifest: Manifest, node: Node) -> Place:
    return Place(manifest.path, node.line, node.column)


def _without_missing(one: Expanded, root: Root) -> Case:
    """Return the case without optional values of which no file is there."""
    case = one.case
    if not one.optional:
        return case
    values = tuple(
        value
        for value in case.values
        if value.socket not in one.optional
        or not isinstance(value, FileValue)
        or is_there(value, root)
    )
    return case if len(values) == len(case.values) else replace(case, values=values)


# ── the table ───────────────────────────────────────────────────────────────────────────────


def _read_table(file: TableFile, manifest: Manifest, root: Root) -> Table:
    """Read the table, which lies beside the manifest or below the root.

    Raises:
        UsageError: there is none, or it cannot be read.

    """
    home = Path(disk.real(Path(manifest.path).parent))
    places = dict.fromkeys(Path(disk.real(base / file.path)) for base in (home, root.path))
    found = [path for path in places if path.exists()]
    if not found:
        hint = "it is looked for next to the manifest and below the root"
        raise UsageError(f"table {quoted(file.path)} does not exist", hint=hint)
    if len(found) > 1:
        hint = "remove or rename one of them"
        what = f"table {quoted(file.path)} exists twice: next to the manifest and below the root"
        raise UsageError(what, hint=hint)
    dialect = Dialect(
        file.sheet,
        file.decimal_comma,
        file.separator,
        file.encoding,
        sheet_key="'sheet'",
        decimal_key="'decimal: \",\"'",
        encoding_key="'encoding: cp1252'",
    )
    return read(found[0], dialect)


# ── what is no case ─────────────────────────────────────────────────────────────────────────


def _not_data(manifest: Manifest, root: Root, table: Table | None) -> frozenset[str]:
    """Return the names in the root that belong to the manifest."""
    names = set() if table is None else {table.name}
    if disk.real(Path(manifest.path).parent) == str(root.path):
        names |= companions(Path(manifest.path).name)
    return frozenset(names)


def _nothing(each: str, root: Root, tree: Tree, place: Place) -> Problem:
    where = root.shown or f"in {root.path}"
    others = [path.rstrip("/") for path in tree.leftovers.others]
    hint = f"there are {some_of(others)}" if others else "is this the right folder?"
    return Problem(f"no folder or file matches {quoted(each)} ({where})", place, hint)


def _unreadable(leftovers: Leftovers, place: Place) -> Iterator[Problem]:
    for path in leftovers.unreadable:
        yield Problem(f"a folder cannot be read: {path}", place)


def _left_over(leftovers: Leftovers, place: Place) -> Iterator[Problem]:
    """Yield what matches the pattern and becomes no case."""
    kinds = {
        "files match, but cases are folders here": leftovers.matching_files,
        "broken links": leftovers.broken,
        "links to folders that are found anyway": leftovers.links,
    }
    for what, paths in kinds.items():
        if paths:
            yield Problem(f"{what}: {some_of(paths)}", place)
