"""Where in the text of a manifest something can be added; lines and columns are from 0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from manifest_uploader.manifest.yaml_reader import LOADER

_BLOCK: Final = ("|", ">")
_CASES, _CASE, _SOCKETS = 2, 3, 4
"""How deep the list of cases lies, a case, and its sockets."""


@dataclass(slots=True)
class Spot:
    """A list or mapping in block style, and how far it goes."""

    column: int
    """Of its dashes or keys."""
    end: Any = None
    """The mark behind the last of what it holds."""
    is_block: bool = False
    """It ends with a text over several lines, to which an empty line would be added."""

    def learn(self, event: Any) -> None:
        """Go on to the end of what an event says.

        The end of a collection in block style is where the next thing begins: it says nothing.
        """
        is_said = isinstance(event, yaml.ScalarEvent | yaml.AliasEvent)
        if is_said or (isinstance(event, yaml.CollectionEndEvent) and _is_written(event)):
            self.end = event.end_mark
            self.is_block = isinstance(event, yaml.ScalarEvent) and event.style in _BLOCK

    def place(self, lines: list[str], deeper_than: int) -> int:
        """The line before which to add: behind what it holds and the comments that belong to it."""
        place: int = self.end.line + (self.end.column > 0)
        while place < len(lines):
            text = lines[place].lstrip(" ")
            if not text.startswith("#") or len(lines[place]) - len(text) <= deeper_than:
                break
            place += 1
        return place


@dataclass(slots=True)
class CaseSpot:
    """One case."""

    line: int
    sockets: Spot | None = None
    """None: they are in brackets, or with an anchor or alias: another may say them too."""


@dataclass(slots=True)
class ListSpot(Spot):
    """The list of cases."""

    keys: int = 0
    """The column of a case's keys."""
    step: int = 0
    """How much further in the sockets are."""
    cases: list[CaseSpot] = field(default_factory=list)


def list_of_cases(data: bytes) -> ListSpot | None:
    """The list under `cases`; None if it is written with brackets."""
    depth, key = 0, None
    search: _Search | None = None
    for event in _events(data):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if search is not None and depth == 1:
            return search.found
        if search is not None:
            search.learn(depth, event)
        elif depth == _CASES and key == "cases" and isinstance(event, yaml.SequenceStartEvent):
            if event.flow_style:
                return None
            search = _Search(ListSpot(_column(event)))
        if depth == 1:
            key = _key(event, key)
    return None


def _events(data: bytes) -> Iterator[Any]:
    loader = LOADER(data)
    try:
        while not isinstance(event := loader.get_event(), yaml.StreamEndEvent):
            yield event
    finally:
        loader.dispose()


def _line(event: Any) -> int:
    return int(event.start_mark.line)


def _column(event: Any) -> int:
    return int(event.start_mark.column)


def _key(event: Any, before: str | None) -> str | None:
    """The key that an event of a mapping is; None if it is a value, or ends one."""
    return event.value if isinstance(event, yaml.ScalarEvent) and before is None else None


def _is_written(event: Any) -> bool:
    return bool(event.end_mark.index > event.start_mark.index)


@dataclass(slots=True)
class _Search:
    """Goes through the events of the list, case by case."""

    found: ListSpot
    key: str | None = None
    """Of the case, while its value is read."""
    is_open: bool = False
    """The case is written on lines of its own, and only once."""

    def learn(self, depth: int, event: Any) -> None:
        """Take an event for what it tells of the list, of a case, of its sockets."""
        self.found.learn(event)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        is_own = is_mapping and not event.flow_style and event.anchor is None
        if depth == _CASES and isinstance(event, yaml.AliasEvent):
            self.found.cases.append(CaseSpot(_line(event)))
        elif depth == _CASE and is_mapping:
            self._begin_case(event, is_own=is_own)
        elif depth == _CASE:
            self.key = _key(event, self.key)
        elif depth == _SOCKETS and is_mapping:
            self._begin_mapping(event, is_own=is_own)
        elif depth >= _SOCKETS and self.key == "sockets" and (spot := self.found.cases[-1].sockets):
            spot.learn(event)

    def _begin_case(self, event: Any, *, is_own: bool) -> None:
        self.key, self.is_open = None, is_own
        self.found.cases.append(CaseSpot(_line(event)))
        if not event.flow_style:
            self.found.keys = _column(event)

    def _begin_mapping(self, event: Any, *, is_own: bool) -> None:
        if not event.flow_style and _column(event) > self.found.keys:
            self.found.step = _column(event) - self.found.keys
        if self.key == "sockets" and self.is_open and is_own:
            self.found.cases[-1].sockets = Spot(_column(event))
