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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, Field, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from manifest_uploader.errors import StateDamaged, StateMismatch, StateUnwritable
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

_FORMAT: Final = "manifest-uploader state"
_VERSION: Final = 1
_LONGEST_LINE: Final = 4 * 2**20
_TOGETHER: Final = 1000
"""Lines."""
_SOON_S: Final = 0.5
"""When what was written has to be on the disk, unless somebody waits for it."""
_BEGINNING: Final = b'{"format":"manifest-uploader state",'
"""How every state file begins."""
_NOT_OURS: Final = "this is not a state file of uploader"
_STORAGE_ID: Final = re.compile(r"[\w.~-]{0,1024}", re.ASCII)
_T = TypeVar("_T")
_NAMES: Final = {cls: name for name, cls in EVENT_NAMES.items()}


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
class Grown:
    """What a look at a growing state file brought."""

    records: tuple[Record, ...]
    anew: bool
    """Another file took its place: what was known before counts no longer."""


def event_json(event: Event) -> dict[str, Any]:
    """An event as a JSON object: `event`, `case`, `step`, and what is not at its default."""
    found: dict[str, Any] = {"event": _NAMES[type(event)]}
    for one in fields(event):
        value = getattr(event, one.name)
        if one.name == "entries":
            value = [_entry_json(entry) for entry in value]
        if one.name in {"case", "step"} or not _is_default(value, one.default):
            found[one.name] = list(value) if isinstance(value, tuple) else value
    return found


def _entry_json(entry: Entry) -> dict[str, Any]:
    values = {one.name: getattr(entry, one.name) for one in fields(entry)}
    return {
        name: value
        for name, value in values.items()
        if value is not None and name not in {"step", "source"}
    }


def _is_default(value: Any, default: Any) -> bool:
    return value is None or value == [] or (default is not MISSING and value == default)


# ── reading ─────────────────────────────────────────────────────────────────────────────────


def read(path: Path) -> Stored:
    """What the file holds; nothing if there is none. A torn last line is dropped.

    Raises:
        StateDamaged: another line is not one that we wrote.

    """
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        _check_torn(path)
        return Stored(None, ())
    number, obj = first
    binding = _binding(obj, path, number)
    return Stored(binding, tuple(_records(lines, binding, path)))


def _check_torn(path: Path) -> None:
    """A file without a whole line is to be cut off: it has to be one of ours that was torn."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_BEGINNING))
    except FileNotFoundError:
        return
    if start.strip() and not _BEGINNING.startswith(start):
        raise _damaged(path, 1, _NOT_OURS)


def _records(
    lines: Iterable[tuple[int, dict[str, Any]]], binding: Binding, path: Path
) -> Iterator[Record]:
    """The events; git, which merges by lines, may have put the first line in again."""
    for number, obj in lines:
        if obj.get("format") != _FORMAT:
            yield _record(obj, path, number)
        elif _binding(obj, path, number) != binding:
            raise _damaged(path, number, "it was merged with the state of another target")


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
            obj = _object(line, self._path, self._lines)
            if self._lines == 1:
                _binding(obj, self._path, 1)
            elif obj.get("format") != _FORMAT:
                yield _record(obj, self._path, self._lines)


def check(stored: Stored, binding: Binding, path: Path) -> None:
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


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        is_regular = stat.S_ISREG(path.stat().st_mode)
        if is_regular:
            with path.open("rb") as file:
                yield from _whole_lines(file, path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateUnwritable(
            f"{path} cannot be read: {error.strerror}", hint="nothing was sent"
        ) from None
    if not is_regular:  # a device may have no end, a pipe no beginning
        raise StateUnwritable(
            f"{path} is not a regular file", hint="name another with --state; nothing was sent"
        )


def _bounded_lines(file: IO[bytes], path: Path) -> Iterator[bytes]:
    """The lines that are whole; none is longer than any that we write, whatever the file holds."""
    number = 0
    while line := file.readline(_LONGEST_LINE + 1):
        number += 1
        if line.endswith(b"\n"):
            yield line
        elif len(line) > _LONGEST_LINE:
            raise _damaged(path, number, "a line longer than any that uploader writes")


def _whole_lines(file: IO[bytes], path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines as objects; a thousand together, for one at a time takes thrice as long."""
    number = 1
    lines = _bounded_lines(file, path)
    while chunk := list(islice(lines, _TOGETHER)):
        yield from _objects(chunk, path, number)
        number += len(chunk)


def _objects(chunk: list[bytes], path: Path, first: int) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        found = json.loads(b"[" + b",".join(chunk) + b"]")
    except (ValueError, RecursionError):
        found = ()
    if len(found) == len(chunk) and all(type(one) is dict for one in found):
        yield from enumerate(found, first)
        return
    for number, line in enumerate(chunk, first):
        if not line.isspace():
            yield number, _object(line, path, number)


def _object(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        obj = json.loads(line) if len(line) <= _LONGEST_LINE else None
    except (ValueError, RecursionError):
        obj = None
    if not isinstance(obj, dict):
        raise _damaged(path, number, "no event")
    return obj


def _damaged(path: Path, number: int, why: str) -> StateDamaged:
    return StateDamaged(
        f"{path}:{number}: damaged: {why}",
        hint="restore the file (from git, or a backup); nothing was sent",
    )


def _binding(obj: dict[str, Any], path: Path, number: int) -> Binding:
    if obj.get("format") != _FORMAT:
        raise _damaged(path, number, _NOT_OURS)
    if obj.get("version") != _VERSION:
        raise _damaged(path, number, "it was written by another version of uploader")
    target: Any = obj.get("target")
    try:
        binding = Binding(obj["platform"], TargetKind(target["kind"]), target["slug"], target["pk"])
    except (KeyError, TypeError, ValueError):
        raise _damaged(path, number, "its first line names no platform and target") from None
    if not all(isinstance(one, str) for one in (binding.platform, binding.slug, binding.pk)):
        raise _damaged(path, number, "its first line names no platform and target")
    return binding


def _record(obj: dict[str, Any], path: Path, number: int) -> Record:
    name = obj.get("event")
    cls = EVENT_NAMES.get(name) if isinstance(name, str) else None
    if cls is None:
        raise _damaged(path, number, "an event that this version does not know")
    try:
        return Record(_time(obj.get("time")), _event(cls, obj))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _damaged(path, number, f"a wrong {name} event ({error})") from None


def _event(cls: type, obj: dict[str, Any]) -> Event:
    given: dict[str, Any] = {}
    for name, check, otherwise in _SHAPES[cls]:
        value = obj.get(name)
        if value is not None:
            given[name] = check(value)
        elif otherwise is MISSING:
            raise KeyError(name)
        else:
            given[name] = otherwise
    return cls(**given)  # type: ignore[no-any-return]


# ── one check a field ───────────────────────────────────────────────────────────────────────


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value


def _time(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("a time expected")
    return float(value)


def _pk(value: Any) -> str:
    """A pk of an upload or item: requests go to addresses that are made of it."""
    if not is_pk(value):
        raise ValueError("no pk")
    return str(value)


def _storage_id(value: Any) -> str:
    if not _STORAGE_ID.fullmatch(_text(value)):
        raise ValueError("no storage id")
    return str(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise TypeError("a count expected")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false expected")
    return value


def _entries(value: Any) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            _text(one["socket"]),
            _optional(one.get("digest")),
            stat=_optional(one.get("stat")),
            upload=None if one.get("upload") is None else _pk(one["upload"]),
            content=_optional(one.get("content")),
            before=_optional(one.get("before")),
        )
        for one in value
    )


def _optional(value: Any) -> str | None:
    return None if value is None else _text(value)


def _sessions(value: Any) -> tuple[str, ...]:
    return tuple(_pk(one) for one in value)


_CHECKS: Final[dict[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(("case", "step", "socket", "title", "temporary", "stat", "content"), _text),
    **dict.fromkeys(("sha256", "words", "why", "was", "source"), _text),
    **dict.fromkeys(("order", "part_size", "size", "files"), _count),
    **dict.fromkeys(("repeated", "final", "anew", "size_limit", "lost"), _flag),
    **dict.fromkeys(("pk", "item"), _pk),
    "storage_id": _storage_id,
    "entries": _entries,
    "sessions": _sessions,
}


def _shape(cls: type) -> tuple[tuple[str, Callable[[Any], Any], Any], ...]:
    """Name, check, and what stands where it is missing (MISSING: nothing may) of every field."""
    checks = _CHECKS | ({"pk": _text} if cls is Confirmed else {})  # there it is any mark
    return tuple((one.name, checks[one.name], _otherwise(one)) for one in fields(cls))


def _otherwise(one: Field[Any]) -> Any:
    return None if one.default is MISSING and "None" in str(one.type) else one.default


_SHAPES: Final = {cls: _shape(cls) for cls in EVENT_NAMES.values()}


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

    def bind(self, stored: Stored, platform: str, target: Target) -> None:
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
        os.ftruncate(handle, _end_of_last_line(self._path))
        return handle

    def _append(self, objects: list[dict[str, Any]]) -> None:
        text = "".join(
            json.dumps(obj, ensure_ascii=True, separators=(",", ":")) + "\n" for obj in objects
        )
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


def _end_of_last_line(path: Path) -> int:
    """Where the last whole line ends, in bytes: a torn one behind it is cut off."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        while position > 0:
            start = max(0, position - 65536)
            file.seek(start)
            at = file.read(position - start).rfind(b"\n")
            if at >= 0:
                return start + at + 1
            position = start
    return 0
