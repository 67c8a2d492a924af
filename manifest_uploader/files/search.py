"""Find the local files that a value names.

Invariants: no file is read (except the text header of an `.mhd` and the first bytes of files with
equal names); each file costs one stat and each folder one listing; nothing outside the root is
found unless links may be followed.
"""

from __future__ import annotations

import os
import posixpath
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from manifest_uploader.files.companions import find_problems, with_upload_names
from manifest_uploader.files.listing import (
    EMPTY,
    Folder,
    holds,
    in_natural_order,
    is_ignored,
    is_magic,
    matching,
    nearest,
)
from manifest_uploader.files.local_file import LocalFile, Source
from manifest_uploader.files.root import FOLLOW_HINT, Root, stays_inside
from manifest_uploader.manifest.model import FileValue
from manifest_uploader.manifest.problems import Place, Problem
from manifest_uploader.system import disk
from manifest_uploader.text import composed, suggestion

_SHOWN: Final = 5
"""Problems of one value that are reported in full."""
_LONGEST_PATH: Final = 4096
"""Characters, as on Linux. The time to parse a glob grows with the square of its length."""
_READABLE_BY_ALL: Final = 0o444
_PLAIN_FILE: Final = stat.S_IFREG | _READABLE_BY_ALL


def resolve(value: FileValue, root: Root) -> Source | tuple[Problem, ...]:
    """The files that a value names, in order, or all problems with them."""
    search = _Search(value, root)
    places = value.places or (value.place,) * len(value.paths)
    for path, place in zip(value.paths, places, strict=True):
        search.take(path, place)
    files = () if search.problems else search.files()
    if len(search.problems) > _SHOWN:  # three hundred unreadable slices are one mistake
        more = len(search.problems) - _SHOWN
        message = f"{more} more problem{'s' * (more > 1)} of this value"
        return (*search.problems[:_SHOWN], Problem(message, search.problems[0].place))
    if search.problems:
        return tuple(search.problems)
    bundle = len(files) > 1
    return Source(files, f"{value.socket}.zip" if bundle else files[0].name, bundle)


def is_there(value: FileValue, root: Root) -> bool:
    """Whether a value names anything: at least one file, or what a search reports as a problem."""
    if len(value.paths) == 1 and _is_file(value.paths[0], root):
        return True  # a fifth of the time
    search = _Search(value, root)
    return any(search.finds(path) for path in value.paths)


def _is_file(path: str, root: Root) -> bool:
    if not stays_inside(path):
        return False
    try:
        facts = os.lstat(disk.reachable(os.path.join(root.path, path)))  # noqa: PTH118
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(facts.st_mode)


def _begin_with(start: str, paths: list[str]) -> bool:
    """Whether all of these paths do: if the first and last in alphabetical order do."""
    return bool(paths) and min(paths).startswith(start) and max(paths).startswith(start)


class _Search:
    """Collects the files of one value, each once, and the problems with them."""

    def __init__(self, value: FileValue, root: Root) -> None:
        self.problems: list[Problem] = []
        self._value = value
        self._place = value.place
        self._root = root
        self._base = os.fspath(root.path)
        self._inside = self._base.rstrip(os.sep) + os.sep
        self._found: dict[str, LocalFile] = {}
        """By path below the root."""
        self._seen: set[str] = set()
        """Real paths of files that were found or reported."""
        self._folded: dict[str, str] = {}
        """The same without what some disks ignore → as it was written."""
        self._real_folders: dict[str, str | None] = {}
        """Folder → its real path; None if its files may not be used."""
        self._listed: dict[str, Folder] = {}

    def take(self, written: str, place: Place) -> None:
        """Add the files that a path or glob names."""
        self._place = place
        if len(written) > _LONGEST_PATH:
            self._report(f"'{written[:40]}…' is longer than any path may be")
            return
        if not stays_inside(written):
            hint = "write paths relative to the root; --root says where the files are"
            self._report(f"'{written}' is outside the root", hint)
            return
        tidy = posixpath.normpath(written)
        path = written if tidy == written else tidy  # one string a file, not two
        facts = self._lstat(path)
        if facts is None and not path.isascii() and (spelt := self._spelt(path)) is not None:
            path, facts = spelt, self._lstat(spelt)
        if facts is None:
            self._take_matches(written, path)
        elif not self._is_folder(path, facts):
            self._take_file(path, facts)
        elif self._value.single:
            hint = "'file' names one file; write 'files' for all files of a folder"
            self._report(f"'{written}' is a folder", hint)
        else:
            self._take_folder(written, path)

    def finds(self, written: str) -> bool:
        """Whether a path or glob names anything, or cannot be looked for."""
        if len(written) > _LONGEST_PATH or not stays_inside(written):
            return True
        path = posixpath.normpath(written)
        spelt = path if path.isascii() or self._lstat(path) is not None else self._spelt(path)
        facts = None if spelt is None else self._lstat(spelt)
        if spelt is not None and facts is not None and not self._is_folder(spelt, facts):
            return True
        inside, parts = ("", _glob_parts(path)) if facts is None else (f"{spelt}/", ["**", "*"])
        found = is_magic(path) or facts is not None
        return (found and bool(self._matches(inside, parts, frozenset()))) or bool(self.problems)

    def files(self) -> tuple[LocalFile, ...]:
        """The files with the names they get inside the upload."""
        self._place = self._value.place
        if self._value.single and len(self._found) > 1:
            hint = "'file' names exactly one file; write 'files' for several that are one image"
            self._report(f"'{self._value.paths[0]}' matches {len(self._found)} files", hint)
            return ()
        files = with_upload_names(self._found) if len(self._found) > 1 else self._found
        for message, hint in find_problems(files):
            self._report(message, hint)
        return tuple(files.values())

    def _report(self, message: str, hint: str | None = None) -> None:
        where = self._root.shown or f"in {self._base}"
        self.problems.append(Problem(f"{message} ({where})", self._place, hint))

    # -- one path --

    def _full(self, path: str) -> str:
        return disk.reachable(self._inside + path if path not in ("", ".") else self._base)

    def _lstat(self, path: str) -> os.stat_result | None:
        """The stat of a path, or of the link itself; None if nothing is there or can be seen."""
        try:
            return os.lstat(self._full(path))
        except (OSError, ValueError):
            return None

    def _is_folder(self, path: str, facts: os.stat_result | None) -> bool:
        """Whether a path is a folder or a link to one."""
        if facts is not None and stat.S_ISLNK(facts.st_mode):
            return os.path.isdir(self._full(path))  # noqa: PTH112
        return facts is not None and stat.S_ISDIR(facts.st_mode)

    def _take_folder(self, written: str, path: str) -> None:
        inside = "" if path == "." else f"{path}/"
        if not self._take_all(inside, ["**", "*"]):
            self._report(f"folder '{written}' contains no files")

    def _take_matches(self, written: str, path: str) -> None:
        parts = _glob_parts(path)
        before = len(self.problems)
        if not is_magic(path):
            hint = self._hint(parts)
            if len(self.problems) == before:  # else a folder on the way cannot be read
                self._report(f"file '{written}' does not exist", hint)
        elif not self._take_all("", parts):
            self._report(f"no file matches '{written}'", self._hint(parts))

    def _take_all(self, inside: str, parts: list[str]) -> bool:
        """Add what matches, in natural order; False if nothing does and no problem was reported."""
        before = len(self.problems)
        ordered = in_natural_order(self._matches(inside, parts, frozenset()))
        for path in self._take_plain(ordered):
            self._take_file(path, self._lstat(path))
        return bool(ordered) or len(self.problems) > before

    def _take_plain(self, ordered: list[str]) -> list[str]:
        """Add the files of one folder if nothing about them is special; return what is left.

        Does what `_take_file` does, in a third of the time.
        """
        folder = ordered[0].rpartition("/")[0] if ordered else ""
        inside = f"{folder}/" if folder else ""
        real, start = self._real(folder), len(inside)
        if real is None or self._found or not _begin_with(inside, ordered):
            return ordered
        names = [path[start:] for path in ordered]
        text = "/".join(names)
        if not text.isascii() or text.count("/") >= len(names):
            return ordered
        taken: dict[str, LocalFile] = {}
        for path, name in zip(ordered, names, strict=True):
            full = disk.reachable(self._inside + path)
            try:
                facts = os.lstat(full)
            except (OSError, ValueError):
                return ordered
            if facts.st_mode & _PLAIN_FILE != _PLAIN_FILE or not stat.S_ISREG(facts.st_mode):
                return ordered
            taken[path] = LocalFile(full, name, facts.st_size, facts.st_mtime_ns)
        keys = {f"{real}/{name}" for name in names}
        if len(keys) < len(names) or not keys.isdisjoint(self._seen):
            return ordered
        self._seen |= keys
        if len(self._value.paths) > 1:  # another path may name one of them in another spelling
            self._folded |= {
                disk.folded(f"{real}/{name}"): path
                for name, path in zip(names, ordered, strict=True)
            }
        self._found |= taken
        return []

    def _take_file(self, path: str, facts: os.stat_result | None) -> None:
        folder, _, name = path.rpartition("/")
        real = self._real(folder)
        if real is None or (key := f"{real}/{name}") in self._seen or self._is_same(key, path):
            return
        self._seen.add(key)
        if facts is None:
            self._report(f"'{path}' cannot be read")
            return
        if stat.S_ISLNK(facts.st_mode):
            facts = self._follow(path)
        if facts is None or not self._is_readable(path, facts):
            return
        if not name.isascii():  # macOS may decompose accents
            name = unicodedata.normalize("NFC", name)
        self._found[path] = LocalFile(self._full(path), name, facts.st_size, facts.st_mtime_ns)

    def _is_same(self, key: str, path: str) -> bool:
        """Whether a file was found already, in another spelling that this disk takes for the same.

        If the folders list both spellings, they are two files.
        """
        first = self._folded.setdefault(disk.folded(key), path)
        return first != path and not (self._is_listed(first) and self._is_listed(path))

    def _is_listed(self, path: str) -> bool:
        """Whether the folders list a path in this spelling."""
        inside = ""
        for part in path.split("/"):
            listed = self._list(inside)
            if not (holds(listed.files, part) or holds(listed.folders, part) or is_ignored(part)):
                return False
            inside += f"{part}/"
        return True

    def _spelt(self, path: str) -> str | None:
        """The path as the folders spell it; None if its accents are not the only difference."""
        inside = ""
        for part in path.split("/"):
            if self._lstat(inside + part) is None:
                listed = self._list(inside)
                names = (*listed.files, *listed.folders)
                found = next((one for one in names if composed(one) == composed(part)), None)
                if found is None:
                    return None
                part = found  # noqa: PLW2901
            inside += f"{part}/"
        return inside.rstrip("/")

    def _is_readable(self, path: str, facts: os.stat_result) -> bool:
        mode = facts.st_mode
        if not stat.S_ISREG(mode):
            self._report(f"'{path}' is not a regular file")
            return False
        if mode & _READABLE_BY_ALL != _READABLE_BY_ALL and not os.access(self._full(path), os.R_OK):
            self._report(f"'{path}' cannot be read: permission denied")
            return False
        return True

    def _follow(self, path: str) -> os.stat_result | None:
        """The stat of a link's target; None after a problem is reported."""
        full = self._full(path)
        if not (self._root.follow_links or self._is_inside(disk.real(full))):
            self._report(f"'{path}' is a link out of the root", FOLLOW_HINT)
            return None
        try:
            return os.stat(full)  # noqa: PTH116  a Path takes longer than the stat
        except OSError:
            hint = "its content may have to be fetched first (git annex get, datalad get)"
            self._report(f"'{path}' is a link to a file that does not exist", hint)
            return None

    def _is_inside(self, real: str) -> bool:
        return real == self._base or real.startswith(self._inside)

    def _real(self, folder: str) -> str | None:
        """The real path of a folder; None if its files may not be used, which is reported once."""
        if folder not in self._real_folders:
            real = self._root.listing.real(self._full(folder))
            allowed = self._root.follow_links or self._is_inside(real)
            self._real_folders[folder] = real if allowed else None
            if not allowed:
                self._report(f"'{folder}' leads out of the root by a link", FOLLOW_HINT)
        return self._real_folders[folder]

    # -- globs --

    def _matches(self, inside: str, parts: list[str], trail: frozenset[str]) -> list[str]:
        """The files below the folder `inside` ("", or ending with `/`) that match.

        `trail` holds the targets of the links that were followed, so that circles end.
        """
        head, *rest = parts
        found: list[str] = []
        if head == "**":
            found = self._matches(inside, rest, trail)
            rest = parts
        elif not rest:
            names = self._list(inside).files
            return [
                inside + name for name in ((head,) if holds(names, head) else matching(names, head))
            ]
        for folder, onward in self._folders(inside, head, trail):
            found += self._matches(f"{folder}/", rest, onward)
        return found

    def _folders(
        self, inside: str, pattern: str, trail: frozenset[str]
    ) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield the folders that match, each with its trail."""
        exact = inside + pattern
        if self._is_folder(exact, self._lstat(exact)):
            yield exact, trail
            return
        listed = self._list(inside)
        for name in matching(listed.folders, "*" if pattern == "**" else pattern):
            if name not in listed.links:
                yield inside + name, trail
                continue
            target = disk.real(self._full(inside + name))
            here = os.path.join(disk.real(self._full(inside)), "")  # noqa: PTH118
            if target not in trail and not here.startswith(os.path.join(target, "")):  # noqa: PTH118
                yield inside + name, trail | {target}

    def _list(self, inside: str) -> Folder:
        folder = inside.rstrip("/")
        if folder in self._listed:
            return self._listed[folder]
        found = EMPTY
        if self._real(folder) is not None:
            try:
                found = self._root.listing.folder(self._full(folder))
            except OSError as error:
                self._report(f"folder '{folder or '.'}' cannot be read: {disk.reason(error)}")
        self._listed[folder] = found
        return found

    # -- hints --

    def _hint(self, parts: list[str]) -> str | None:
        """A hint for a path that names no file."""
        if any("\\" in part for part in parts):
            return "write paths with '/'"
        inside = ""
        for part in parts[:-1]:
            if not self._is_folder(inside + part, self._lstat(inside + part)):
                return self._nearest(inside, part, self._list(inside).folders)
            inside += f"{part}/"
        listed = self._list(inside)
        folders = len(matching(listed.folders, parts[-1])) if is_magic(parts[-1]) else 0
        if folders:
            return f"it matches {folders} folders; their files are '{inside}{parts[-1]}/*'"
        return self._nearest(inside, parts[-1], [*listed.files, *listed.folders])

    def _nearest(self, inside: str, part: str, names: Sequence[str]) -> str | None:
        near = None if is_magic(part) else nearest(part, names)
        return suggestion(inside + part, inside + near) if near else None


def _glob_parts(path: str) -> list[str]:
    """The parts of a glob; a `**` at its end means all files below."""
    parts: list[str] = []
    for part in path.split("/"):
        if part != "**" or parts[-1:] != ["**"]:
            parts.append(part)
    return [*parts, "*"] if parts[-1] == "**" else parts
