"""Digests by which content is compared: of files, of JSON values, of existing images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
"""What `json.loads` returns; recursive types cost more than they catch here."""


NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


_EXACT: Final = 2**53
"""Above it a float no longer holds every integer, so that 1e300 may come back as an int."""
_encoded: Final = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode


def json_digest(value: Json) -> str:
    """`json:` and the SHA-256 of the value, equal exactly where the platform sees equal values.

    Numbers compare as numbers (1.0 is 1), booleans only with booleans, objects without order.
    """
    text = _encoded(_canonical(value))
    return "json:" + hashlib.sha256(text.encode()).hexdigest()


def image_digest(pk: str) -> str:
    """`image:` and the pk of an image that the platform already has."""
    return f"image:{pk.lower()}"


def stat_digest(entries: Iterable[tuple[str, int, int]]) -> str:
    """`stat:`, all bytes, and the SHA-256 of (name, size in bytes, time in ns) of every file."""
    total = hashlib.sha256()
    together = 0
    for name, size, mtime_ns in entries:
        together += size
        total.update(f"{size} {mtime_ns} {name}\n".encode(errors="surrogateescape"))
    return f"stat:{together}:{total.hexdigest()}"


def may_be_same(stat: str, other: str) -> bool:
    """Files with these two stat digests hold equally many bytes: only reading them tells more."""
    return stat.split(":")[1:2] == other.split(":")[1:2]


def content_digest(entries: Iterable[tuple[str, str]]) -> str:
    """`files:` and the SHA-256 of the lines `SHA-256, two blanks, name` that `sha256sum` prints."""
    total = hashlib.sha256()
    for name, sha256 in entries:
        total.update(f"{sha256}  {name}\n".encode(errors="surrogateescape"))
    return "files:" + total.hexdigest()


def _canonical(value: Json) -> Json:
    match value:
        case bool() | None | str():
            return value
        case int() | float():
            return _number(value)
        case dict():
            return {str(key): _canonical(inner) for key, inner in value.items()}
        case _:
            return [_canonical(inner) for inner in value]


def _number(value: float) -> float:
    if abs(value) < _EXACT:
        return int(value) if value == int(value) else value
    try:
        return float(value)
    except OverflowError:
        return value
