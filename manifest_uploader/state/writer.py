"""Appends whole lines to the state file and brings them to the disk in time."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

from manifest_uploader.errors import StateUnwritable
from manifest_uploader.state.events import Event, event_json
from manifest_uploader.state.file import Binding
from manifest_uploader.state.lines import FORMAT, VERSION, end_of_last_line
from manifest_uploader.system import disk

_SOON_S: Final = 0.5
"""Longest time until a line reaches the disk, even if no thread waits for it."""
_T = TypeVar("_T")
_as_line: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
"""ASCII only: names in any encoding survive, lone surrogates included."""


class Writer:
    """Appends events to a state file. One thread writes; any may wait until they are on the disk.

    Raises:
        StateUnwritable: from every method, if the file cannot be written.

    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Condition()
        self._written = 0
        """Number of appends so far."""
        self._synced = 0
        """Number of appends that are on the disk for certain."""
        self._syncing = False
        self._due = 0.0
        self._handle = self._guarded(self._open)

    def bind(self, binding: Binding) -> None:
        """Write the first line of a new file."""
        target = {"kind": binding.kind.value, "slug": binding.slug, "pk": binding.pk}
        self._append(
            [
                {
                    "format": FORMAT,
                    "version": VERSION,
                    "platform": binding.platform,
                    "target": target,
                }
            ]
        )
        self.sync()

    def append(self, events: Iterable[Event]) -> None:
        """Append the events; they may not be on the disk yet when this returns."""
        if lines := [{"time": event.time} | event_json(event) for event in events]:
            self._append(lines)

    def tick(self) -> None:
        """Bring events to the disk that were appended half a second ago."""
        if self._synced < self._written and time.monotonic() >= self._due:
            self.sync()

    def sync(self) -> None:
        """Wait until everything appended before this call is on the disk.

        Threads that wait at the same time share one fsync, which is slow on network file systems.
        """
        wanted = self._written
        with self._turn:
            while self._synced < wanted:
                if self._syncing:
                    self._turn.wait()
                else:
                    self._sync_once()

    def _sync_once(self) -> None:
        """Sync with the turn held, but release it during the fsync."""
        self._syncing = True
        upto = self._written
        self._turn.release()
        try:
            self._guarded(lambda: disk.sync(self._handle))
        finally:
            self._turn.acquire()
            self._syncing = False
            self._turn.notify_all()
        self._synced = max(self._synced, upto)

    def close(self) -> None:
        """Bring everything to the disk and close the file."""
        try:
            self.sync()
        finally:
            os.close(self._handle)

    def _open(self) -> int:
        disk.usable(self._path.parent).mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        where = disk.reachable(str(self._path))
        handle = disk.patiently(lambda: os.open(where, flags, 0o644))
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
                f"{self._path} cannot be written: {disk.reason(error)}",
                hint=f"nothing more was sent than is recorded in it; {disk.remedy(error)}, or name "
                "another place with --state (move the file there), then run the same command",
            ) from None


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
