"""Options made whole: what was given, and for the rest what a person says of what was found."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from manifest_uploader.errors import UploaderError, UsageError
from manifest_uploader.init import ask, propose
from manifest_uploader.init.ask import Person
from manifest_uploader.init.options import NO_SLUG, Options
from manifest_uploader.init.patterns import Part, read_each
from manifest_uploader.init.place import Place
from manifest_uploader.init.table import Table
from manifest_uploader.init.tree import Found, find_cases
from manifest_uploader.text import quoted


class Accepting:
    """Takes every proposal without a word: what comes of it is the command to propose."""

    def tell(self, text: str) -> None:
        """Nothing."""

    def ask(self, question: str, default: str = "") -> str:  # noqa: ARG002
        """The proposal."""
        return default or NO_SLUG

    def refuse(self, error: UploaderError) -> None:
        """Raise it: the proposal would be the same again."""
        raise error


@dataclass(frozen=True, slots=True)
class _Cases:
    """What a pattern finds."""

    each: str
    parts: tuple[Part, ...]
    found: Sequence[Found]


def complete(options: Options, place: Place, person: Person) -> Options:
    """The options with nothing missing.

    Raises:
        UsageError: nothing that could be a case or be in one is there, or the answers end.

    """
    options = ask.ask_target(person, options)
    cases = _ask_cases(options, place, person)
    options = replace(options, each=cases.each)
    options, cases, table = _ask_table(options, cases, place, person)
    if not any(one.column is None for one in options.sockets):
        slots = propose.likely_sockets(place.tree(options.table), cases.found)
        wanted = tuple(ask.ask_sockets(person, slots, len(cases.found)))
        options = replace(options, sockets=(*wanted, *options.sockets))
    if table is not None and not _uses_table(options):
        columns = propose.likely_columns(table, options.keys)
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


def _ask_cases(options: Options, place: Place, person: Person) -> _Cases:
    if options.each:
        return _cases(options.each, options, place)
    likely = propose.likely_each(place.tree(options.table))
    person.tell(_what_is_there(likely, options, place))
    question = "One case for each folder or file that fits"
    return ask.until_right(person, question, likely, lambda text: _cases(text, options, place))


def _cases(each: str, options: Options, place: Place) -> _Cases:
    parts = read_each(each)
    found = find_cases(place.tree(options.table), parts)
    if not found:
        raise UsageError(
            f"nothing in {quoted(options.folder)} fits {quoted(each)}",
            hint='a pattern such as "patient-*" or "*.mha", relative to the folder',
        )
    return _Cases(each, parts, found)


def _what_is_there(likely: str, options: Options, place: Place) -> str:
    try:
        found = _cases(likely, options, place).found
    except UsageError:
        return f"{options.folder} holds nothing that looks like cases."
    names = [one.path for one in found]
    few = ", ".join(names if len(names) <= 3 else [*names[:2], "…", names[-1]])  # noqa: PLR2004
    return f"{options.folder}: {len(names)} fit {likely}: {few}"


# ── tables ──────────────────────────────────────────────────────────────────────────────────


def _ask_table(
    options: Options, cases: _Cases, place: Place, person: Person
) -> tuple[Options, _Cases, Table | None]:
    """The options with a table and its key, where there is one that names the cases."""
    if options.table is not None:
        table = place.table(options)
        return _with_key(options, cases, table, person), cases, table
    for name in propose.tables_in(place.tree(None), cases.parts):
        path = os.path.join(options.folder, name)  # noqa: PTH118  as the person typed it
        with_table = replace(options, table=path)
        try:
            table = place.table(with_table)
        except UsageError as error:
            person.tell(f"{name}: {error.message}")
            continue
        named, key = _naming(table, cases, with_table, place)
        if key is None:
            continue
        question = f"{name}: column '{key}' names the cases. Use this table"
        if ask.ask_yes(person, question):
            return replace(with_table, keys=(key,), each=named.each), named, table
    return options, cases, None


def _naming(
    table: Table, cases: _Cases, options: Options, place: Place
) -> tuple[_Cases, str | None]:
    """The column that names the cases; perhaps only by the part in which they differ."""
    key = propose.likely_key(table, cases.found, cases.parts)
    variable = propose.variable_each(cases.each)
    if key is not None or variable is None:
        return cases, key
    named = _cases(variable, options, place)
    for column in propose.key_columns(table):
        each = variable.replace("{case}", "{" + column + "}")
        if column.isidentifier() and propose.names_part(table, column, named.found):
            return _cases(each, options, place), column
    return cases, None


def _with_key(options: Options, cases: _Cases, table: Table, person: Person) -> Options:
    if options.keys:
        return options
    likely = propose.likely_key(table, cases.found, cases.parts) or ""

    def check(column: str) -> str:
        table.check_column(column)
        return column

    question = f"Which column of {table.name} names the cases"
    return replace(options, keys=(ask.until_right(person, question, likely, check),))
