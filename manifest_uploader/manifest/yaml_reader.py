"""Reads YAML as nodes: JSON-like data with lines and columns.

Invariants: time grows with the file's length and memory with its longest entry, because the items
of one list (a manifest's cases) are yielded one by one. Depth, nodes and the size of aliases are
bounded. Whatever the bytes are, an error becomes a problem with a place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from sys import intern
from typing import Any, Final, NoReturn

import yaml
from msgspec import Struct
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from manifest_uploader.manifest.nodes import Mapping, Node, Scalar, Sequence, described
from manifest_uploader.manifest.problems import Located, Problems
from manifest_uploader.manifest.yaml_hints import explain
from manifest_uploader.text import quoted

# libyaml is 20 times as fast as the pure parser; only the wording of their errors differs.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

DEPTH: Final = 100
NODES: Final = 500_000
"""In one entry; they take about 100 MB."""
ALIAS_FACTOR: Final = 10
ALIAS_LEAST: Final = 100_000
"""Aliases may add ten times the file's length, or this many characters to a small file."""
LONGEST_NUMBER: Final = 1000
"""Digits; Python reads longer numbers in quadratic time, or not at all."""

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None, "": None}
_DIGITS: Final = frozenset("-0123456789")
"""The characters that a number begins with."""
_INFINITE: Final = (float("inf"), float("-inf"))


class Start(Struct, frozen=True):
    """The document is a mapping that begins here."""

    line: int
    column: int


class Entry(Struct, frozen=True):
    """A key of the document's mapping; the list whose items follow one by one is empty here."""

    key: Scalar
    value: Node


class Item(Struct, frozen=True):
    """The next item of the list that is read item by item."""

    value: Node


class _At(Struct, frozen=True):
    line: int
    column: int


class Unreadable(Exception):
    """The rest of the file cannot be read; the reason is among the problems."""


def read(data: bytes, problems: Problems, *, each: str) -> Iterator[Start | Entry | Item]:
    """Yield the document's start and entries, and the items of the list under `each` one by one.

    `data` is UTF-8 without a byte order mark. Problems are added on the way; Unreadable is raised
    if reading cannot continue.
    """
    reader = _Reader(data, problems)
    try:
        yield from reader.document(each)
    except yaml.YAMLError as error:
        trap = explain(data.decode(), error, _last_event(data))
        problems.add(trap.message, trap, trap.hint)
        raise Unreadable from error


def _last_event(data: bytes) -> Any:
    """Return the last event before a syntax error, by reading again: keeping it would cost more."""
    next_event, last = LOADER(data).get_event, None
    try:
        while True:
            last = next_event()
    except yaml.YAMLError:
        return last


class _Reader:
    """Turns events into nodes, depth first."""

    def __init__(self, data: bytes, problems: Problems) -> None:
        self._problems = problems
        self._next: Callable[[], Any] = LOADER(data).get_event
        self._depth = 0
        self._nodes = 0
        """In the current entry."""
        self._expanded = 0
        """Characters that aliases have added so far."""
        self._budget = max(ALIAS_LEAST, ALIAS_FACTOR * len(data))
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        """Each node and its length in characters; None while the node is still open."""

    def document(self, each: str) -> Iterator[Start | Entry | Item]:
        """Yield the parts of the only document."""
        self._next()
        root = None if type(self._next()) is StreamEndEvent else self._next()
        if type(root) is not MappingStartEvent:
            if type(root) is ScalarEvent:
                self._next()  # after `version:1` comes a syntax error, which says more
            self._refuse(*_no_mapping(root), _where(root))
        self._open(root)
        yield Start(*_position(root))
        yield from self._entries(each)
        self._only_document()

    def _entries(self, each: str) -> Iterator[Entry | Item]:
        seen: dict[str, tuple[Scalar, Node]] = {}
        while type(event := self._next()) is not MappingEndEvent:
            self._nodes = 0
            key = self._key(event)
            event = self._next()
            if key is None or not self._is_new(key, seen):
                self._node(event)
                continue
            seen[key.text] = (key, key)
            if key.text == each and type(event) is SequenceStartEvent:
                yield from self._items(key, event)
            else:
                yield Entry(key, self._node(event))

    def _items(self, key: Scalar, event: Any) -> Iterator[Entry | Item]:
        self._open(event)
        yield Entry(key, Sequence([], *_position(event)))
        while type(event := self._next()) is not SequenceEndEvent:
            self._nodes = 0
            yield Item(self._node(event))
        self._depth -= 1

    def _only_document(self) -> None:
        self._next()
        event = self._next()
        if type(event) is not StreamEndEvent:
            hint = "a manifest is one document: remove the '---', or make two files"
            self._refuse("a second document begins here", hint, _where(event))

    def _node(self, event: Any) -> Node:
        kind = type(event)
        if kind is ScalarEvent:
            return self._scalar(event)
        if kind is AliasEvent:
            return self._alias(event)
        self._open(event)
        added = self._expanded
        if kind is MappingStartEvent:
            node, end = self._mapping(event)
        else:
            node, end = self._sequence(event)
        self._depth -= 1
        if event.anchor is not None:
            length = end.end_mark.index - event.start_mark.index + self._expanded - added
            self._anchors[event.anchor] = (node, length + 1)
        return node

    def _open(self, event: Any) -> None:
        self._depth += 1
        if self._depth > DEPTH:
            self._refuse(f"nested more than {DEPTH} levels deep", None, _where(event))
        if event.tag is not None:
            self._tagged(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = None

    def _mapping(self, event: Any) -> tuple[Node, Any]:
        """Return the mapping, and the event that ends it."""
        entries: dict[str, tuple[Scalar, Node]] = {}
        whole = True
        next_event = self._next
        while type(inner := next_event()) is not MappingEndEvent:
            key = self._key(inner)
            inner = next_event()
            value = self._scalar(inner) if type(inner) is ScalarEvent else self._node(inner)
            whole = whole and key is not None
            if key is not None and (key.text not in entries or self._is_new(key, entries)):
                key.text = key.value = intern(key.text)
                entries[key.text] = (key, value)
            self._nodes += 2
            if self._nodes > NODES:
                self._too_many(event)
        mark = event.start_mark
        return Mapping(entries, mark.line + 1, mark.column + 1, whole), inner

    def _sequence(self, event: Any) -> tuple[Node, Any]:
        items: list[Node] = []
        next_event = self._next
        while type(inner := next_event()) is not SequenceEndEvent:
            items.append(self._node(inner))
            self._nodes += 1
            if self._nodes > NODES:
                self._too_many(event)
        mark = event.start_mark
        return Sequence(items, mark.line + 1, mark.column + 1), inner

    def _too_many(self, event: Any) -> NoReturn:
        hint = "keep a value as large as this in a JSON file, and name it with 'file:'"
        self._refuse(f"more than {NODES:,} values in one entry", hint, _where(event))

    def _is_new(self, key: Scalar, entries: dict[str, tuple[Scalar, Node]]) -> bool:
        """Return whether the key is new, and report it if not; the caller enters it."""
        first = entries.get(key.text)
        if first is None:
            return True
        message = f"key {quoted(key.text)} appears twice"
        self._problems.add(message, key, "keep one of them", first_line=first[0].line)
        return False

    def _key(self, event: Any) -> Scalar | None:
        """Return the key; None, with a problem, if it cannot be one."""
        node = self._scalar(event) if type(event) is ScalarEvent else self._node(event)
        if type(node) is Scalar and node.value is node.text and node.text != "<<":
            return node
        if not isinstance(node, Scalar):
            hint = "a key is text; put it in quotes if it has [ ] or { }"
            self._problems.add(f"{described(node)} cannot be a key", node, hint)
            return None
        if node.text == "<<" and node.plain:
            hint = "write the keys out; an alias is allowed as a value"
            self._problems.add("merge keys ('<<') are not supported", node, hint)
            return None
        if node.value is None:
            what = "a key is missing before ':'" if node.text == "" else "null cannot be a key"
            self._problems.add(what, node, "put the key in quotes")
            return None
        return node

    def _scalar(self, event: Any) -> Scalar:
        text = event.value
        mark = event.start_mark
        plain = event.implicit[0]
        node = Scalar(text, text, plain, mark.line + 1, mark.column + 1)
        if plain:
            if text in _WORDS:
                node.value = _WORDS[text]
            elif text[0] in _DIGITS:
                node.value = self._number(node)
        if event.tag is not None:
            self._tagged(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, len(text) + 1)
        return node

    def _number(self, node: Scalar) -> str | float:
        """Return the number that JSON reads in a plain scalar; its text if that is no number."""
        text = node.text
        number = _NUMBER.fullmatch(text)
        if number is None:
            return text
        whole = number[1] is None and number[2] is None
        value = (
            float(text) if not whole else int(text) if len(text) <= LONGEST_NUMBER else _INFINITE[0]
        )
        if value not in _INFINITE:
            return value
        hint = "write it in quotes if it is meant as text"
        self._problems.add(f"number {quoted(text)[1:-1]} is too large", node, hint, last_word=True)
        return 0

    def _alias(self, event: Any) -> Node:
        at = _where(event)
        if event.anchor not in self._anchors:
            self._problems.add(
                f"'*{event.anchor}' is an alias, and no '&{event.anchor}' comes before it",
                at,
                f'put it in quotes if it is a pattern or text: "*{event.anchor}"',
                last_word=True,
            )
            return Scalar("", "", False, at.line, at.column)  # noqa: FBT003
        anchored = self._anchors[event.anchor]
        if anchored is None:
            self._refuse(f"alias '*{event.anchor}' refers to itself", None, at)
        node, length = anchored
        self._expanded += length
        if self._expanded > self._budget:
            self._refuse("the aliases up to here expand to too much", "write the values out", at)
        return _moved(node, at)

    def _tagged(self, event: Any) -> None:
        hint = "remove it: true, false, null and numbers are what they look like, the rest is text"
        what = f"tag {quoted(_short_tag(event.tag))} is not supported"
        self._problems.add(what, _where(event), hint, last_word=True)

    def _refuse(self, message: str, hint: str | None, at: Located) -> NoReturn:
        self._problems.add(message, at, hint)
        raise Unreadable


def _moved(node: Node, at: Located) -> Node:
    """Return the node at the place of its alias; its contents are shared."""
    match node:
        case Scalar():
            return Scalar(node.value, node.text, node.plain, at.line, at.column)
        case Mapping():
            return Mapping(node.entries, at.line, at.column, node.whole)
        case Sequence():
            return Sequence(node.items, at.line, at.column)


def _short_tag(tag: str) -> str:
    prefix = "tag:yaml.org,2002:"
    return "!!" + tag.removeprefix(prefix) if tag.startswith(prefix) else tag


def _position(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _where(event: Any) -> _At:
    return _At(*_position(event)) if event is not None else _At(1, 1)


def _no_mapping(root: Any) -> tuple[str, str]:
    hint = "a manifest begins with 'version: 1', 'target:' and 'cases:'"
    empty = root is None or getattr(root, "value", None) == ""
    return ("the manifest is empty" if empty else "a manifest is a mapping of keys"), hint
