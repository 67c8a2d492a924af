"""What lies in the folder: which of it is a case, what a case holds, and what is neither.

Invariant: each folder is listed once and no file is opened; a link is followed once at most, and
never to where the search comes by itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from manifest_uploader.files.listing import is_ignored, leads_to_folder, natural
from manifest_uploader.init.patterns import Part

_NOTHING: Final[Mapping[str, str]] = {}
_DEEPEST: Final = 200
"""Folders within folders; nobody keeps data deeper, and systems cannot name it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The names in one folder, sorted by code point."""

    files: Sequence[str] = ()
    folders: Sequence[str] = ()
    links: frozenset[str] = frozenset()
    """Those of the folders that are symbolic links."""
    broken: Sequence[str] = ()
    """Links that lead nowhere."""
    special: Sequence[str] = ()
    """Pipes, devices and the like: who opened one might wait for ever."""
    ignored: Sequence[str] = ()
    """What is hidden, or what systems leave behind."""


@dataclass(frozen=True, slots=True)
class Found:
    """A folder, or a file, that is a case."""

    path: str
    """Below the folder, with `/`."""
    is_file: bool
    names: Mapping[str, str] = field(default_factory=dict)
    """What stands for the names of the pattern."""


@dataclass(slots=True)
class Leftover:
    """What the search came by and had no use for; paths below the folder, a folder's with `/`."""

    others: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    """To folders that are come by in other ways."""
    special: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


class Tree:
    """A folder that is looked into, and what was noticed on the way."""

    def __init__(self, base: str, *, own: frozenset[str] = frozenset()) -> None:
        self.base = os.path.realpath(base)
        self.left = Leftover()
        self._own = own
        self._entered: set[str] = set()
        self._last: dict[str, Seen] = {}

    def full(self, path: str) -> str:
        """Where a path below the folder can be opened."""
        return os.path.join(self.base, *path.split("/")) if path else self.base  # noqa: PTH118

    def seen(self, path: str) -> Seen:
        """What a folder holds; the last one is remembered."""
        if path not in self._last:
            self._last = {path: self.look(path)}
        return self._last[path]

    def look(self, path: str) -> Seen:
        """List a folder, and note what is in it and of no use to anybody."""
        if path.count("/") >= _DEEPEST:
            self.left.unreadable.append(f"{path}: lies more than {_DEEPEST} folders deep")
            return Seen()
        try:
            seen = _list(self.full(path))
        except OSError as error:
            self.left.unreadable.append(f"{path or '.'}: {error.strerror}")
            return Seen()
        inside = f"{path}/" if path else ""
        self.left.ignored += [inside + name for name in seen.ignored]
        self.left.broken += [inside + name for name in seen.broken]
        self.left.special += [inside + name for name in seen.special]
        if not path and self._own:
            return Seen(self._not_own(seen.files), self._not_own(seen.folders), seen.links)
        return seen

    def _not_own(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name not in self._own]

    def may_enter(self, path: str, seen: Seen, name: str) -> bool:
        """Whether a folder is to be entered; one behind a link only once, and only from outside."""
        if name not in seen.links:
            return True
        real = os.path.realpath(self.full(path))
        if real in self._entered or _is_inside(real, self.base) or _is_inside(self.base, real):
            self.left.links.append(f"{path}/")
            return False
        self._entered.add(real)
        return True

    def walk(self, path: str) -> Iterator[tuple[str, Seen]]:
        """Every folder below, with what it holds; the folder itself first, with the path `""`."""
        waiting = [""]
        while waiting:
            inside = waiting.pop()
            here = f"{path}/{inside}".strip("/")
            seen = self.look(here)
            yield inside, seen
            waiting += [
                f"{inside}/{name}".lstrip("/")
                for name in reversed(seen.folders)
                if self.may_enter(f"{here}/{name}".lstrip("/"), seen, name)
            ]


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _list(path: str) -> Seen:
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
                if entry.is_symlink():
                    links.add(entry.name)
            elif entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110
                broken.append(entry.name)
            elif entry.is_file():
                files.append(entry.name)
            else:
                special.append(entry.name)
    seen = map(sorted, (broken, special, ignored))
    return Seen(sorted(files), sorted(folders), frozenset(links), *seen)


# ── cases ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _State:
    """How far a path has come in the pattern."""

    place: int
    names: Mapping[str, str]


def find_cases(tree: Tree, each: tuple[Part, ...]) -> list[Found]:
    """What fits the pattern, in natural order; all else that was seen is among the leftovers.

    Where folders fit, files that fit as well are no cases.
    """
    search = _Search(tree, each)
    search.visit("", [_State(0, _NOTHING)])
    files = search.files
    if search.folders and files:
        tree.left.others += [one.path for one in files]
        files = []
    return sorted(search.folders or files, key=lambda one: natural(one.path))


class _Search:
    """Goes down the folder along the pattern."""

    def __init__(self, tree: Tree, each: tuple[Part, ...]) -> None:
        self.files: list[Found] = []
        self.folders: list[Found] = []
        self._tree = tree
        self._each = each

    def visit(self, path: str, states: list[_State]) -> None:
        """Sort the entries of one folder: cases, folders to go on in, and others."""
        seen = self._tree.look(path)
        states = self._skipping(states)
        inside = f"{path}/" if path else ""
        ends, _ = self._fitting(seen.files, states)
        for name in seen.files:
            if name in ends:
                self.files.append(Found(inside + name, is_file=True, names=ends[name]))
            else:
                self._tree.left.others.append(inside + name)
        ends, onward = self._fitting(seen.folders, states)
        for name in seen.folders:
            self._enter(inside + name, seen, ends.get(name), onward.get(name))

    def _enter(
        self,
        path: str,
        seen: Seen,
        names: Mapping[str, str] | None,
        onward: list[_State] | None,
    ) -> None:
        if names is None and not onward:
            self._tree.left.others.append(f"{path}/")
        elif not self._tree.may_enter(path, seen, path.rpartition("/")[2]):
            return
        elif names is not None:
            self.folders.append(Found(path, is_file=False, names=names))
        else:
            self.visit(path, onward or [])

    def _skipping(self, states: list[_State]) -> list[_State]:
        """The states, and those that come of `**` standing for no folder at all."""
        skipped = [
            _State(state.place + 1, state.names)
            for state in states
            if self._each[state.place].is_any_depth
        ]
        return [*states, *(self._skipping(skipped) if skipped else [])]

    def _fitting(
        self, names: Sequence[str], states: list[_State]
    ) -> tuple[dict[str, Mapping[str, str]], dict[str, list[_State]]]:
        """What ends here, and what goes on from here, by name."""
        ends: dict[str, Mapping[str, str]] = {}
        onward: dict[str, list[_State]] = {}
        for state in states:
            part = self._each[state.place]
            if part.is_any_depth:
                for name in names:
                    onward.setdefault(name, []).append(state)
                continue
            for name, own in part.fitting(names):
                bound = _bound(state.names, own)
                if bound is not None and state.place + 1 == len(self._each):
                    ends.setdefault(name, bound)
                elif bound is not None:
                    onward.setdefault(name, []).append(_State(state.place + 1, bound))
        return ends, onward


def _bound(names: Mapping[str, str], more: Mapping[str, str]) -> Mapping[str, str] | None:
    """Both together; None where one name would stand for two texts."""
    if not more:
        return names
    if any(names.get(name, text) != text for name, text in more.items()):
        return None
    return {**names, **more}
