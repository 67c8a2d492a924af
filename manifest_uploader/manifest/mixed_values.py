"""Finds values of another type than those of the same socket in other cases."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final

from manifest_uploader.digests import Json
from manifest_uploader.manifest.model import Case, JsonValue
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.text import quoted

_SEVERAL: Final = {
    "number": "numbers",
    "boolean": "true or false",
    "text": "texts",
    "list": "lists",
    "mapping": "mappings",
}
_HINT: Final = "if it stands for no value, leave the cell of the table empty, or the socket out"


def mixed_values(cases: Iterable[Case], slugs: Container[str] | None = None) -> list[Problem]:
    """Remark on each value whose type is rarer than that of most values of its socket.

    `slugs`: the sockets to look at; None: all. A socket whose kind is known needs no such guess.
    """
    found: dict[str, dict[str, list[JsonValue]]] = {}
    for case in cases:
        for value in case.values:
            if isinstance(value, JsonValue) and (slugs is None or value.socket in slugs):
                types = found.setdefault(value.socket, {})
                types.setdefault(_type(value.value), []).append(value)
    return [problem for types in found.values() for problem in _odd_ones(types)]


def _odd_ones(types: dict[str, list[JsonValue]]) -> Iterable[Problem]:
    usual = max(types, key=lambda one: len(types[one]))
    for name, values in types.items():
        if name != usual:
            for one in values:
                what = (
                    f"socket '{one.socket}' has {_SEVERAL[usual]} in other cases, "
                    f"and here {_shown(one.value)}"
                )
                yield Problem(what, one.place, _HINT)


def _type(value: Json) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
        case _:
            return "mapping"


def _shown(value: Json) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {quoted(value)}"
        case _:
            return f"a {_type(value)}"
