"""The state file: events as JSON lines, appended by one writer, safe to commit.

It holds no token, no address and no path, only names from the manifest, digests and the
platform's pks. Its first line binds it to a platform and a target. Its content is checked like any
untrusted input: colleagues share it, and git merges it.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, Final

from msgspec import Struct

from manifest_uploader.errors import StateMismatch, StateUnwritable
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.state.events import AnyEvent, WrongEvent, event_of, events_of
from manifest_uploader.state.lines import (
    FORMAT,
    VERSION,
    Piece,
    damaged,
    object_of,
    objects_of,
    pieces_of,
)
from manifest_uploader.system import disk

_BEGINNING: Final = b'{"format":"manifest-uploader state",'
"""The first bytes of every state file."""
_SANDBOX: Final = "sandbox "
"""Before the id of a sandbox; no host has a blank in its name."""
_NOT_OURS: Final = "this is not a state file of uploader"


class Binding(Struct, frozen=True):
    """What a state file belongs to."""

    platform: str
    """Host and path of the API, or what `sandbox_platform` returns."""
    kind: TargetKind
    slug: str
    pk: str

    @property
    def is_sandbox(self) -> bool:
        """Whether the platform is a sandbox."""
        return self.platform.startswith(_SANDBOX)


def sandbox_platform(sandbox_id: str) -> str:
    """What a state file calls the sandbox with this id."""
    return _SANDBOX + sandbox_id


class Stored(Struct, frozen=True):
    """What a state file holds."""

    binding: Binding | None
    """None: the file is new."""
    events: tuple[AnyEvent, ...]


class Stream(Struct, frozen=True):
    """What a state file holds, with events that are read one by one."""

    binding: Binding | None
    """None: the file is new."""
    events: Iterator[AnyEvent]
    """Read on demand; raises StateDamaged."""


class Grown(Struct, frozen=True):
    """What was added to a growing state file since the last look."""

    events: tuple[AnyEvent, ...]
    replaced: bool
    """Another file took its place: forget all earlier events."""


# ── reading ─────────────────────────────────────────────────────────────────────────────────


def read(path: Path) -> Stored:
    """What the file holds; nothing if there is no file. A torn last line is dropped.

    Raises:
        StateDamaged: uploader did not write one of the other lines.

    """
    found = stream(path)
    return Stored(found.binding, tuple(found.events))


def stream(path: Path) -> Stream:
    """The same, event by event: those of 10,000 cases need not be in memory together.

    Raises:
        StateDamaged: uploader did not write the first line.

    """
    with closing(pieces_of(path)) as pieces:
        first = next((one for piece in pieces for one in objects_of(piece, path)), None)
    if first is None:
        _check_torn(path)
        return Stream(None, iter(()))
    number, obj = first
    binding = _binding(obj, path, number)
    return Stream(binding, _events(binding, path))


def _check_torn(path: Path) -> None:
    """A file without a whole line will be truncated, so it has to be the start of one of ours."""
    try:
        with disk.open_file(path) as file:
            start = file.read(len(_BEGINNING))
    except FileNotFoundError:
        return
    if start.strip() and not _BEGINNING.startswith(start):
        raise damaged(path, 1, _NOT_OURS)


def _events(binding: Binding, path: Path) -> Iterator[AnyEvent]:
    with closing(pieces_of(path)) as pieces:
        for piece in pieces:
            yield from events_of(piece[1]) or _one_by_one(piece, binding, path)


def _one_by_one(piece: Piece, binding: Binding, path: Path) -> Iterator[AnyEvent]:
    """The events, checked line by line; a git merge may have repeated the first line."""
    for number, obj in objects_of(piece, path):
        if obj.get("format") != FORMAT:
            yield _event(obj, path, number)
        elif _binding(obj, path, number) != binding:
            raise damaged(path, number, "it was merged with the state of another target")


class Tail:
    """Reads a state file as it grows; only whole lines count.

    The file is opened again for each look: only then do network file systems show what another
    node wrote.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reset()

    def look(self) -> Grown:
        """What was appended since the last look, or everything if another file took its place.

        Raises:
            StateDamaged: uploader did not write one of the lines.
            StateUnwritable: it cannot be read, or is not a file (opening a pipe could block).

        """
        try:
            if stat.S_ISREG(disk.usable(self._path).stat().st_mode):
                with disk.open_file(self._path) as file:
                    return self._appended(file)
        except FileNotFoundError:
            replaced = self._seen > 0
            self._reset()
            return Grown((), replaced=replaced)
        except OSError as error:
            raise StateUnwritable(f"{self._path} cannot be read: {disk.reason(error)}") from None
        raise StateUnwritable(
            f"{self._path} is not a regular file", hint="name another with --state"
        )

    def _reset(self) -> None:
        self._seen, self._lines = 0, 0
        self._first = self._last = b""

    def _appended(self, file: IO[bytes]) -> Grown:
        replaced = self._seen > 0 and not self._goes_on(file)
        if replaced:
            self._reset()
        file.seek(self._seen)
        return Grown(tuple(self._events(file)), replaced=replaced)

    def _goes_on(self, file: IO[bytes]) -> bool:
        """Whether the lines that were seen are there: not every file system numbers its files."""
        file.seek(self._seen - len(self._last))
        is_last = file.read(len(self._last)) == self._last
        file.seek(0)
        return is_last and file.read(len(self._first)) == self._first

    def _events(self, file: IO[bytes]) -> Iterator[AnyEvent]:
        for line in file:
            if not line.endswith(b"\n"):
                return
            self._seen += len(line)
            self._lines += 1
            self._first, self._last = self._first or line, line
            if line.isspace():
                continue
            obj = object_of(line, self._path, self._lines)
            if self._lines == 1:
                _binding(obj, self._path, 1)
            elif obj.get("format") != FORMAT:
                yield _event(obj, self._path, self._lines)


def check(stored: Stored | Stream, binding: Binding, path: Path) -> None:
    """Check that a state file belongs to the platform and target of this run.

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
    if obj.get("format") != FORMAT:
        raise damaged(path, number, _NOT_OURS)
    if obj.get("version") != VERSION:
        raise damaged(path, number, "it was written by another version of uploader")
    target: Any = obj.get("target")
    try:
        binding = Binding(obj["platform"], TargetKind(target["kind"]), target["slug"], target["pk"])
    except (KeyError, TypeError, ValueError):
        raise damaged(path, number, "its first line does not name a platform and target") from None
    if not all(isinstance(one, str) for one in (binding.platform, binding.slug, binding.pk)):
        raise damaged(path, number, "its first line does not name a platform and target")
    return binding


def _event(obj: dict[str, Any], path: Path, number: int) -> AnyEvent:
    try:
        return event_of(obj)
    except WrongEvent as error:
        raise damaged(path, number, str(error)) from None
