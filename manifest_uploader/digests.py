"""Digests for comparing content: files, JSON values and existing images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
"""What `json.loads` returns; a recursive type would cost more than it would catch."""


_EXACT: Final = 2**53
"""Above it, floats skip integers, so both 1e300 and the equal int must become the same float."""
_encoded: Final = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode


def json_digest(value: Json) -> str:
    """`json:` and the SHA-256 of the value; equal exactly if the platform sees equal values.

    Numbers compare as numbers (1.0 is 1), booleans only with booleans, objects in any order.
    """
    text = _encoded(_canonical(value))
    return "json:" + hashlib.sha256(text.encode()).hexdigest()


def image_digest(pk: str) -> str:
    """`image:` and the pk of an image that the platform already has."""
    return f"image:{pk.lower()}"


def stat_digest(entries: Iterable[tuple[str, int, int]]) -> str:
    """`stat:`, the total size, and the SHA-256 of all names, sizes in bytes and times in ns."""
    lines, total_size = [], 0
    for name, size, mtime_ns in entries:
        total_size += size
        lines.append(f"{size} {mtime_ns} {name}\n")
    digest = hashlib.sha256("".join(lines).encode(errors="surrogateescape"))
    return f"stat:{total_size}:{digest.hexdigest()}"


def may_be_same(stat: str, other: str) -> bool:
    """Whether the files behind two stat digests have the same total size and may be the same."""
    return stat.split(":")[1:2] == other.split(":")[1:2]


def content_digest(entries: Iterable[tuple[str, str]]) -> str:
    """`files:` and the SHA-256 of the lines `SHA-256, two spaces, name` that `sha256sum` prints."""
    digest = hashlib.sha256()
    for name, sha256 in entries:
        digest.update(f"{sha256}  {name}\n".encode(errors="surrogateescape"))
    return "files:" + digest.hexdigest()


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
