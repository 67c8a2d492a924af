"""What cases of a manifest lack, and the folder or the table has by now.

Nothing that a person may have meant is undone: a socket in a comment stays there, and files that
another socket of the case takes stay with it.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from manifest_uploader.files.listing import is_magic
from manifest_uploader.init.compose import Files, OneFile, Source
from manifest_uploader.init.entries import Extra, Maker
from manifest_uploader.init.names import made_valid, raw_name
from manifest_uploader.init.options import Wanted
from manifest_uploader.init.table import text_of
from manifest_uploader.init.tree import Found
from manifest_uploader.init.update import CaseText, More, starts
from manifest_uploader.manifest.model import Case, FileValue, Manifest

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
class Owners:
    """The cases of a manifest by what they are found by; each by its place in the list."""

    manifest: Manifest
    prefix: str
    _by_path: dict[str, list[int]] = field(default_factory=dict)
    _by_name: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for place, case in enumerate(self.manifest.cases):
            self._by_name[case.name] = place
            for start in {start for path in _paths(case) for start in starts(path)}:
                self._by_path.setdefault(start, []).append(place)

    def of(self, found: Found, name: str) -> list[int]:
        """The cases that a folder or file is; none if it is one in a comment only."""
        by_name = [self._by_name[name]] if name in self._by_name else []
        return self._by_path.get(self.prefix + found.path, by_name)


def find_more(
    maker: Maker, old: Sequence[Found], owners: Owners, texts: Sequence[CaseText]
) -> Iterator[More]:
    """What can be added to the cases that are there; what cannot is told by name."""
    sockets = list(_alive(maker, owners.manifest))
    for found in old:
        places = owners.of(found, made_valid(raw_name(found, maker.each)))
        cases = [owners.manifest.cases[place] for place in places]
        has = {value.socket for case in cases for value in case.values}
        lacking = [wanted for wanted in sockets if wanted.socket not in has]
        if not cases or not lacking:
            continue
        name = " and ".join(case.name for case in cases)
        text = texts[places[0]] if len(cases) == 1 and texts else None
        added = []
        for extra in maker.extras(found, name, lacking):
            why_not = _SEVERAL if len(cases) > 1 else _why_not(extra, cases[0], text)
            if why_not is None:
                added.append((extra.socket, extra.source))
            else:
                maker.told.add(why_not, f"{name}: {extra.socket}: {_words(extra.source)}")
        if added:
            yield More(places[0], name, tuple(added))


def _alive(maker: Maker, manifest: Manifest) -> Iterator[Wanted]:
    """The sockets asked for; of columns that only the head names, those that a case has.

    Values tell nothing of where they came from: who gave their socket another name would get them
    twice.
    """
    has = {value.socket for case in manifest.cases for value in case.values}
    for wanted in maker.options.sockets:
        is_dead = wanted.column is not None and wanted.socket not in has
        if is_dead and wanted.socket in maker.options.recalled:
            maker.told.add(_DROPPED, f"{wanted.socket}=@{wanted.column}")
        else:
            yield wanted


def _why_not(extra: Extra, case: Case, text: CaseText | None) -> str | None:
    """Why a socket is not added to a case; None if it is."""
    if text is not None and extra.socket in text.commented:
        return _COMMENTED
    if any(_takes(path, file) for path in _paths(case) for file in extra.files):
        return _TAKEN
    return None if text is not None and text.is_open else _CLOSED


def _takes(path: str, file: str) -> bool:
    """Whether a path, folder or glob of a manifest means a file."""
    return (
        path == file
        or file.startswith(f"{path.rstrip('/')}/")
        or (is_magic(path) and fnmatch.fnmatchcase(file, path))
    )


def _paths(case: Case) -> Iterator[str]:
    for value in case.values:
        yield from value.paths if isinstance(value, FileValue) else ()


def _words(source: Source) -> str:
    match source:
        case OneFile(path):
            return path
        case Files(paths):
            return ", ".join(paths)
        case value:
            return text_of(value)
