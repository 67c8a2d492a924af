"""The steps of a plan: what a run does, as data."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeAlias

from msgspec import Struct

from manifest_uploader.manifest.model import FileValue, JsonValue, Value
from manifest_uploader.platform.model import Entry
from manifest_uploader.platform.requests import Call
from manifest_uploader.state.events import (
    Adopted,
    Checked,
    Failed,
    Failure,
    Gone,
    OpenUpload,
    Renamed,
)
from manifest_uploader.state.standing import Standing
from manifest_uploader.state.steps import StepId

DELETED: Final = "it was deleted on the platform; --recreate makes it anew"


class Upload(Struct, frozen=True):
    """Send what one value is, as one stream."""

    step: StepId
    case: str
    socket: str
    source: FileValue | JsonValue
    """A JsonValue travels as a JSON file."""
    name: str
    size: int
    """Bytes of the files; a bundle travels with a little more."""
    stat: str
    """Of the files when the plan was made."""
    identifiable: bool
    """DICOM files may name their patients."""
    begun: OpenUpload | None = None
    images: bool = True
    """For an image socket: its DICOM files are checked for patients' names."""


class Create(Struct, frozen=True):
    """Create the item."""

    step: StepId
    case: str
    title: str
    """By which it is found if the outcome is unknown. Where a fill follows, a title that only we
    can have: `uploading-` and 12 random hex digits."""
    order: int | None
    call: Call
    """Its `values`, if any, are in the order of `entries`."""
    entries: tuple[Entry, ...] = ()
    """What the item is created with; empty where a fill follows."""


class Fill(Struct, frozen=True):
    """Give an item its title, order and values in one PATCH."""

    step: StepId
    case: str
    call: Call
    """Its `values` are in the order of `entries`."""
    title: str | None
    """None: leave it."""
    order: int | None
    """None: leave it."""
    entries: tuple[Entry, ...]
    look_first: bool
    """The item may already hold some of it: look first, and leave out what is there."""
    repeated: bool = False
    """An equal fill may have been sent before (old sessions may name its uploads)."""
    temporary: str | None = None
    """The item's title until this fill takes effect: its absence proves that it did."""


class Wait(Struct, frozen=True):
    """A value that the item was given and that was not yet seen on the platform."""

    case: str
    item: str
    socket: str
    socket_title: str
    """The platform's messages about the import begin with it."""
    image: bool
    """For an image socket, whose failures have messages; file sockets fail silently."""
    digest: str | None
    """Of a JSON value or an existing image: seen when equal."""
    upload: str | None
    """Of an upload: seen when the socket's mark has changed."""
    before: str | None
    since: float
    """When the fill was sent, in seconds since 1970."""
    repeated: bool = False
    last_look: bool = False
    """It was given up before; one look tells whether it arrived after all."""
    source: str | None = None
    """The files, as the manifest names them."""


class Look(Struct, frozen=True):
    """See what an item holds before it is filled again."""

    case: str
    item: str


class Watch(Struct, frozen=True):
    """See which imports have ended."""

    waits: tuple[Wait, ...]
    count: bool = False
    """Count the upload rows even if no wait needs it."""


Task: TypeAlias = Upload | Create | Fill | Look | Watch


class Action(StrEnum):
    """What a run does for a case."""

    CREATE = "create"
    CONTINUE = "continue"
    UPDATE = "update"
    WAIT = "wait"
    NOTHING = "nothing"


class CasePlan(Struct, frozen=True):
    """What a run does for one case; steps in a sound order."""

    case: str
    title: str
    action: Action
    standing: Standing
    item: str | None
    uploads: tuple[Upload, ...] = ()
    create: Create | None = None
    fill: Fill | None = None
    waits: tuple[Wait, ...] = ()
    """Imports of earlier runs that have not ended; a fill of the same sockets follows them."""
    kind: tuple[str, ...] = ()
    """The sockets that the case uses: cases of one kind share a pilot."""
    words: str | None = None
    """Why it stands where it stands, where that needs saying."""
    failures: tuple[Failure, ...] = ()
    """Of imports that failed before and are not sent again."""
    sockets: tuple[str, ...] = ()
    """The sockets that would be sent."""
    values: tuple[Value, ...] = ()
    """What the manifest says."""
    found: tuple[Adopted | Checked | Failed | Gone | Renamed, ...] = ()
    """What planning found out, which a run records before it begins."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What the item is given, in its creation or in a fill."""
        if self.fill is not None:
            return self.fill.entries
        return self.create.entries if self.create is not None else ()


class Plan(Struct, frozen=True):
    """What a run does."""

    cases: tuple[CasePlan, ...]
    """In the manifest's order, those that need nothing included."""
    proven: frozenset[tuple[str, ...]] = frozenset()
    """The kinds of which a case was filled before: they need no pilot."""
    notes: tuple[str, ...] = ()
    """What a person should know, and nothing is done about."""


def total_size(plan: Plan) -> int:
    """The bytes of all files that the plan sends."""
    return sum(upload.size for case in plan.cases for upload in case.uploads)
