"""Asks for the table, how it is written, and the column that names the cases."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from manifest_uploader.errors import UsageError
from manifest_uploader.files.table import GUESSES, NotUtf8, guess_encoding
from manifest_uploader.init import columns
from manifest_uploader.init.ask import LEAVE_OUT, ask_yes
from manifest_uploader.init.cases import Cases, Folder
from manifest_uploader.init.dialogue import Person, Question, ask_until_valid
from manifest_uploader.init.numbers import shown_pairs
from manifest_uploader.init.options import Options
from manifest_uploader.manifest.tables import Table
from manifest_uploader.text import quoted, some_of

_MOST_TABLES = 10
_LARGEST = 50_000_000
"""Bytes of a table that is looked into without being named."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A table that names the cases."""

    options: Options
    """With the table, its encoding and its key."""
    cases: Cases


def ask_table(
    person: Person, options: Options, cases: Cases, folder: Folder
) -> tuple[Options, Cases, Table | None]:
    """Add a table and its key to the options, if there is one."""
    if options.table is None:
        chosen = _ask_which(person, options, cases, folder)
        if chosen is None:
            return options, cases, None
        options, cases = chosen.options, chosen.cases
    guessed = options.encoding
    options = _ask_encoding(person, options, folder)
    if options.encoding != guessed and not folder.given.keys:
        options = replace(options, keys=())  # its columns may be called otherwise
    if not options.keys:
        options, cases = _ask_key(person, options, cases, folder)
    table = folder.table(options)
    return _ask_numbers(person, options, cases, table), cases, table


def _ask_which(person: Person, options: Options, cases: Cases, folder: Folder) -> _Candidate | None:
    """The table that the person accepts or names; None if there is to be none."""
    candidates = list(_candidates(person, options, cases, folder))
    for one in candidates:
        [key] = one.options.keys
        sheet = f", sheet {quoted(one.options.sheet)}" if one.options.sheet else ""
        person.tell(f"{one.options.table}{sheet}: column {quoted(key)} names the cases.")
        if ask_yes(
            person,
            "Use this table",
            "A table gives titles, an order, and values such as scores.",
            "Its columns are left out unless you choose them.",
            about=one.options.table or "",
        ):
            return one
    if candidates:
        return None
    question = Question(
        "A table with titles or scores (a file)",
        "none",
        (
            "A .csv, .tsv, .xlsx or .xlsm file with a row for each case, and a column with the",
            "names of the cases' folders. None was found in the folder or beside it.",
        ),
    )
    return ask_until_valid(person, question, lambda text: _named(text, options, cases, folder))


def _named(text: str, options: Options, cases: Cases, folder: Folder) -> _Candidate | None:
    """The table that the person names."""
    if text in ("none", LEAVE_OUT):
        return None
    path = text if Path(text).is_file() else os.path.join(options.folder, text)  # noqa: PTH118
    if not Path(path).is_file():
        raise UsageError(
            f"file {quoted(text)} does not exist", hint="type none to go without a table"
        )
    with_table = replace(options, table=path)
    with suppress(NotUtf8):  # that is asked next
        folder.table(with_table)
    return _Candidate(with_table, cases)


def _candidates(
    person: Person, options: Options, cases: Cases, folder: Folder
) -> Iterator[_Candidate]:
    """Tables in the folder and beside it in which a column names the cases."""
    for path in folder.tables(options, cases.found)[:_MOST_TABLES]:
        with_table = replace(options, table=path)
        try:
            if Path(path).stat().st_size > _LARGEST:
                continue
            with_table = _with_encoding(with_table, folder)
            table = folder.table(with_table)
        except (OSError, UsageError) as error:
            why = error.message if isinstance(error, UsageError) else "it cannot be read"
            person.tell(f"{path}: {why}")
            continue
        found = _find_key(table, cases, with_table, folder)
        found = found or _in_other_sheets(cases, with_table, folder)
        if found is not None:
            yield found


def _in_other_sheets(cases: Cases, options: Options, folder: Folder) -> _Candidate | None:
    """The first other sheet of a workbook in which a column names the cases."""
    for sheet in folder.sheets(options)[1:]:
        with_sheet = replace(options, sheet=sheet)
        with suppress(UsageError):
            found = _find_key(folder.table(with_sheet), cases, with_sheet, folder)
            if found is not None:
                return found
    return None


def _with_encoding(options: Options, folder: Folder) -> Options:
    """The options with the likely encoding of a table that is not UTF-8."""
    try:
        folder.table(options)
    except NotUtf8:
        return replace(options, encoding=guess_encoding(Path(options.table or ""))[0])
    return options


# ── how it is written ───────────────────────────────────────────────────────────────────────


def _ask_encoding(person: Person, options: Options, folder: Folder) -> Options:
    """The options with the encoding of a table that is not UTF-8, which the person confirms."""
    path = Path(options.table or "")
    if folder.given.encoding is not None or _is_utf8(options, folder):
        return options
    likely, words = guess_encoding(path)
    shown = ", ".join(map(quoted, words)) or "what it should"
    person.tell(f"{path.name} is not UTF-8; as {_system(likely)} ({likely}) it says {shown}.")
    if ask_yes(
        person,
        "Do these words look right",
        "The table is not saved as UTF-8, so that its accents have to be guessed.",
        "If these words look wrong, answer no.",
    ):
        return replace(options, encoding=likely)

    def check(encoding: str) -> Options:
        chosen = replace(options, encoding=encoding.strip())
        folder.table(chosen)
        return chosen

    others = [one for one in GUESSES if one != likely]
    question = Question(
        "Its encoding",
        others[0],
        (
            "cp1252: Windows, western Europe; cp1250: Windows, central Europe;",
            "cp850: MS-DOS; mac-roman: older Macs; latin-1: older Unix.",
        ),
    )
    return ask_until_valid(person, question, check)


def _is_utf8(options: Options, folder: Folder) -> bool:
    try:
        folder.table(replace(options, encoding=None))
    except NotUtf8:
        return False
    return True


def _system(encoding: str) -> str:
    return {"cp1252": "Windows text", "cp850": "MS-DOS text"}.get(encoding, "Mac text")


# ── its key ─────────────────────────────────────────────────────────────────────────────────


def _find_key(table: Table, cases: Cases, options: Options, folder: Folder) -> _Candidate | None:
    """The column that names the cases: whole, by the part that differs, or by number."""
    key = columns.propose_key(table, cases.found, cases.parts)
    if key is not None:
        return _Candidate(replace(options, keys=(key,)), cases)
    for column in columns.key_columns(table):
        found = _by_part(table, column, cases, options, folder)
        if found is not None:
            return found
        if columns.names_by_number(table, column, cases.found, cases.parts):
            return _Candidate(replace(options, keys=(column,)), cases)
    return None


def _by_part(
    table: Table, column: str, cases: Cases, options: Options, folder: Folder
) -> _Candidate | None:
    """The column, if it has the part of the name in which the cases differ."""
    variable = columns.each_with_case_name(cases.each)
    if variable is None or not column.isidentifier():
        return None
    if not columns.names_part(table, column, folder.cases(variable, options).found):
        return None
    each = variable.replace("{case}", "{" + column + "}")
    return _Candidate(replace(options, keys=(column,), each=each), folder.cases(each, options))


def _ask_key(
    person: Person, options: Options, cases: Cases, folder: Folder
) -> tuple[Options, Cases]:
    table = folder.table(options)
    found = _find_key(table, cases, options, folder)
    likely = found.options.keys[0] if found is not None else ""
    names = columns.key_columns(table)
    question = Question(
        f"Which column of {table.name} names the cases",
        likely,
        (f"Its columns are {', '.join(names)}.", f"The cases are {cases.shown()}."),
    )

    def check(column: str) -> str:
        table.check_column(column)
        return column

    if not likely:
        person.tell(f"{table.name} has the columns {some_of(names)}.")
    key = ask_until_valid(person, question, check)
    if found is not None and key == likely:
        return found.options, found.cases
    return replace(options, keys=(key,)), cases


def _ask_numbers(person: Person, options: Options, cases: Cases, table: Table) -> Options:
    """The options with rows matched by number, if the person agrees."""
    if options.match_numbers or len(options.keys) != 1:
        return options
    [key] = options.keys
    pairs = columns.pairs_by_number(table, key, cases.found, cases.parts)
    if not pairs:
        return options
    person.tell(f"Rows of {table.name} that match only by number: {len(pairs)}")
    agrees = ask_yes(
        person,
        f"Match {shown_pairs(pairs)}",
        "Spreadsheets turn 007 into 7, and some programs write 7.0.",
        "With no, these cases get nothing from the table.",
    )
    return replace(options, match_numbers=True) if agrees else options
