"""What a task brings back."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from manifest_uploader.plan.steps import Task
from manifest_uploader.platform.model import ItemSeen
from manifest_uploader.state.events import Event


class Looked(Struct, frozen=True):
    """What an item holds now."""

    case: str
    item: ItemSeen | None
    """None: the platform no longer has it."""


class Watched(Struct, frozen=True):
    """A watch has ended."""

    rows: int | None = None
    """Upload rows that the account holds; None where nobody asked."""
    over: tuple[tuple[str, str], ...] = ()
    """(case, socket) of last looks that found nothing new."""


class Finished(Struct, frozen=True):
    """A task has ended; everything it brought came before this."""

    task: Task
    error: BaseException | None = None
    """What ends the run: expected failures of one case are events."""


Outcome: TypeAlias = Event | Looked | Watched | Finished
