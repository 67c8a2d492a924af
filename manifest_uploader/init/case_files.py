"""The files of a case, and which of them match the pattern of a socket."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from manifest_uploader.files.case_patterns import names_in, substitute, substitute_glob
from manifest_uploader.files.case_tree import Listing, Tree
from manifest_uploader.files.listing import holds, matching, natural
from manifest_uploader.manifest.found_case import FoundCase, stem

ListFolder: TypeAlias = Callable[[str], Listing]
"""Lists a folder, given its path relative to the case."""


@dataclass(frozen=True, slots=True)
class Matches:
    """The files that match a pattern, in natural order."""

    files: tuple[str, ...]
    glob: str
    """The pattern as a manifest writes it."""
    is_literal: bool
    """Whether the pattern is the path of the one file or of the folder."""


class CaseOpener:
    """Lists the files of one case after another; only shared folders are remembered."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._shared: dict[str, Listing] = {}
        self.used: set[str] = set()
        """Files used by cases that are files, relative to the base folder."""

    def open(self, case: FoundCase) -> CaseFiles:
        """The files of a case."""
        if not case.is_file:
            folders = dict(self._tree.walk(case.path))
            return CaseFiles(case.path, folders, lambda folder: folders.get(folder, Listing()))
        parent, _, name = case.path.rpartition("/")
        return CaseFiles(
            parent,
            {"": self._same_stem(parent, name)},
            lambda folder: self._list_shared(f"{parent}/{folder}".strip("/")),
        )

    def _list_shared(self, path: str) -> Listing:
        if path not in self._shared:
            self._shared[path] = self._tree.list_folder(path)
        return self._shared[path]

    def _same_stem(self, parent: str, name: str) -> Listing:
        """The file and those beside it whose names differ only in their endings."""
        files, wanted = self._list_shared(parent).files, stem(name)
        same = []
        for index in range(bisect_left(files, wanted), len(files)):
            if not files[index].startswith(wanted):
                break
            if stem(files[index]) == wanted:
                same.append(files[index])
        return Listing(same)


@dataclass(frozen=True, slots=True)
class CaseFiles:
    """The files of one case, relative to its folder or, if it is a file, to the file's folder."""

    base: str
    """The case's folder, relative to the base folder."""
    folders: Mapping[str, Listing]
    """The folders and files that belong to this case alone."""
    list_any: ListFolder
    """Lists whatever a pattern with names in it may reach."""

    def path(self, path: str) -> str:
        """A path of the case, relative to the base folder."""
        return f"{self.base}/{path}".lstrip("/")

    def own_files(self) -> Iterator[str]:
        """All files that belong to this case alone."""
        for folder, listing in self.folders.items():
            yield from (f"{folder}/{name}".lstrip("/") for name in listing.files)

    def list_own(self, folder: str) -> Listing:
        """A folder of the case; empty if it does not belong to this case alone."""
        return self.folders.get(folder, Listing())

    def match(self, pattern: str, names: Mapping[str, str]) -> Matches:
        """The files that match a pattern in which the names are substituted."""
        list_folder = self.list_any if names_in(pattern) else self.list_own
        literal = substitute(pattern, names)
        folder, _, name = literal.rpartition("/")
        if holds(list_folder(folder).files, name):
            return Matches((literal,), literal, is_literal=True)
        if holds(list_folder(folder).folders, name):
            below = _find_matches(f"{literal}/", [("**", "**"), ("*", "*")], list_folder)
            return Matches(tuple(sorted(below, key=natural)), literal, is_literal=True)
        glob = substitute_glob(pattern, names)
        parts = list(zip(literal.split("/"), glob.split("/"), strict=True))
        found = set(_find_matches("", parts, list_folder))
        return Matches(tuple(sorted(found, key=natural)), glob, is_literal=False)


def _find_matches(
    prefix: str, parts: list[tuple[str, str]], list_folder: ListFolder
) -> Iterator[str]:
    """The files below a folder that match (literal, glob) parts; a literal name wins over a glob.

    The prefix is the folder's path, empty or ending in `/`.
    """
    (literal, glob), *rest = parts
    listing = list_folder(prefix.rstrip("/"))
    if glob == "**":
        yield from _find_matches(prefix, rest or [("*", "*")], list_folder)
        for name in listing.folders:
            yield from _find_matches(f"{prefix}{name}/", parts, list_folder)
    elif not rest:
        files = [literal] if holds(listing.files, literal) else matching(listing.files, glob)
        yield from (prefix + name for name in files)
    else:
        folders = [literal] if holds(listing.folders, literal) else matching(listing.folders, glob)
        for name in folders:
            yield from _find_matches(f"{prefix}{name}/", rest, list_folder)
