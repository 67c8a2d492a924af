"""Which imports are waited for, and when to look at them next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from manifest_uploader.plan.steps import Wait

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0
_BUSY_PAUSE_S: Final = 5.0
"""Between looks while cases are sent: nobody waits for what a look would show."""


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
        """Wait for these imports too."""
        self._waits.setdefault(case, {}).update({wait.socket: wait for wait in waits})

    def remove(self, case: str, socket: str) -> Wait | None:
        """An import has ended; None if it was not waited for."""
        return self._waits.get(case, {}).pop(socket, None)

    def drop(self, case: str) -> None:
        """Wait for nothing of this case any more."""
        self._waits.pop(case, None)

    def has(self, case: str) -> bool:
        """Something of the case is waited for."""
        return bool(self._waits.get(case))

    def is_importing(self, case: str, socket: str) -> bool:
        """An import into the socket has not ended, as far as anyone knows."""
        wait = self._waits.get(case, {}).get(socket)
        return wait is not None and not wait.last_look

    def open_cases(self) -> list[str]:
        """The cases of which some import has not ended, last looks left out."""
        return [
            case
            for case, waits in self._waits.items()
            if any(not wait.last_look for wait in waits.values())
        ]

    def all(self) -> tuple[Wait, ...]:
        """Everything that is waited for."""
        return tuple(wait for case in self._waits.values() for wait in case.values())

    # -- when to look --

    @property
    def is_watching(self) -> bool:
        """A look is under way."""
        return self._is_watching

    def is_due(self, now: float, *, busy: bool) -> bool:
        """It is time to look again; less often while cases are sent."""
        pause_s = max(self._pause_s, _BUSY_PAUSE_S if busy else 0.0)
        return not self._is_watching and now >= self._watched_at + pause_s

    def begin_watch(self) -> None:
        """A look begins."""
        self._is_watching = True

    def end_watch(self, now: float) -> None:
        """The look has ended."""
        self._is_watching = False
        self._watched_at = now

    def hurry(self) -> None:
        """Something was just sent: look soon."""
        self._pause_s = _FIRST_PAUSE_S

    def quicken(self) -> None:
        """An import has ended: others may have, too."""
        self._pause_s = max(self._pause_s / 2, _FIRST_PAUSE_S)

    def slow_down(self) -> None:
        """A look has shown how things are: the next one may come a little later."""
        self._pause_s = min(self._pause_s * 1.4, _LONGEST_PAUSE_S)
