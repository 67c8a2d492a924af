"""All cases of the folder as entries, and everything that was noticed on the way."""

from __future__ import annotations

import fnmatch
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from manifest_uploader.errors import UsageError
from manifest_uploader.init import update
from manifest_uploader.init.compose import Entry
from manifest_uploader.init.entries import Maker, in_short, with_free_titles
from manifest_uploader.init.lacking import Owners, find_more
from manifest_uploader.init.names import made_unique, made_valid, raw_name
from manifest_uploader.init.options import Options
from manifest_uploader.init.patterns import Part, check_names, names_in, read_each
from manifest_uploader.init.place import Place
from manifest_uploader.init.table import Table, by_key, text_of, typed
from manifest_uploader.init.told import Told
from manifest_uploader.init.tree import Found, Leftover, find_cases
from manifest_uploader.manifest.model import FileValue, Manifest
from manifest_uploader.text import block, quoted

_EVERY_S = 5.0
"""Between two words on how far it is."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the manifest has already that is to be added to."""

    has: update.Known
    manifest: Manifest
    prefix: str
    """What stands before the folder's paths there."""
    texts: Sequence[update.CaseText]
    """How its cases are written."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The cases to write."""

    entries: tuple[Entry, ...]
    more: tuple[update.More, ...] = ()
    """For cases that the manifest has."""

    def counts(self) -> Counter[str]:
        """How many cases have something for a socket."""
        return Counter(socket for entry in self.entries for socket, _ in entry.sockets)


def gather(
    options: Options,
    there: Place,
    told: Told,
    *,
    say_progress: Callable[[str], None],
    known: Known | None = None,
) -> Gathered:
    """The entries of all cases that are not known yet, in the order of the folder; and more.

    Raises:
        UsageError: nothing fits, or the table does not fit the cases.

    """
    each = read_each(options.each or "")
    table = there.table(options) if options.table is not None else None
    _check(options, each, table)
    tree = there.tree(options.table)
    cases = find_cases(tree, each)
    keyed = by_key(table, options.keys) if table is not None else None
    prefix = known.prefix if known is not None else ""
    maker = Maker(options, each, tree, prefix, told, table, keyed)
    new, old = _sorted(cases, known, prefix, each)
    maker.meet(old)
    named = _named(new, each, known, told)
    entries = list(_made(maker, named, say_progress))
    more = _found_more(maker, old, known)
    _tell_rows(maker, cases, told)
    if known is not None:
        _tell_gone(known, old, prefix, each, told)
    elif not entries:
        _tell_left(tree.left, maker.insides.used, told)
        raise _nothing(options, cases, told)
    _tell_left(tree.left, {*maker.insides.used, *_known_paths(known, prefix)}, told)
    taken = set(known.has.titles) if known else set()
    return Gathered(tuple(with_free_titles(entries, taken, told)), more)


def _found_more(maker: Maker, old: Sequence[Found], known: Known | None) -> tuple[update.More, ...]:
    if known is None:
        return ()
    owners = Owners(known.manifest, known.prefix)
    return tuple(find_more(maker, old, owners, known.texts))


def _nothing(options: Options, cases: Sequence[Found], told: Told) -> UsageError:
    lines = list(told.lines(everything=options.verbose))
    noticed = ". Noticed:" if lines else ""
    if not cases:
        hint = 'give --each a pattern such as "patient-*" or "*.mha", relative to the folder'
        what = f"nothing in {quoted(options.folder)} fits {quoted(options.each or '')}"
        return UsageError(what, hint=block(hint + noticed, *lines))
    return UsageError(
        f"{len(cases)} cases, but nothing fits any socket; nothing was written",
        hint=block(f"the patterns of --socket are relative to a case{noticed}", *lines),
    )


def _check(options: Options, each: tuple[Part, ...], table: Table | None) -> None:
    """Refuse columns and names that are not there; raises UsageError."""
    columns = [one.column for one in options.sockets if one.column is not None]
    title = options.title or ""
    if title.startswith("@"):
        columns.append(title[1:].strip())
    if table is not None:
        for column in [*columns, *([options.order] if options.order else [])]:
            table.check_column(column)
    names = ["name", *(name for part in each for name in names_in(part.text))]
    for one in options.sockets:
        check_names(one.pattern, names, "--socket")
    if not title.startswith("@"):
        check_names(title, [*names, *(filter(None, table.columns) if table else ())], "--title")


def _made(
    maker: Maker, named: Sequence[tuple[Found, str]], say_progress: Callable[[str], None]
) -> Iterator[Entry]:
    last = time.monotonic()
    for count, (found, name) in enumerate(named):
        if time.monotonic() - last > _EVERY_S:
            last = time.monotonic()
            say_progress(f"looked into {count} of {len(named)} cases")
        entry = maker.entry(found, name)
        if entry is not None:
            yield entry


# ── names ───────────────────────────────────────────────────────────────────────────────────


def _named(
    cases: Sequence[Found], each: tuple[Part, ...], known: Known | None, told: Told
) -> list[tuple[Found, str]]:
    taken = set(known.has.names) if known else set()
    named = []
    for found in cases:
        raw = raw_name(found, each)
        name = made_unique(made_valid(raw), taken)
        taken.add(name)
        if name != raw:
            told.add("names that were altered to be names of cases", f"{found.path} -> {name}")
        named.append((found, name))
    return named


# ── what a manifest has already ─────────────────────────────────────────────────────────────


def _sorted(
    cases: Sequence[Found], known: Known | None, prefix: str, each: tuple[Part, ...]
) -> tuple[list[Found], list[Found]]:
    """The cases that are new, and those that the manifest has."""
    if known is None:
        return list(cases), []
    new: list[Found] = []
    old: list[Found] = []
    for found in cases:
        (old if _is_known(found, known, prefix, each) else new).append(found)
    return new, old


def _is_known(found: Found, known: Known, prefix: str, each: tuple[Part, ...]) -> bool:
    """Whether the manifest names its files, or a case of its name that has none."""
    if prefix + found.path in known.has.paths:
        return True
    name = made_valid(raw_name(found, each))
    globs = known.has.globs.get(name, ())
    return name in known.has.without_files or any(
        fnmatch.fnmatchcase(prefix + found.path, glob) for glob in globs
    )


def _known_paths(known: Known | None, prefix: str) -> set[str]:
    paths = known.has.paths if known else ()
    return {path.removeprefix(prefix) for path in paths if path.startswith(prefix)}


def _tell_gone(
    known: Known, old: Sequence[Found], prefix: str, each: tuple[Part, ...], told: Told
) -> None:
    """Name the cases of the manifest of which nothing was found in the folder."""
    there = {prefix + found.path for found in old}
    names = {made_valid(raw_name(found, each)) for found in old}
    for case in known.manifest.cases:
        paths = {path for one in case.values if isinstance(one, FileValue) for path in one.paths}
        inside = any(path.startswith(prefix) for path in paths)
        above = {start for path in paths for start in update.starts(path)}
        if inside and case.name not in names and not above & there:
            told.add("cases of the manifest that fit --each no longer, and stay in it", case.name)


# ── the table ───────────────────────────────────────────────────────────────────────────────


def _tell_rows(maker: Maker, cases: Sequence[Found], told: Told) -> None:
    table, keyed = maker.table, maker.keyed
    if table is None or keyed is None:
        return
    if cases and not maker.met:
        raise _no_row_fits(maker, cases)
    for key, lines in keyed.twice.items():
        told.add(
            f"rows of {table.name} with the same key that do not say the same: none is used",
            f"{', '.join(key)} (lines {', '.join(map(str, lines))})",
        )
    for key, row in keyed.rows.items():
        if key not in maker.met:
            told.add(f"rows of {table.name} without a case", f"{', '.join(key)} (line {row.line})")
    if keyed.without:
        columns = " or ".join(map(quoted, maker.options.keys))
        where = [f"line {line}" for line in keyed.without]
        told.add(f"rows of {table.name} without {columns}", *where)
    for sentence in table.told:
        told.add(sentence)
    for one in maker.options.sockets:
        if one.column is not None:
            _tell_mixed(table, one.column, told)


def _tell_mixed(table: Table, column: str, told: Told) -> None:
    """Name the cells that are of another kind than most: a socket takes one kind."""
    cells = [
        (row.line, typed(row.cells[column], decimal_comma=table.decimal_comma))
        for row in table.rows
        if row.cells[column] != ""
    ]
    kinds = Counter(_kind(cell) for _, cell in cells)
    if len(kinds) < 2:  # noqa: PLR2004
        return
    most = kinds.most_common(1)[0][0]
    for line, cell in cells:
        if _kind(cell) != most:
            what = f"cells of {table.name}, column {quoted(column)}, that are no {most} as most are"
            told.add(what, f"{quoted(text_of(cell))} (line {line}) is {_kind(cell)}")


def _kind(cell: object) -> str:
    if isinstance(cell, bool):
        return "boolean"
    return "number" if isinstance(cell, int | float) else "text"


def _no_row_fits(maker: Maker, cases: Sequence[Found]) -> UsageError:
    assert maker.table is not None, "there is a table"
    if not maker.table.rows:
        hint = "; ".join(maker.table.told) or "nothing stands below its header"
        return UsageError(f"{maker.table.name} has no row that can be used", hint=hint)
    keys = maker.options.keys
    cells = [", ".join(text_of(row.cells[key]) for key in keys) for row in maker.table.rows[:3]]
    names = [raw_name(found, maker.each) for found in cases[:3]]
    return UsageError(
        f"no row of {maker.table.name} fits a case: {' and '.join(keys)} says "
        f"{', '.join(map(quoted, cells))}, the cases are {', '.join(map(quoted, names))}",
        hint=f'where the column has only a part of the name: --each "patient-{{{keys[0]}}}"',
    )


# ── what is left ────────────────────────────────────────────────────────────────────────────


def _tell_left(left: Leftover, used: set[str], told: Told) -> None:
    others = [path for path in left.others if path.rstrip("/") not in used]
    sentences = {
        "what fits no case": list(in_short(others)),
        "links that lead nowhere (their content may have to be fetched first)": left.broken,
        "links to folders that are found in other ways, and are not followed": left.links,
        "neither files nor folders, and never sent": left.special,
        "folders that cannot be read": left.unreadable,
        "never sent: hidden files, and what systems leave behind": left.ignored,
    }
    for sentence, names in sentences.items():
        if names:
            told.add(sentence, *names)
