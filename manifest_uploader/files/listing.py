"""What folders hold: listings that are kept, names in natural order, names that match."""

from __future__ import annotations

import difflib
import fnmatch
import os
import re
import threading
import time
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final, TypeVar

from msgspec import Struct

T = TypeVar("T")

_NEVER: Final = frozenset({"thumbs.db", "desktop.ini", "dicomdir"})
_NUMBER: Final = re.compile("([0-9]+)")
_ENDING: Final = re.compile(r"(\.[\w?]+)+$")
_LETTER: Final = re.compile("[a-zA-Z]")
_NEAR: Final = 50


class Folder(Struct, frozen=True):
    """The names in a folder, sorted by code point; hidden ones and the like left out."""

    files: Sequence[str]
    """Everything that is not a folder."""
    folders: Sequence[str]
    links: frozenset[str]
    """Those of the folders that are symbolic links."""


EMPTY: Final = Folder((), (), frozenset())


class Listing:
    """What was seen of the last few folders; any thread may ask.

    A folder that many cases share is listed once, until its time tells that it changed.
    """

    LIMIT: Final = 8
    SETTLED_NS: Final = 2_000_000_000
    """A folder changed this recently may change again without its time telling."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folders: OrderedDict[str, tuple[int, Folder]] = OrderedDict()
        self._real: OrderedDict[str, str] = OrderedDict()

    def folder(self, path: str) -> Folder:
        """What a folder holds now; raises OSError."""
        mtime_ns = os.stat(path).st_mtime_ns  # noqa: PTH116  a Path costs more than the stat
        known = self._folders.get(path)
        if known is not None and known[0] == mtime_ns:
            return self._keep(self._folders, path, known)[1]
        settled = time.time_ns() - mtime_ns > self.SETTLED_NS
        folder = _list(path)
        return self._keep(self._folders, path, (mtime_ns, folder))[1] if settled else folder

    def real(self, path: str) -> str:
        """Where a folder really is, all links followed."""
        known = self._real.get(path)
        return self._keep(self._real, path, os.path.realpath(path) if known is None else known)

    def _keep(self, kept: OrderedDict[str, T], path: str, what: T) -> T:
        """Keep what was seen last, and let go of what was not seen for longest."""
        with self._lock:
            kept[path] = what
            kept.move_to_end(path)
            if len(kept) > self.LIMIT:
                kept.popitem(last=False)
        return what


def _list(path: str) -> Folder:
    files, folders, links = [], [], set()
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if is_ignored(name):
                continue
            if not leads_to_folder(entry):
                files.append(name)
                continue
            folders.append(name)
            if entry.is_symlink():
                links.add(name)
    return Folder(sorted(files), sorted(folders), frozenset(links))


def leads_to_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or a link to one; a link that leads in a circle is neither."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_ignored(name: str) -> bool:
    """Whether a name is hidden, or of what systems and scanners leave beside the data."""
    return name[0] == "." or name.lower() in _NEVER


def natural(path: str) -> tuple[list[str | int], list[str | int], str]:
    """A key that sorts as people count: `IM2` before `IM10`, files before folders."""
    folder, _, name = path.rpartition("/")
    return _folder_counted(folder), _counted(name), path


def _counted(text: str) -> list[str | int]:
    """Text, number, text …, in whatever case."""
    parts: list[str | int] = list(_NUMBER.split(text.casefold()))
    parts[1::2] = map(int, parts[1::2])
    return parts


@lru_cache(maxsize=64)
def _folder_counted(folder: str) -> list[str | int]:
    return _counted(folder.replace("/", "\0"))


def holds(names: Sequence[str], name: str) -> bool:
    """Whether a name is among sorted names."""
    place = bisect_left(names, name)
    return place < len(names) and names[place] == name


def is_magic(path: str) -> bool:
    """Whether a path is a glob, unless something of this very name exists."""
    return "*" in path or "?" in path or "[" in path


def matching(names: Sequence[str], pattern: str) -> Iterator[str]:
    """Those of the sorted names that match one part of a glob.

    Only the names that begin like the pattern are looked at, so that a pattern for each of fifty
    thousand files in one folder stays cheap.
    """
    prefix, matches = _matcher(pattern)
    for place in range(bisect_left(names, prefix), len(names)):
        name = names[place]
        if not name.startswith(prefix):
            return
        if matches(name):
            yield name


@lru_cache(maxsize=256)
def _matcher(pattern: str) -> tuple[str, Callable[[str], object]]:
    """What names must begin with, and the test for those that do; the ending in any case."""
    prefix, star, suffix = pattern.partition("*")
    if star and not is_magic(prefix + suffix):
        return prefix, _with_ending(len(prefix), suffix)
    ending = _ENDING.search(pattern)
    stem = pattern[: ending.start()] if ending else pattern
    any_case = _LETTER.sub(lambda one: f"[{one[0].lower()}{one[0].upper()}]", pattern[len(stem) :])
    prefix = re.split(r"[*?\[]", stem, maxsplit=1)[0]
    return prefix, re.compile(fnmatch.translate(stem + any_case)).match


def _with_ending(least: int, suffix: str) -> Callable[[str], bool]:
    """The test of `PREFIX*SUFFIX`, in a hundredth of the time that a new regex takes."""
    dot = suffix.find(".") if "." in suffix else len(suffix)
    exact, ending, length = suffix[:dot], suffix[dot:].lower(), len(suffix)

    def matches(name: str) -> bool:
        tail = name[max(least, len(name) - length) :] if length else ""
        return len(tail) == length and tail[dot:].lower() == ending and tail[:dot] == exact

    return matches


def nearest(name: str, names: Sequence[str]) -> str | None:
    """The name that was probably meant, among those that sort near it; not another number's."""
    place = bisect_left(names, name)
    near = names if len(names) <= 2 * _NEAR else names[max(0, place - _NEAR) : place + _NEAR]
    alike = [other for other in near if _counted(other)[1::2] == _counted(name)[1::2]]
    for other in alike:
        if other.casefold() == name.casefold():
            return other
    return next(iter(difflib.get_close_matches(name, alike, n=1, cutoff=0.75)), None)
