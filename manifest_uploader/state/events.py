"""The events: facts about cases, each one line of the state file.

These classes define the file's format; msgspec encodes and decodes them. A state file is untrusted
input, because colleagues share it and git merges it: the types say what each field may hold.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from manifest_uploader.platform.model import Entry, Pk, Token
from manifest_uploader.state.steps import StepId

Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
StorageId: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9A-Za-z_.~-]{0,1024}\Z")]


class OpenUpload(Struct, frozen=True):
    """An upload row that an earlier run, or an earlier attempt, created."""

    pk: str
    storage_id: str
    part_size: int
    """Bytes of every part but the last."""
    stat: str
    """Digest of the files being sent; if they differ now, the upload starts over."""
    made_by: str | None = None
    """Of a de-identified file: the fingerprint of the key for UIDs, and of the procedure."""
    token: Token | None = None
    """A random part of the file's name, if the item is to be found by it."""


class Failure(Struct, frozen=True, omit_defaults=True):
    """Why something failed."""

    socket: str | None
    """None: the failure concerns the item, or the case as a whole."""
    message: str
    """The platform's message, or our own."""
    source: str | None = None
    """Of a failed import: the files, as the manifest names them."""
    of_import: bool = False
    """The platform accepted the value, and could not import it."""
    incomplete: bool = False
    """The platform imported the value without some of its slices."""


class Event(Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=True):
    """A fact, and when it was recorded."""

    time: float = 0.0
    """Seconds since 1970; 0 until it is recorded."""


class Noticed(Event, frozen=True, tag="noticed"):
    """Failed import sessions seen for the first time; they say nothing about later fills."""

    sessions: tuple[Pk, ...]


class CaseEvent(Event, frozen=True):
    """A fact about a step of a case."""

    case: str
    step: StepId


class Started(CaseEvent, frozen=True, tag="started"):
    """A step is about to be sent; on the disk before a creation or a fill is sent."""

    socket: str | None = None
    title: str | None = None
    """The title that a creation or a fill sets; None: a fill leaves it."""
    order: Count | None = None
    entries: tuple[Entry, ...] = ()
    """What the step puts into each socket, and what the socket held before."""
    temporary: str | None = None
    """Of a fill: the item's title until the fill takes effect."""
    repeated: bool = False
    had_title: bool = False
    """Of a fill: the item had the title before, so that it proves nothing."""
    job: bool = False
    """Of a creation: the item is an algorithm job, and starts at once."""
    jobs: Count | None = None
    """Of a job: how many jobs of the algorithm were to be seen just before."""
    equal: tuple[Pk, ...] = ()
    """Of a job: those of them that have the same inputs."""


class Opened(CaseEvent, frozen=True, tag="opened"):
    """An upload row exists and its parts are being sent."""

    socket: str
    pk: Pk
    storage_id: StorageId
    part_size: Count
    """Bytes."""
    stat: str
    made_by: str | None = None
    token: Token | None = None
    """As in `OpenUpload`, both."""

    @property
    def row(self) -> OpenUpload:
        """The upload row, as a later attempt needs it."""
        stored = (self.pk, self.storage_id, self.part_size, self.stat)
        return OpenUpload(*stored, token=self.token, made_by=self.made_by)


class Done(CaseEvent, frozen=True, tag="done"):
    """A step succeeded."""

    socket: str | None = None
    pk: Pk | None = None
    """Of the upload, or of the item."""
    stat: str | None = None
    content: str | None = None
    sha256: str | None = None
    """Of a single file's bytes; of a de-identified one, its original's."""
    size: Count | None = None
    """Bytes sent as one stream, of an upload."""
    files: Count | None = None
    worker: str | None = None
    """Of an upload: the name of the worker that sent it, on another machine; None: this one."""
    again: bool = False
    """Of a creation or a fill: a duplicate of it may take effect later."""
    kept: bool = False
    """Of a fill with nothing but an order: the item keeps its order, because it has answers."""


class Failed(CaseEvent, frozen=True, kw_only=True, tag="failed"):
    """A step failed and changed nothing."""

    socket: str | None = None
    words: str
    """The message; empty if nothing is wrong: a look at the platform showed that the step had no
    effect, or the manifest no longer wants what it was about."""
    final: bool
    """Repeating the same step will not help."""
    failures: tuple[Failure, ...] = ()
    """Of a refused fill: the message about each socket; `words` joins them in one line."""

    @property
    def reasons(self) -> tuple[Failure, ...]:
        """The failure of each socket, or of the whole step."""
        return self.failures or (Failure(self.socket, self.words),)


class Unsure(CaseEvent, frozen=True, tag="unsure"):
    """It is unknown whether a step took effect; the next run looks."""

    why: str
    socket: str | None = None


class Paused(CaseEvent, frozen=True, kw_only=True, tag="paused"):
    """An upload or a job waits for room on the platform; the run tries again by itself."""

    socket: str | None = None
    why: str
    size_limit: bool = False
    """The limit is on bytes, not on upload rows."""
    credits: bool = False
    """The account has no credits for a job; the run starts no more, and a later one continues."""


class Confirmed(CaseEvent, frozen=True, tag="confirmed"):
    """The item was seen to hold the value."""

    socket: str
    pk: str | None = None
    """The image's pk, else the mark of the value."""
    remark: str | None = None
    """What the platform says about an import that succeeded, or what could not be checked."""


class ImportFailed(CaseEvent, frozen=True, tag="import-failed"):
    """The platform could not import the value."""

    socket: str
    words: str
    """The platform's message, or our own if it has none."""
    source: str | None = None
    """The files, as the manifest names them."""
    lost: bool = False
    """The platform deleted the upload before importing it, so it has to be sent again."""
    arrived: Count | None = None
    """Slices of the image, if it has fewer than were sent."""
    expected: Count | None = None
    """Slices that were sent, if the image has fewer."""

    @property
    def failure(self) -> Failure:
        """Why the import failed."""
        is_incomplete = self.expected is not None
        return Failure(
            self.socket, self.words, self.source, of_import=True, incomplete=is_incomplete
        )


class Checked(CaseEvent, frozen=True, tag="checked"):
    """Files with a new time still hold what the platform has; `stat` is their new digest."""

    socket: str
    stat: str


class Gone(CaseEvent, frozen=True, tag="gone"):
    """The item was deleted on the platform."""

    item: Pk
    anew: bool = False
    """The item is created again (`--recreate`)."""


class Adopted(CaseEvent, frozen=True, tag="adopted"):
    """An existing item becomes the case's own (`--adopt`)."""

    item: Pk
    title: str
    entries: tuple[Entry, ...] = ()
    """The values that it holds as the manifest wants, as far as that can be told.

    Uploads without `content` were not compared.
    """
    order: Count | None = None


class Settled(CaseEvent, frozen=True, tag="settled"):
    """The item was compared so long after a fill in doubt that no duplicate of it is expected."""


class Renamed(CaseEvent, frozen=True, tag="renamed"):
    """The case had another name in the manifest."""

    was: str


class Left(CaseEvent, frozen=True, tag="left"):
    """The case is no longer among those of the folder, which a run has told; or it is there again.

    Only of manifests that describe their cases together.
    """

    back: bool = False


AnyEvent: TypeAlias = (
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
    | Settled
    | Renamed
    | Left
    | Noticed
)


# ── lines ───────────────────────────────────────────────────────────────────────────────────


class WrongEvent(ValueError):
    """An object is not one of our events; the message says why."""


def name_of(event: Event) -> str:
    """The name of an event as state files have it: `import-failed`."""
    return str(event.__struct_config__.tag)


def event_json(event: Event) -> dict[str, Any]:
    """An event as a JSON object: `event`, `case`, `step`, and all fields without their default."""
    found: dict[str, Any] = msgspec.to_builtins(event, enc_hook=_encode)
    return found


def events_of(lines: bytes) -> list[AnyEvent] | None:
    """The events of several whole lines; None if any line needs a closer look by `event_of`.

    msgspec is strict about values but skips unknown keys without checking their encoding, and it
    refuses lone surrogates, which come from file names in another encoding.
    """
    if not lines.isascii():
        return None
    try:
        found: list[AnyEvent] = _DECODER.decode_lines(lines)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    is_whole = len(found) == lines.count(b"\n") + 1
    return found if is_whole and all(event.time for event in found) else None


def event_of(obj: dict[str, Any]) -> AnyEvent:
    """The event that one line's object describes; raises WrongEvent if it is not one."""
    name = obj.get("event")
    if not isinstance(name, str) or name not in _TAGS:
        raise WrongEvent("an event that this version does not know")
    try:
        event: AnyEvent = msgspec.convert(obj, AnyEvent, dec_hook=_decode)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise WrongEvent(f"a wrong {name} event ({error})") from None
    if not event.time or not math.isfinite(event.time):
        raise WrongEvent(f"a wrong {name} event (a time expected)")
    return event


def _encode(value: Any) -> str:
    return str(value)


def _decode(_: type, text: Any) -> StepId:
    if not isinstance(text, str):
        raise WrongEvent("a step is a text")
    return StepId.parse(text)


_TAGS: Final = {one.__struct_config__.tag for one in AnyEvent.__args__}
_DECODER: Final = msgspec.json.Decoder(AnyEvent, dec_hook=_decode)
