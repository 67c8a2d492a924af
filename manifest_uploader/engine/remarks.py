"""Collects remarks about values that arrived, and tells each of them once."""

from __future__ import annotations

from itertools import islice
from typing import Final

from manifest_uploader.state.events import Confirmed, Done

_NAMED: Final = 3
"""Values or cases that one note names."""
_KEPT: Final = (
    "not moved to its place in the worklist: the platform changes nothing of what readers have "
    "answered questions about"
)


class Remarks:
    """Remark → the values that it is about."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, None]] = {}
        self._kept: dict[str, None] = {}

    def add(self, event: Confirmed) -> None:
        """Keep the remark of a value that arrived, if there is one."""
        if event.remark is not None:
            self._values.setdefault(event.remark, {})[f"{event.case}/{event.socket}"] = None

    def add_kept(self, event: Done) -> None:
        """Keep a case whose item keeps its place in the worklist."""
        self._kept[event.case] = None

    def notes(self) -> list[str]:
        """A note for each remark."""
        found = [f"{_named(values)}: {remark}" for remark, values in self._values.items()]
        return [*found, *([f"{_named(self._kept)}: {_KEPT}"] if self._kept else [])]


def _named(values: dict[str, None]) -> str:
    more = len(values) - _NAMED
    return ", ".join(islice(values, _NAMED)) + (f" and {more} more" if more > 0 else "")
