"""What a command is doing while nothing else is to be seen, for display only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum, auto

from msgspec import Struct

from manifest_uploader.engine.progress import Looking
from manifest_uploader.platform.traffic import Listing, Meter


class Stage(Enum):
    """What a command does before it sends anything, in this order, or instead of it."""

    MANIFEST = auto()
    PLATFORM = auto()
    FILES = auto()
    IMPORTER = auto()
    PLAN = auto()
    DOWNLOADS = auto()


class Downloading(Struct, frozen=True):
    """How far the download of files is."""

    files: int
    """Files that are there, or cannot be had."""
    total: int
    size: int
    """Bytes that came."""


class Doing(Struct, frozen=True):
    """What a command is doing now."""

    stage: Stage
    looking: Looking | None = None
    """How far the look into the files is."""
    images: int = 0
    """How many images the platform's importer has judged."""
    downloading: Downloading | None = None
    """How far the download of files is."""
    listing: Listing | None = None
    """A long list that is being read."""
    silent_s: float = 0.0
    """How long the platform has not answered a request."""
    workers: int | None = None
    """How many workers there are; None: this machine does the work."""
    trouble: str | None = None
    """Why the latest request is being repeated."""


class Activity:
    """What a command is doing; one thread writes it down, others may read it.

    Downloads are written down by any thread.
    """

    def __init__(self) -> None:
        self.stage = Stage.MANIFEST
        self.looking: Looking | None = None
        self.images = 0
        self.meter: Meter | None = None
        self.count_workers: Callable[[], int] | None = None
        self._downloading: Downloading | None = None
        self._lock = threading.Lock()

    def begin_downloads(self, total: int) -> None:
        """Note that so many files are to be downloaded."""
        self.stage, self._downloading = Stage.DOWNLOADS, Downloading(0, total, 0)

    def downloaded(self, *, files: int = 0, size: int = 0) -> None:
        """Note that more files, or more bytes of them, are there."""
        with self._lock:
            if (was := self._downloading) is not None:
                self._downloading = Downloading(was.files + files, was.total, was.size + size)

    def now(self) -> Doing:
        """What the command is doing now."""
        meter = self.meter
        workers = self.count_workers() if self.count_workers is not None else None
        if meter is None:
            return Doing(
                *(self.stage, self.looking, self.images, self._downloading), workers=workers
            )
        return Doing(
            self.stage,
            self.looking,
            self.images,
            downloading=self._downloading,
            listing=meter.listing,
            silent_s=meter.silent_s(),
            workers=workers,
            trouble=meter.trouble,
        )
