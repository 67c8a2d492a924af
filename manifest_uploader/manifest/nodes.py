"""JSON-like data whose every key and value knows its line and column."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from manifest_uploader.digests import Json
from manifest_uploader.text import quoted


class Scalar(Struct):
    """A text, number, boolean or null."""

    value: str | float | bool | None
    text: str
    """As written; for a quoted scalar, what stands between the quotes."""
    plain: bool
    """Written without quotes."""
    line: int
    column: int


class Mapping(Struct):
    """Keys and values; of a key that appears twice, the first value is kept."""

    entries: dict[str, tuple[Scalar, Node]]
    line: int
    column: int
    whole: bool = True
    """False if a key was refused or is still to come, so that none counts as missing."""

    def get(self, key: str) -> Node | None:
        """Return the value under a key."""
        entry = self.entries.get(key)
        return entry[1] if entry else None


class Sequence(Struct):
    """A list."""

    items: list[Node]
    line: int
    column: int


Node: TypeAlias = Scalar | Mapping | Sequence


def is_empty(node: Node) -> bool:
    """Return whether the node is null or nothing is written where a value should be."""
    return isinstance(node, Scalar) and node.value is None


def to_json(node: Node) -> Json:
    """Return the node as `json.loads` would."""
    if type(node) is Scalar:
        return node.value
    if type(node) is Mapping:
        return {key: to_json(value) for key, (_, value) in node.entries.items()}
    assert type(node) is Sequence
    return [to_json(item) for item in node.items]


def as_written(node: Node) -> Json:
    """Return the node as JSON, but a number as the text that it is written as."""
    if type(node) is Scalar and node.value is not None and not isinstance(node.value, bool):
        return node.text
    return to_json(node)


def described(node: Node) -> str:
    """Return the node as messages show it: `'text'`, `12`, `a list`."""
    match node:
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case Scalar(value=str()):
            return quoted(node.text)
        case _:
            return quoted(node.text)[1:-1] or "nothing"
