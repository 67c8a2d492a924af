"""Simulates what other systems do differently, as a shim over calls of the system.

Only calls of the uploader's own modules are changed, also those that the standard library makes for
them: tests, libraries and the sandbox see this system as it is. `SIMULATED=mild python -m pytest`
runs all tests on a system whose files are in use for a moment and have no lasting numbers.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import os
import stat
import sys
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any, Final, Literal

import pytest

VARIABLE: Final = "SIMULATED"
_PACKAGE: Final = str(Path(__file__).parents[1] / "manifest_uploader") + os.sep
_SANDBOX: Final = os.path.join(_PACKAGE, "sandbox") + os.sep
_LIBRARY: Final = os.path.dirname(os.__file__) + os.sep
_OTHERS: Final = os.path.join(_LIBRARY, "site-packages") + os.sep
_SHARING_VIOLATION: Final = 32
_TEMPORARY: Final = os.path.join(tempfile.gettempdir(), "uploader-")


@dataclass(frozen=True)
class System:
    """What a system does differently."""

    in_use: int = 0
    """How often a file cannot be replaced, renamed or removed before it can."""
    opened: int = 0
    """How often a file cannot be opened before it can."""
    winerror: int = _SHARING_VIOLATION
    """The number that Windows gives for that."""
    only: str = ""
    """Only files with this in their names are in use."""
    numbers: Literal["kept", "none", "changing"] = "kept"
    """What stat tells of the inode."""
    names: Literal["exact", "any case", "decomposed"] = "exact"
    """Which names are the same; a disk that decomposes accents also lists them so."""
    junctions: bool = False
    """Links to folders are junctions: folders for whoever asks whether they are symbolic links."""
    jumps: tuple[tuple[float, float], ...] = ()
    """(after so many seconds, by so many seconds): how the clock on the wall is set."""
    writes: int = 0
    """The number of the error of everything that would write; 0 if it is possible."""
    console: str | None = None
    """The encoding of the standard streams, without a character for what it lacks."""


SYSTEMS: Final[Mapping[str, System]] = {
    "mild": System(in_use=1, opened=1, numbers="changing"),
    "no numbers": System(numbers="none"),
    "windows": System(
        in_use=3, opened=3, numbers="none", names="any case", junctions=True, console="cp1252"
    ),
    "macos": System(names="decomposed"),
    "read-only": System(writes=errno.EROFS),
    "denied": System(writes=errno.EACCES),
    "full": System(writes=errno.ENOSPC),
}


def install_from(environment: Mapping[str, str], patch: pytest.MonkeyPatch | None = None) -> None:
    """Simulate the system that the environment names, if it names one."""
    name = environment.get(VARIABLE, "")
    if name:
        install(SYSTEMS[name], patch or pytest.MonkeyPatch())


def install(system: System, patch: pytest.MonkeyPatch) -> None:
    """Simulate a system until the patch is undone."""
    if system.names != "exact":
        _Names(system.names).install(patch)
    if system.junctions:
        _Junctions().install(patch)
    if system.numbers != "kept":
        _Numbers(system.numbers).install(patch)
    if system.in_use or system.opened:
        _InUse(system).install(patch)
    if system.writes:
        _Unwritable(system.writes).install(patch)
    if system.jumps:
        _Clock(system.jumps).install(patch)
    if system.console is not None:
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(encoding=system.console, errors="strict")  # type: ignore[union-attr]


@contextlib.contextmanager
def simulated(system: System) -> Iterator[None]:
    """Simulate a system for the length of a `with`."""
    with pytest.MonkeyPatch.context() as patch:
        install(system, patch)
        yield


def in_use(number: int = _SHARING_VIOLATION, path: str = "") -> PermissionError:
    """The error of Windows for a file that another program has open."""
    error = PermissionError(
        errno.EACCES,
        "The process cannot access the file because it is being used by another process",
        path,
    )
    error.winerror = number  # type: ignore[attr-defined,unused-ignore]
    return error


def _is_ours() -> bool:
    """Whether the uploader made this call, perhaps through the standard library."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        is_library = file.startswith((_LIBRARY, "<frozen")) and not file.startswith(_OTHERS)
        if file != __file__ and not is_library:
            return file.startswith(_PACKAGE) and not file.startswith(_SANDBOX)
        frame = frame.f_back
    return False


# ── files that are in use ───────────────────────────────────────────────────────────────────


@dataclass
class _InUse:
    """Keeps files in use for a few calls of each kind."""

    system: System
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        for name in ("unlink", "remove", "replace", "rename"):
            patch.setattr(os, name, self._late(name, getattr(os, name), self.system.in_use))
        real = io.open

        def open_late(path: Any, *more: Any, **named: Any) -> Any:
            if _is_ours() and not isinstance(path, int) and os.path.isfile(path):
                self._count("open", path, self.system.opened)
            return real(path, *more, **named)

        patch.setattr(builtins, "open", open_late)
        patch.setattr(io, "open", open_late)

    def _late(self, name: str, real: Callable[..., Any], times: int) -> Callable[..., Any]:
        def late(path: Any, *more: Any, **named: Any) -> Any:
            if _is_ours() and os.path.lexists(path):
                self._count(name, path, times)
            return real(path, *more, **named)

        return late

    def _count(self, name: str, path: Any, times: int) -> None:
        key = (name, os.fspath(path))
        if str(key[1]).startswith(_PACKAGE):
            return
        if self.system.only in str(key[1]) and self.calls[key] < times:
            self.calls[key] += 1
            raise in_use(self.system.winerror, str(key[1]))


# ── disks that take nothing ─────────────────────────────────────────────────────────────────


@dataclass
class _Unwritable:
    """Lets nothing be written, made or removed."""

    number: int

    def install(self, patch: pytest.MonkeyPatch) -> None:
        for name in ("unlink", "remove", "replace", "rename", "mkdir", "link"):
            patch.setattr(os, name, self._failing(getattr(os, name), lambda *_: True))
        patch.setattr(os, "open", self._failing(os.open, lambda flags=0, *_: flags & _WRITING))
        opened = self._failing(io.open, lambda mode="r", *_: set(mode) & set("wax+"))
        patch.setattr(builtins, "open", opened)
        patch.setattr(io, "open", opened)

    def _failing(
        self, real: Callable[..., Any], writes: Callable[..., object]
    ) -> Callable[..., Any]:
        def call(path: Any, *more: Any, **named: Any) -> Any:
            given = more[0] if more else named.get("mode")
            asks = writes() if given is None else writes(given)
            if asks and not self._is_elsewhere(path) and _is_ours():
                raise OSError(self.number, os.strerror(self.number), os.fspath(path))
            return real(path, *more, **named)

        return call

    def _is_elsewhere(self, path: Any) -> bool:
        """Devices, open files and temporary ones are on other disks."""
        if isinstance(path, int):
            return True
        return os.fspath(path).startswith(
            (os.devnull, tempfile.gettempdir() + os.sep + "uploader-")
        )


_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT


# ── files without numbers ───────────────────────────────────────────────────────────────────


@dataclass
class _Numbers:
    """Tells no inode, or another one each time."""

    kind: Literal["none", "changing"]
    next: Iterator[int] = field(default_factory=lambda: count(10**6))

    def install(self, patch: pytest.MonkeyPatch) -> None:
        for name in ("stat", "lstat", "fstat"):
            patch.setattr(os, name, self._without(getattr(os, name)))

    def _without(self, real: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def numbered(*given: Any, **named: Any) -> os.stat_result:
            found = real(*given, **named)
            return self._changed(found) if _is_ours() else found

        return numbered

    def _changed(self, found: os.stat_result) -> os.stat_result:
        names = [name for name in dir(found) if name.startswith("st_")]
        values = list(found[:10])
        values[1] = 0 if self.kind == "none" else next(self.next)
        return os.stat_result(values, {name: getattr(found, name) for name in names[10:]} | {
            name: getattr(found, name) for name in names if name.endswith("_ns")
        })  # fmt: skip


# ── names ───────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Names:
    """Finds files by names that are spelt differently, as this disk has them."""

    kind: Literal["any case", "decomposed"]

    def install(self, patch: pytest.MonkeyPatch) -> None:
        self._listdir, self._lstat = os.listdir, os.lstat
        for name in ("stat", "lstat", "open", "unlink", "remove", "scandir", "listdir", "access"):
            patch.setattr(os, name, self._finding(getattr(os, name)))
        for name in ("replace", "rename"):
            patch.setattr(os, name, self._finding_both(getattr(os, name)))
        opened = self._finding(io.open)
        patch.setattr(builtins, "open", opened)
        patch.setattr(io, "open", opened)
        if self.kind == "decomposed":
            patch.setattr(os, "scandir", _scanning(os.scandir, _Decomposed))

    def _finding(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any = ".", *more: Any, **named: Any) -> Any:
            return real(self._spelt(path) if _is_ours() else path, *more, **named)

        return call

    def _finding_both(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, target: Any, **named: Any) -> Any:
            ours = _is_ours()
            return real(*((self._spelt(one) if ours else one) for one in (path, target)), **named)

        return call

    def _spelt(self, path: Any) -> Any:
        """The path as the disk spells it; as it is if the disk has none like it."""
        if isinstance(path, int | bytes):
            return path
        text = os.fspath(path)
        if self._is_there(text):
            return path
        folder, name = os.path.split(text)
        if not name or folder == text:
            return path
        folder = self._spelt(folder) if folder else ""
        try:
            names = self._listdir(folder or ".")
        except OSError:
            return path
        found = next((one for one in names if self._folded(one) == self._folded(name)), name)
        return os.path.join(folder, found)

    def _is_there(self, path: str) -> bool:
        try:
            self._lstat(path)
        except (OSError, ValueError):
            return False
        return True

    def _folded(self, name: str) -> str:
        decomposed = unicodedata.normalize("NFD", name)
        return decomposed if self.kind == "decomposed" else decomposed.casefold()


class _Entry:
    """An entry of a folder."""

    def __init__(self, entry: os.DirEntry[str]) -> None:
        self._entry = entry

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)


class _Decomposed(_Entry):
    """An entry whose name has decomposed accents."""

    def __init__(self, entry: os.DirEntry[str]) -> None:
        super().__init__(entry)
        self.name = unicodedata.normalize("NFD", entry.name)
        self.path = os.path.join(os.path.dirname(entry.path), self.name)


class _Scan:
    """What `os.scandir` returns, with other entries."""

    def __init__(self, entries: Any, kind: Callable[[Any], Any]) -> None:
        self._entries, self._kind = entries, kind

    def __enter__(self) -> Iterator[Any]:
        return iter(self)

    def __exit__(self, *_: object) -> None:
        self._entries.close()

    def __iter__(self) -> Iterator[Any]:
        return map(self._kind, self._entries)


def _scanning(real: Callable[..., Any], kind: Callable[[Any], Any]) -> Callable[..., Any]:
    def scandir(path: Any = ".") -> Any:
        return _Scan(real(path), kind) if _is_ours() else real(path)

    return scandir


# ── junctions ───────────────────────────────────────────────────────────────────────────────


class _Junction(_Entry):
    """An entry that is a junction if it is a link to a folder."""

    def is_junction(self) -> bool:
        return bool(self._entry.is_symlink() and os.path.isdir(self._entry.path))

    def is_symlink(self) -> bool:
        return bool(self._entry.is_symlink()) and not self.is_junction()


class _Junctions:
    """Links to folders are no symbolic links."""

    def install(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(os, "scandir", _scanning(os.scandir, _Junction))
        real = os.lstat

        def lstat(path: Any, **named: Any) -> os.stat_result:
            resolves = "posixpath" in sys._getframe(1).f_code.co_filename  # as Windows does
            is_asked = not resolves and _is_ours()
            is_junction = is_asked and stat.S_ISLNK(real(path).st_mode) and os.path.isdir(path)
            return os.stat(path) if is_junction else real(path, **named)

        patch.setattr(os, "lstat", lstat)


# ── clocks ──────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Clock:
    """Sets the clock on the wall while the uploader runs."""

    jumps: tuple[tuple[float, float], ...]
    started: float = field(default_factory=time.monotonic)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        real, real_ns = time.time, time.time_ns
        patch.setattr(time, "time", lambda: real() + (self._off() if _is_ours() else 0.0))
        patch.setattr(
            time, "time_ns", lambda: real_ns() + int(self._off() * 1e9 if _is_ours() else 0)
        )

    def _off(self) -> float:
        since = time.monotonic() - self.started
        return sum(by for after, by in self.jumps if since >= after)
