"""What a command is doing while nothing else is to be seen, for display only."""

from __future__ import annotations

from enum import Enum, auto

from msgspec import Struct

from manifest_uploader.engine.progress import Looking
from manifest_uploader.platform.traffic import Listing, Meter


class Stage(Enum):
    """What a command does before it sends anything, in this order."""

    MANIFEST = auto()
    PLATFORM = auto()
    FILES = auto()
    IMPORTER = auto()
    PLAN = auto()


class Doing(Struct, frozen=True):
    """What a command is doing now."""

    stage: Stage
    looking: Looking | None = None
    """How far the look into the files is."""
    images: int = 0
    """How many images the platform's importer has judged."""
    listing: Listing | None = None
    """A long list that is being read."""
    silent_s: float = 0.0
    """How long the platform has not answered a request."""
    trouble: str | None = None
    """Why the latest request is being repeated."""


class Activity:
    """What a command is doing; one thread writes it down, others may read it."""

    def __init__(self) -> None:
        self.stage = Stage.MANIFEST
        self.looking: Looking | None = None
        self.images = 0
        self.meter: Meter | None = None

    def now(self) -> Doing:
        """What the command is doing now."""
        meter = self.meter
        if meter is None:
            return Doing(self.stage, self.looking, self.images)
        return Doing(
            self.stage,
            self.looking,
            self.images,
            listing=meter.listing,
            silent_s=meter.silent_s(),
            trouble=meter.trouble,
        )
