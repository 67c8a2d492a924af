"""The folder that results are fetched into, and the record of what was put there.

The record tells which files are as they were left: those of the platform need not be downloaded
again, and tables may be replaced by newer ones. What somebody else put there is never lost.
"""

from __future__ import annotations

import hashlib
import re
import threading
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from enum import Enum, auto
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from manifest_uploader.errors import OutputLost, StateUnwritable, UsageError
from manifest_uploader.plan.fetched import RECORD
from manifest_uploader.state import lock
from manifest_uploader.system import disk

_SLICE: Final = 1024 * 1024
_NEVER: Final = -1
"""The time of a file that was not put into the folder."""
_HINT: Final = "check the disk, or name another folder; the same command continues"


class Kept(Struct, frozen=True):
    """A file as it was put into the folder, or as it would be if no other were in its place."""

    name: str
    """Below the folder, with `/`."""
    size: int
    sha256: str
    mtime_ns: int
    source: str = ""
    """Where on the platform it was; empty for a table."""


class Put(Enum):
    """What became of a table."""

    WRITTEN = auto()
    UNCHANGED = auto()
    KEPT = auto()
    """Another file is in its place."""


class Folder:
    """A folder of results; for use from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._kept: dict[str, Kept] = {}
        self._is_torn = False
        """The record ends in a line that was cut short."""

    def read(self) -> None:
        """Read the record; lines that are cut short or of other versions say nothing."""
        try:
            whole = disk.read_bytes(self.path / RECORD)
        except FileNotFoundError:
            return
        self._is_torn = not whole.endswith(b"\n")
        for line in whole.splitlines():
            try:
                kept = msgspec.json.decode(line, type=Kept)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
            self._kept[kept.name] = kept

    def as_left(self, name: str, *, checksum: bool = False) -> Kept | None:
        """What was put under this name; None if nothing was, or it is not there as it was left."""
        kept = self._kept.get(name)
        found = disk.size_and_time(self.path / name)
        if kept is None or found is None or found[0] != kept.size:
            return None
        if (found[1] != kept.mtime_ns or checksum) and self.sha256(name) != kept.sha256:
            return None
        return kept

    def knows(self, name: str, source: str) -> bool:
        """Whether the record holds what the platform has for this name."""
        kept = self._kept.get(name)
        return kept is not None and kept.source == source

    def has(self, name: str) -> bool:
        """Whether something has this name."""
        return disk.size_and_time(self.path / name) is not None

    def sha256(self, name: str) -> str | None:
        """Of the bytes of a file; None if it cannot be read."""
        digest = hashlib.sha256()
        try:
            with disk.open_file(self.path / name) as file:
                while piece := file.read(_SLICE):
                    digest.update(piece)
        except OSError:
            return None
        return digest.hexdigest()

    def part(self, name: str, source: str) -> Path:
        """Where the file grows that gets this name; one of another source grows elsewhere."""
        path = self.path / name
        disk.make_folder(path.parent)
        return path.with_name(f"{path.name}.{source[:12]}.part")

    def take(self, part: Path, name: str, *, size: int, sha256: str, source: str) -> None:
        """Give a whole file its name."""
        path = self.path / name
        disk.replace(part, path)
        self.note(name, size=size, sha256=sha256, source=source)
        other = re.compile(rf"{re.escape(path.name)}\.[0-9a-f]{{12}}\.part")
        for found in disk.names_in(path.parent):
            if other.fullmatch(found):  # of a file that the platform no longer has
                disk.could_remove(path.with_name(found))

    def note(self, name: str, *, size: int, sha256: str, source: str) -> None:
        """Write down what is under a name."""
        found = disk.size_and_time(self.path / name)
        self._note(Kept(name, size, sha256, found[1] if found else _NEVER, source))

    def note_other(self, name: str, *, size: int, sha256: str, source: str) -> None:
        """Write down what the platform has for a name under which another file was kept."""
        self._note(Kept(name, size, sha256, _NEVER, source))

    def _note(self, kept: Kept) -> None:
        with self._lock:
            if self._kept.get(kept.name) == kept:
                return
            self._kept[kept.name] = kept
            with disk.open_file(self.path / RECORD, "ab") as file:
                file.write(b"\n" * self._is_torn + msgspec.json.encode(kept) + b"\n")
            self._is_torn = False

    def remove_others(self, folders: Collection[str], names: Iterable[str]) -> None:
        """Remove files that were put into these folders, unless they have one of these names.

        What was changed since is kept.
        """
        known = {disk.folded(name) for name in names}
        for kept in list(self._kept.values()):
            is_inside = bool(kept.source) and kept.name.rpartition("/")[0] in folders
            if not is_inside or disk.folded(kept.name) in known:
                continue
            if self.as_left(kept.name, checksum=True) is not None:
                disk.could_remove(self.path / kept.name)

    def put(self, name: str, content: bytes, *, force: bool) -> Put:
        """Put a table in its place as a whole, unless there is another file that is not ours.

        Raises:
            OSError: it cannot be written.

        """
        sha256 = hashlib.sha256(content).hexdigest()
        if self.has(name):
            if self.sha256(name) == sha256:
                self.note(name, size=len(content), sha256=sha256, source="")
                return Put.UNCHANGED
            if not force and self.as_left(name, checksum=True) is None:
                return Put.KEPT
        part = self.path / f"{name}.{uuid.uuid4().hex[:12]}.part"
        try:
            with disk.open_file(part, "xb") as file:
                file.write(content)
                file.flush()
                disk.sync(file.fileno())
            self.take(part, name, size=len(content), sha256=sha256, source="")
        finally:
            disk.could_remove(part)
        return Put.WRITTEN


@contextmanager
def opened(path: Path, *, take_over: bool, command: str) -> Iterator[Folder]:
    """The folder, made if it is not there; no other `fetch` writes into it meanwhile.

    Raises:
        UsageError: it cannot be used.
        OutputLost: it cannot be written.
        StateLocked: another `fetch` writes into it.

    """
    if disk.size_and_time(path) is not None and not path.is_dir():
        raise UsageError(f"'{path}' is not a folder", hint="name a folder for the results")
    try:
        disk.make_folder(path)
    except OSError as error:
        raise UsageError(
            f"'{path}' cannot be used: {disk.writing_reason(path, error)}",
            hint="name a folder that you may write to",
        ) from None
    with ExitStack() as stack:
        try:
            held = lock.held(path / RECORD, take_over=take_over, command=command)
            stack.enter_context(held)
        except StateUnwritable as error:
            raise UsageError(error.message, hint="name a folder that you may write to") from None
        try:
            folder = Folder(path)
            folder.read()
            yield folder
        except BrokenPipeError:  # whoever reads standard output has left
            raise
        except OSError as error:
            raise lost(path, error) from None


def lost(path: Path, error: OSError) -> OutputLost:
    """The error that the disk does not take what is to be written."""
    return OutputLost(f"'{path}' cannot be written: {disk.reason(error)}", hint=_HINT)
