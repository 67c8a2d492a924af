"""Adds to the cases of an existing manifest what the folder or the table has for them by now.

It never undoes what the user may have done on purpose: a socket that is commented out stays so,
and files that another socket of the case uses stay there.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from manifest_uploader.files.listing import is_magic
from manifest_uploader.init.compose import Files, OneFile, Source
from manifest_uploader.init.entries import EntryMaker, NewValue
from manifest_uploader.init.names import make_valid, raw_name
from manifest_uploader.init.options import SocketRule
from manifest_uploader.init.update import Addition, CaseText, file_paths, path_and_parents
from manifest_uploader.manifest.found_case import FoundCase
from manifest_uploader.manifest.model import Case, Manifest
from manifest_uploader.manifest.tables import cell_text

_CLOSED: Final = (
    "sockets that are not added: their case is written in brackets, or with an anchor or alias "
    "(add them by hand)"
)
_SEVERAL: Final = (
    "sockets that are not added: the manifest makes several cases of this folder (add them by hand)"
)
_COMMENTED: Final = "sockets that stand in a comment of their case, and are left there"
_TAKEN: Final = (
    "sockets that are not added: another socket of their case has these files (a name that you "
    "changed? Change it in the command, too)"
)
_DROPPED: Final = (
    "columns that the manifest's head names and no case has, left out (name them with --socket to "
    "add them)"
)


@dataclass(slots=True)
class CaseIndex:
    """Finds the cases of a manifest, as positions in its list, by their paths and names."""

    manifest: Manifest
    prefix: str
    """What the manifest's paths have before those of the folder."""
    _by_path: dict[str, list[int]] = field(default_factory=dict)
    _by_name: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for index, case in enumerate(self.manifest.cases):
            self._by_name[case.name] = index
            parents = {parent for path in file_paths(case) for parent in path_and_parents(path)}
            for parent in parents:
                self._by_path.setdefault(parent, []).append(index)

    def find(self, found: FoundCase, name: str) -> list[int]:
        """The cases made of a folder or file; none if its only case is commented out."""
        by_name = [self._by_name[name]] if name in self._by_name else []
        return self._by_path.get(self.prefix + found.path, by_name)


def find_additions(
    maker: EntryMaker, old: Sequence[FoundCase], index: CaseIndex, texts: Sequence[CaseText]
) -> Iterator[Addition]:
    """What can be added to existing cases; what cannot is named in the notices."""
    rules = list(_rules_to_apply(maker, index.manifest))
    for found in old:
        indexes = index.find(found, make_valid(raw_name(found, maker.each)))
        cases = [index.manifest.cases[position] for position in indexes]
        filled = {value.socket for case in cases for value in case.values}
        missing = [rule for rule in rules if rule.socket not in filled]
        if not cases or not missing:
            continue
        name = " and ".join(case.name for case in cases)
        text = texts[indexes[0]] if len(cases) == 1 and texts else None
        added = []
        for new in maker.new_values(found, name, missing):
            reason = _SEVERAL if len(cases) > 1 else _reason_to_skip(new, cases[0], text)
            if reason is None:
                added.append((new.socket, new.source))
            else:
                maker.notices.add(reason, f"{name}: {new.socket}: {_display(new.source)}")
        if added:
            yield Addition(indexes[0], name, tuple(added))


def _rules_to_apply(maker: EntryMaker, manifest: Manifest) -> Iterator[SocketRule]:
    """The rules, except for columns that only the head names and no case uses.

    A value does not say which column it came from. If the user renamed its socket in the
    manifest, the old name would add it a second time.
    """
    used = {value.socket for case in manifest.cases for value in case.values}
    for rule in maker.options.sockets:
        is_unused = rule.column is not None and rule.socket not in used
        if is_unused and rule.socket in maker.options.recalled:
            maker.notices.add(_DROPPED, f"{rule.socket}=@{rule.column}")
        else:
            yield rule


def _reason_to_skip(new: NewValue, case: Case, text: CaseText | None) -> str | None:
    """Why a value is not added to a case; None if it is."""
    if text is not None and new.socket in text.commented:
        return _COMMENTED
    if any(_covers(path, file) for path in file_paths(case) for file in new.files):
        return _TAKEN
    return None if text is not None and text.is_open else _CLOSED


def _covers(path: str, file: str) -> bool:
    """Whether a path, folder or glob of a manifest includes a file."""
    return (
        path == file
        or file.startswith(f"{path.rstrip('/')}/")
        or (is_magic(path) and fnmatch.fnmatchcase(file, path))
    )


def _display(source: Source) -> str:
    match source:
        case OneFile(path):
            return path
        case Files(paths):
            return ", ".join(paths)
        case str() | int() | float():
            return cell_text(source)
        case _:
            return "a value"
