"""Which local files a value names, what they are, and that they stay what they were.

Invariants: looking at files reads none of their bytes (but the small text header of an `.mhd`, and
the first bytes of files whose names clash); each file costs one stat and each folder one listing;
nothing outside the root is named unless links may be followed.
"""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
import json
import math
import os
import posixpath
import re
import stat
import threading
import time
import unicodedata
from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from io import FileIO
from pathlib import Path, PureWindowsPath
from typing import Any, Final, NoReturn

from manifest_uploader import dicom
from manifest_uploader.digests import content_digest, stat_digest
from manifest_uploader.errors import ManifestInvalid
from manifest_uploader.model import FileValue, Json, Manifest, Problem, ValueFacts

NAME_LIMIT: Final = 128
"""Characters; Grand Challenge refuses an upload with a longer file name."""
JSON_LIMIT: Final = 15 * 2**20
"""Bytes; Grand Challenge takes JSON values below 15 MiB."""

_NEVER: Final = frozenset({"thumbs.db", "desktop.ini", "dicomdir"})
_PLAIN_NAME: Final = re.compile(r"[!-\[\]-~](?:[ -\[\]-~]*[!-\[\]-~])?")
_SHOWN: Final = 5
_HEADER: Final = 64 * 2**10
_ELEMENT: Final = re.compile(rb"^\s*ElementDataFile\s*=\s*(.*?)\s*$", re.MULTILINE | re.IGNORECASE)
_FOLLOW: Final = "--follow-links lets symbolic links lead out of the root"


class FileChanged(Exception):
    """A file is no longer what was looked at, or cannot be read; its words name the file."""


class JsonUnreadable(Exception):
    """A file does not hold JSON that the platform would take; its words say why."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A regular, readable file as it was when it was looked at."""

    path: Path
    """Can be opened from any working directory."""
    name: str
    """Inside its upload: its base name, in a few cases with a place before it or a folder."""
    size: int
    """Bytes."""
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Source:
    """What one value is made of: at least one file."""

    files: tuple[LocalFile, ...]
    name: str
    """The file name of the upload."""
    bundle: bool
    """More than one file: they travel as one stored zip."""

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Folder:
    """The names in a folder, each group sorted by code point; hidden ones left out."""

    files: Sequence[str]
    """Everything that is not a folder."""
    folders: Sequence[str]
    links: frozenset[str]
    """Those of the folders that are symbolic links."""


class Listing:
    """Listings of the folders that were looked at last; any thread may ask.

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
        mtime_ns = os.stat(path).st_mtime_ns  # noqa: PTH116  a Path for every case costs more
        with self._lock:
            known = self._folders.get(path)
        if known is not None and known[0] == mtime_ns:
            folder = known[1]
        else:
            settled = time.time_ns() - mtime_ns > self.SETTLED_NS
            folder = _list(path)
            if not settled:
                return folder
        self._keep(self._folders, path, (mtime_ns, folder))
        return folder

    def real(self, path: str) -> str:
        """Where a folder really is, all links followed."""
        with self._lock:
            real = self._real.get(path)
        real = os.path.realpath(path) if real is None else real
        self._keep(self._real, path, real)
        return real

    def _keep(self, kept: OrderedDict[str, Any], path: str, what: object) -> None:
        with self._lock:
            kept[path] = what
            kept.move_to_end(path)
            if len(kept) > self.LIMIT:
                kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Root:
    """The folder that a manifest's paths start from."""

    path: Path
    """Real: absolute, without links."""
    follow_links: bool
    """Symbolic links may lead out of it."""
    shown: str = ""
    """As people read it: `in data`."""
    listing: Listing = field(default_factory=Listing, compare=False, repr=False)


# ── the root ────────────────────────────────────────────────────────────────────────────────


def find_root(manifest: Manifest, *, root: str | None, follow_links: bool) -> Root:
    """The folder that the manifest's paths start from.

    Args:
        manifest: Its own `root` is relative to its folder and must stay in there.
        root: The person's `--root`, relative to the working directory; goes before, and anywhere.
        follow_links: Symbolic links may lead out of the root, and the root out of the folder.

    Raises:
        ManifestInvalid: The root is missing, not a folder, or outside the manifest's folder.
    """
    if root is not None:
        path, shown, place = os.path.realpath(root), f"in {root}", None
    else:
        home = os.path.realpath(Path(manifest.path).parent)
        path = _own_root(manifest, home, follow_links=follow_links)
        shown = "in the manifest's folder" if manifest.root is None else f"in {manifest.root}"
        place = manifest.root_place
    if not os.path.isdir(path):  # noqa: PTH112
        words = "is not a folder" if os.path.lexists(path) else "does not exist"
        named = f"--root '{root}'" if root is not None else f"root '{manifest.root}'"
        raise ManifestInvalid((Problem(f"{named} {words}", place),))
    return Root(Path(path), follow_links, shown)


def _own_root(manifest: Manifest, home: str, *, follow_links: bool) -> str:
    written = manifest.root or "."
    if not _stays(written):
        hint = "write it relative to the manifest's folder, or say where the files are with --root"
        _refuse_root(manifest, f"root '{written}' is outside the manifest's folder", hint)
    path = os.path.realpath(os.path.join(home, written))  # noqa: PTH118
    if not (follow_links or _is_inside(path, home)):
        message = f"root '{written}' is a link out of the manifest's folder"
        _refuse_root(manifest, message, f"{_FOLLOW}; or say where the files are with --root")
    return path


def _refuse_root(manifest: Manifest, message: str, hint: str) -> NoReturn:
    raise ManifestInvalid((Problem(message, manifest.root_place, hint),))


def _stays(path: str) -> bool:
    """Whether a path as written is relative and does not climb out of where it starts."""
    windows = PureWindowsPath(path)
    if windows.drive or windows.root:
        return False
    return posixpath.normpath(path.replace("\\", "/") if os.sep == "\\" else path)[:3] not in (
        "..",
        "../",
    )


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


# ── from a value to its files ───────────────────────────────────────────────────────────────


def resolve(value: FileValue, root: Root) -> Source | tuple[Problem, ...]:
    """The files that a value names now, in their order, or everything that is wrong with them."""
    search = _Search(value, root)
    for path in value.paths:
        search.take(path)
    files = () if search.problems else search.named()
    if search.problems:
        return _first_few(search.problems)
    bundle = len(files) > 1
    return Source(files, f"{value.socket}.zip" if bundle else files[0].name, bundle)


def value_facts(source: Source) -> ValueFacts:
    """What a plan needs to know of a value's files; reads none of them."""
    digest = stat_digest((file.name, file.size, file.mtime_ns) for file in source.files)
    return ValueFacts(len(source.files), source.size, source.name, source.bundle, digest)


def _first_few(problems: list[Problem]) -> tuple[Problem, ...]:
    """At most a handful a value: three hundred unreadable slices are one mistake."""
    if len(problems) <= _SHOWN:
        return tuple(problems)
    more = len(problems) - _SHOWN
    rest = Problem(f"{more} more problem{'s' * (more > 1)} of this value", problems[0].place)
    return (*problems[:_SHOWN], rest)


class _Search:
    """Collects the files of one value, each once, and what is wrong with them."""

    def __init__(self, value: FileValue, root: Root) -> None:
        self.value = value
        self.root = root
        self.base = os.fspath(root.path)
        self.shown = f" ({root.shown or f'in {self.base}'})"
        self.problems: list[Problem] = []
        self.found: dict[str, LocalFile] = {}
        self._refused: set[str] = set()

    def say(self, message: str, hint: str | None = None) -> None:
        """Note a problem at the value's place."""
        self.problems.append(Problem(message, self.value.place, hint))

    def take(self, written: str) -> None:
        """Add what one path, folder or glob names."""
        if not _stays(written):
            hint = "write paths relative to the root; --root says where the files are"
            self.say(f"'{written}' is outside the root{self.shown}", hint)
            return
        path = posixpath.normpath(written)
        mode = self._mode(path)
        if mode is None:
            self._take_matches(written, path)
        elif stat.S_ISDIR(mode):
            self._take_folder(written, path)
        else:
            self._take_file(path)

    def named(self) -> tuple[LocalFile, ...]:
        """The files under the names they have inside the upload."""
        files = self.found
        if self.value.single and len(files) > 1:
            hint = "'file' names exactly one file; write 'files' for several that are one image"
            self.say(f"'{self.value.paths[0]}' matches {len(files)} files{self.shown}", hint)
            return ()
        files = _below_slides(files)
        if len({file.name for file in files.values()}) < len(files):
            files = self._told_apart(files)
        self._check_names(files)
        self._check_companions(files)
        return tuple(files.values())

    # what a path names

    def _mode(self, path: str) -> int | None:
        """The mode of what a path leads to; a link to nothing is a link; None: nothing there."""
        full = self._full(path)
        try:
            return os.stat(full).st_mode  # noqa: PTH116
        except (OSError, ValueError):
            return stat.S_IFLNK if os.path.lexists(full.replace("\0", "?")) else None

    def _full(self, path: str) -> str:
        return f"{self.base}{os.sep}{path}" if path != "." else self.base

    def _take_folder(self, written: str, path: str) -> None:
        if self.value.single:
            hint = "'file' names one file; write 'files' for all files of a folder"
            self.say(f"'{written}' is a folder{self.shown}", hint)
            return
        inside = "" if path == "." else f"{path}/"
        if not self._take_all(self._matches(inside, ["**", "*"], frozenset())):
            self.say(f"folder '{written}' holds no files{self.shown}")

    def _take_matches(self, written: str, path: str) -> None:
        parts = [part for part, before in _pairs(path.split("/")) if part != "**" or before != part]
        if not _is_magic(path):
            self.say(f"file '{written}' does not exist{self.shown}", self._meant(parts))
        elif not self._take_all(
            self._matches("", [*parts, "*"] if parts[-1] == "**" else parts, frozenset())
        ):
            self.say(f"no file matches '{written}'{self.shown}", self._meant(parts))

    def _take_all(self, paths: Iterator[str]) -> bool:
        """Add files in natural order; False if there are none and nothing was said about it."""
        before = len(self.problems)
        ordered = sorted(set(paths), key=natural)
        for path in ordered:
            self._take_file(path)
        return bool(ordered) or len(self.problems) > before

    def _take_file(self, path: str) -> None:
        key = os.path.normcase(path)
        if key in self.found or not self._may_enter(path.rpartition("/")[0]):
            return
        full = self._full(path)
        try:
            facts = self._facts(path, full)
        except OSError as error:
            self.say(f"'{path}' cannot be read: {error.strerror}{self.shown}")
            return
        if facts is not None:
            name = path.rpartition("/")[2]
            name = name if name.isascii() else unicodedata.normalize("NFC", name)
            self.found[key] = LocalFile(
                Path(full), name, facts.st_size, facts.st_mtime_ns, facts.st_ino
            )

    def _facts(self, path: str, full: str) -> os.stat_result | None:
        """A regular, readable file's facts; else None and a problem."""
        facts: os.stat_result | None = os.lstat(full)
        assert facts is not None
        if stat.S_ISLNK(facts.st_mode):
            facts = self._follow(path, full)
        if facts is None:
            return None
        if not stat.S_ISREG(facts.st_mode):
            self.say(f"'{path}' is not a regular file{self.shown}")
        elif not os.access(full, os.R_OK):
            self.say(f"'{path}' cannot be read: permission denied{self.shown}")
        else:
            return facts
        return None

    def _follow(self, path: str, full: str) -> os.stat_result | None:
        """The facts of what a link leads to; None and a problem if it may not lead there."""
        if not (self.root.follow_links or _is_inside(os.path.realpath(full), self.base)):
            self.say(f"'{path}' is a link out of the root{self.shown}", _FOLLOW)
            return None
        try:
            return os.stat(full)  # noqa: PTH116
        except FileNotFoundError:
            hint = "its content may have to be fetched first (git annex get, datalad get)"
            self.say(f"'{path}' is a link to a file that is not there{self.shown}", hint)
            return None

    def _may_enter(self, folder: str) -> bool:
        """Whether files of a folder may be taken; says once why not."""
        if self.root.follow_links or not folder:
            return True
        if folder in self._refused:
            return False
        if _is_inside(self.root.listing.real(self._full(folder)), self.base):
            return True
        self._refused.add(folder)
        self.say(f"'{folder}' leads out of the root by a link{self.shown}", _FOLLOW)
        return False

    # globs

    def _matches(self, inside: str, parts: list[str], trail: frozenset[str]) -> Iterator[str]:
        """The paths of files that match, below the folder `inside` ("" or with a `/` behind)."""
        head, *rest = parts
        if head == "**":
            yield from self._matches(inside, rest, trail)
            rest = parts
        elif not rest:
            yield from self._matching_files(inside, head)
            return
        for folder, onward in self._matching_folders(inside, head, trail):
            yield from self._matches(f"{folder}/", rest, onward)

    def _matching_files(self, inside: str, pattern: str) -> Iterator[str]:
        names = self._list(inside).files
        if pattern in names[bisect_left(names, pattern) :][:1]:
            yield inside + pattern
        else:
            yield from (inside + name for name in _matching(names, pattern))

    def _matching_folders(
        self, inside: str, pattern: str, trail: frozenset[str]
    ) -> Iterator[tuple[str, frozenset[str]]]:
        """Folders to go on in, each with the targets of links that led there."""
        if not _is_magic(pattern) or self._is_folder(inside + pattern):
            if self._is_folder(inside + pattern):
                yield inside + pattern, trail
            return
        listed = self._list(inside)
        for name in _matching(listed.folders, "*" if pattern == "**" else pattern):
            path = inside + name
            if name not in listed.links:
                yield path, trail
            elif self._may_enter(path):
                real = os.path.realpath(self._full(path))
                here = os.path.realpath(self._full(inside or "."))
                if real not in trail and not _is_inside(here, real):
                    yield path, trail | {real}

    def _is_folder(self, path: str) -> bool:
        mode = self._mode(path)
        return mode is not None and stat.S_ISDIR(mode)

    def _list(self, inside: str) -> Folder:
        if not self._may_enter(inside.rstrip("/")):
            return Folder((), (), frozenset())
        try:
            return self.root.listing.folder(self._full(inside.rstrip("/") or "."))
        except OSError as error:
            self.say(f"folder '{inside or '.'}' cannot be read: {error.strerror}{self.shown}")
            return Folder((), (), frozenset())

    # hints

    def _meant(self, parts: list[str]) -> str | None:
        """What a path that leads nowhere may have meant."""
        inside = ""
        for place, part in enumerate(parts):
            if _is_magic(part) or not self._is_folder(inside + part):
                return self._meant_here(inside, part, last=place == len(parts) - 1)
            inside += f"{part}/"
        return None

    def _meant_here(self, inside: str, part: str, *, last: bool) -> str | None:
        if "\\" in part:
            return "write paths with '/'"
        listed = self._list(inside)
        if _is_magic(part):
            folders = len(list(_matching(listed.folders, part))) if last else 0
            return f"it matches {folders} folders; write '{inside}{part}/*'" if folders else None
        near = _nearest(part, listed.files if last else listed.folders)
        return f"did you mean '{inside}{near}'?" if near else None

    # names and companions

    def _told_apart(self, files: dict[str, LocalFile]) -> dict[str, LocalFile]:
        """Files with equal names: slices get their place before their name; others cannot."""
        if all(dicom.looks_dicom(file.path) for file in files.values()):
            width = max(4, len(str(len(files))))
            return {
                path: replace(file, name=f"{place:0{width}}-{file.name}")
                for place, (path, file) in enumerate(files.items(), 1)
            }
        first: dict[str, str] = {}
        for path, file in files.items():
            other = first.setdefault(file.name, path)
            if other != path:
                message = f"'{other}' and '{path}' have the same name and go into one upload"
                self.say(message, "rename one of them: files of one image lie side by side")
        return files

    def _check_names(self, files: dict[str, LocalFile]) -> None:
        for path, file in files.items():
            if len(files) == 1 and len(file.name) > NAME_LIMIT:
                message = f"the name of '{_printable(path)}' is longer than {NAME_LIMIT} characters"
                self.say(message, "rename the file: the platform takes no longer names")
            if not _PLAIN_NAME.fullmatch(file.name):
                words = _odd(file.name, alone=len(files) == 1)
                if words:
                    self.say(f"the name of '{_printable(path)}' {words}", "rename the file")

    def _check_companions(self, files: dict[str, LocalFile]) -> None:
        names = {file.name for file in files.values()}
        for path, file in files.items():
            ending = file.name[-5:].lower()
            if ending.endswith(".mhd"):
                self._check_header(path, file, names)
            elif ending == ".mrxs" and not any(
                name.startswith(file.name[:-5] + "/") for name in names
            ):
                message = f"'{path}' comes without the files of its folder '{path[:-5]}'"
                self.say(message, f'list both: files: ["{path}", "{path[:-5]}"]')

    def _check_header(self, path: str, file: LocalFile, names: set[str]) -> None:
        data = _element_data_file(file.path)
        if data is None or data in names:
            return
        if posixpath.basename(data.replace("\\", "/")) in names:
            message = f"'{path}' names its data file as '{data}', but they go side by side"
            self.say(message, "let its ElementDataFile name the file without a folder")
            return
        both = posixpath.join(posixpath.dirname(path), data)
        message = f"'{path}' has its data in '{data}', which is not among the files"
        self.say(message, f'list both: files: ["{path}", "{both}"]')


def _below_slides(files: dict[str, LocalFile]) -> dict[str, LocalFile]:
    """The files of an `.mrxs` slide's own folder keep their place below the slide."""
    slides = [path[:-5] for path in files if path[-5:].lower() == ".mrxs"]
    named = dict(files)
    for slide in slides:
        cut = len(slide) - len(posixpath.basename(slide))
        for path, file in files.items():
            if path.startswith(f"{slide}/"):
                named[path] = replace(file, name=path[cut:])
    return named


def _element_data_file(header: Path) -> str | None:
    """The one file that a MetaImage header names for its data; None if it names none or many."""
    try:
        with header.open("rb") as stream:
            found = _ELEMENT.search(stream.read(_HEADER))
    except OSError:
        return None
    name = found[1].decode(errors="replace") if found else ""
    return (
        None if name.upper() in ("", "LOCAL") or name[:4].upper() == "LIST" or "%" in name else name
    )


def _odd(name: str, *, alone: bool) -> str | None:
    """What the platform would stumble over in a file's name."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "is not valid UTF-8"
    if "\\" in name:
        return "holds a backslash"
    if any(unicodedata.category(character) == "Cc" for character in name):
        return "holds a control character"
    if alone and name != name.strip():
        return "begins or ends with a blank"
    return None


def _printable(path: str) -> str:
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in path
    )


# ── names: order, globs, likeness ───────────────────────────────────────────────────────────


_NUMBER: Final = re.compile("([0-9]+)")


def natural(path: str) -> tuple[list[str | int], str]:
    """A key that sorts as people count: `IM2` before `IM10`, whatever their case."""
    parts: list[str | int] = list(_NUMBER.split(path.casefold().replace("/", "\0")))
    parts[1::2] = map(int, parts[1::2])
    return parts, path


def _pairs(parts: list[str]) -> Iterator[tuple[str, str]]:
    """Each part with the one before it."""
    return zip(parts, ["", *parts], strict=False)


def _is_magic(path: str) -> bool:
    return "*" in path or "?" in path or "[" in path


def _matching(names: Sequence[str], pattern: str) -> Iterator[str]:
    """Those of the sorted names that match one part of a glob."""
    prefix, match = _matcher(pattern)
    for name in names[bisect_left(names, prefix) :] if prefix else names:
        if not name.startswith(prefix):
            return
        if match(name):
            yield name


@lru_cache(maxsize=256)
def _matcher(pattern: str) -> tuple[str, Callable[[str], object]]:
    """What names must begin with (they are sorted: the rest is never looked at), and the test."""
    star = pattern.rfind("*")
    dot = pattern.find(".", star) if star >= 0 else pattern.rfind(".")
    stem, ending = (pattern[:dot], pattern[dot:]) if dot >= 0 else (pattern, "")
    if "[" not in ending:
        ending = re.sub("[a-zA-Z]", lambda found: f"[{found[0].lower()}{found[0].upper()}]", ending)
    prefix = re.split(r"[*?\[]", stem, maxsplit=1)[0]
    return prefix, re.compile(fnmatch.translate(stem + ending)).match


def _nearest(name: str, names: Sequence[str]) -> str | None:
    """The name that was probably meant, among those that sort near it."""
    place = bisect_left(names, name)
    near = names if len(names) <= 100 else names[max(0, place - 50) : place + 50]  # noqa: PLR2004
    for other in near:
        if other.casefold() == name.casefold():
            return other
    return next(iter(difflib.get_close_matches(name, near, n=1, cutoff=0.75)), None)


def _list(path: str) -> Folder:
    files, folders, links = [], [], set()
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if name[0] == "." or name.lower() in _NEVER:
                continue
            if not entry.is_dir():
                files.append(name)
                continue
            folders.append(name)
            if entry.is_symlink():
                links.add(name)
    return Folder(sorted(files), sorted(folders), frozenset(links))


# ── reading ─────────────────────────────────────────────────────────────────────────────────


@contextmanager
def reading(file: LocalFile) -> Iterator[FileIO]:
    """The file, open and unbuffered; raises FileChanged if it is not, or did not stay, the same."""
    _check_same(file)
    try:
        with file.path.open("rb", buffering=0) as stream:
            yield stream
    except OSError as error:
        raise FileChanged(f"'{file.name}' cannot be read: {error.strerror or error}") from error
    _check_same(file)


def content(source: Source) -> str:
    """Read and hash all files: the digest of (name, SHA-256) of each; raises FileChanged."""
    return content_digest((file.name, sha256(file)) for file in source.files)


def sha256(file: LocalFile) -> str:
    """The SHA-256 of a file's bytes, in hex; raises FileChanged."""
    with reading(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check_same(file: LocalFile) -> None:
    try:
        now = file.path.stat()
    except OSError as error:
        raise FileChanged(f"'{file.name}' cannot be read: {error.strerror or error}") from error
    if (now.st_size, now.st_mtime_ns, now.st_ino) != (file.size, file.mtime_ns, file.inode):
        raise FileChanged(f"'{file.name}' changed after it was looked at")


# ── JSON ────────────────────────────────────────────────────────────────────────────────────


def read_json(source: Source) -> Json:
    """The JSON value that a file holds.

    Raises:
        JsonUnreadable: It is not JSON, or not such as the platform can store.
        FileChanged: It is no longer the file that was looked at.
    """
    file = source.files[0]
    if file.size >= JSON_LIMIT:
        raise JsonUnreadable("is not below 15 MiB")
    with reading(file) as stream:
        text = _decoded(stream.read())
    value = _parsed(text)
    if value is None:
        raise JsonUnreadable("holds null, which the platform cannot store")
    if "\\u" in text:
        _check_strings(value)
    return value


def _decoded(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise JsonUnreadable(f"is not UTF-8 (byte {error.start + 1})") from error
    if text.startswith("\ufeff"):
        raise JsonUnreadable("begins with a byte order mark; save it as UTF-8 without one")
    return text


def _parsed(text: str) -> Json:
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise JsonUnreadable(f"is not JSON: {error.msg} ({where})") from error
    except RecursionError:
        raise JsonUnreadable("is nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise JsonUnreadable(f"is not usable JSON: {error}") from error


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise JsonUnreadable(f"has the key {counts.most_common(1)[0][0]!r} twice in one object")
    return result


def _constant(name: str) -> NoReturn:
    raise JsonUnreadable(f"holds {name}, which is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise JsonUnreadable(f"holds {text[:40]}, a number too large to keep")
    return number


def _check_strings(value: Json) -> None:
    match value:
        case str():
            if "\0" in value:
                raise JsonUnreadable("holds a NUL character, which the platform cannot store")
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise JsonUnreadable("holds half a surrogate pair, which no text can")
        case dict():
            for key, inner in value.items():
                _check_strings(key)
                _check_strings(inner)
        case list():
            for inner in value:
                _check_strings(inner)
