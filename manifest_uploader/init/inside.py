"""What a case holds, and which of it fits the pattern of a socket."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from manifest_uploader.files.listing import holds, matching, natural
from manifest_uploader.init.names import stem
from manifest_uploader.init.patterns import filled, filled_glob, names_in
from manifest_uploader.init.tree import Found, Seen, Tree

Look: TypeAlias = Callable[[str], Seen]
"""What a folder holds, by its path below the case."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """The files that fit a pattern, in natural order."""

    files: tuple[str, ...]
    glob: str
    """The pattern as a manifest writes it."""
    literal: bool
    """Whether the pattern is simply the path of the one file, or of the folder."""


class Insides:
    """Opens cases one after the other; what one holds is forgotten with the next."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._shared: dict[str, Seen] = {}
        self.used: set[str] = set()
        """Files of cases that are files, below the folder."""

    def open(self, found: Found) -> Inside:
        """What a case holds."""
        if not found.is_file:
            held = dict(self._tree.walk(found.path))
            return Inside(found.path, held, lambda folder: held.get(folder, Seen()))
        parent, _, name = found.path.rpartition("/")
        return Inside(parent, {"": self._same_stem(parent, name)}, self._looking(parent))

    def _looking(self, parent: str) -> Look:
        return lambda folder: self._look(f"{parent}/{folder}".strip("/"))

    def _look(self, path: str) -> Seen:
        if path not in self._shared:
            self._shared[path] = self._tree.look(path)
        return self._shared[path]

    def _same_stem(self, parent: str, name: str) -> Seen:
        """The file, and those beside it that differ from it in their endings only."""
        files, wanted = self._look(parent).files, stem(name)
        same = []
        for place in range(bisect_left(files, wanted), len(files)):
            if not files[place].startswith(wanted):
                break
            if stem(files[place]) == wanted:
                same.append(files[place])
        return Seen(same)


@dataclass(frozen=True, slots=True)
class Inside:
    """One case from within; paths are relative to it, or to the folder of the file that it is."""

    base: str
    """Below the folder that holds all cases."""
    held: Mapping[str, Seen]
    """What is surely the case's own."""
    around: Look
    """What patterns with names in them may reach."""

    def path(self, path: str) -> str:
        """A path of the case, below the folder that holds all cases."""
        return f"{self.base}/{path}".lstrip("/")

    def own_files(self) -> Iterator[str]:
        """All files of the case."""
        for folder, seen in self.held.items():
            yield from (f"{folder}/{name}".lstrip("/") for name in seen.files)

    def listed(self, folder: str) -> Seen:
        """What a folder holds that is the case's own."""
        return self.held.get(folder, Seen())

    def fitting(self, pattern: str, names: Mapping[str, str]) -> Fitting:
        """The files that fit a pattern with these names in it."""
        look = self.around if names_in(pattern) else self.listed
        literal = filled(pattern, names)
        folder, _, name = literal.rpartition("/")
        if holds(look(folder).files, name):
            return Fitting((literal,), literal, literal=True)
        if holds(look(folder).folders, name):
            return Fitting(self._below(literal, look), literal, literal=True)
        glob = filled_glob(pattern, names)
        parts = list(zip(literal.split("/"), glob.split("/"), strict=True))
        found = set(_matches("", parts, look))
        return Fitting(tuple(sorted(found, key=natural)), glob, literal=False)

    def _below(self, folder: str, look: Look) -> tuple[str, ...]:
        return tuple(sorted(_matches(f"{folder}/", [("**", "**"), ("*", "*")], look), key=natural))


def _matches(inside: str, parts: list[tuple[str, str]], look: Look) -> Iterator[str]:
    """The files below a folder (`""`, or with a `/` behind) that fit; names before patterns."""
    (literal, glob), *rest = parts
    seen = look(inside.rstrip("/"))
    if glob == "**":
        yield from _matches(inside, rest or [("*", "*")], look)
        for name in seen.folders:
            yield from _matches(f"{inside}{name}/", parts, look)
    elif not rest:
        here = [literal] if holds(seen.files, literal) else matching(seen.files, glob)
        yield from (inside + name for name in here)
    else:
        folders = [literal] if holds(seen.folders, literal) else matching(seen.folders, glob)
        for name in folders:
            yield from _matches(f"{inside}{name}/", rest, look)
