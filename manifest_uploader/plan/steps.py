"""The steps of a plan: what a run does, as data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeAlias

from msgspec import Struct

from manifest_uploader.digests import content_digest
from manifest_uploader.files.local_file import LocalFile
from manifest_uploader.manifest.model import FileValue, JsonValue, Value
from manifest_uploader.plan.differences import Difference
from manifest_uploader.platform.model import Entry
from manifest_uploader.platform.requests import Call
from manifest_uploader.state.events import (
    Adopted,
    Checked,
    Done,
    Failed,
    Failure,
    Gone,
    ImportFailed,
    Left,
    OpenUpload,
    Renamed,
    Settled,
    Started,
)
from manifest_uploader.state.standing import Standing
from manifest_uploader.state.steps import StepId

DELETED: Final = "it was deleted on the platform; --recreate recreates it"


class Upload(Struct, frozen=True):
    """Send one value, or one file of an image set, as one stream."""

    step: StepId
    case: str
    socket: str
    source: FileValue | JsonValue
    """A JsonValue is sent as a JSON file."""
    name: str
    size: int
    """Bytes of the files; a bundle takes a few more."""
    stat: str
    """Digest of the files when the plan was made."""
    row: OpenUpload | None = None
    """The upload row of an earlier run or attempt to continue; None: open a new one."""
    token: str | None = None
    """A random part of the name, if a job is to be found by it."""
    file: LocalFile | None = None
    """Of an image set: the file that is de-identified while it is sent; None: all of the value."""


class SentFile(Struct, frozen=True):
    """A file of an image set that is complete on the platform."""

    pk: str
    """Of its upload."""
    sha256: str | None
    """Of the local file."""


class ImageSet(Struct, frozen=True):
    """A value that is sent file by file, as far as it is on the platform."""

    socket: str
    image_name: str
    names: tuple[str, ...]
    """Of its files, in order; they are numbered from 1 on."""
    complete: Mapping[int, SentFile]
    """By number."""
    uploads: tuple[Upload, ...]
    """Of the other files."""


def pks_of(files: Mapping[int, SentFile]) -> tuple[str, ...]:
    """The pks of the uploads of all files of a set, in order."""
    return tuple(files[number].pk for number in sorted(files))


def set_content(names: tuple[str, ...], files: Mapping[int, SentFile]) -> str | None:
    """The digest of the content of all local files of a set; None if one is not known."""
    hashes = [files[number].sha256 for number in sorted(files)]
    pairs = [(name, one) for name, one in zip(names, hashes, strict=True) if one is not None]
    return content_digest(pairs) if len(pairs) == len(names) else None


class MakeTickets(Struct, frozen=True):
    """Make an upload session for each of some complete uploads, for the next fill to name.

    A session does nothing until a fill names it, so another one may be made at any time.
    """

    case: str
    uploads: tuple[tuple[str, str], ...]
    """(socket, pk of its upload)."""


class Create(Struct, frozen=True):
    """Create the item."""

    step: StepId
    case: str
    title: str
    """Finds the item if the outcome is unknown. If a fill follows, this is a unique temporary
    title: `uploading-` and 12 random hex digits."""
    order: int | None
    call: Call
    """Its `values`, if any, are in the order of `entries`."""
    entries: tuple[Entry, ...] = ()
    """What the item is created with; empty if a fill follows."""
    job: bool = False
    """The item is an algorithm job: it has no title, and it is never created twice."""
    doubt: Started | None = None
    """The same creation was sent before, and nobody knows whether a job was started."""
    jobs: int | None = None
    """Of a job: how many jobs of the algorithm were to be seen just before."""
    equal: tuple[str, ...] = ()
    """Of a job: those of them that have the same inputs."""


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
    """The item may already hold some of this: look first and leave that out."""
    repeated: bool = False
    """The same fill may have been sent before, so old import sessions may name its uploads."""
    temporary: str | None = None
    """The item's title until this fill takes effect; any other title proves that it did."""
    had_title: bool = False
    """The item had the title before, so that it proves nothing."""
    in_between: bool = False
    """It gives a socket another value than is wanted, so that the platform sees the wanted one."""
    only_moves: bool = False
    """It sets nothing but an order that the manifest does not give."""


class Wait(Struct, frozen=True):
    """A value that was sent but not yet seen on the platform."""

    case: str
    item: str
    socket: str
    socket_title: str
    """Names the socket in the platform's messages about failed imports."""
    image: bool
    """It is an image socket: its failed imports have messages, those of file sockets do not."""
    digest: str | None
    """Of a JSON value or an existing image, which is there once the socket's digest is equal."""
    upload: str | None
    """The pk of an upload, whose value is there once the socket's mark has changed."""
    before: str | None
    """The socket's mark before the fill."""
    since: float
    """When the fill was sent, in seconds since 1970."""
    repeated: bool = False
    last_look: bool = False
    """It counted as failed before; look once whether it arrived after all."""
    source: str | None = None
    """The files, as the manifest names them."""
    ticket: str | None = None
    """The pk of the upload session that the fill named; None: it named the upload itself."""
    slices: int | None = None
    """Slices that the image must have; None: unknown."""
    bundle: bool = False
    """Several files were sent, some of which the platform may leave out."""
    job: bool = False
    """It is no value: an algorithm job has to come to its end."""
    is_set: bool = False
    """It is a DICOM image set: a failed import leaves no message, and loses all uploads."""


class Look(Struct, frozen=True):
    """Read what an item holds before filling it again."""

    case: str
    item: str


class CountJobs(Struct, frozen=True):
    """Note which jobs the algorithm has, before another one is started."""

    case: str
    entries: tuple[Entry, ...]


class Settle(Struct, frozen=True):
    """Find out whether the creation of a job took effect, without starting one."""

    case: str
    started: Started
    owned: frozenset[str]
    """The pks of jobs that cases have."""


class Watch(Struct, frozen=True):
    """Find out which imports have ended."""

    waits: tuple[Wait, ...]
    count: bool = False
    """Count the upload rows even if no wait needs it."""


Task: TypeAlias = Upload | MakeTickets | Create | Fill | Look | CountJobs | Settle | Watch


class SharedImage(Struct, frozen=True):
    """A value that is not uploaded, because another value brings the same image."""

    into: str
    """The socket that gets the image."""
    case: str
    """The case that brings it."""
    socket: str
    """The socket of that case."""
    pk: str | None = None
    """The image's pk; None: it is not imported yet."""
    content: str | None = None
    """The digest of its content, if it is known."""
    failure: str | None = None
    """Why the image was not imported; it is not sent again."""

    @property
    def is_awaited(self) -> bool:
        """Whether the image is imported in this run."""
        return self.pk is None and self.failure is None


class Action(StrEnum):
    """What a run does for a case."""

    CREATE = "create"
    CONTINUE = "continue"
    UPDATE = "update"
    WAIT = "wait"
    NOTHING = "nothing"


Found: TypeAlias = (
    Adopted | Checked | Done | Failed | Gone | ImportFailed | Renamed | Settled | Started
)


class CasePlan(Struct, frozen=True):
    """What a run does for one case."""

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
    sets: tuple[ImageSet, ...] = ()
    """The values that are sent file by file; their uploads are among `uploads`."""
    kind: tuple[str, ...] = ()
    """The sockets that the case uses: cases of one kind share a pilot."""
    reason: str | None = None
    """Why the case failed before, is unsure or is gone."""
    failures: tuple[Failure, ...] = ()
    """Earlier import failures whose values are not sent again."""
    sockets: tuple[str, ...] = ()
    """The sockets whose values are sent."""
    tickets: tuple[str, ...] = ()
    """Those whose uploads need an upload session."""
    values: tuple[Value, ...] = ()
    """The case's values in the manifest."""
    found: tuple[Found, ...] = ()
    """Events found while planning, which a run records before it begins the case."""
    keeps_title: bool = False
    """The item keeps its temporary title until the end of the run: a duplicate of its creation may
    still arrive, and is refused as long as the title is taken."""
    doubtful: bool = False
    """The item is compared at the end of the run: a duplicate of a fill may still arrive."""
    unchecked: tuple[str, ...] = ()
    """The sockets of adopted values whose content nobody compared with the files."""
    shared: tuple[SharedImage, ...] = ()
    """The values that are sent as the images of other values."""
    spared: int = 0
    """Bytes of the files of these values, which are not sent again."""
    is_source: bool = False
    """Other values wait for images of this case, so its uploads wait for no other image."""


class Plan(Struct, frozen=True):
    """What a run does."""

    cases: tuple[CasePlan, ...]
    """All chosen cases, in the manifest's order."""
    proven: frozenset[tuple[str, ...]] = frozenset()
    """The kinds with a case that was filled before; they need no pilot."""
    notes: tuple[str, ...] = ()
    """Facts for the user that cause no step."""
    differences: tuple[Difference, ...] = ()
    """How the target differs from what it should hold, if it was compared."""
    changed: tuple[Difference, ...] = ()
    """What others changed in our items; it stays as it is."""
    left: tuple[Left, ...] = ()
    """Cases that are gone from the folder or are there again; recorded once a run has told so."""
    owned: frozenset[str] = frozenset()
    """The pks of the jobs that cases have, or had; empty if the items are no jobs."""
    no_start: str | None = None
    """Why no job can be started now; None: as far as is known, jobs can be started."""


def total_size(plan: Plan) -> int:
    """The bytes of all files that the plan sends."""
    return sum(upload.size for case in plan.cases for upload in case.uploads)
