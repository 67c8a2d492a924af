"""Where the bytes of files are read and sent: on this machine, or by workers on others.

The engine knows workers only as these protocols. They get files, parts and presigned URLs, and
return ETags and digests; the token, the state and the platform's API stay with the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

from manifest_uploader.engine.data_task import (
    DataResult,
    DataTask,
    Resources,
    Sign,
    send_parts,
)
from manifest_uploader.engine.progress import Load
from manifest_uploader.engine.tally import Tries
from manifest_uploader.files.dicom_copy import DicomCopy
from manifest_uploader.files.import_verdict import Verdict
from manifest_uploader.files.importer import Bundle
from manifest_uploader.files.local_file import LocalFile, Source
from manifest_uploader.plan.value_look import ValueLook
from manifest_uploader.platform.address import Patience
from manifest_uploader.platform.responses import Response
from manifest_uploader.platform.storage import Storage
from manifest_uploader.platform.traffic import Meter

MOST_LOST: Final = 10
"""Workers that may be lost during one task: perhaps it takes more memory than each of them has."""


class DataPlane(Protocol):
    """Performs data tasks, for several threads."""

    def send(self, task: DataTask, *, sign: Sign, add: Callable[[int], None]) -> DataResult:
        """What comes of a data task.

        Args:
            task: the parts of one upload.
            sign: gets presigned URLs.
            add: is told how many more bytes were sent; fewer than 0 if a try failed.

        Raises:
            CannotGoOn: storage, or what does the work, cannot be reached.
            Interrupted: the run is being stopped.

        `sign`'s exceptions pass through.
        """
        ...


class Here:
    """The data plane of this machine."""

    def __init__(self, storage: Storage, resources: Resources) -> None:
        self._storage, self._resources = storage, resources

    def send(self, task: DataTask, *, sign: Sign, add: Callable[[int], None]) -> DataResult:
        """What comes of a data task; Interrupted is a result, too."""

        def put(
            url: str, *, length: int, body: Callable[[], Iterator[bytes | memoryview]]
        ) -> Response:
            """PUT a part, and count its bytes unless it fails."""
            tries = Tries(add)
            is_there = False
            try:
                answer = self._storage.put_part(
                    url, length=length, body=lambda: tries.counted(body())
                )
                is_there = answer.ok
            finally:
                if not is_there:
                    tries.take_back()
            return answer

        return send_parts(task, self._resources, put=put, sign=sign)


# ── workers ─────────────────────────────────────────────────────────────────────────────────


class Copies(Protocol):
    """Makes the de-identified copies of DICOM files, for several threads."""

    def copy(self, file: LocalFile) -> DicomCopy:
        """The copy of one file.

        Raises:
            FileChanged: the file has changed since it was looked at, or cannot be read.
            NoCopy: the procedure cannot be applied to it.
            CannotGoOn: the procedure does not start.

        """
        ...

    def close(self) -> None:
        """Begin no more copies."""
        ...


class Workers(Protocol):
    """Processes that see the same files; for use from any thread."""

    def begin(self, root: Path) -> None:
        """Let workers join who see the folder of the files."""
        ...

    @property
    def dashboard(self) -> str:
        """The address of the page that shows what the workers do; empty if there is none."""
        ...

    @property
    def most(self) -> int:
        """How many tasks may wait for workers, so that none is idle."""
        ...

    def plane(
        self,
        here: DataPlane,
        *,
        most_parts: int,
        patience: Patience,
        meter: Meter,
        stopping: Callable[[], bool],
    ) -> DataPlane:
        """The data plane of the workers.

        Args:
            here: sends what is not in files.
            most_parts: the largest number of parts in flight, of all workers together.
            patience: of the workers with storage.
            meter: is told of the workers' requests to storage.
            stopping: whether the run is being stopped.

        """
        ...

    def copies(self, key: str, stopping: Callable[[], bool]) -> Copies:
        """Makes de-identified copies on the workers; `key`, in hex, makes the new UIDs."""
        ...

    def look(
        self,
        source: Source,
        allowed: tuple[int, ...] | None,
        *,
        quick: bool,
        stopping: Callable[[], bool],
    ) -> ValueLook:
        """As `engine.looks.looker.look_at_value`; raises Interrupted, too."""
        ...

    def judge(self, bundle: Bundle, stopping: Callable[[], bool]) -> Verdict:
        """What the platform's importer makes of a bundle; raises CannotGoOn, Interrupted."""
        ...

    def digest(self, source: Source, stopping: Callable[[], bool]) -> str:
        """As `files.value_facts.content`; raises FileChanged, Interrupted."""
        ...

    def loads(self) -> tuple[Load, ...]:
        """What each worker does, by name."""
        ...

    def news(self) -> list[str]:
        """What is to be told about workers since the last call, in sentences."""
        ...
