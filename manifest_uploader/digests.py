"""Digests for comparing content: files, JSON values and existing images."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
"""What `json.loads` returns; a recursive type would cost more than it would catch."""


_EXACT: Final = 2**53
"""Below it, a float with a whole value is that integer. Above it, floats skip integers."""
_encoded: Final = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode


def json_digest(value: Json) -> str:
    """`json:` and the SHA-256 of the value; equal exactly if the platform sees equal values.

    Numbers compare as numbers (1.0 is 1), booleans only with booleans, objects in any order.
    """
    text = _encoded(_canonical(value))
    return "json:" + hashlib.sha256(text.encode()).hexdigest()


def loose_digest(value: Json) -> str:
    """The digest of the value with 1 for true and 0 for false.

    Grand Challenge compares a new value with the old one as Python does, and keeps the old one if
    they are equal: so it ignores 1 after true, at any depth. Values with one such digest are equal
    to it.
    """
    return json_digest(_without_booleans(value))


def in_between(value: Json) -> Json:
    """The value with its first boolean, or else its first 0 or 1, turned into the other one.

    A value of the same form that the platform tells from all values with the same loose digest.
    The text `changing` if there is none.
    """
    for kinds in ((bool,), (int, float)):
        found, is_turned = _turned(value, kinds)
        if is_turned:
            return found
    return "changing"


def has_booleans(value: Json) -> bool:
    """Whether there is a boolean in the value, so that its loose digest is another one."""
    match value:
        case bool():
            return True
        case dict():
            return any(map(has_booleans, value.values()))
        case list():
            return any(map(has_booleans, value))
        case _:
            return False


def _without_booleans(value: Json) -> Json:
    match value:
        case bool():
            return int(value)
        case dict():
            return {key: _without_booleans(inner) for key, inner in value.items()}
        case list():
            return [_without_booleans(inner) for inner in value]
        case _:
            return value


def _turned(value: Json, kinds: tuple[type, ...]) -> tuple[Json, bool]:
    """The value with its first 0 or 1 of some types turned, and whether there is one."""
    if type(value) in kinds and value in (0, 1):
        return type(value)(1 - value), True
    if isinstance(value, dict | list):
        for place, inner in value.items() if isinstance(value, dict) else enumerate(value):
            found, is_turned = _turned(inner, kinds)
            if is_turned:
                copy = value.copy()
                copy[place] = found
                return copy, True
    return value, False


def image_digest(pk: str) -> str:
    """`image:` and the pk of an image that the platform already has."""
    return f"image:{pk.lower()}"


def image_of(digest: str | None) -> str | None:
    """The pk of the image that a digest stands for; None if it stands for something else."""
    return digest.removeprefix("image:") if digest and digest.startswith("image:") else None


def stat_digest(entries: Iterable[tuple[str, int, int]]) -> str:
    """`stat:`, the total size, and the SHA-256 of all names, sizes in bytes and times in ns."""
    lines, total_size = [], 0
    for name, size, mtime_ns in entries:
        total_size += size
        lines.append(f"{size} {mtime_ns} {name}\n")
    digest = hashlib.sha256("".join(lines).encode(errors="surrogateescape"))
    return f"stat:{total_size}:{digest.hexdigest()}"


def paths_digest(paths: Iterable[str]) -> str:
    """A short digest of where files are, to tell values that name the same files."""
    text = "\0".join(paths).encode(errors="surrogateescape")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


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
    """The number in the one form that its digest is made of.

    The platform keeps decimal digits: it gives 1e300 back as the integer 10**300, whose nearest
    float has other digits. So a large number takes the form of a float only if that float has its
    digits, as earlier versions had all of them.
    """
    if abs(value) < _EXACT:
        return int(value) if value == int(value) else value
    if isinstance(value, float) and not math.isfinite(value):
        return value  # no JSON, but answers are not to be trusted
    exact = _digits(value)
    try:
        near = float(exact)
    except OverflowError:
        return exact
    return near if _digits(near) == exact else exact


def _digits(value: float) -> int:
    """The integer that a large number is written as."""
    return int(Decimal(repr(value))) if isinstance(value, float) else value
