"""Read the JSON value in a local file, or explain why the platform would not accept it."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Final, NoReturn

from manifest_uploader.digests import Json
from manifest_uploader.files.local_file import Source, chunks

LIMIT: Final = 15 * 2**20
"""Bytes. Grand Challenge accepts JSON values below 15 MiB."""
DEPTH_LIMIT: Final = 200
"""Levels of lists and objects; recursive readers fail at about a thousand."""


class JsonUnreadable(Exception):
    """A file does not hold JSON that the platform would accept; the message says why."""


def read_json(source: Source) -> Json:
    """The JSON value in the single file of a source.

    Raises:
        JsonUnreadable: It is not JSON, or holds what the platform cannot store.
        FileChanged: It has changed since it was looked at.
    """
    file = source.files[0]
    if file.size >= LIMIT:
        raise JsonUnreadable("is 15 MiB or larger")
    try:
        text = b"".join(chunks(file)).decode()
    except UnicodeDecodeError as error:
        raise JsonUnreadable(f"is not UTF-8 (byte {error.start + 1})") from error
    if text.startswith("\ufeff"):
        raise JsonUnreadable("begins with a byte order mark; save it as UTF-8 without one")
    value = _parsed(text)
    if value is None:
        raise JsonUnreadable("contains null, which the platform cannot store")
    _check(value, DEPTH_LIMIT)
    return value


def _parsed(text: str) -> Json:
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise JsonUnreadable(f"is not JSON: {error.msg} ({where})") from error
    except RecursionError:
        raise _too_deep() from None
    except ValueError:  # Python limits the digits of an integer
        raise JsonUnreadable("contains an integer with thousands of digits") from None


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) < len(pairs):
        [(key, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise JsonUnreadable(f"has the key {key!r} twice in one object")
    return result


def _constant(name: str) -> NoReturn:
    raise JsonUnreadable(f"contains {name}, which is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise JsonUnreadable(f"contains {text[:40]}, a number too large to store")
    return number


def _check(value: Json, depth: int) -> None:
    match value:
        case str():
            _check_text(value)
        case dict() | list() if not depth:
            raise _too_deep()
        case dict():
            for key, inner in value.items():
                _check_text(key)
                _check(inner, depth - 1)
        case list():
            for inner in value:
                _check(inner, depth - 1)


def _too_deep() -> JsonUnreadable:
    return JsonUnreadable(f"is nested more than {DEPTH_LIMIT} levels deep")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise JsonUnreadable("contains a NUL character, which the platform cannot store")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise JsonUnreadable("contains half a surrogate pair, which is not text")
