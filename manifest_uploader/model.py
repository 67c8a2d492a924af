"""The frozen data that the rooms of the house pass to each other; no behaviour beyond names."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct, field

Json: TypeAlias = Any
"""What `json.loads` returns; recursive types cost more than they catch here."""

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


# ── the manifest ────────────────────────────────────────────────────────────────────────────


class Place(Struct, frozen=True, order=True):
    """Where something stands in a file, as an editor counts."""

    file: str
    line: int
    """From 1."""
    column: int
    """From 1, in characters."""


class Problem(Struct, frozen=True):
    """One thing that a person has to mend before anything is sent."""

    message: str
    place: Place | None
    hint: str | None = None


class FileValue(Struct, frozen=True):
    """Local files for a socket, as the manifest names them."""

    socket: str
    paths: tuple[str, ...]
    """Paths, folders or globs with `/`, relative to the root, as written."""
    single: bool
    """Written with `file:`, which promises exactly one file."""
    place: Place
    """Of the first path."""
    key: Place | None = None
    """Of the socket's name."""
    places: tuple[Place, ...] = ()
    """Of every path, where there are several."""


class JsonValue(Struct, frozen=True):
    """A value written in the manifest itself; never None."""

    socket: str
    value: Json
    place: Place
    key: Place | None = None


class ImageValue(Struct, frozen=True):
    """An image that the platform already has."""

    socket: str
    pk: str
    """Lower-case UUID."""
    place: Place
    key: Place | None = None


Value: TypeAlias = FileValue | JsonValue | ImageValue


class Case(Struct, frozen=True):
    """One entry of the manifest: what becomes one item on the platform."""

    name: str
    title: str
    """Trimmed, as the platform does; "" for none."""
    order: int | None
    """None: given once by us, when the item is made."""
    values: tuple[Value, ...]
    """In the manifest's order; at most one a socket."""
    place: Place
    """Of the name."""
    title_place: Place
    """Of the title, or of the name where there is no title."""


class TargetKind(StrEnum):
    """What kind of place on the platform the cases go to."""

    READER_STUDY = "reader-study"
    ARCHIVE = "archive"


class Manifest(Struct, frozen=True):
    """What the user's YAML file says."""

    path: str
    """As the user typed it."""
    kind: TargetKind
    slug: str
    slug_place: Place
    root: str | None
    """Where the files are, relative to the manifest's folder; None: in that folder."""
    root_place: Place
    """Of the root, or of the file's beginning."""
    identifiable: bool
    """`identifiable: allowed`: DICOM files may name their patients."""
    cases: tuple[Case, ...]
    digest: str
    """SHA-256 of the file's bytes, in hex."""


# ── what is known before anything is decided ────────────────────────────────────────────────


class ValueFacts(Struct, frozen=True):
    """What the local files of one value are; one record a value, never one a file."""

    files: int
    size: int
    """Bytes of all files together."""
    name: str
    """The file name that the upload will bear on the platform."""
    bundle: bool
    """Several files travel as one stored zip."""
    stat: str
    """Digest of (name, size, time) of every file."""
    content: str | None = None
    """Digest of (name, SHA-256) of every file, once known (see `files.content_digest`);
    for a JSON file that a value socket takes, the digest of its value."""


class Socket(Struct, frozen=True):
    """A named slot of the platform."""

    slug: str
    title: str
    kind: str
    """As the platform spells it: Image, Float, PDF file …"""
    super_kind: str
    """Image, Value or File."""
    relative_path: str
    """Ends with `.json` for a JSON kind that is stored as a file."""


class Target(Struct, frozen=True):
    """The reader study or archive, as the platform knows it."""

    kind: TargetKind
    slug: str
    pk: str


class SocketSeen(Struct, frozen=True):
    """What an item holds in one socket."""

    mark: str
    """Changes whenever another value takes its place: its own pk, else its image or file."""
    digest: str | None
    """Comparable with `Entry.digest`: of a JSON value or an existing image; None for a file."""
    image: str | None = None
    """The pk of the image, if it is one."""


class ItemSeen(Struct, frozen=True):
    """An item as the platform shows it."""

    pk: str
    title: str | None
    """None where the platform names no title at all."""
    order: int | None
    sockets: Mapping[str, SocketSeen]


class Facts(Struct, frozen=True):
    """Everything that was looked at before a plan is made."""

    values: Mapping[tuple[str, str], ValueFacts]
    """By (case, socket): the values that have files, unless they have a problem."""
    problems: tuple[Problem, ...] = ()
    """What the look itself found wrong: files, root, patients' names."""
    target: Target | None = None
    """None: the platform was not looked at (`--offline`)."""
    sockets: Mapping[str, Socket] = field(default_factory=dict)
    """By slug; all that the platform has."""
    items: int = 0
    """How many items the target holds, ours and others'."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Title → pk of items that are not ours; empty where the target holds only ours."""
    gone: frozenset[str] = frozenset()
    """Pks of our items that the target no longer holds."""
    highest_order: int = 0
    """The highest order number in the target, as far as it was looked at."""
    rows: Mapping[str, str] = field(default_factory=dict)
    """Upload pk → status of our uploads of earlier runs that are still there."""
    rows_used: int = 0
    """How many upload rows the account holds now."""
    looked: Mapping[str, ItemSeen] = field(default_factory=dict)
    """By case: items that were looked at in passing (`--adopt`)."""


# ── requests as data ────────────────────────────────────────────────────────────────────────


class PkOf(Struct, frozen=True):
    """A hole in a request: the pk that an earlier step brings."""

    step: str


class Address(Struct, frozen=True):
    """A hole in a request: the API address of an object."""

    collection: str
    """As in the API's paths: `uploads`, `cases/images`, `archives` …"""
    pk: str | PkOf


class Contents(Struct, frozen=True):
    """A hole in a request: the JSON value that a local file holds when it is sent."""

    value: FileValue
    digest: str
    """What the plan was made with; other content by then is a failure, not a surprise."""


class Call(Struct, frozen=True):
    """A request as data, with holes that earlier steps fill."""

    method: Literal["GET", "POST", "PATCH"]
    path: str
    """Below the API address, with `{pk}` where `pk` goes."""
    json: Json = None
    """May hold `Address`, `PkOf` and `Contents`."""
    pk: str | PkOf | None = None


# ── steps ───────────────────────────────────────────────────────────────────────────────────


class Begun(Struct, frozen=True):
    """An upload that an earlier run, or an earlier try, opened."""

    pk: str
    storage_id: str
    part_size: int
    """Bytes of every part but the last."""
    stat: str
    """Digest of what was being sent; other files by now mean: begin anew."""


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
    begun: Begun | None = None
    images: bool = True
    """An image socket: its DICOM files are checked for patients' names."""


class Entry(Struct, frozen=True):
    """What a fill puts in one socket."""

    socket: str
    digest: str | None
    """Of a JSON value (`json:…`) or an existing image (`image:…`), known beforehand;
    None for an upload, whose content its own step tells."""
    stat: str | None = None
    """Of the local files, where there are any."""
    upload: str | None = None
    """The pk of the completed upload, once known."""
    step: str | None = None
    """The step that uploads it; None where nothing travels as bytes or `upload` is known."""
    content: str | None = None
    """Of an upload: the content's digest, once known."""
    before: str | None = None
    """The mark of what the socket held before the fill; None: nothing."""
    source: str | None = None
    """The files, as the manifest names them; not kept."""


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


# ── plan ────────────────────────────────────────────────────────────────────────────────────


class Action(StrEnum):
    """What a run does for a case."""

    CREATE = "create"
    CONTINUE = "continue"
    UPDATE = "update"
    WAIT = "wait"
    NOTHING = "nothing"


class Standing(StrEnum):
    """Where a case stands."""

    NEW = "new"
    UPLOADING = "uploading"
    CREATED = "created"
    FILLED = "filled"
    DONE = "done"
    FAILED = "failed"
    UNSURE = "unsure"
    CHANGED = "changed"
    GONE = "gone"


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


# ── events: each a fact about a case, kept in the state file ────────────────────────────────


class Started(Struct, frozen=True):
    """A step is about to be sent; written down durably before a creation or a fill."""

    case: str
    step: str
    socket: str | None = None
    title: str | None = None
    """Of a creation: its temporary title; of a fill: the title it sets, None for as it is."""
    order: int | None = None
    entries: tuple[Entry, ...] = ()
    """Of a fill: what it puts in each socket, and what that held before."""
    temporary: str | None = None
    """Of a fill: the title whose absence proves that it acted."""
    repeated: bool = False


class Opened(Struct, frozen=True):
    """An upload row exists and its parts are on their way."""

    case: str
    step: str
    socket: str
    pk: str
    storage_id: str
    part_size: int
    """Bytes."""
    stat: str


class Done(Struct, frozen=True):
    """A step did what it was to do."""

    case: str
    step: str
    socket: str | None = None
    pk: str | None = None
    """Of the upload, or of the item."""
    stat: str | None = None
    content: str | None = None
    sha256: str | None = None
    """Of a single file's bytes."""
    size: int | None = None
    """Bytes sent as one stream, of an upload."""
    files: int | None = None


class Failed(Struct, frozen=True):
    """A step did not do what it was to do, and the item is as it was."""

    case: str
    step: str
    socket: str | None
    words: str
    final: bool
    """The platform or the files refuse it: the same again will not help."""


class Unsure(Struct, frozen=True):
    """Nobody knows whether a step acted; the next run looks."""

    case: str
    step: str
    why: str
    socket: str | None = None


class Paused(Struct, frozen=True):
    """A step waits for room on the platform; it is tried again by itself."""

    case: str
    step: str
    socket: str | None
    why: str
    size_limit: bool = False
    """The number of bytes is the limit, rather than that of rows."""


class Confirmed(Struct, frozen=True):
    """The item was seen to hold the value."""

    case: str
    step: str
    socket: str
    pk: str | None
    """The image's pk, else the mark of the value."""


class ImportFailed(Struct, frozen=True):
    """The platform did not take the value in."""

    case: str
    step: str
    socket: str
    words: str
    source: str | None = None
    """The files, as the manifest names them."""
    lost: bool = False
    """The platform cleaned the upload up before it took it in: it is to be sent again."""


class Checked(Struct, frozen=True):
    """Files of another time were read and hold what is on the platform: a new `stat` to trust."""

    case: str
    step: str
    socket: str
    stat: str


class Gone(Struct, frozen=True):
    """The item is no longer on the platform: somebody deleted it."""

    case: str
    step: str
    item: str
    anew: bool = False
    """It is to be made anew (`--recreate`)."""


class Adopted(Struct, frozen=True):
    """An item that was there already is taken as the case's own (`--adopt`)."""

    case: str
    step: str
    item: str
    title: str
    entries: tuple[Entry, ...] = ()
    """What it held, as far as it equals the manifest; an upload's content was not checked."""


class Renamed(Struct, frozen=True):
    """The case bore another name in the manifest before."""

    case: str
    step: str
    was: str


class Noticed(Struct, frozen=True):
    """Failed import sessions seen for the first time: they say nothing about later fills."""

    sessions: tuple[str, ...]


Event: TypeAlias = (
    Started
    | Opened
    | Done
    | Failed
    | Unsure
    | Paused
    | Confirmed
    | ImportFailed
    | Checked
    | Gone
    | Adopted
    | Renamed
    | Noticed
)

EVENT_NAMES: Final[Mapping[str, type]] = MappingProxyType(
    {
        "started": Started,
        "opened": Opened,
        "done": Done,
        "failed": Failed,
        "unsure": Unsure,
        "paused": Paused,
        "confirmed": Confirmed,
        "import-failed": ImportFailed,
        "checked": Checked,
        "gone": Gone,
        "adopted": Adopted,
        "renamed": Renamed,
        "noticed": Noticed,
    }
)


class Record(Struct, frozen=True):
    """An event and when it was written down."""

    time: float
    """Seconds since 1970."""
    event: Event


# ── what else a task brings back; not kept ──────────────────────────────────────────────────


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


# ── history: the fold of the events ─────────────────────────────────────────────────────────


class UploadPast(Struct, frozen=True):
    """The latest upload of a socket that no fill has used yet."""

    begun: Begun
    done: bool
    content: str | None = None
    time: float = 0.0


class SocketPast(Struct, frozen=True):
    """What the last fill that acted put in a socket, and what became of it."""

    entry: Entry
    since: float
    standing: Literal["waiting", "confirmed", "failed", "lost"]
    words: str | None = None
    pk: str | None = None
    repeated: bool = False


class CasePast(Struct):
    """What earlier runs did for a case; `history` alone changes one, while it folds."""

    item: str | None = None
    temporary: str | None = None
    """The title of a creation; with no item: its end is not known."""
    order: int | None = None
    """The last order that was given, by a creation or a fill."""
    title: str | None = None
    """The last title that a fill gave; None: none acted yet."""
    filling: Started | None = None
    """A fill whose end is not known."""
    filling_since: float = 0.0
    sockets: dict[str, SocketPast] = field(default_factory=dict)
    uploads: dict[str, UploadPast] = field(default_factory=dict)
    words: str | None = None
    """Why the last step failed; None: it did not, or something was done since."""
    gone: bool = False
    unsure: bool = False
    repeated: bool = False
    """A fill of unknown fate was taken for not sent: the next one may be its repetition."""


class History(Struct, frozen=True):
    """What earlier runs did."""

    cases: Mapping[str, CasePast] = field(default_factory=dict)
    sessions: Mapping[str, float] = field(default_factory=dict)
    """Pk of a failed import session → when we first saw it."""


# ── the end of a run ────────────────────────────────────────────────────────────────────────


class Traffic(Struct, frozen=True):
    """What went over the line so far."""

    requests: int = 0
    retries: int = 0
    bytes_sent: int = 0
    """Bytes of parts."""


class End(StrEnum):
    """How a case stands at the end of a run."""

    DONE = "done"
    FAILED = "failed"
    UNSURE = "unsure"
    WAITING = "waiting"
    PENDING = "pending"


class CaseEnd(Struct, frozen=True):
    """What a run made of one case."""

    case: str
    end: End
    unchanged: bool = False
    words: tuple[str, ...] = ()
    gone: bool = False


class Summary(Struct, frozen=True):
    """What a run made of all cases."""

    ends: tuple[CaseEnd, ...]
    uploads: int
    """Completed in this run."""
    traffic: Traffic
    elapsed_s: float
    leftovers: tuple[tuple[str, str], ...] = ()
    """(case, item pk) of items that still bear a temporary title."""
    notes: tuple[str, ...] = ()
