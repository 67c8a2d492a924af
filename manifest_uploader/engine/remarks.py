"""Collects remarks about values that arrived, and tells each of them once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from manifest_uploader.state.events import Confirmed, Done
from manifest_uploader.text import some_of

_KEPT: Final = (
    "not moved to its place in the worklist: the platform does not change a display set once "
    "readers have answered questions about it"
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
        found = [f"{some_of(values)}: {remark}" for remark, values in self._values.items()]
        return [*found, *([f"{some_of(self._kept)}: {_KEPT}"] if self._kept else [])]


def left_notes(put_off: Collection[str], without_images: Collection[str]) -> list[str]:
    """Why a run left cases as they are: it does not wait, or no longer.

    Args:
        put_off: cases whose fills follow imports.
        without_images: cases that use images which are not imported yet.

    """
    notes = []
    if put_off:
        notes.append(
            f"{some_of(put_off)}: the import of an earlier value has not ended, and a new one must "
            "not overtake it; a later run sends what changed (without --no-wait, the run waits for "
            "it)"
        )
    if without_images:
        notes.append(
            f"{some_of(without_images)}: not sent yet, because it uses images of other cases that "
            f"are still being imported; run the same command again later"
        )
    return notes
