"""Searches the base folder for cases, and notes what is left over.

Invariant: each folder is listed once and no file is opened. A link is followed at most once, and
never to a folder that the search reaches anyway.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from unicodedata import is_normalized

from manifest_uploader.files.case_patterns import Part
from manifest_uploader.files.listing import is_ignored, leads_to_folder, natural
from manifest_uploader.manifest.found_case import FoundCase
from manifest_uploader.manifest.schema import NAME as SCHEMA_NAME
from manifest_uploader.system import disk
from manifest_uploader.text import composed

_NO_NAMES: Final[Mapping[str, str]] = {}
_DEEPEST: Final = 200
"""Nested folders that are searched; operating systems limit how long a path may be."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The names in one folder, sorted by code point."""

    files: Sequence[str] = ()
    folders: Sequence[str] = ()
    links: frozenset[str] = frozenset()
    """Those of the folders that are symbolic links."""
    broken: Sequence[str] = ()
    """Symbolic links whose target does not exist."""
    special: Sequence[str] = ()
    """Pipes, devices and the like; opening one could block for ever."""
    ignored: Sequence[str] = ()
    """Hidden files and those that operating systems leave behind."""


@dataclass(slots=True)
class Leftovers:
    """Paths that are not part of any case, relative to the base folder; folders end in `/`."""

    others: list[str] = field(default_factory=list)
    matching_files: list[str] = field(default_factory=list)
    """Those of the others that match the pattern, while folders are the cases."""
    ignored: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    """To folders that the search reaches by another path."""
    special: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


class Tree:
    """The base folder; listing its folders collects the leftovers."""

    def __init__(self, base: str, *, excluded: frozenset[str] = frozenset()) -> None:
        """`excluded`: names in the base folder itself that are not data."""
        self.base = os.path.realpath(base)
        self.leftovers = Leftovers()
        self._excluded = excluded
        self._entered: set[str] = set()
        self._spelling: dict[str, str] = {}
        """Path → the last name in it as the folder has it, if its accents are decomposed there."""

    def absolute(self, path: str) -> str:
        """The absolute path of a path relative to the base folder."""
        parts = path.split("/") if path else []
        if self._spelling:
            above = ("/".join(parts[: depth + 1]) for depth in range(len(parts)))
            parts = [
                self._spelling.get(here, name) for here, name in zip(above, parts, strict=True)
            ]
        return disk.reachable(os.path.join(self.base, *parts))  # noqa: PTH118

    def list_folder(self, path: str) -> Listing:
        """List a folder, and add what is unusable in it to the leftovers."""
        if path.count("/") >= _DEEPEST:
            self.leftovers.unreadable.append(f"{path}: lies more than {_DEEPEST} folders deep")
            return Listing()
        try:
            listing = self._composed(path, _list(self.absolute(path)))
        except OSError as error:
            self.leftovers.unreadable.append(f"{path or '.'}: {disk.reason(error)}")
            return Listing()
        prefix = f"{path}/" if path else ""
        self.leftovers.ignored += [prefix + name for name in listing.ignored]
        self.leftovers.broken += [prefix + name for name in listing.broken]
        self.leftovers.special += [prefix + name for name in listing.special]
        if not path and self._excluded:
            files = [name for name in listing.files if name not in self._excluded]
            folders = [name for name in listing.folders if name not in self._excluded]
            return Listing(files, folders, listing.links)
        return listing

    def _composed(self, path: str, listing: Listing) -> Listing:
        """The listing with composed accents: manifests and tables have them so."""
        text = "\0".join((*listing.files, *listing.folders))
        if text.isascii() or is_normalized("NFC", text):
            return listing
        names = {*listing.files, *listing.folders}

        def compose(name: str) -> str:
            found = composed(name)
            if found == name or found in names:
                return name
            self._spelling[f"{path}/{found}".lstrip("/")] = name
            return found

        files, folders = (sorted(map(compose, one)) for one in (listing.files, listing.folders))
        return replace(
            listing, files=files, folders=folders, links=frozenset(map(compose, listing.links))
        )

    def may_enter(self, path: str, listing: Listing, name: str) -> bool:
        """Whether to enter a folder: a linked one only once, and only if it is outside the base."""
        if name not in listing.links:
            return True
        real = disk.real(self.absolute(path))
        if real in self._entered or _is_inside(real, self.base) or _is_inside(self.base, real):
            self.leftovers.links.append(f"{path}/")
            return False
        self._entered.add(real)
        return True

    def walk(self, path: str) -> Iterator[tuple[str, Listing]]:
        """Every folder below a path and its listing; the first is the folder itself, as `""`."""
        waiting = [""]
        while waiting:
            prefix = waiting.pop()
            here = f"{path}/{prefix}".strip("/")
            listing = self.list_folder(here)
            yield prefix, listing
            waiting += [
                f"{prefix}/{name}".lstrip("/")
                for name in reversed(listing.folders)
                if self.may_enter(f"{here}/{name}".lstrip("/"), listing, name)
            ]


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _list(path: str) -> Listing:
    files: list[str] = []
    folders: list[str] = []
    links: set[str] = set()
    broken: list[str] = []
    special: list[str] = []
    ignored: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            if is_ignored(entry.name):
                ignored.append(entry.name)
            elif leads_to_folder(entry):
                folders.append(entry.name)
                if disk.is_link(entry):
                    links.add(entry.name)
            elif entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110
                broken.append(entry.name)
            elif entry.is_file():
                files.append(entry.name)
            else:
                special.append(entry.name)
    others = map(sorted, (broken, special, ignored))
    return Listing(sorted(files), sorted(folders), frozenset(links), *others)


def companions(manifest: str) -> frozenset[str]:
    """The manifest's file name and those that runs and reports write beside it."""
    stem = manifest.removesuffix(".yaml").removesuffix(".yml")
    endings = ("sandbox", "state.jsonl", "sandbox.state.jsonl", "receipts.jsonl", "report.html")
    names = [f"{stem}.{ending}" for ending in endings]
    return frozenset([manifest, SCHEMA_NAME, *names, *(f"{name}.lock" for name in names)])


# ── cases ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Position:
    """How much of the pattern a path has matched."""

    index: int
    """Of the next part."""
    names: Mapping[str, str]


def find_cases(tree: Tree, each: tuple[Part, ...]) -> list[FoundCase]:
    """The cases that match the pattern, in natural order; everything else becomes a leftover.

    If any folder matches, files that match are not cases.
    """
    search = _Search(tree, each)
    search.visit("", [_Position(0, _NO_NAMES)])
    files = search.files
    if search.folders and files:
        tree.leftovers.matching_files = [case.path for case in files]
        tree.leftovers.others += tree.leftovers.matching_files
        files = []
    return sorted(search.folders or files, key=lambda case: natural(case.path))


class _Search:
    """Walks down the base folder along the pattern."""

    def __init__(self, tree: Tree, each: tuple[Part, ...]) -> None:
        self.files: list[FoundCase] = []
        self.folders: list[FoundCase] = []
        self._tree = tree
        self._each = each

    def visit(self, path: str, positions: list[_Position]) -> None:
        """Sort the entries of one folder into cases, folders to search, and leftovers."""
        listing = self._tree.list_folder(path)
        positions = self._skip_any_depth(positions)
        prefix = f"{path}/" if path else ""
        complete, _ = self._match(listing.files, positions)
        for name in listing.files:
            if name in complete:
                self.files.append(FoundCase(prefix + name, is_file=True, names=complete[name]))
            else:
                self._tree.leftovers.others.append(prefix + name)
        complete, partial = self._match(listing.folders, positions)
        for name in listing.folders:
            self._enter(prefix + name, listing, complete.get(name), partial.get(name))

    def _enter(
        self,
        path: str,
        listing: Listing,
        names: Mapping[str, str] | None,
        partial: list[_Position] | None,
    ) -> None:
        if names is None and not partial:
            self._tree.leftovers.others.append(f"{path}/")
        elif not self._tree.may_enter(path, listing, path.rpartition("/")[2]):
            return
        elif names is not None:
            self.folders.append(FoundCase(path, is_file=False, names=names))
        else:
            self.visit(path, partial or [])

    def _skip_any_depth(self, positions: list[_Position]) -> list[_Position]:
        """The positions, and those after a `**` that stands for no folder."""
        after = [
            _Position(position.index + 1, position.names)
            for position in positions
            if self._each[position.index].is_any_depth
        ]
        return [*positions, *(self._skip_any_depth(after) if after else [])]

    def _match(
        self, names: Sequence[str], positions: list[_Position]
    ) -> tuple[dict[str, Mapping[str, str]], dict[str, list[_Position]]]:
        """What matches, by name: the pattern's names after the last part, else the positions."""
        complete: dict[str, Mapping[str, str]] = {}
        partial: dict[str, list[_Position]] = {}
        for position in positions:
            part = self._each[position.index]
            if part.is_any_depth:
                for name in names:
                    partial.setdefault(name, []).append(position)
                continue
            for name, own in part.match(names):
                known = _combine(position.names, own)
                if known is not None and position.index + 1 == len(self._each):
                    complete.setdefault(name, known)
                elif known is not None:
                    partial.setdefault(name, []).append(_Position(position.index + 1, known))
        return complete, partial


def _combine(names: Mapping[str, str], more: Mapping[str, str]) -> Mapping[str, str] | None:
    """Both mappings; None if a name would stand for two texts."""
    if not more:
        return names
    if any(names.get(name, text) != text for name, text in more.items()):
        return None
    return {**names, **more}
