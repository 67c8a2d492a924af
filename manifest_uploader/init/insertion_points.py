"""Where text can be inserted into a manifest; lines and columns count from 0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from manifest_uploader.manifest.yaml_reader import LOADER

_BLOCK_STYLES: Final = ("|", ">")
_LIST_DEPTH, _CASE_DEPTH, _SOCKETS_DEPTH = 2, 3, 4
"""How deeply the list of cases, a case, and its sockets are nested."""


@dataclass(slots=True)
class InsertionPoint:
    """The end of a list or mapping in block style, where more entries can be inserted."""

    column: int
    """Where its dashes or keys are."""
    end: Any = None
    """The mark after its last content."""
    ends_in_block_text: bool = False
    """Whether it ends in a block scalar, to whose text an empty line would be added."""

    def extend(self, event: Any) -> None:
        """Move the end past the event's text.

        The end event of a block collection is skipped: its mark is where the next token begins.
        """
        is_content = isinstance(event, yaml.ScalarEvent | yaml.AliasEvent)
        is_bracket = isinstance(event, yaml.CollectionEndEvent) and _has_text(event)
        if is_content or is_bracket:
            self.end = event.end_mark
            self.ends_in_block_text = (
                isinstance(event, yaml.ScalarEvent) and event.style in _BLOCK_STYLES
            )

    def line_after(self, lines: list[str], deeper_than: int) -> int:
        """The line to insert before: after the content and the comments that belong to it."""
        number: int = self.end.line + (self.end.column > 0)
        while number < len(lines):
            text = lines[number].lstrip(" ")
            if not text.startswith("#") or len(lines[number]) - len(text) <= deeper_than:
                break
            number += 1
        return number


@dataclass(slots=True)
class CasePosition:
    """Where a case is written."""

    line: int
    sockets: InsertionPoint | None = None
    """None if they are in brackets, or have an anchor or alias and so may be used elsewhere."""


@dataclass(slots=True)
class CaseList(InsertionPoint):
    """The list of cases."""

    keys: int = 0
    """The column of a case's keys."""
    step: int = 0
    """How much further the sockets are indented."""
    cases: list[CasePosition] = field(default_factory=list)


def find_case_list(data: bytes) -> CaseList | None:
    """The list under `cases`; None if it is written in brackets."""
    depth, key = 0, None
    reader: _CaseListReader | None = None
    for event in _events(data):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if reader is not None and depth == 1:
            return reader.found
        if reader is not None:
            reader.read(depth, event)
        elif depth == _LIST_DEPTH and key == "cases" and isinstance(event, yaml.SequenceStartEvent):
            if event.flow_style:
                return None
            reader = _CaseListReader(CaseList(_column(event)))
        if depth == 1:
            key = _next_key(event, key)
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


def _has_text(event: Any) -> bool:
    return bool(event.end_mark.index > event.start_mark.index)


def _next_key(event: Any, key: str | None) -> str | None:
    """The key whose value comes next; None if the event is a value or ends one."""
    return event.value if isinstance(event, yaml.ScalarEvent) and key is None else None


@dataclass(slots=True)
class _CaseListReader:
    """Reads the events of the list, case by case."""

    found: CaseList
    key: str | None = None
    """The case's key while its value is read."""
    is_open: bool = False
    """Whether the case is in block style and has no anchor."""

    def read(self, depth: int, event: Any) -> None:
        """Take from the event what it says about the list, a case or its sockets."""
        self.found.extend(event)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        is_open = is_mapping and not event.flow_style and event.anchor is None
        if depth == _LIST_DEPTH and isinstance(event, yaml.AliasEvent):
            self.found.cases.append(CasePosition(_line(event)))
        elif depth == _CASE_DEPTH and is_mapping:
            self.key, self.is_open = None, is_open
            self.found.cases.append(CasePosition(_line(event)))
            if not event.flow_style:
                self.found.keys = _column(event)
        elif depth == _CASE_DEPTH:
            self.key = _next_key(event, self.key)
        elif depth == _SOCKETS_DEPTH and is_mapping:
            if not event.flow_style and _column(event) > self.found.keys:
                self.found.step = _column(event) - self.found.keys
            if self.key == "sockets" and self.is_open and is_open:
                self.found.cases[-1].sockets = InsertionPoint(_column(event))
        elif depth >= _SOCKETS_DEPTH and self.key == "sockets":
            sockets = self.found.cases[-1].sockets
            if sockets is not None:
                sockets.extend(event)
