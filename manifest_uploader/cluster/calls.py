"""What workers are asked, and what they answer: plain data, which Dask pickles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from msgspec import Struct

from manifest_uploader.engine.data_task import DataTask
from manifest_uploader.files.importer import Bundle
from manifest_uploader.files.local_file import LocalFile, Source
from manifest_uploader.platform.address import Patience


class Send(Struct, frozen=True):
    """Send or compare the parts of one upload."""

    task: DataTask
    at_once: int
    """Largest number of its parts in flight."""
    patience: Patience


@dataclass(frozen=True)
class Copy:
    """Make a de-identified copy; a dataclass, so that its repr can hide the key."""

    file: LocalFile
    key: str = field(repr=False)
    """Makes the new UIDs; in hex."""


class LookAt(Struct, frozen=True):
    """Look into the files of one value."""

    source: Source
    allowed: tuple[int, ...] | None
    quick: bool


class Judge(Struct, frozen=True):
    """Ask the platform's importer about the files of one image."""

    bundle: Bundle


class Digest(Struct, frozen=True):
    """Hash the files of one value."""

    source: Source


Work: TypeAlias = Send | Copy | LookAt | Judge | Digest


class Call(Struct, frozen=True):
    """One piece of work for a worker."""

    id: str
    run: str
    work: Work

    @property
    def key(self) -> str:
        """The name of Dask's task."""
        return f"{self.run}-{self.id}"


class Requests(Struct, frozen=True):
    """A worker's requests to storage since it last told of them."""

    requests: int = 0
    retries: int = 0
    sent: int = 0
    """Bytes."""
    good: int = 0
    busy: int = 0
    """Answers 429 and 503."""
    trouble: str | None = None
    """What went wrong with the latest request, if anything."""


class Refusal(Struct, frozen=True):
    """An exception of ours that ended a call; it is raised again by the run."""

    kind: str
    """The exception's class: one of `on_worker.REFUSALS`."""
    message: str
    hint: str | None = None


class Answer(Struct, frozen=True):
    """What comes of a call."""

    worker: str
    """Its address."""
    found: Any = None
    refusal: Refusal | None = None
    bug: str = ""
    """Type and place of an exception that is not expected."""
    requests: Requests = Requests()


# ── workers ─────────────────────────────────────────────────────────────────────────────────


class Hello(Struct, frozen=True):
    """What a worker is told before it gets any work."""

    run: str
    """Its name: that of the topic of its events, and of the resource that tasks take."""
    slots: int
    """How many tasks of this run it may perform at a time."""
    root: str
    """The folder of the files, as the worker should see it."""


class Ready(Struct, frozen=True):
    """What a worker answers."""

    host: str
    version: str
    """Of this package."""
    sees_root: bool
