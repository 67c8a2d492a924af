"""Makes the entries of all cases in the folder, and notices what is odd about them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from manifest_uploader.errors import UsageError
from manifest_uploader.files.case_patterns import Part, check_names, names_in, read_each
from manifest_uploader.files.case_tree import Leftovers, find_cases
from manifest_uploader.init.columns import pairs_by_number
from manifest_uploader.init.compose import Entry
from manifest_uploader.init.entries import UNUSED, EntryMaker, summarize
from manifest_uploader.init.names import make_unique, make_valid, raw_name
from manifest_uploader.init.notices import Notices
from manifest_uploader.init.numbers import shown_pairs
from manifest_uploader.init.offers import PROGRESS_EVERY_S
from manifest_uploader.init.options import Options
from manifest_uploader.init.paths import Paths
from manifest_uploader.manifest.found_case import FoundCase
from manifest_uploader.manifest.tables import Table, cell_text, index_rows, parse_cell
from manifest_uploader.text import block, quoted


@dataclass(frozen=True, slots=True)
class Gathered:
    """What to write into the manifest."""

    entries: tuple[Entry, ...]
    """Of new cases."""
    are_files: bool = False
    """The cases are files, not folders."""

    def counts(self) -> Counter[str]:
        """For each socket, how many entries have something for it."""
        return Counter(socket for entry in self.entries for socket, _ in entry.sockets)


def gather(
    options: Options,
    paths: Paths,
    notices: Notices,
    *,
    say_progress: Callable[[str], None],
) -> Gathered:
    """The entries of all cases, in the folder's order.

    Raises:
        UsageError: nothing matches, or the table does not fit the cases.

    """
    each = read_each(options.each or "")
    table = paths.table(options) if options.table is not None else None
    _check_names(options, each, table)
    tree = paths.tree(options.table)
    cases = find_cases(tree, each)
    rows_by_key = index_rows(table, options.keys) if table is not None else None
    maker = EntryMaker(options, each, tree, notices, table, rows_by_key)
    if table is not None and options.match_numbers and len(options.keys) == 1:
        maker.keys_by_number = pairs_by_number(table, options.keys[0], cases, each)
    entries = list(_make_entries(maker, _name_cases(cases, each, notices), say_progress))
    if maker.unused:
        notices.add(UNUSED, *summarize(maker.unused))
    _note_table(maker, cases, notices)
    _note_leftovers(tree.leftovers, maker.opener.used, notices)
    if not entries:
        raise _nothing_to_write(options, cases, notices)
    found = tuple(_with_unique_titles(entries, notices))
    return Gathered(found, any(case.is_file for case in cases))


def _check_names(options: Options, each: tuple[Part, ...], table: Table | None) -> None:
    """Raise UsageError for a column or a name in `{}` that does not exist."""
    columns = [rule.column for rule in options.sockets if rule.column is not None]
    title = options.title or ""
    if title.startswith("@"):
        columns.append(title[1:].strip())
    if table is not None:
        for column in [*columns, *([options.order] if options.order else [])]:
            table.check_column(column)
    names = ["name", *(name for part in each for name in names_in(part.text))]
    for rule in options.sockets:
        check_names(rule.pattern, names, "--socket")
    if not title.startswith("@"):
        check_names(title, [*names, *(filter(None, table.columns) if table else ())], "--title")


def _make_entries(
    maker: EntryMaker,
    named: Sequence[tuple[FoundCase, str]],
    say_progress: Callable[[str], None],
) -> Iterator[Entry]:
    last = time.monotonic()
    for count, (case, name) in enumerate(named):
        if time.monotonic() - last > PROGRESS_EVERY_S:
            last = time.monotonic()
            say_progress(f"read {count} of {len(named)} cases")
        entry = maker.entry(case, name)
        if entry is not None:
            yield entry


def _nothing_to_write(options: Options, cases: Sequence[FoundCase], notices: Notices) -> UsageError:
    lines = list(notices.lines(everything=options.verbose))
    noticed = ". Noticed:" if lines else ""
    if not cases:
        hint = 'give --each a pattern such as "patient-*" or "*.mha", relative to the folder'
        what = f"nothing in {quoted(options.folder)} matches {quoted(options.each or '')}"
        return UsageError(what, hint=block(hint + noticed, *lines))
    return UsageError(
        f"{len(cases)} cases, but nothing matches any socket; nothing was written",
        hint=block(f"the patterns of --socket are relative to a case{noticed}", *lines),
    )


# ── names and titles ──────────────────────────────────────────────────────────────────


def _name_cases(
    cases: Sequence[FoundCase],
    each: tuple[Part, ...],
    notices: Notices,
) -> list[tuple[FoundCase, str]]:
    taken: set[str] = set()
    named = []
    for case in cases:
        raw = raw_name(case, each)
        name = make_unique(make_valid(raw), taken)
        taken.add(name)
        if name != raw:
            notices.add("names that were changed to be valid", f"{case.path} -> {name}")
        named.append((case, name))
    return named


def _with_unique_titles(entries: Sequence[Entry], notices: Notices) -> Iterator[Entry]:
    """The entries with unique titles."""
    taken: set[str] = set()
    names = {entry.name for entry in entries if entry.title is None}
    for entry in entries:
        title = entry.title
        if title is not None and (title in taken or title in names):
            what = "titles that another case has; readers see the name"
            notices.add(what, f"{entry.name}: {title}")
            title = None
        if (title or entry.name) in taken:
            number = next(n for n in range(2, 10**9) if f"{entry.name} ({n})" not in taken)
            title = f"{entry.name} ({number})"
        taken.add(title or entry.name)
        yield replace(entry, title=title)


# ── the table ───────────────────────────────────────────────────────────────────────────────


def _note_table(maker: EntryMaker, cases: Sequence[FoundCase], notices: Notices) -> None:
    """Name the rows and cells that are not used; raises UsageError if no row fits a case."""
    table, rows_by_key = maker.table, maker.rows_by_key
    if table is None or rows_by_key is None:
        return
    if cases and not maker.used_keys:
        raise _no_row_fits(maker, table, cases)
    for key, lines in rows_by_key.conflicting.items():
        notices.add(
            f"rows of {table.name} with the same key but different contents: none is used",
            f"{', '.join(key)} (lines {', '.join(map(str, lines))})",
        )
    for key, row in rows_by_key.rows.items():
        if key not in maker.used_keys:
            what = f"rows of {table.name} without a case"
            notices.add(what, f"{', '.join(key)} (line {row.line})")
    if rows_by_key.without_key:
        columns = " or ".join(map(quoted, maker.options.keys))
        where = [f"line {line}" for line in rows_by_key.without_key]
        notices.add(f"rows of {table.name} without {columns}", *where)
    for sentence in _notices_of(table, _used_columns(maker.options)):
        notices.add(sentence)
    for rule in maker.options.sockets:
        if rule.column is not None:
            _note_mixed_cells(table, rule.column, notices)


def _notices_of(table: Table, columns: set[str]) -> Iterator[str]:
    """The table's notices, but for those about columns that are left out."""
    left_out = set(table.columns) - columns
    silent = {sentence for column in left_out for sentence in table.notices_of.get(column, ())}
    yield from (sentence for sentence in table.notices if sentence not in silent)


def _used_columns(options: Options) -> set[str]:
    title = options.title or ""
    named = names_in(title) if not title.startswith("@") else [title[1:].strip()]
    values = [rule.column for rule in options.sockets if rule.column is not None]
    return {*options.keys, *values, *named, *([options.order] if options.order else [])}


def _note_mixed_cells(table: Table, column: str, notices: Notices) -> None:
    """Name the cells whose type differs from that of most: a socket takes one type."""
    cells = [
        (row.line, parse_cell(row.cells[column], decimal_comma=table.decimal_comma))
        for row in table.rows
        if row.cells[column] != ""
    ]
    types = Counter(_type_word(cell) for _, cell in cells)
    if len(types) < 2:  # noqa: PLR2004
        return
    most = types.most_common(1)[0][0]
    for line, cell in cells:
        if _type_word(cell) != most:
            where = f"cells of {table.name}, column {quoted(column)}"
            what = f"{where}, that are not {most}s like the others"
            notices.add(what, f"{quoted(cell_text(cell))} (line {line}) is {_type_word(cell)}")


def _type_word(cell: object) -> str:
    if isinstance(cell, bool):
        return "boolean"
    return "number" if isinstance(cell, int | float) else "text"


def _no_row_fits(maker: EntryMaker, table: Table, cases: Sequence[FoundCase]) -> UsageError:
    if not table.rows:
        hint = "; ".join(table.notices) or "there is nothing below its header"
        return UsageError(f"{table.name} has no row that can be used", hint=hint)
    keys = maker.options.keys
    hint = f'where the column has only a part of the name: --each "patient-{{{keys[0]}}}"'
    if len(keys) == 1 and (pairs := pairs_by_number(table, keys[0], cases, maker.each)):
        hint = f"--match-numbers matches {shown_pairs(pairs)}; spreadsheets drop zeros"
    cells = [", ".join(cell_text(row.cells[key]) for key in keys) for row in table.rows[:3]]
    names = [raw_name(case, maker.each) for case in cases[:3]]
    return UsageError(
        f"no row of {table.name} matches a case: {' and '.join(keys)} has "
        f"{', '.join(map(quoted, cells))}, the cases are {', '.join(map(quoted, names))}",
        hint=hint,
    )


# ── the rest of the folder ──────────────────────────────────────────────────────────────────


def _note_leftovers(leftovers: Leftovers, used: set[str], notices: Notices) -> None:
    others = [path for path in leftovers.others if path.rstrip("/") not in used]
    sentences = {
        "not matched to any case": list(summarize(others)),
        "broken links (their content may have to be fetched first)": leftovers.broken,
        "links to folders that are found anyway, and are not followed": leftovers.links,
        "neither files nor folders, and never sent": leftovers.special,
        "folders that cannot be read": leftovers.unreadable,
        "never sent: hidden files and system files": list(summarize(leftovers.ignored)),
    }
    for sentence, names in sentences.items():
        if names:
            notices.add(sentence, *names)
