"""Collects remarks about values that arrived, and tells each of them once."""

from __future__ import annotations

from itertools import islice
from typing import Final

from manifest_uploader.state.events import Confirmed

_NAMED: Final = 3
"""Values that one note names."""


class Remarks:
    """Remark → the values that it is about."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, None]] = {}

    def add(self, event: Confirmed) -> None:
        """Keep the remark of a value that arrived, if there is one."""
        if event.remark is not None:
            self._values.setdefault(event.remark, {})[f"{event.case}/{event.socket}"] = None

    def notes(self) -> list[str]:
        """A note for each remark."""
        return [f"{_named(values)}: {remark}" for remark, values in self._values.items()]


def _named(values: dict[str, None]) -> str:
    more = len(values) - _NAMED
    return ", ".join(islice(values, _NAMED)) + (f" and {more} more" if more > 0 else "")
