"""The outcomes of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct, field

from manifest_uploader.engine.jobs.finder import Finding
from manifest_uploader.plan.steps import Task
from manifest_uploader.platform.model import ItemSeen
from manifest_uploader.state.events import Event


class Looked(Struct, frozen=True):
    """The result of a look at an item."""

    case: str
    item: ItemSeen | None
    """None: the platform no longer has it."""


class Ticketed(Struct, frozen=True):
    """The tickets for a case's uploads are made."""

    case: str
    tickets: Mapping[str, str] | None
    """Socket → pk of the upload session. None: the platform has no such sessions."""


class Counted(Struct, frozen=True):
    """The jobs that an algorithm has before another one is started."""

    case: str
    jobs: int
    equal: tuple[str, ...]
    """The pks of those with the same inputs."""


class Doubted(Struct, frozen=True):
    """Nobody knows whether a creation of a job took effect."""

    case: str
    why: str


class Settled(Struct, frozen=True):
    """What a look showed about a creation of a job."""

    case: str
    finding: Finding


class Watched(Struct, frozen=True):
    """A look at the imports has ended."""

    rows: int | None = None
    """Upload rows that the account holds; None if they were not counted."""
    over: tuple[tuple[str, str], ...] = ()
    """(case, socket) of last looks that found nothing new."""


class Finished(Struct, frozen=True):
    """A task has ended; this is its last outcome."""

    task: Task
    error: BaseException | None = None
    """An error that ends the run; expected failures of one case are events."""


Outcome: TypeAlias = Event | Looked | Ticketed | Counted | Doubted | Settled | Watched | Finished


class Beginning(Struct):
    """Events to record, and then tasks to begin."""

    events: list[Event] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
