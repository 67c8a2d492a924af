"""The events that the lines of a state file tell: each field checked, many lines at once.

What a line has to be is derived from the model's events. msgspec makes and checks the objects in
C: measured, 110,000 lines take 0.3 s of CPU, where `json` and checks of our own took 0.8 s.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeAlias, Union

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo, asdict, astuple, fields

from manifest_uploader.platform.items import UUID
from manifest_uploader.platform.model import Entry


class OpenUpload(Struct, frozen=True):
    """An upload that an earlier run, or an earlier try, opened."""

    pk: str
    storage_id: str
    part_size: int
    """Bytes of every part but the last."""
    stat: str
    """Digest of what was being sent; other files by now mean: begin anew."""


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


NOT_KEPT: Final = frozenset({"step", "source"})
"""Of an entry: only the plan that it is part of can use them."""


class WrongEvent(ValueError):
    """An object that is no event of ours; says why."""


def records_of(lines: bytes) -> list[Record] | None:
    """The events of so many whole lines; None unless each is one, and nothing else.

    Nor for what we do not write and msgspec is lax about: bytes beyond ASCII in a key that it
    passes over; nor for what it refuses and we may write: a lone surrogate, as in the name of a
    file in another encoding. `record_of` decides about those.
    """
    if not lines.isascii():
        return None
    try:
        found = _DECODER.decode_lines(lines)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return list(map(_record, found)) if len(found) == lines.count(b"\n") + 1 else None


def record_of(obj: dict[str, Any]) -> Record:
    """The event that one line's object describes; raises WrongEvent if it is none."""
    name = obj.get("event")
    if not isinstance(name, str) or name not in EVENT_NAMES:
        raise WrongEvent("an event that this version does not know")
    try:
        record = _record(msgspec.convert(obj, _LINE))
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise WrongEvent(f"a wrong {name} event ({error})") from None
    if not math.isfinite(record.time):
        raise WrongEvent(f"a wrong {name} event (a time expected)")
    return record


def _record(line: msgspec.Struct) -> Record:
    time, *values = astuple(line)
    return Record(time, _MAKERS[type(line)](*values))


# ── what fields hold ────────────────────────────────────────────────────────────────────────

_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Pk: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"\A{UUID}\Z")]
"""A pk of an upload or item: requests go to addresses that are made of it."""
_StorageId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[0-9A-Za-z_.~-]{0,1024}\Z")]
_KINDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("order", "part_size", "size", "files"), _Count),
    **dict.fromkeys(("repeated", "final", "anew", "size_limit", "lost"), bool),
    **dict.fromkeys(("pk", "item", "upload"), _Pk),
    "storage_id": _StorageId,
    "sessions": tuple[_Pk, ...],
}
"""Of fields that are no plain text."""


def _field(cls: type, one: FieldInfo) -> tuple[str, Any] | tuple[str, Any, Any]:
    kind = _KINDS.get(one.name, str)
    if cls is Confirmed and one.name == "pk":  # any mark
        kind = str
    if "None" in str(one.type):
        return one.name, kind | None, None
    return (one.name, kind) if one.required else (one.name, kind, one.default)


_EntryLine: Final = msgspec.defstruct(
    "EntryLine",
    [_field(Entry, one) for one in fields(Entry) if one.name not in NOT_KEPT],
    kw_only=True,
)
_KINDS["entries"] = tuple[_EntryLine, ...]  # type: ignore[valid-type]


def _line_of(name: str, cls: type) -> type[msgspec.Struct]:
    described = [("time", float), *(_field(cls, one) for one in fields(cls))]
    return msgspec.defstruct(cls.__name__, described, tag_field="event", tag=name, kw_only=True)


def _maker(cls: type) -> Callable[..., Event]:
    names = [one.name for one in fields(cls)]
    new: Callable[..., Event] = cls
    if "entries" not in names:
        return new
    at = names.index("entries")

    def make(*values: Any) -> Event:
        entries = tuple(Entry(**asdict(entry)) for entry in values[at])
        return new(*values[:at], entries, *values[at + 1 :])

    return make


_LINES: Final = {_line_of(name, cls): cls for name, cls in EVENT_NAMES.items()}
_MAKERS: Final = {line: _maker(cls) for line, cls in _LINES.items()}
_LINE: Final[Any] = Union[tuple(_LINES)]  # noqa: UP007 - made of what is found
_DECODER: Final = msgspec.json.Decoder(_LINE)
