"""The outcomes of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct

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


Outcome: TypeAlias = Event | Looked | Ticketed | Watched | Finished
