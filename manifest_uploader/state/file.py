"""The state file: events as JSON lines, appended by one writer, safe to commit.

It holds no token, no address and no path: only names from the manifest, digests and the
platform's pks. Its first line binds it to a platform and a target. Whatever stands in it is
checked as the input of a stranger: colleagues share it, and git merges it.
"""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import fields

from manifest_uploader.errors import StateMismatch, StateUnwritable
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.platform.model import Entry, Target
from manifest_uploader.state.events import (
    EVENT_NAMES,
    NOT_KEPT,
    Event,
    Record,
    WrongEvent,
    record_of,
    records_of,
)
from manifest_uploader.state.lines import (
    Piece,
    damaged,
    end_of_last_line,
    object_of,
    objects_of,
    pieces_of,
)

_FORMAT: Final = "manifest-uploader state"
_VERSION: Final = 1
_SOON_S: Final = 0.5
"""When what was written has to be on the disk, unless somebody waits for it."""
_BEGINNING: Final = b'{"format":"manifest-uploader state",'
"""How every state file begins."""
_NOT_OURS: Final = "this is not a state file of uploader"
_T = TypeVar("_T")
_NAMES: Final = {cls: name for name, cls in EVENT_NAMES.items()}
_DEFAULTS: Final[dict[type, tuple[tuple[str, Any], ...]]] = {
    cls: tuple((one.name, one.default) for one in fields(cls)) for cls in EVENT_NAMES.values()
}
_KEPT_OF_ENTRIES: Final = [one.name for one in fields(Entry) if one.name not in NOT_KEPT]
_as_line: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


class Binding(Struct, frozen=True):
    """What a state file belongs to."""

    platform: str
    """Host and path of the API, or the id of a sandbox."""
    kind: TargetKind
    slug: str
    pk: str


class Stored(Struct, frozen=True):
    """What a state file holds."""

    binding: Binding | None
    """None: the file is new."""
    records: tuple[Record, ...]


class Stream(Struct, frozen=True):
    """What a state file holds, for one who takes each event once and keeps none."""

    binding: Binding | None
    """None: the file is new."""
    records: Iterator[Record]
    """Read while they are asked for; raises StateDamaged."""


class Grown(Struct, frozen=True):
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
    return value is None or value in ([], default)


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
        first = next((one for piece in pieces for one in objects_of(piece, path)), None)
    if first is None:
        _check_torn(path)
        return Stream(None, iter(()))
    number, obj = first
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
    with closing(pieces_of(path)) as pieces:
        for piece in pieces:
            yield from records_of(piece[1]) or _one_by_one(piece, binding, path)


def _one_by_one(piece: Piece, binding: Binding, path: Path) -> Iterator[Record]:
    """The events; git, which merges by lines, may have put the first line in again."""
    for number, obj in objects_of(piece, path):
        if obj.get("format") != _FORMAT:
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
    try:
        return record_of(obj)
    except WrongEvent as error:
        raise damaged(path, number, str(error)) from None


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
