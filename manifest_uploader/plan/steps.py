"""The steps of a plan: what a run does, as data."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeAlias

from msgspec import Struct

from manifest_uploader.manifest.model import FileValue, JsonValue
from manifest_uploader.platform.model import Entry
from manifest_uploader.platform.requests import Call
from manifest_uploader.state.events import (
    Adopted,
    Checked,
    Failed,
    Gone,
    OpenUpload,
    Renamed,
)
from manifest_uploader.state.standing import Standing

DELETED: Final = "it was deleted on the platform; --recreate makes it anew"


class Upload(Struct, frozen=True):
    """Send what one value is, as one stream."""

    step: str
    """`CASE/SOCKET`, as people read it."""
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
    """An image socket: its DICOM files are checked for patients' names."""


class Create(Struct, frozen=True):
    """Make the item, under a title that only we can have."""

    step: str
    """`CASE:create`."""
    case: str
    title: str
    """`uploading-` and 12 random hex digits."""
    order: int | None
    call: Call


class Fill(Struct, frozen=True):
    """Give an item its title, order and values in one PATCH."""

    step: str
    """`CASE:fill`."""
    case: str
    call: Call
    """Its `values` are in the order of `entries`."""
    title: str | None
    """None: as it is."""
    order: int | None
    """None: as it is."""
    entries: tuple[Entry, ...]
    look_first: bool
    """The item may already hold some of it: look before, leave out what is there."""
    repeated: bool = False
    """An equal fill may have been sent before (its uploads may be named by old sessions)."""
    temporary: str | None = None
    """The title the item bears until this fill acts: its absence proves that it acted."""


class Wait(Struct, frozen=True):
    """A socket that was filled and is not yet seen."""

    case: str
    item: str
    socket: str
    socket_title: str
    """How the platform begins its words about it."""
    image: bool
    """An image socket (its failures have words) rather than a file socket (which are silent)."""
    digest: str | None
    """Of a JSON value or existing image: seen when equal."""
    upload: str | None
    """Of an upload: seen when the socket's mark is another than before."""
    before: str | None
    since: float
    """When the fill was sent, in seconds since 1970."""
    repeated: bool = False
    last_look: bool = False
    """It was given up before; one look tells whether it came after all."""
    source: str | None = None
    """The files, as the manifest names them."""


class Look(Struct, frozen=True):
    """See what an item holds before it is filled again."""

    case: str
    item: str


class Watch(Struct, frozen=True):
    """See which of the waits have ended."""

    waits: tuple[Wait, ...]
    count: bool = False
    """Count the upload rows even if no wait asks for it."""


Task: TypeAlias = Upload | Create | Fill | Look | Watch


class Action(StrEnum):
    """What a run does for a case."""

    CREATE = "create"
    CONTINUE = "continue"
    UPDATE = "update"
    WAIT = "wait"
    NOTHING = "nothing"


class CasePlan(Struct, frozen=True):
    """What a run does for one case; steps in an order that is sound."""

    case: str
    title: str
    action: Action
    standing: Standing
    item: str | None
    uploads: tuple[Upload, ...] = ()
    create: Create | None = None
    fill: Fill | None = None
    waits: tuple[Wait, ...] = ()
    """Imports of earlier runs still to be seen; a fill of the same sockets comes after them."""
    kind: tuple[str, ...] = ()
    """The sockets the case fills: cases of one kind share a pilot."""
    words: str | None = None
    """Why it stands where it stands, where that needs saying."""
    failed: tuple[str, ...] = ()
    """What became of imports that failed before and are not sent again, `SOCKET: words`."""
    sockets: tuple[str, ...] = ()
    """The sockets that the fill would send."""
    found: tuple[Adopted | Checked | Failed | Gone | Renamed, ...] = ()
    """What was found out while planning, and a run writes down before it begins."""


class Plan(Struct, frozen=True):
    """What a run does."""

    cases: tuple[CasePlan, ...]
    """In the manifest's order; those that need nothing too."""
    proven: frozenset[tuple[str, ...]] = frozenset()
    """The kinds of which a case was filled before: they need no pilot."""
    notes: tuple[str, ...] = ()
    """What a person should know, and nothing is done about."""
