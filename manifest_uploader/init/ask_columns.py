"""Asks what a table's columns are for: values, titles, an order. By default they are left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from manifest_uploader.errors import UsageError
from manifest_uploader.files.case_patterns import check_names, names_in
from manifest_uploader.init import columns
from manifest_uploader.init.ask import LEAVE_OUT, Sockets, ask_socket_of_column, ask_yes
from manifest_uploader.init.cases import Cases
from manifest_uploader.init.columns import Column
from manifest_uploader.init.dialogue import Person, Question, ask_until_valid
from manifest_uploader.init.fit import Wanted
from manifest_uploader.init.options import Options, SocketRule
from manifest_uploader.init.slugs import to_slug
from manifest_uploader.manifest.found_case import own_name
from manifest_uploader.manifest.tables import Cell, Table, cell_text
from manifest_uploader.text import beginning, block, did_you_mean, quoted

_MOST_TITLES = 8
_EXAMPLE = 16
"""Characters that are shown of an example."""
_FOLDER = "1"
"""The answer that takes what the platform or the folder gives."""


# ── values ──────────────────────────────────────────────────────────────────────────────────


def ask_values(person: Person, options: Options, table: Table, sockets: Sockets) -> Options:
    """The options with the columns whose values the person wants on the platform."""
    found = columns.propose_columns(table, options.keys)
    found = [one for one in found if f"@{one.name}" != options.title and one.name != options.order]
    if not found:
        return options
    chosen = _ask_which(person, table, found)
    for column in chosen:
        wanted = Wanted((column.name,), values=column.values)
        slug = ask_socket_of_column(
            person, column.name, wanted, to_slug(column.name), options, sockets
        )
        if slug is not None:
            rule = SocketRule(slug, column=column.name)
            options = replace(options, sockets=(*options.sockets, rule))
    return _ask_commas(person, options, found)


def _ask_which(person: Person, table: Table, found: Sequence[Column]) -> list[Column]:
    person.tell(
        block(
            f"{table.name} has more columns:",
            *(f"  {number} {_described(one)}"[:78] for number, one in enumerate(found, 1)),
            *_of_empty_columns(table, found),
        )
    )
    question = Question(
        "Which of them are values to upload (numbers, or all)",
        "none",
        (
            "For example 1, or 1 3, or the names of columns.",
            "Columns for titles and for the order are asked for next.",
        ),
        for_proposals=" ".join(
            str(number) for number, one in enumerate(found, 1) if one.role == "socket"
        ),
    )
    return ask_until_valid(person, question, lambda text: _read_columns(text, found))


def _of_empty_columns(table: Table, found: Sequence[Column]) -> list[str]:
    """Why columns are not in the list although their cells show something."""
    listed = {one.name for one in found}
    return [
        f"  - {sentence}"
        for name, sentences in table.notices_of.items()
        if name not in listed and all(row.cells[name] == "" for row in table.rows)
        for sentence in sentences
    ]


def _described(column: Column) -> str:
    shown = [_example(value) for value in column.values[:2]]
    kind, separator = column.kind, ", "
    if column.commas:
        shown, separator = [one.replace(".", ",") for one in shown], "; "
        kind += " with a comma"
    examples = separator.join(dict.fromkeys(shown))
    return f"{column.name}  ({kind}: {examples}{' …' if column.cell_count > 2 else ''})"  # noqa: PLR2004


def _example(value: Cell) -> str:
    return beginning(cell_text(value), _EXAMPLE)


def _read_columns(text: str, found: Sequence[Column]) -> list[Column]:
    """The columns in an answer such as `1 3`, `all` or `score`."""
    word = text.strip()
    by_name = {one.name: one for one in found}
    if word.lower() in ("none", LEAVE_OUT):
        return []
    if word.lower() == "all":
        return list(found)
    if word in by_name:
        return [by_name[word]]
    chosen = [_read_column(one, found, by_name) for one in re.split(r"[\s,;]+", word) if one]
    return list(dict.fromkeys(chosen))


def _read_column(text: str, found: Sequence[Column], by_name: dict[str, Column]) -> Column:
    if text.isdigit() and 1 <= int(text) <= len(found):
        return found[int(text) - 1]
    if text in by_name:
        return by_name[text]
    hint = did_you_mean(text, by_name) or f"type numbers from 1 to {len(found)}, or none"
    raise UsageError(f"{quoted(text)} is not one of these columns", hint=hint)


def _ask_commas(person: Person, options: Options, found: Sequence[Column]) -> Options:
    """The options with how numbers are written, if a chosen column has a decimal comma."""
    used = {rule.column for rule in options.sockets}
    with_commas = [one for one in found if one.commas and one.name in used]
    if options.decimal_comma or not with_commas:
        return options
    column = with_commas[0]
    number = next(one for one in column.values if isinstance(one, float))
    written = cell_text(number).replace(".", ",")
    person.tell(f"Column {quoted(column.name)} has numbers with a comma.")
    agrees = ask_yes(
        person,
        f"Is {written} the number {number}",
        "With no, they are uploaded as text.",
    )
    return replace(options, decimal_comma=True) if agrees else options


# ── titles and order ────────────────────────────────────────────────────────────────────────


def ask_title(person: Person, options: Options, cases: Cases, table: Table | None) -> Options:
    """The options with the title that readers see."""
    if options.title is not None:
        return options
    taken = {rule.column for rule in options.sockets}
    found = columns.propose_columns(table, options.keys) if table is not None else []
    unique = [one for one in found if one.is_unique and one.is_text]
    titles = [one for one in found if one.role == "title"]
    titles += [one for one in unique if one not in titles and one.name not in taken]
    choices = {str(number): one.name for number, one in enumerate(titles[:_MOST_TITLES], 2)}
    first = cases.found[0]
    kind = "file" if first.is_file else "folder"
    lines = [f"  1 the {kind}'s name: {own_name(first)}"]
    lines += [
        f"  {number} column {quoted(one.name)}: {cell_text(one.values[0])}"[:78]
        for number, one in enumerate(titles[:_MOST_TITLES], 2)
    ]
    person.tell(block("What do readers see as a case's title?", *lines))
    question = Question(
        "Title (a number, or a text such as Case {name})",
        "2" if titles and titles[0].role == "title" else _FOLDER,
        (
            "Readers see the title: it should not say who the patient is.",
            "In a text, {name} is the folder's name, and {column} what the table has.",
        ),
    )
    known = ["name", *_names_of(cases), *(filter(None, table.columns) if table else ())]
    title = ask_until_valid(
        person, question, lambda text: _read_title(text.strip(), choices, known)
    )
    return replace(options, title=title)


def _names_of(cases: Cases) -> list[str]:
    return [name for part in cases.parts for name in names_in(part.text)]


def _read_title(text: str, choices: dict[str, str], known: Sequence[str]) -> str | None:
    """The title's template; None for the case's name."""
    if text == _FOLDER:
        return None
    if text in choices:
        return f"@{choices[text]}"
    if text.isdigit():
        raise UsageError(f"{quoted(text)} is not one of these", hint="type a number from the list")
    column = text.removeprefix("@")
    if column in known and "{" not in text and column != "name":
        return f"@{column}"
    if not names_in(text):
        what = "all cases would have the same title"
        raise UsageError(what, hint="write {name} where the folder's name goes")
    check_names(text, known, "the title")
    return text


def ask_order(person: Person, options: Options, table: Table | None) -> Options:
    """The options with the column that orders the readers' worklist, if there may be one."""
    if options.order is not None or options.kind == "archive" or table is None:
        return options
    taken = {rule.column for rule in options.sockets}
    found = [
        one
        for one in columns.propose_columns(table, options.keys)
        if one.name not in taken and _is_order(one)
    ]
    if not found:
        return options
    lines = [f"  {number} by column {quoted(one.name)}" for number, one in enumerate(found, 2)]
    person.tell(block("In which order do readers get the cases?", "  1 as in the folder", *lines))
    question = Question(
        "Order (a number)",
        "2" if found[0].role == "order" else _FOLDER,
        ("A column for the order has whole numbers; smaller ones come first.",),
    )

    def read(text: str) -> str | None:
        if text.isdigit() and 1 <= int(text) <= len(found) + 1:
            return None if text == _FOLDER else found[int(text) - 2].name
        names = [one.name for one in found]
        if text.removeprefix("@") in names:
            return text.removeprefix("@")
        raise UsageError(f"{quoted(text)} is not one of these", hint="type a number from the list")

    return replace(options, order=ask_until_valid(person, question, read))


def _is_order(column: Column) -> bool:
    """Whether a column has whole numbers from 1 on, each once."""
    return column.is_unique and all(type(one) is int and one > 0 for one in column.values)
