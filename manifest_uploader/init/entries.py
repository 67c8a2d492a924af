"""Makes a manifest's entries from the folder, the table and the options, case by case."""

from __future__ import annotations

import fnmatch
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from manifest_uploader.files.case_patterns import Part, names_in, substitute
from manifest_uploader.files.case_tree import Tree
from manifest_uploader.files.dicom import naming as dicom
from manifest_uploader.files.listing import is_magic, matching
from manifest_uploader.init.case_files import CaseFiles, CaseOpener, Matches
from manifest_uploader.init.compose import Choice, Entry, Files, OneFile, Source
from manifest_uploader.init.groups import Group, group_files
from manifest_uploader.init.names import (
    order_complaint,
    raw_name,
    source_complaint,
    title_complaint,
)
from manifest_uploader.init.notices import Notices
from manifest_uploader.init.options import LARGEST, Options, SocketRule
from manifest_uploader.init.remarks import remarks
from manifest_uploader.manifest.found_case import FoundCase, own_name, stem
from manifest_uploader.manifest.tables import Key, Row, RowsByKey, Table, cell_text, parse_cell
from manifest_uploader.text import composed, quoted

UNUSED: Final = "files not assigned to any socket"
_MOST_NAMED_FILES: Final = 3
"""More files with one ending in one folder are counted instead of named."""
_MOST_NAMED_FOLDERS: Final = 5
"""Files with one name in more folders are counted instead of listed."""
_MOST_LISTED_FILES: Final = 4
"""Files of one image that are listed rather than replaced by a pattern."""


@dataclass(slots=True)
class EntryMaker:
    """Makes entries from cases and adds what is odd about them to the notices."""

    options: Options
    each: tuple[Part, ...]
    tree: Tree
    notices: Notices
    table: Table | None = None
    rows_by_key: RowsByKey | None = None
    keys_by_number: Mapping[str, str] = field(default_factory=dict)
    """By the name of a case, the key of its row, which has only the same number."""
    used_keys: set[Key] = field(default_factory=set)
    """The keys of the rows for which a case was found."""
    unused: list[str] = field(default_factory=list)
    """Files of cases that no socket takes."""
    opener: CaseOpener = field(init=False)

    def __post_init__(self) -> None:
        self.opener = CaseOpener(self.tree)

    def entry(self, case: FoundCase, name: str) -> Entry | None:
        """The case's entry; None if no socket has anything."""
        row = self._row(case, name)
        case_files = self.opener.open(case)
        draft = _Draft(name)
        used: set[str] = set()
        for rule in self.options.sockets:
            if rule.column is not None:
                self._take_cell(draft, rule.socket, rule.column, row)
            else:
                used |= self._take_files(draft, rule, case_files, case)
        self._note_unused_files(case, case_files, used)
        if not draft.sockets:
            why = "no socket has a file or value, so they are not in the manifest"
            self.notices.add(f"cases in which {why}", name)
            return None
        return draft.entry(self._title(case, name, row), self._order(name, row))

    # the table

    def _row(self, case: FoundCase, name: str) -> Row | None:
        if self.rows_by_key is None or self.table is None:
            return None
        keys = list(case_keys(case, self.each, self.options.keys))
        for key in keys:
            if key in self.rows_by_key.rows:
                self.used_keys.add(key)
                return self.rows_by_key.rows[key]
        numbered = self._key_by_number(case)
        if numbered is not None:
            keys.append(numbered)
            if numbered in self.rows_by_key.rows:
                row = self.rows_by_key.rows[numbered]
                self.used_keys.add(numbered)
                what = f"rows of {self.table.name} that match a case only by number"
                self.notices.add(what, f"{numbered[0]} -> {name} (line {row.line})")
                return row
        conflicting = [key for key in keys if key in self.rows_by_key.conflicting]
        self.used_keys.update(conflicting)
        if not conflicting:
            self.notices.add(f"cases without a row in {self.table.name}", name)
        return None

    def _key_by_number(self, case: FoundCase) -> Key | None:
        if not self.keys_by_number:
            return None
        key = self.keys_by_number.get(name_to_pair(case, self.each, self.options.keys[0]))
        return None if key is None else (key,)

    def _take_cell(self, draft: _Draft, socket: str, column: str, row: Row | None) -> None:
        assert self.table is not None, "a column has a table"
        if row is None:
            draft.comments.append(f"no {socket}: no row in {self.table.name}, or several")
            return
        value = parse_cell(row.cells[column], decimal_comma=self.table.decimal_comma)
        if value == "":
            draft.comments.append(f"no {socket}: empty in {self.table.name}")
            self.notices.add(
                f"cases without {quoted(socket)}: the cell is empty in {self.table.name}",
                f"{draft.name} (line {row.line})",
            )
            return
        self._set_source(draft, socket, value)

    def _set_source(self, draft: _Draft, socket: str, source: Source) -> bool:
        """Set the source of a socket and return True; return False if no manifest accepts it."""
        complaint = source_complaint(source)
        if complaint is None:
            draft.sockets.append((socket, source))
            return True
        hint = "rename it" if isinstance(source, OneFile | Files) else complaint.hint
        hint = f" ({hint})" if hint else ""
        self.notices.add(f"cases without {quoted(socket)}: {complaint.message}{hint}", draft.name)
        draft.comments.append(f"no {socket}: {complaint.message}")
        return False

    def _title(self, case: FoundCase, name: str, row: Row | None) -> str | None:
        """The title; None if there is none or no manifest accepts it."""
        template = self.options.title
        if not template:
            return None
        title = _fill_in_title(template, {"name": own_name(case), **case.names}, row)
        if not title:
            self.notices.add("cases without a title of their own: readers see the name", name)
            return None
        complaint = title_complaint(title)
        if complaint is not None:
            why = f"{complaint.message} ({complaint.hint})"
            self.notices.add(f"titles that cannot be used: {why}; readers see the name", name)
            return None
        return title

    def _order(self, name: str, row: Row | None) -> int | None:
        column = self.options.order
        if column is None:
            return None
        cell = parse_cell(row.cells[column]) if row is not None else ""
        if cell == "":
            self.notices.add("cases without an order: the platform assigns one", name)
            return None
        order = int(cell) if isinstance(cell, int | float) and cell == int(cell) else None
        if isinstance(cell, bool) or order is None or order_complaint(order):
            what = "orders that are not a whole number of at least 1, and are left out"
            self.notices.add(what, f"{name} ({quoted(cell_text(cell))})")
            return None
        return order

    # the files

    def _take_files(
        self, draft: _Draft, rule: SocketRule, case_files: CaseFiles, case: FoundCase
    ) -> set[str]:
        """Set a socket's source to files, or leave it undecided; return the files in question."""
        matches = _match(rule, case_files, case)
        if not matches.files:
            pattern = rule.pattern or case.path
            self._note_missing(draft, rule.socket, f"nothing matches {quoted(pattern)}")
            return set()
        groups = self._groups(matches, rule, case_files)
        if not groups:
            why = "no DICOM series was found"
            if rule.series != LARGEST:
                why = f"no series has the description {quoted(rule.series or '')}"
            self._note_missing(draft, rule.socket, why)
            return set()
        sources = [(group, self._source(group, matches, case_files)) for group in groups]
        if len(sources) == 1 and self._set_source(draft, rule.socket, sources[0][1]):
            self._check(draft, rule.socket, groups[0], case_files)
        elif len(sources) > 1:
            self._leave_undecided(draft, rule, sources)
        return {path for group in groups for path in group.files}

    def _note_broken_dicom(
        self, matches: Matches, groups: Sequence[Group], case_files: CaseFiles
    ) -> None:
        """Name the files that end like DICOM files but could not be read as such."""
        read = {path for group in groups if group.series for path in group.files}
        for path in matches.files:
            if path not in read and dicom.is_named_dicom(Path(path)):
                what = "files named like DICOM that cannot be read as DICOM (empty or damaged?)"
                self.notices.add(what, case_files.path(path))

    def _note_missing(self, draft: _Draft, socket: str, why: str) -> None:
        draft.comments.append(f"no {socket}: {why}")
        self.notices.add(f"cases without {quoted(socket)}: {why}", draft.name)

    def _leave_undecided(
        self, draft: _Draft, rule: SocketRule, sources: list[tuple[Group, OneFile | Files]]
    ) -> None:
        """Write all candidates as comments: choosing one of them would be a guess."""
        choices = tuple(Choice(source, group.label) for group, source in sources)
        draft.undecided.append((rule.socket, choices))
        labels = "; ".join(choice.label for choice in choices)
        if any(group.series for group, _ in sources):
            what = (
                f"cases without {quoted(rule.socket)}: DICOM files of more than one series lie "
                f"together, so you have to choose (they are in the manifest as comments; or "
                f'--series "{rule.socket}=DESCRIPTION")'
            )
        else:
            what = (
                f"cases without {quoted(rule.socket)}: more than one file matches (they are in "
                f"the manifest as comments)"
            )
        self.notices.add(what, f"{draft.name}: {labels}")

    def _groups(self, matches: Matches, rule: SocketRule, case_files: CaseFiles) -> Sequence[Group]:
        groups = group_files(
            matches.files,
            lambda path: self.tree.absolute(case_files.path(path)),
            check_series=self.options.check_series,
        )
        self._note_broken_dicom(matches, groups, case_files)
        if rule.series is None:
            return groups
        if rule.series == LARGEST:
            return self._largest(groups, rule.socket, case_files)
        pattern = rule.series.casefold()
        return [
            group
            for group in groups
            if group.series and fnmatch.fnmatchcase(group.series.description.casefold(), pattern)
        ]

    def _largest(
        self, groups: Sequence[Group], socket: str, case_files: CaseFiles
    ) -> Sequence[Group]:
        """The series with the most files, or those among which it cannot be told."""
        series = [group for group in groups if group.series is not None]
        most = max((len(group.files) for group in series), default=0)
        largest = [group for group in series if len(group.files) == most]
        if len(largest) == 1 and len(series) > 1:
            others = "; ".join(group.label for group in series if group is not largest[0])
            what = f"cases whose largest series goes into {quoted(socket)}"
            self.notices.add(what, f"{case_files.base}: {largest[0].label} (not {others})")
        return largest

    def _source(self, group: Group, matches: Matches, case_files: CaseFiles) -> OneFile | Files:
        prefix = case_files.path("")
        if len(group.files) == 1:
            return OneFile(prefix + group.files[0])
        # A manifest would take a folder that is called `**` for a pattern.
        is_safe = "**" not in prefix.split("/")
        if group.files == matches.files and (is_safe or matches.is_literal):
            return Files((prefix + matches.glob,))
        pattern = _simple_pattern(group, case_files)
        if pattern is not None and is_safe:
            return Files((prefix + pattern,))
        return Files(tuple(prefix + path for path in group.files))

    def _check(self, draft: _Draft, socket: str, group: Group, case_files: CaseFiles) -> None:
        """Note what 'uploader validate' will say about the files of an image or document."""
        paths = [self.tree.absolute(case_files.path(path)) for path in group.files]
        quick = not self.options.check_series
        for remark in remarks(paths, quick=quick):
            self.notices.add(remark.sentence, f"{draft.name}/{socket}: {remark.about}")

    def _note_unused_files(self, case: FoundCase, case_files: CaseFiles, used: set[str]) -> None:
        prefix = case_files.path("")
        if case.is_file:
            self.opener.used.update(prefix + path for path in used)
            return
        unused = [path for path in case_files.own_files() if path not in used]
        if any(path in used for path in case_files.folders):
            unused = [path for path in unused if path.rpartition("/")[0] not in used]
        if unused:
            self.notices.add(UNUSED)  # here, so that it comes before what is noticed later
        self.unused += [prefix + path for path in unused]


# ── pure parts ──────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Draft:
    """An entry that is being made."""

    name: str
    sockets: list[tuple[str, Source]] = field(default_factory=list)
    undecided: list[tuple[str, tuple[Choice, ...]]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    def entry(self, title: str | None, order: int | None) -> Entry:
        return Entry(
            self.name,
            title,
            order,
            tuple(self.sockets),
            tuple(self.undecided),
            tuple(self.comments),
        )


def case_keys(case: FoundCase, each: tuple[Part, ...], columns: tuple[str, ...]) -> Iterator[Key]:
    """The keys that a case's row may have, the most specific first."""
    if all(column in case.names for column in columns):
        yield tuple(composed(case.names[column]) for column in columns)
    if len(columns) == 1:
        last = case.path.rpartition("/")[2]
        names = (raw_name(case, each), last, stem(last), case.path)
        yield from dict.fromkeys((composed(name),) for name in names)


def name_to_pair(case: FoundCase, each: tuple[Part, ...], column: str) -> str:
    """What of a case a column may name with another number of zeros."""
    return composed(case.names.get(column) or raw_name(case, each))


def _fill_in_title(template: str, names: Mapping[str, str], row: Row | None) -> str:
    """The title; empty if a name or column in its template is."""
    cells = {column: cell_text(cell) for column, cell in row.cells.items()} if row else {}
    if template.startswith("@"):
        return cells.get(template[1:].strip(), "")
    known = {**cells, **names}
    is_complete = all(known.get(name) for name in names_in(template))
    return substitute(template, known).strip() if is_complete else ""


def _match(rule: SocketRule, case_files: CaseFiles, case: FoundCase) -> Matches:
    if not rule.pattern and case.is_file:
        own = case.path.rpartition("/")[2]
        return Matches((own,), own, is_literal=True)
    names = {"name": own_name(case)}
    return case_files.match(rule.pattern or "**/*", {**names, **case.names})


def _simple_pattern(group: Group, case_files: CaseFiles) -> str | None:
    """A pattern like `A*.dcm` that matches exactly these files; None if there is none."""
    files = group.files
    folders = {path.rpartition("/")[0] for path in files}
    if (group.series is None and len(files) <= _MOST_LISTED_FILES) or len(folders) > 1:
        return None
    folder = folders.pop()
    names = sorted(path.rpartition("/")[2] for path in files)
    start = _common_prefix(names)
    end = _common_prefix([name[len(start) :][::-1] for name in names])[::-1]
    pattern = f"{start}*{end}"
    if is_magic(start + end) or matching(case_files.list_own(folder).files, pattern) != names:
        return None
    return f"{folder}/{pattern}".lstrip("/")


def _common_prefix(names: Sequence[str]) -> str:
    first, last = min(names), max(names)
    length = next((n for n, one in enumerate(first) if last[n : n + 1] != one), len(first))
    return first[:length]


def summarize(paths: Sequence[str]) -> Iterator[str]:
    """The paths; many of one ending in one folder, or of one name, are one text.

    They are `ct/*.dcm (300 files)` and `DICOMDIR (in 12 folders)` then.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        folder, slash, name = path.rpartition("/")
        ending = os.path.splitext(name)[1]  # noqa: PTH122
        groups.setdefault((folder + slash, ending), []).append(path)
    alone = [group for group in groups.values() if len(group) <= _MOST_NAMED_FILES]
    names = Counter(path.rpartition("/")[2] for group in alone for path in group)
    told: set[str] = set()
    for (folder, ending), group in groups.items():
        if len(group) > _MOST_NAMED_FILES:
            yield f"{folder}*{ending} ({len(group)} files)"
            continue
        for path in group:
            name = path.rpartition("/")[2]
            if names[name] <= _MOST_NAMED_FOLDERS:
                yield path
            elif name not in told:
                told.add(name)
                yield f"{name} (in {names[name]} folders)"
