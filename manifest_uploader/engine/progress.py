"""How far a run is, and the observers that are told about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from msgspec import Struct

from manifest_uploader.engine.results import CaseEnd, Summary
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.plan.steps import Plan
from manifest_uploader.platform.model import Target
from manifest_uploader.state.events import Event

if TYPE_CHECKING:
    from manifest_uploader.engine.activity import Doing


class Looking(Struct, frozen=True):
    """How far the look into local files is."""

    values: int
    """Values whose files were looked into, or need no look."""
    files: int
    """Files of these values that were looked into, by this command."""
    hashing: tuple[str, int] | None = None
    """Name and size in bytes of what is read now, if that takes long."""


Tell: TypeAlias = Callable[[Looking], None]


def nobody(_: Looking) -> None:
    """Do not tell how far the look is."""


class Sending(Struct, frozen=True):
    """What is being sent into one socket."""

    case: str
    socket: str
    name: str
    """Of the file or the bundle; of one of them if there are several uploads."""
    size: int
    """Bytes of the uploads under way."""
    sent: int
    """Bytes of them that storage holds."""
    uploads: int = 1
    """How many uploads are under way."""


class Importing(Struct, frozen=True):
    """A value that the platform is importing."""

    case: str
    socket: str
    since_s: float
    """How long ago it was sent."""
    is_job: bool = False
    """It is no value: an algorithm's job is running, or waits to run."""


class Load(Struct, frozen=True):
    """What one worker does."""

    name: str
    """The machine and, if it has several workers, which one."""
    under_way: int
    """Uploads that it is sending."""
    sent: int
    """Bytes that it sent in this run."""


class Progress(Struct, frozen=True):
    """How far a run is, for display only."""

    cases: int
    ended: int
    waiting: int
    """Cases that were filled but not yet seen on the platform."""
    total_bytes: int
    """What this run has to send: parts that storage holds from earlier runs do not count."""
    sent_bytes: int
    speed: float | None = None
    """Bytes a second, lately; None: nothing is being sent."""
    is_sending: bool = True
    """Something is being sent, or will be without waiting for an import."""
    paused: str | None = None
    """Why new uploads, or jobs, wait for room on the platform."""
    paused_jobs: bool = False
    """It is jobs that wait."""
    doubted: int = 0
    """Jobs that are looked for, because the request that starts them had no answer."""
    trouble: str | None = None
    silent_s: float = 0.0
    """How long no request was answered and no byte sent, though requests are under way."""
    eased: bool = False
    stopping: bool = False
    sending: tuple[Sending, ...] = ()
    """What is being sent, the longest first."""
    importing: tuple[Importing, ...] = ()
    """What is being imported, the longest first; of many only some."""
    workers: tuple[Load, ...] | None = None
    """Those that read and send the files; None: this machine does."""


class Observer(Protocol):
    """Is told what happens, after it is recorded; has no influence on the run."""

    def looking(self, looking: Looking) -> None:
        """The local files are being looked into, before anything is sent."""

    def doing(self, doing: Doing) -> None:
        """Called several times a second before anything is sent."""

    def warn(self, warnings: tuple[Problem, ...]) -> None:
        """Something is odd about the local files; nothing is sent yet."""

    def begins(self, plan: Plan, target: Target) -> None:
        """A run begins to execute a plan."""

    def event(self, event: Event) -> None:
        """Something happened."""

    def case_ended(self, end: CaseEnd) -> None:
        """A case has ended, for this run."""

    def tick(self, progress: Progress) -> None:
        """Called at least twice a second."""

    def note(self, text: str) -> None:
        """There is something that the user should know."""

    def ends(self, summary: Summary) -> None:
        """The run has ended."""
