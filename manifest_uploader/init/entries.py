"""What each case puts into which socket: folder, table and options together, case by case."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from manifest_uploader.files import dicom
from manifest_uploader.files.listing import is_magic, matching
from manifest_uploader.init.choices import Group, sort_out
from manifest_uploader.init.compose import Choice, Entry, Files, OneFile, Source
from manifest_uploader.init.inside import Fitting, Inside, Insides
from manifest_uploader.init.names import (
    own_name,
    raw_name,
    stem,
    wrong_order,
    wrong_source,
    wrong_title,
)
from manifest_uploader.init.options import Options, Wanted
from manifest_uploader.init.patterns import Part, filled, names_in
from manifest_uploader.init.table import Key, Keyed, Row, Table, composed, text_of, typed
from manifest_uploader.init.told import Told
from manifest_uploader.init.tree import Found, Tree
from manifest_uploader.text import quoted

_FEW: Final = 3
"""Files of one kind in one folder that are told one by one."""
_LISTED: Final = 4
"""Files of one image that are listed rather than put into a pattern."""


@dataclass(frozen=True, slots=True)
class Extra:
    """Something for a socket that a case lacks."""

    socket: str
    source: Source
    files: frozenset[str]
    """As a manifest names them, one by one; none for a value."""


@dataclass(slots=True)
class Maker:
    """Makes entries of cases, and notes what is odd about them."""

    options: Options
    each: tuple[Part, ...]
    tree: Tree
    prefix: str
    """What stands before every path: from the manifest's root to the folder, with `/` behind."""
    told: Told
    table: Table | None = None
    keyed: Keyed | None = None
    met: set[Key] = field(default_factory=set)
    """The keys of rows that have a case."""
    insides: Insides = field(init=False)
    _checked_names: bool = False

    def __post_init__(self) -> None:
        self.insides = Insides(self.tree)

    def entry(self, found: Found, name: str) -> Entry | None:
        """The case's entry; None where nothing would be in it."""
        row = self._row(found, name)
        inside = self.insides.open(found)
        draft = _Draft(name)
        used: set[str] = set()
        for wanted in self.options.sockets:
            if wanted.column is not None:
                self._take_cell(draft, wanted.socket, wanted.column, row)
            else:
                used |= self._take_files(draft, wanted, inside, found)
        self._tell_unused(found, inside, used)
        if not draft.sockets:
            why = "no socket has anything, so they are not in the manifest"
            self.told.add(f"cases in which {why}", name)
            return None
        return draft.entry(self._title(found, name, row), self._order(name, row))

    def extras(self, found: Found, name: str, lacking: Sequence[Wanted]) -> Iterator[Extra]:
        """What there is for sockets that a case lacks; what is odd about it is told."""
        with_cells = any(wanted.column is not None for wanted in lacking)
        row = self._row(found, name) if with_cells else None
        inside = self.insides.open(found)
        for wanted in lacking:
            draft = _Draft(name)
            used: set[str] = set()
            if wanted.column is not None:
                self._take_cell(draft, wanted.socket, wanted.column, row)
            else:
                used = {
                    inside.path(path) for path in self._take_files(draft, wanted, inside, found)
                }
            if found.is_file:
                self.insides.used.update(used)
            files = frozenset(self.prefix + path for path in used)
            yield from (Extra(socket, source, files) for socket, source in draft.sockets)

    def meet(self, cases: Sequence[Found]) -> None:
        """Take the rows of cases that are written already for used."""
        for found in cases:
            if self.keyed is not None:
                keys = case_keys(found, self.each, self.options.keys)
                self.met.update(key for key in keys if key in self.keyed.rows)

    # the table

    def _row(self, found: Found, name: str) -> Row | None:
        if self.keyed is None or self.table is None:
            return None
        keys = list(case_keys(found, self.each, self.options.keys))
        for key in keys:
            if key in self.keyed.rows:
                self.met.add(key)
                return self.keyed.rows[key]
        twice = [key for key in keys if key in self.keyed.twice]
        self.met.update(twice)
        if not twice:
            self.told.add(f"cases without a row in {self.table.name}", name)
        return None

    def _take_cell(self, draft: _Draft, socket: str, column: str, row: Row | None) -> None:
        assert self.table is not None, "a column has a table"
        if row is None:
            draft.remarks.append(f"no {socket}: no row in {self.table.name}, or several")
            return
        value = typed(row.cells[column], decimal_comma=self.table.decimal_comma)
        if value == "":
            draft.remarks.append(f"no {socket}: empty in {self.table.name}")
            self.told.add(
                f"cases without {quoted(socket)}: the cell is empty in {self.table.name}",
                f"{draft.name} (line {row.line})",
            )
            return
        self._put(draft, socket, value)

    def _put(self, draft: _Draft, socket: str, source: Source) -> bool:
        """Fill a socket, unless the manifest would not take it: then that is told."""
        wrong = wrong_source(source)
        if wrong is None:
            draft.sockets.append((socket, source))
            return True
        hint = "rename it" if isinstance(source, OneFile | Files) else wrong.hint
        hint = f" ({hint})" if hint else ""
        self.told.add(f"cases without {quoted(socket)}: {wrong.message}{hint}", draft.name)
        draft.remarks.append(f"no {socket}: {wrong.message}")
        return False

    def _title(self, found: Found, name: str, row: Row | None) -> str | None:
        """The title; None where there is none, or none that a manifest takes."""
        template = self.options.title
        if not template:
            return None
        title = _filled_title(template, {"name": own_name(found), **found.names}, row)
        if not title:
            self.told.add("cases without a title of their own: readers see the name", name)
            return None
        wrong = wrong_title(title)
        if wrong is not None:
            what = f"titles that cannot be: {wrong.message} ({wrong.hint}); readers see the name"
            self.told.add(what, name)
            return None
        return title

    def _order(self, name: str, row: Row | None) -> int | None:
        column = self.options.order
        if column is None:
            return None
        cell = typed(row.cells[column]) if row is not None else ""
        if cell == "":
            self.told.add("cases without an order: the platform gives one", name)
            return None
        order = int(cell) if isinstance(cell, int | float) and cell == int(cell) else None
        if isinstance(cell, bool) or order is None or wrong_order(order):
            what = "orders that are no whole number from 1 on, and are left out"
            self.told.add(what, f"{name} ({quoted(text_of(cell))})")
            return None
        return order

    # the files

    def _take_files(self, draft: _Draft, wanted: Wanted, inside: Inside, found: Found) -> set[str]:
        """Fill a socket with files; the files that it takes or might take."""
        fitting = _fitting(wanted, inside, found)
        if not fitting.files:
            pattern = wanted.pattern or found.path
            self._tell_missing(draft, wanted.socket, f"nothing fits {quoted(pattern)}")
            return set()
        groups = self._groups(fitting, wanted, inside)
        if not groups:
            why = f"no series is described as {quoted(wanted.series or '')}"
            self._tell_missing(draft, wanted.socket, why)
            return set()
        sources = [(group, self._source(group, fitting, inside)) for group in groups]
        if len(sources) == 1 and self._put(draft, wanted.socket, sources[0][1]):
            self._check_patient(groups[0], inside)
        elif len(sources) > 1:
            self._leave_open(draft, wanted, sources)
        return {path for group in groups for path in group.files}

    def _tell_broken(self, fitting: Fitting, groups: Sequence[Group], inside: Inside) -> None:
        """Name the files that end like DICOM and, as far as was looked, are none."""
        read = {path for group in groups if group.series for path in group.files}
        for path in fitting.files:
            if path not in read and dicom.is_named_dicom(Path(path)):
                what = "files that end like DICOM and cannot be read as DICOM (empty, or broken?)"
                self.told.add(what, inside.path(path))

    def _tell_missing(self, draft: _Draft, socket: str, why: str) -> None:
        draft.remarks.append(f"no {socket}: {why}")
        self.told.add(f"cases without {quoted(socket)}: {why}", draft.name)

    def _leave_open(
        self, draft: _Draft, wanted: Wanted, sources: list[tuple[Group, OneFile | Files]]
    ) -> None:
        """Choosing for the person would be guessing: all stand in the manifest as comments."""
        choices = tuple(Choice(source, group.label) for group, source in sources)
        draft.open.append((wanted.socket, choices))
        labels = "; ".join(choice.label for choice in choices)
        if any(group.series for group, _ in sources):
            what = (
                f"cases without {quoted(wanted.socket)}: DICOM files of more than one series lie "
                "together, so that you have to choose (they stand in the manifest as comments; or "
                f'--series "{wanted.socket}=DESCRIPTION")'
            )
        else:
            what = (
                f"cases without {quoted(wanted.socket)}: more than one file fits (they stand in "
                "the manifest as comments)"
            )
        self.told.add(what, f"{draft.name}: {labels}")

    def _groups(self, fitting: Fitting, wanted: Wanted, inside: Inside) -> Sequence[Group]:
        groups = sort_out(fitting.files, self._full(inside), check_series=self.options.check_series)
        self._tell_broken(fitting, groups, inside)
        if wanted.series is None:
            return groups
        pattern = wanted.series.casefold()
        return [
            group
            for group in groups
            if group.series and fnmatch.fnmatchcase(group.series.description.casefold(), pattern)
        ]

    def _full(self, inside: Inside) -> Callable[[str], str]:
        return lambda path: self.tree.full(inside.path(path))

    def _source(self, group: Group, fitting: Fitting, inside: Inside) -> OneFile | Files:
        before = self.prefix + inside.path("")
        if len(group.files) == 1:
            return OneFile(before + group.files[0])
        if group.files == fitting.files and _is_safe(before, fitting):
            return Files((before + fitting.glob,))
        pattern = _pattern_of(group, inside)
        if pattern is not None and "**" not in before.split("/"):
            return Files((before + pattern,))
        return Files(tuple(before + path for path in group.files))

    def _check_patient(self, group: Group, inside: Inside) -> None:
        """Look once whether the first DICOM file names its patient: `validate` will look at all."""
        if self._checked_names or group.series is None:
            return
        self._checked_names = True
        words = dicom.patient_words(Path(self.tree.full(inside.path(group.files[0]))))
        if words is not None:
            self.told.add(
                "DICOM files that may name their patients, which 'uploader validate' refuses "
                "(remove the names, or write 'identifiable: allowed' into the manifest)",
                f"{inside.path(group.files[0])}: {words}",
            )

    def _tell_unused(self, found: Found, inside: Inside, used: set[str]) -> None:
        before = inside.path("")
        if found.is_file:
            self.insides.used.update(before + path for path in used)
            return
        unused = [path for path in inside.own_files() if path not in used]
        if any(path in used for path in inside.held):
            unused = [path for path in unused if path.rpartition("/")[0] not in used]
        for path in in_short(unused):
            self.told.add("files that no socket takes", before + path)


# ── pure parts ──────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Draft:
    """An entry under way."""

    name: str
    sockets: list[tuple[str, Source]] = field(default_factory=list)
    open: list[tuple[str, tuple[Choice, ...]]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def entry(self, title: str | None, order: int | None) -> Entry:
        return Entry(
            self.name,
            title,
            order,
            tuple(self.sockets),
            tuple(self.open),
            tuple(self.remarks),
        )


def case_keys(found: Found, each: tuple[Part, ...], columns: tuple[str, ...]) -> Iterator[Key]:
    """The keys by which a case's row may be found, the most telling first."""
    if all(column in found.names for column in columns):
        yield tuple(composed(found.names[column]) for column in columns)
    if len(columns) == 1:
        last = found.path.rpartition("/")[2]
        names = (raw_name(found, each), last, stem(last), found.path)
        yield from dict.fromkeys((composed(name),) for name in names)


def _filled_title(template: str, names: Mapping[str, str], row: Row | None) -> str:
    """The title; empty if something that it speaks of is."""
    cells = {column: text_of(cell) for column, cell in row.cells.items()} if row else {}
    if template.startswith("@"):
        return cells.get(template[1:].strip(), "")
    known = {**cells, **names}
    spoken = names_in(template)
    return filled(template, known).strip() if all(known.get(one) for one in spoken) else ""


def _fitting(wanted: Wanted, inside: Inside, found: Found) -> Fitting:
    if not wanted.pattern and found.is_file:
        own = found.path.rpartition("/")[2]
        return Fitting((own,), own, literal=True)
    names = {"name": own_name(found)}
    return inside.fitting(wanted.pattern or "**/*", {**names, **found.names})


def _is_safe(before: str, fitting: Fitting) -> bool:
    """Whether a manifest would read the glob below this folder as it was meant."""
    return "**" not in before.split("/") or fitting.literal


def _pattern_of(group: Group, inside: Inside) -> str | None:
    """A pattern that fits exactly these files; None if there is none as simple as `A*.dcm`."""
    files = group.files
    folders = {path.rpartition("/")[0] for path in files}
    if (group.series is None and len(files) <= _LISTED) or len(folders) > 1:
        return None
    folder = folders.pop()
    names = sorted(path.rpartition("/")[2] for path in files)
    start = common_start(names)
    end = common_start([name[len(start) :][::-1] for name in names])[::-1]
    pattern = f"{start}*{end}"
    if is_magic(start + end) or list(matching(inside.listed(folder).files, pattern)) != names:
        return None
    return f"{folder}/{pattern}".lstrip("/")


def common_start(names: Sequence[str]) -> str:
    """What all names begin with."""
    first, last = min(names), max(names)
    length = next((n for n, one in enumerate(first) if last[n : n + 1] != one), len(first))
    return first[:length]


def in_short(paths: Sequence[str]) -> Iterator[str]:
    """The paths; many of one kind in one folder as `ct/*.dcm (300 files)`."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        folder, slash, name = path.rpartition("/")
        ending = os.path.splitext(name)[1]  # noqa: PTH122
        kinds.setdefault((folder + slash, ending), []).append(path)
    for (folder, ending), alike in kinds.items():
        if len(alike) > _FEW:
            yield f"{folder}*{ending} ({len(alike)} files)"
        else:
            yield from alike


def with_free_titles(entries: Sequence[Entry], taken: set[str], told: Told) -> Iterator[Entry]:
    """The entries, with titles that no other has; `taken` holds those of the manifest."""
    wanted = {entry.name for entry in entries if entry.title is None}
    for entry in entries:
        title = entry.title
        if title is not None and (title in taken or title in wanted):
            told.add("titles that another case has; readers see the name", f"{entry.name}: {title}")
            title = None
        if (title or entry.name) in taken:
            number = next(n for n in range(2, 10**9) if f"{entry.name} ({n})" not in taken)
            title = f"{entry.name} ({number})"
        taken.add(title or entry.name)
        yield replace(entry, title=title)
