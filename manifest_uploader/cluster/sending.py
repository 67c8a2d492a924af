"""Lets workers perform data tasks.

When a worker has ended, some of its parts may be in storage: the run asks what storage holds before
another worker sends the rest. A worker asks for URLs when those that came with the task are old or
not enough.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace as replaced
from typing import Final

from msgspec.structs import replace

from manifest_uploader.cluster.asking import LOOK_S, Asking, WorkerLost
from manifest_uploader.cluster.calls import Send
from manifest_uploader.cluster.paths import Paths
from manifest_uploader.engine.data_plane import DataPlane
from manifest_uploader.engine.data_task import (
    DataResult,
    DataTask,
    PartsNotSent,
    PartsSent,
    Reason,
    Sign,
)
from manifest_uploader.files.local_file import FileChanged
from manifest_uploader.files.parts import JsonContent, part_length
from manifest_uploader.platform.address import Patience
from manifest_uploader.platform.responses import Interrupted

_LET_SEND_S: Final = 10.0
"""How long parts under way may take once the run is being stopped, which ends within 20 s."""


class Plane:
    """Lets workers perform data tasks."""

    def __init__(
        self,
        asking: Asking,
        paths: Paths,
        here: DataPlane,
        permits: Permits,
        patience: Patience,
        stopping: Callable[[], bool],
    ) -> None:
        self._asking, self._paths = asking, paths
        self._here, self._permits = here, permits
        self._patience, self._stopping = patience, stopping

    def send(self, task: DataTask, *, sign: Sign, add: Callable[[int], None]) -> DataResult:
        """What comes of a data task; small values that are in no file are sent from here."""
        if isinstance(task.content, JsonContent):
            return self._here.send(task, sign=sign, add=add)
        parts = self._permits.take(len(task.send), self._stopping)
        try:
            return _Sending(self._asking, task, sign, add).run(
                self._paths, parts, self._patience, self._stopping
            )
        except WorkerLost:
            return PartsNotSent(Reason.WORKER_LOST)
        except FileChanged as changed:
            return PartsNotSent(Reason.FILE_CHANGED, str(changed))
        finally:
            self._permits.give_back(parts)


class _Sending:
    """One data task on a worker."""

    def __init__(
        self, asking: Asking, task: DataTask, sign: Sign, add: Callable[[int], None]
    ) -> None:
        self._asking, self._task = asking, task
        self._sign, self._add = sign, add
        self._sent = 0

    def run(
        self, paths: Paths, parts: int, patience: Patience, stopping: Callable[[], bool]
    ) -> DataResult:
        """What comes of the task."""
        task = self._task
        theirs = replaced(task, content=paths.content(task.content))
        answer = self._asking.ask_one(
            Send(theirs, parts, patience),
            stopping,
            sent=self._note,
            needs=self._sign,
            let_end_s=_LET_SEND_S,
        )
        found: PartsSent | PartsNotSent = answer.found
        name = self._asking.name(answer.worker)
        if isinstance(found, PartsSent):
            self._note(sum(self._length(number) for number in task.send))
            return replace(found, worker=name)
        if found.reason is Reason.STOPPED:  # by Dask, not by the run
            raise WorkerLost
        message = f"on worker '{name}': {found.message}" if found.message else ""
        return replace(found, message=message)

    def _note(self, size: int) -> None:
        self._add(size - self._sent)
        self._sent = size

    def _length(self, number: int) -> int:
        return part_length(self._task.size, self._task.part_size, number)


class Permits:
    """Bounds the parts in flight of all workers together, and of each task."""

    def __init__(self, count: int, most: int) -> None:
        """So many permits; a task gets at most `most`."""
        self._free, self._most = count, most
        self._changed = threading.Condition()

    def take(self, wanted: int, stopping: Callable[[], bool]) -> int:
        """Take at least one permit, and at most half of the free ones."""
        with self._changed:
            while not self._free:
                if stopping():
                    raise Interrupted
                self._changed.wait(LOOK_S)
            taken = max(1, min(wanted, self._most, self._free // 2))
            self._free -= taken
            return taken

    def give_back(self, taken: int) -> None:
        """Return permits, and wake who waits for them."""
        with self._changed:
            self._free += taken
            self._changed.notify_all()
