"""The state file: events as JSON lines, appended by one writer, safe to commit.

It holds no token, no address and no path: only names from the manifest, digests and the
platform's pks. Its first line binds it to a platform and a target. Whatever stands in it is
checked as the input of a stranger: colleagues share it, and git merges it.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import closing
from dataclasses import MISSING, Field, dataclass, fields
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from pathlib import Path
from types import NoneType
from typing import IO, Any, Final, TypeAlias, TypeVar

from manifest_uploader.errors import StateMismatch, StateUnwritable
from manifest_uploader.items import is_pk
from manifest_uploader.model import (
    EVENT_NAMES,
    Confirmed,
    Entry,
    Event,
    Record,
    Target,
    TargetKind,
)
from manifest_uploader.state_lines import (
    damaged,
    end_of_last_line,
    object_of,
    pieces_of,
)

_FORMAT: Final = "manifest-uploader state"
_NOT_KEPT: Final = frozenset({"step", "source"})
"""Of an entry: only the plan that it is part of can use them."""
_VERSION: Final = 1
_SOON_S: Final = 0.5
"""When what was written has to be on the disk, unless somebody waits for it."""
_BEGINNING: Final = b'{"format":"manifest-uploader state",'
"""How every state file begins."""
_NOT_OURS: Final = "this is not a state file of uploader"
_Check: TypeAlias = Callable[[Any], Any]
_STORAGE_ID: Final = re.compile(r"[\w.~-]{0,1024}", re.ASCII)
_T = TypeVar("_T")
_NUMBERS: Final = (int, float)
_CLASSES: Final = dict(EVENT_NAMES)
_NAMES: Final = {cls: name for name, cls in EVENT_NAMES.items()}
_DEFAULTS: Final[dict[type, tuple[tuple[str, Any], ...]]] = {
    cls: tuple((one.name, one.default) for one in fields(cls)) for cls in EVENT_NAMES.values()
}
_KEPT_OF_ENTRIES: Final = [one.name for one in fields(Entry) if one.name not in _NOT_KEPT]
_as_line: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Binding:
    """What a state file belongs to."""

    platform: str
    """Host and path of the API, or the id of a sandbox."""
    kind: TargetKind
    slug: str
    pk: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What a state file holds."""

    binding: Binding | None
    """None: the file is new."""
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Stream:
    """What a state file holds, for one who takes each event once and keeps none."""

    binding: Binding | None
    """None: the file is new."""
    records: Iterator[Record]
    """Read while they are asked for; raises StateDamaged."""


@dataclass(frozen=True, slots=True)
class Grown:
    """What a look at a growing state file brought."""

    records: tuple[Record, ...]
    anew: bool
    """Another file took its place: what was known before counts no longer."""


def event_json(event: Event) -> dict[str, Any]:
    """An event as a JSON object: `event`, `case`, `step`, and what is not at its default."""
    found: dict[str, Any] = {"event": _NAMES[type(event)]}
    for name, default in _DEFAULTS[type(event)]:
        value = getattr(event, name)
        if name == "entries":
            value = [_entry_json(entry) for entry in value]
        if not _is_default(value, default) or name in {"case", "step"}:
            found[name] = list(value) if isinstance(value, tuple) else value
    return found


def _entry_json(entry: Entry) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in _KEPT_OF_ENTRIES}
    return {name: value for name, value in values.items() if value is not None}


def _is_default(value: Any, default: Any) -> bool:
    return value is None or value == [] or (default is not MISSING and value == default)


# ── reading ─────────────────────────────────────────────────────────────────────────────────


def read(path: Path) -> Stored:
    """What the file holds; nothing if there is none. A torn last line is dropped.

    Raises:
        StateDamaged: another line is not one that we wrote.

    """
    found = stream(path)
    return Stored(found.binding, tuple(found.records))


def stream(path: Path) -> Stream:
    """The same, event by event: those of 10,000 cases need not lie in memory together.

    Raises:
        StateDamaged: the first line is not one that we wrote.

    """
    with closing(pieces_of(path)) as pieces:
        first = next(pieces, None)
    if first is None:
        _check_torn(path)
        return Stream(None, iter(()))
    number, obj = first[0]
    binding = _binding(obj, path, number)
    return Stream(binding, _records(binding, path))


def _check_torn(path: Path) -> None:
    """A file without a whole line is to be cut off: it has to be one of ours that was torn."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_BEGINNING))
    except FileNotFoundError:
        return
    if start.strip() and not _BEGINNING.startswith(start):
        raise damaged(path, 1, _NOT_OURS)


def _records(binding: Binding, path: Path) -> Iterator[Record]:
    """The events; git, which merges by lines, may have put the first line in again."""
    with closing(pieces_of(path)) as pieces:
        for number, obj in chain.from_iterable(pieces):
            if "format" not in obj or obj["format"] != _FORMAT:
                yield _record(obj, path, number)
            elif _binding(obj, path, number) != binding:
                raise damaged(path, number, "it was merged with the state of another target")


class Tail:
    """Reads a state file as it grows, for those who watch; only whole lines count.

    It is opened anew for each look: network homes show only then what another node wrote.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start_anew(None)

    def look(self) -> Grown:
        """What was appended since the last look; all of it, if another file took its place.

        Raises:
            StateDamaged: a line is not one that we wrote.
            StateUnwritable: it cannot be read, or is no file: who opens a pipe may wait for ever.

        """
        try:
            if stat.S_ISREG(self._path.stat().st_mode):
                with self._path.open("rb") as file:
                    return self._appended(file)
        except FileNotFoundError:
            anew = self._seen > 0
            self._start_anew(None)
            return Grown((), anew=anew)
        except OSError as error:
            raise StateUnwritable(f"{self._path} cannot be read: {error.strerror}") from None
        raise StateUnwritable(
            f"{self._path} is not a regular file", hint="name another with --state"
        )

    def _start_anew(self, identity: tuple[int, int] | None) -> None:
        self._identity, self._seen, self._lines = identity, 0, 0

    def _appended(self, file: IO[bytes]) -> Grown:
        found = os.fstat(file.fileno())
        identity = (found.st_dev, found.st_ino)
        anew = self._seen > 0 and (identity != self._identity or found.st_size < self._seen)
        if anew or self._identity is None:
            self._start_anew(identity)
        file.seek(self._seen)
        return Grown(tuple(self._records(file)), anew=anew)

    def _records(self, file: IO[bytes]) -> Iterator[Record]:
        for line in file:
            if not line.endswith(b"\n"):
                return
            self._seen += len(line)
            self._lines += 1
            if line.isspace():
                continue
            obj = object_of(line, self._path, self._lines)
            if self._lines == 1:
                _binding(obj, self._path, 1)
            elif obj.get("format") != _FORMAT:
                yield _record(obj, self._path, self._lines)


def check(stored: Stored | Stream, binding: Binding, path: Path) -> None:
    """Hold a state's binding against what the run is about to work on.

    Raises:
        StateMismatch: it belongs to another platform or target.

    """
    was = stored.binding
    if was is None or was == binding:
        return
    if was.platform != binding.platform:
        raise StateMismatch(
            f"{path} belongs to the platform '{was.platform}', not to '{binding.platform}'",
            hint="name another state file with --state; nothing was sent",
        )
    raise StateMismatch(
        f"{path} belongs to the {was.kind} '{was.slug}' ({was.pk}), "
        f"not to the {binding.kind} '{binding.slug}' ({binding.pk})",
        hint="name another state file with --state; nothing was sent",
    )


def _binding(obj: dict[str, Any], path: Path, number: int) -> Binding:
    if obj.get("format") != _FORMAT:
        raise damaged(path, number, _NOT_OURS)
    if obj.get("version") != _VERSION:
        raise damaged(path, number, "it was written by another version of uploader")
    target: Any = obj.get("target")
    try:
        binding = Binding(obj["platform"], TargetKind(target["kind"]), target["slug"], target["pk"])
    except (KeyError, TypeError, ValueError):
        raise damaged(path, number, "its first line names no platform and target") from None
    if not all(isinstance(one, str) for one in (binding.platform, binding.slug, binding.pk)):
        raise damaged(path, number, "its first line names no platform and target")
    return binding


def _record(obj: dict[str, Any], path: Path, number: int) -> Record:
    name = obj.get("event")
    cls = _CLASSES.get(name) if type(name) is str else None
    if cls is None:
        raise damaged(path, number, "an event that this version does not know")
    try:
        return Record(_time(obj.get("time")), _made(cls, obj))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise damaged(path, number, f"a wrong {name} event ({error})") from None


def _made(cls: Callable[..., _T], obj: dict[str, Any]) -> _T:
    """The event, or entry, that an object describes; ValueError or TypeError if it is none."""
    form = _form(cls, tuple(obj), tuple(map(type, obj.values())))
    if form.absent:
        obj.update(form.absent)
    for name, check in form.checks:
        obj[name] = check(obj[name])
    return cls(*form.values_of(obj))


@dataclass(frozen=True, slots=True)
class _Form:
    """How to make an event of objects with the same keys and types."""

    values_of: Callable[[dict[str, Any]], Iterable[Any]]
    """Of all fields, in their order."""
    absent: dict[str, Any]
    """What stands for those that are missing or null."""
    checks: tuple[tuple[str, _Check], ...]
    """By name, of the values that are there."""


@lru_cache(maxsize=256)
def _form(cls: Hashable, names: tuple[str, ...], types: tuple[type, ...]) -> _Form:
    """The form of an object; a few make up a whole file, and looking costs more than making."""
    wanted = _FIELDS[cls]
    given = {
        name: kind
        for name, kind in zip(names, types, strict=True)
        if name in wanted and kind is not NoneType and wanted[name].kind is not NoneType
    }
    for name, kind in given.items():
        if kind is not wanted[name].kind:
            raise TypeError(f"{name} is no {wanted[name].kind.__name__}")
    absent = {name: one.otherwise for name, one in wanted.items() if name not in given}
    if MISSING in absent.values():
        raise TypeError(f"{min(name for name in absent if absent[name] is MISSING)} is missing")
    checks = (
        (name, one.check) for name, one in wanted.items() if name in given and one.check is not None
    )
    return _Form(_getter(list(wanted)), absent, tuple(checks))


def _getter(names: list[str]) -> Callable[[dict[str, Any]], Iterable[Any]]:
    return itemgetter(*names) if len(names) > 1 else lambda obj: [obj[names[0]]]


# ── what fields hold ────────────────────────────────────────────────────────────────────────


def _time(value: Any) -> float:
    if type(value) not in _NUMBERS or not math.isfinite(value):
        raise TypeError("a time expected")
    return float(value)


def _pk(value: Any) -> str:
    """A pk of an upload or item: requests go to addresses that are made of it."""
    if not is_pk(value):
        raise ValueError("no pk")
    return value


def _storage_id(value: str) -> str:
    if not _STORAGE_ID.fullmatch(value):
        raise ValueError("no storage id")
    return value


def _count(value: int) -> int:
    if not 0 <= value < 2**63:
        raise ValueError("a count expected")
    return value


def _entries(value: list[Any]) -> tuple[Entry, ...]:
    if not all(type(one) is dict for one in value):
        raise TypeError("entries expected")
    return tuple(_made(Entry, one) for one in value)


def _sessions(value: list[Any]) -> tuple[str, ...]:
    return tuple(_pk(one) for one in value)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a field has to be."""

    kind: type
    """Of the JSON value; NoneType: whatever there is, it does not count."""
    check: _Check | None
    otherwise: Any
    """What stands for it where it is missing; MISSING: nothing does."""


_TEXT: Final = (str, None)
_FLAG: Final = (bool, None)
_COUNT: Final = (int, _count)
_KINDS: Final[dict[str, tuple[type, _Check | None]]] = {
    **dict.fromkeys(("order", "part_size", "size", "files"), _COUNT),
    **dict.fromkeys(("repeated", "final", "anew", "size_limit", "lost"), _FLAG),
    **dict.fromkeys(("pk", "item", "upload"), (str, _pk)),
    "storage_id": (str, _storage_id),
    "entries": (list, _entries),
    "sessions": (list, _sessions),
}
"""Of fields that are no plain text."""


def _wanted(cls: type, one: Field[Any]) -> _Wanted:
    kind, check = _KINDS.get(one.name, _TEXT)
    if cls is Confirmed and one.name == "pk":  # any mark
        check = None
    if cls is Entry and one.name in _NOT_KEPT:
        kind = NoneType
    may_be_none = one.default is MISSING and "None" in str(one.type)
    return _Wanted(kind, check, None if may_be_none else one.default)


_FIELDS: Final[dict[Hashable, dict[str, _Wanted]]] = {
    cls: {one.name: _wanted(cls, one) for one in fields(cls)}
    for cls in (*EVENT_NAMES.values(), Entry)
}


# ── writing ─────────────────────────────────────────────────────────────────────────────────


class Writer:
    """Appends events to a state file: one thread writes, any may wait until it is on the disk.

    Raises:
        StateUnwritable: from every method, when the disk does not take what must be kept.

    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._turn = threading.Condition()
        self._written = 0
        """Appends so far."""
        self._synced = 0
        """Of these, how many are on the disk for certain."""
        self._syncing = False
        self._due = 0.0
        self._handle = self._guarded(self._open)

    def bind(self, stored: Stored | Stream, platform: str, target: Target) -> None:
        """Write the first line of a new file."""
        if stored.binding is None:
            first = {
                "format": _FORMAT,
                "version": _VERSION,
                "platform": platform,
                "target": {"kind": target.kind.value, "slug": target.slug, "pk": target.pk},
            }
            self._append([first])
            self.sync()

    def record(self, events: Iterable[Event]) -> None:
        """Append the events; the system has them when this returns, the disk perhaps not."""
        now = round(self._clock(), 3)
        lines = [{"time": now} | event_json(event) for event in events]
        if lines:
            self._append(lines)

    def tick(self) -> None:
        """Bring to the disk what was appended half a second ago."""
        if self._synced < self._written and time.monotonic() >= self._due:
            self.sync()

    def sync(self) -> None:
        """Wait until all that was recorded before is on the disk.

        Threads that wait at the same time share one fsync: on network homes it takes long.
        """
        wanted = self._written
        with self._turn:
            while self._synced < wanted:
                if self._syncing:
                    self._turn.wait()
                else:
                    self._sync_once()

    def _sync_once(self) -> None:
        """Called with the turn held; lets go of it while the disk works."""
        self._syncing = True
        upto = self._written
        self._turn.release()
        try:
            self._guarded(lambda: os.fsync(self._handle))
        finally:
            self._turn.acquire()
            self._syncing = False
            self._turn.notify_all()
        self._synced = max(self._synced, upto)

    def close(self) -> None:
        """Bring everything to the disk and let go of the file."""
        try:
            self.sync()
        finally:
            os.close(self._handle)

    def _open(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        handle = os.open(self._path, flags, 0o644)
        os.ftruncate(handle, end_of_last_line(self._path))
        return handle

    def _append(self, objects: list[dict[str, Any]]) -> None:
        text = "".join(_as_line(obj) + "\n" for obj in objects)
        self._guarded(lambda: _write_all(self._handle, text.encode()))
        if self._synced == self._written:
            self._due = time.monotonic() + _SOON_S
        self._written += 1

    def _guarded(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except OSError as error:
            raise StateUnwritable(
                f"{self._path} cannot be written: {error.strerror or error}",
                hint="nothing more was sent than stands in it; make room or name another place "
                "with --state (move the file there), then run the same command",
            ) from None


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
