"""The results of a run: how each case ended."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from manifest_uploader.plan.differences import Difference
from manifest_uploader.platform.traffic import Traffic
from manifest_uploader.state.events import Failure


class End(StrEnum):
    """How a case stands at the end of a run."""

    DONE = "done"
    FAILED = "failed"
    UNSURE = "unsure"
    WAITING = "waiting"
    PENDING = "pending"


class CaseEnd(Struct, frozen=True):
    """How one case stands at the end of a run."""

    case: str
    end: End
    unchanged: bool = False
    failures: tuple[Failure, ...] = ()
    gone: bool = False
    item: str | None = None
    """The item's pk, if the platform has one."""
    url: str | None = None
    """The item's page."""


class Summary(Struct, frozen=True):
    """The result of a run."""

    ends: tuple[CaseEnd, ...]
    """In the order of the plan."""
    uploads: int
    """Uploads completed in this run."""
    traffic: Traffic
    elapsed_s: float
    leftovers: tuple[tuple[str, str], ...] = ()
    """(case, item pk) of items that still have a temporary title."""
    notes: tuple[str, ...] = ()
    changed: int = 0
    """Cases whose items others changed; they are done, and no longer as they were sent."""
    late_items: tuple[str, ...] = ()
    """Pages of empty items that belong to no case: requests that took effect late made them."""
    stopped: bool = False
    """It was stopped before everything was done."""
    jobs: bool = False
    """The cases are jobs of an algorithm."""
    lasting: tuple[Difference, ...] = ()
    """Differences from what the target should hold that a run cannot put right."""
