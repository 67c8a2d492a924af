"""Keeps the imports that have not ended, and when to look at them next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from manifest_uploader.plan.steps import Wait

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 8.0
_BUSY_PAUSE_S: Final = 5.0
"""Pause between looks while cases are being sent, when the results are not urgent."""


class ImportWaits:
    """The imports that have not ended, by case and socket; times by a monotonic clock."""

    def __init__(self) -> None:
        self._waits: dict[str, dict[str, Wait]] = {}
        self._is_watching = False
        self._watched_at = float("-inf")
        self._pause_s = _FIRST_PAUSE_S

    def __len__(self) -> int:
        return len(self._waits)

    def add(self, case: str, waits: Iterable[Wait]) -> None:
        """Add imports to wait for."""
        self._waits.setdefault(case, {}).update({wait.socket: wait for wait in waits})

    def under_way(self) -> Iterator[Wait]:
        """The waits for uploads and jobs, in the order in which their cases were added."""
        for waits in self._waits.values():
            yield from (wait for wait in waits.values() if wait.upload is not None or wait.job)

    def remove(self, case: str, socket: str) -> Wait | None:
        """Remove an import that has ended and return its wait; None if there is none."""
        return self._waits.get(case, {}).pop(socket, None)

    def drop(self, case: str) -> None:
        """Remove all waits of a case."""
        self._waits.pop(case, None)

    def has(self, case: str) -> bool:
        """Whether the case has any waits."""
        return bool(self._waits.get(case))

    def cases(self) -> set[str]:
        """The cases with waits."""
        return {case for case, waits in self._waits.items() if waits}

    def is_importing(self, case: str, socket: str) -> bool:
        """Whether an import into the socket may still be running."""
        wait = self._waits.get(case, {}).get(socket)
        return wait is not None and not wait.last_look

    def open_cases(self) -> list[str]:
        """The cases with an import that has not ended, except for last looks."""
        return [
            case
            for case, waits in self._waits.items()
            if any(not wait.last_look for wait in waits.values())
        ]

    def all(self) -> tuple[Wait, ...]:
        """All waits."""
        return tuple(wait for case in self._waits.values() for wait in case.values())

    # -- when to look --

    @property
    def is_watching(self) -> bool:
        """Whether a look is under way."""
        return self._is_watching

    def is_due(self, now: float, *, busy: bool) -> bool:
        """Whether it is time to look again; `busy` means that cases are being sent."""
        pause_s = max(self._pause_s, _BUSY_PAUSE_S if busy else 0.0)
        return not self._is_watching and now >= self._watched_at + pause_s

    def begin_watch(self) -> None:
        """Note that a look begins."""
        self._is_watching = True

    def end_watch(self, now: float) -> None:
        """Note that the look has ended."""
        self._is_watching = False
        self._watched_at = now

    def hurry(self) -> None:
        """Look soon, because something was just sent."""
        self._pause_s = _FIRST_PAUSE_S

    def quicken(self) -> None:
        """Look sooner, because an import has ended and others may have too."""
        self._pause_s = max(self._pause_s / 2, _FIRST_PAUSE_S)

    def slow_down(self) -> None:
        """Make the next pause a little longer."""
        self._pause_s = min(self._pause_s * 1.4, _LONGEST_PAUSE_S)
