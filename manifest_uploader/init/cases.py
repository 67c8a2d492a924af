"""The folder as questions need it: its cases, its tables, and what the cases have."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from manifest_uploader.errors import UsageError
from manifest_uploader.files.case_patterns import Part, read_each
from manifest_uploader.files.case_tree import companions, find_cases
from manifest_uploader.files.workbook import ENDINGS, sheet_names
from manifest_uploader.init import columns, offers, propose
from manifest_uploader.init.dialogue import Memory
from manifest_uploader.init.offers import ProposedSocket
from manifest_uploader.init.options import Options
from manifest_uploader.init.paths import Paths
from manifest_uploader.manifest.found_case import FoundCase
from manifest_uploader.manifest.tables import Table
from manifest_uploader.output.streams import say
from manifest_uploader.text import quoted


@dataclass(frozen=True, slots=True)
class Cases:
    """The cases that match a pattern."""

    each: str
    parts: tuple[Part, ...]
    found: Sequence[FoundCase]

    def shown(self) -> str:
        """`p1, p2, …, p9`."""
        names = [one.path for one in self.found]
        comma = "; " if any("," in name for name in names) else ", "
        return comma.join(names if len(names) <= 3 else [*names[:2], "…", names[-1]])  # noqa: PLR2004


class Folder:
    """Looks into the folder, and into each thing once."""

    def __init__(self, paths: Paths, given: Options) -> None:
        """`given`: the options as they were typed."""
        self.given = given
        self._paths = paths
        self._memory = Memory()

    def cases(self, each: str, options: Options) -> Cases:
        """The cases that match a pattern; raises UsageError if there are none."""
        return self._memory.recall(
            ("cases", each, options.table), lambda: self._find(each, options)
        )

    def _find(self, each: str, options: Options) -> Cases:
        parts = read_each(each)
        found = find_cases(self._paths.tree(options.table), parts)
        if not found:
            raise UsageError(
                f"nothing in {quoted(options.folder)} matches {quoted(each)}",
                hint='a pattern such as "patient-*" or "*.mha", relative to the folder',
            )
        return Cases(each, parts, found)

    def likely_each(self, options: Options) -> str:
        """The pattern that probably matches the cases."""
        return self._memory.recall(
            ("each", options.table),
            lambda: propose.propose_each(self._paths.tree(options.table)),
        )

    def sockets(self, cases: Cases, options: Options) -> list[ProposedSocket]:
        """What the cases have that sockets may take."""
        return self._memory.recall(
            ("sockets", cases.each, options.table),
            lambda: offers.propose_sockets(self._paths.tree(options.table), cases.found, say),
        )

    def table(self, options: Options) -> Table:
        """The table that the options name; raises UsageError if it cannot be read."""
        key = (options.table, options.sheet, options.encoding, options.decimal_comma)
        return self._memory.recall(("table", key), lambda: self._paths.table(options))

    def has_workbooks(self) -> bool:
        """Whether a file of Excel is in the folder or beside it."""
        return any(name.lower().endswith(ENDINGS) for name in self.tables(self.given))

    def sheets(self, options: Options) -> tuple[str, ...]:
        """The sheets of a workbook; none if the table is no workbook."""
        path = options.table or ""
        if not path.lower().endswith(ENDINGS):
            return ()
        return self._memory.recall(("sheets", path), lambda: sheet_names(Path(path)))

    def tables(self, options: Options, cases: Sequence[FoundCase] = ()) -> list[str]:
        """The tables in the folder, beside it and beside the manifest, as a person types them."""
        inside = columns.tables_in(self._paths.tree(None), cases)
        paths = [os.path.join(options.folder, name) for name in inside]  # noqa: PTH118
        known = {os.path.realpath(path) for path in paths}
        above = os.path.dirname(os.path.realpath(options.folder))  # noqa: PTH120
        ours = companions(self._paths.manifest)
        for place in (above, self._paths.manifest_folder):
            for name in _tables_beside(place):
                real = os.path.join(place, name)  # noqa: PTH118
                if os.path.realpath(real) not in known and name not in ours:
                    known.add(os.path.realpath(real))
                    paths.append(_as_typed(real))
        return paths


def _tables_beside(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                one.name for one in entries if columns.is_table(one.name) and one.is_file()
            )
    except OSError:
        return []


def _as_typed(path: str) -> str:
    """The path relative to the working folder if that is shorter."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # on another drive
        return path
    return min(relative, path, key=len)
