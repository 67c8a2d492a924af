"""Completes the options by asking about what is in the folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from manifest_uploader.errors import UploaderError, UsageError
from manifest_uploader.files.case_patterns import Part, read_each
from manifest_uploader.files.case_tree import find_cases
from manifest_uploader.init import ask, propose
from manifest_uploader.init.ask import Person
from manifest_uploader.init.options import NO_SLUG, Options
from manifest_uploader.init.paths import Paths
from manifest_uploader.manifest.found_case import FoundCase
from manifest_uploader.manifest.tables import Table
from manifest_uploader.text import quoted


class AcceptDefaults:
    """Accepts every default, to make up a command that can be proposed."""

    def tell(self, text: str) -> None:
        """Ignore the text."""

    def ask(self, question: str, default: str = "") -> str:  # noqa: ARG002
        """The default."""
        return default or NO_SLUG

    def refuse(self, error: UploaderError) -> None:
        """Raise the error: the next answer would be the same."""
        raise error


@dataclass(frozen=True, slots=True)
class _Cases:
    """The cases that match a pattern."""

    each: str
    parts: tuple[Part, ...]
    found: Sequence[FoundCase]


def complete(options: Options, paths: Paths, person: Person) -> Options:
    """The options with everything that was missing.

    Raises:
        UsageError: the folder has nothing for a case or a socket, or the input ends.

    """
    options = ask.ask_target(person, options)
    cases = _ask_cases(options, paths, person)
    options = replace(options, each=cases.each)
    options, cases, table = _ask_table(options, cases, paths, person)
    if not any(one.column is None for one in options.sockets):
        proposals = propose.propose_sockets(paths.tree(options.table), cases.found)
        rules = tuple(ask.ask_sockets(person, proposals, len(cases.found)))
        options = replace(options, sockets=(*rules, *options.sockets))
    if table is not None and not _uses_table(options):
        columns = propose.propose_columns(table, options.keys)
        options = ask.ask_columns(person, columns, options)
    if not options.sockets:
        raise UsageError(
            "no socket takes anything",
            hint='say which files are for which, as in --socket "ct-image=ct/*.dcm"',
        )
    return options


def _uses_table(options: Options) -> bool:
    by_title = options.title is not None and options.title.startswith("@")
    return by_title or any(one.column is not None for one in options.sockets)


def _ask_cases(options: Options, paths: Paths, person: Person) -> _Cases:
    if options.each:
        return _find_matching(options.each, options, paths)
    likely = propose.propose_each(paths.tree(options.table))
    person.tell(_describe_folder(likely, options, paths))
    question = "One case for each folder or file that fits"
    return ask.ask_until_valid(
        person, question, likely, lambda text: _find_matching(text, options, paths)
    )


def _find_matching(each: str, options: Options, paths: Paths) -> _Cases:
    parts = read_each(each)
    found = find_cases(paths.tree(options.table), parts)
    if not found:
        raise UsageError(
            f"nothing in {quoted(options.folder)} fits {quoted(each)}",
            hint='a pattern such as "patient-*" or "*.mha", relative to the folder',
        )
    return _Cases(each, parts, found)


def _describe_folder(likely: str, options: Options, paths: Paths) -> str:
    try:
        found = _find_matching(likely, options, paths).found
    except UsageError:
        return f"{options.folder} holds nothing that looks like cases."
    names = [one.path for one in found]
    shown = ", ".join(names if len(names) <= 3 else [*names[:2], "…", names[-1]])  # noqa: PLR2004
    return f"{options.folder}: {len(names)} fit {likely}: {shown}"


# ── tables ──────────────────────────────────────────────────────────────────────────────────


def _ask_table(
    options: Options, cases: _Cases, paths: Paths, person: Person
) -> tuple[Options, _Cases, Table | None]:
    """Add a table and its key to the options, if one names the cases."""
    if options.table is not None:
        table = paths.table(options)
        return _ask_key(options, cases, table, person), cases, table
    for name in propose.tables_in(paths.tree(None), cases.parts):
        path = os.path.join(options.folder, name)  # noqa: PTH118  as the person typed it
        with_table = replace(options, table=path)
        try:
            table = paths.table(with_table)
        except UsageError as error:
            person.tell(f"{name}: {error.message}")
            continue
        named, key = _find_key(table, cases, with_table, paths)
        if key is None:
            continue
        question = f"{name}: column '{key}' names the cases. Use this table"
        if ask.ask_yes(person, question):
            return replace(with_table, keys=(key,), each=named.each), named, table
    return options, cases, None


def _find_key(
    table: Table, cases: _Cases, options: Options, paths: Paths
) -> tuple[_Cases, str | None]:
    """The column that names the cases, whole or by the part of the name in which they differ."""
    key = propose.propose_key(table, cases.found, cases.parts)
    variable = propose.each_with_case_name(cases.each)
    if key is not None or variable is None:
        return cases, key
    named = _find_matching(variable, options, paths)
    for column in propose.key_columns(table):
        each = variable.replace("{case}", "{" + column + "}")
        if column.isidentifier() and propose.names_part(table, column, named.found):
            return _find_matching(each, options, paths), column
    return cases, None


def _ask_key(options: Options, cases: _Cases, table: Table, person: Person) -> Options:
    if options.keys:
        return options
    likely = propose.propose_key(table, cases.found, cases.parts) or ""

    def check(column: str) -> str:
        table.check_column(column)
        return column

    question = f"Which column of {table.name} names the cases"
    return replace(options, keys=(ask.ask_until_valid(person, question, likely, check),))
