"""The workers of a run, as the engine knows them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import PurePath
from typing import Self

from msgspec.structs import replace

from manifest_uploader.cluster.asking import Asking
from manifest_uploader.cluster.calls import Copy, Digest, Judge, LookAt
from manifest_uploader.cluster.link import Link
from manifest_uploader.cluster.paths import Paths
from manifest_uploader.cluster.sending import Permits, Plane
from manifest_uploader.engine.data_plane import DataPlane
from manifest_uploader.engine.progress import Load
from manifest_uploader.files.dicom_copy import DicomCopy
from manifest_uploader.files.import_verdict import Verdict
from manifest_uploader.files.importer import Bundle
from manifest_uploader.files.local_file import LocalFile, Source
from manifest_uploader.plan.value_look import ValueLook
from manifest_uploader.platform.address import Patience
from manifest_uploader.platform.traffic import Meter


class DaskWorkers:
    """The workers of one scheduler, for one run; a context manager."""

    def __init__(
        self, link: Link, *, slots: int, worker_root: str | None, most_workers: int | None = None
    ) -> None:
        """Prepare.

        Args:
            link: to the scheduler.
            slots: how many tasks of this run a worker may perform at a time.
            worker_root: where the workers see the files; None: at the same place.
            most_workers: how many workers there will be in all; None: others may join.

        """
        self._link, self._slots = link, slots
        self._paths = Paths("", worker_root)
        self._asking = Asking(link, f"uploader-{secrets.token_hex(6)}", slots, most_workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let the workers forget this run; what is under way is cancelled."""
        self._asking.close()
        self._link.close()

    # -- what the engine asks --

    def begin(self, root: PurePath) -> None:
        """Let workers join that see the files."""
        self._paths = replace(self._paths, root=str(root))
        self._asking.begin(self._paths.theirs or self._paths.root)

    @property
    def dashboard(self) -> str:
        """The address of the scheduler's page."""
        return self._link.dashboard

    @property
    def most(self) -> int:
        """How many tasks may wait for workers, so that none is idle."""
        return 2 * self._slots * max(1, len(self._asking.loads()))

    def plane(
        self,
        here: DataPlane,
        *,
        most_parts: int,
        patience: Patience,
        meter: Meter,
        stopping: Callable[[], bool],
    ) -> DataPlane:
        """The data plane of the workers."""
        self._asking.meter = meter
        permits = Permits(most_parts, self._slots)
        return Plane(self._asking, self._paths, here, permits, patience, stopping)

    def copies(self, key: str, stopping: Callable[[], bool]) -> Copies:
        """Makes de-identified copies on the workers."""
        return Copies(self._asking, self._paths, key, stopping)

    def look(
        self,
        source: Source,
        allowed: tuple[int, ...] | None,
        *,
        quick: bool,
        stopping: Callable[[], bool],
    ) -> ValueLook:
        """What the files of a value are."""
        found: ValueLook = self._asking.ask(
            LookAt(self._paths.source(source), allowed, quick), stopping
        ).found
        return found

    def judge(self, bundle: Bundle, stopping: Callable[[], bool]) -> Verdict:
        """What the platform's importer makes of a bundle."""
        files = tuple((self._paths.path(full), name) for full, name in bundle.files)
        found: Verdict = self._asking.ask(Judge(replace(bundle, files=files)), stopping).found
        return found

    def digest(self, source: Source, stopping: Callable[[], bool]) -> str:
        """The digest of the content of a value's files."""
        return str(self._asking.ask(Digest(self._paths.source(source)), stopping).found)

    def loads(self) -> tuple[Load, ...]:
        """What each worker does."""
        return self._asking.loads()

    def news(self) -> list[str]:
        """What is to be told about workers since the last call."""
        return self._asking.news()


class Copies:
    """De-identified copies that workers make."""

    def __init__(
        self, asking: Asking, paths: Paths, key: str, stopping: Callable[[], bool]
    ) -> None:
        self._asking, self._paths = asking, paths
        self._key, self._stopping = key, stopping

    def copy(self, file: LocalFile) -> DicomCopy:
        """The copy of one file."""
        work = Copy(self._paths.file(file), self._key)
        found: DicomCopy = self._asking.ask(work, self._stopping).found
        return replace(found, file=file)

    def close(self) -> None:
        """Nothing to close: the workers end what nobody waits for."""
