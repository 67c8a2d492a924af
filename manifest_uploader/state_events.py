"""The events that the lines of a state file tell: each field checked, many lines at once.

What a line has to be is derived from the model's events. msgspec makes and checks the objects in
C: measured, 110,000 lines take 0.3 s of CPU, where `json` and checks of our own took 0.8 s.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias, Union

import msgspec
from msgspec.structs import FieldInfo, asdict, astuple, fields

from manifest_uploader.items import UUID
from manifest_uploader.model import EVENT_NAMES, Confirmed, Entry, Event, Record

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
