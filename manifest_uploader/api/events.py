"""What happens during a run, as Python code is told of it."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from manifest_uploader.api.findings import Plan
from manifest_uploader.api.results import CaseResult
from manifest_uploader.engine.progress import Progress
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.state.events import (
    CaseEvent,
    Event,
    Failed,
    ImportFailed,
    Paused,
    Unsure,
    name_of,
)


class Begun(Struct, frozen=True):
    """The run begins to do what it planned."""

    plan: Plan


class Warned(Struct, frozen=True):
    """Something is odd about the files, and not wrong for certain; nothing is sent yet."""

    warnings: tuple[Problem, ...]


class Step(Struct, frozen=True):
    """A step of a case: it is recorded in the state file."""

    case: str
    socket: str | None
    """None: it concerns the case as a whole."""
    name: str
    """`started`, `opened`, `done`, `failed`, `unsure`, `paused`, `confirmed`, `import-failed` …"""
    message: str | None = None
    """Why it failed, pauses, or is unsure."""


class CaseEnded(Struct, frozen=True):
    """A case has ended, for this run."""

    case: CaseResult


class Note(Struct, frozen=True):
    """Something that you should know."""

    text: str


RunEvent: TypeAlias = Begun | Warned | Step | CaseEnded | Progress | Note
"""What happens during a run. `Progress` appears twice a second."""


def step_of(event: Event) -> Step | None:
    """The step that an event of the state file tells of; None if it is bookkeeping."""
    if not isinstance(event, CaseEvent) or (isinstance(event, Failed) and not event.words):
        return None
    message: str | None = None
    match event:
        case Failed(words=words) | ImportFailed(words=words):
            message = words
        case Unsure(why=why) | Paused(why=why):
            message = why
    return Step(event.case, getattr(event, "socket", None), name_of(event), message)
