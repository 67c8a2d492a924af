"""Clocks that no jump of the wall clock and no sleep of the computer disturbs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

_LONGEST_GAP_S: Final = 30.0
"""Between two looks at a clock that is looked at twice a second."""


class Awake:
    """A monotonic clock that stands still while the computer sleeps.

    On some systems the monotonic clock goes on meanwhile. So a longer time between two looks than
    there can be while the computer is awake is left out.
    """

    def __init__(
        self,
        *,
        longest_gap_s: float = _LONGEST_GAP_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._longest_gap_s, self._clock = longest_gap_s, clock
        self._lock = threading.Lock()
        self._last = clock()
        self._slept = 0.0

    def __call__(self) -> float:
        """The time in seconds; any thread may look."""
        with self._lock:
            now = self._clock()
            if now - self._last > self._longest_gap_s:
                self._slept += now - self._last
            self._last = now
            return now - self._slept


class Steady:
    """Seconds since 1970 for comparing moments of one run; also stands still during sleep."""

    def __init__(self, begin: float, awake: Callable[[], float]) -> None:
        self._begin, self._awake, self._first = begin, awake, awake()

    def __call__(self) -> float:
        """The time."""
        return self._begin + self._awake() - self._first


class InOrder:
    """Seconds since 1970 that never go back, also not behind those of earlier runs.

    While the wall clock is behind the last time that was given, time goes on from there.
    """

    MOST_AHEAD_S: Final = 366 * 86_400.0
    """A later time than this ahead of the wall clock is a mistake, and is not gone on from."""

    def __init__(
        self,
        *,
        wall: Callable[[], float] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._monotonic = wall or time.time, monotonic
        self._last, self._at = 0.0, monotonic()

    def note(self, moment: float) -> None:
        """Note a time that was recorded; later ones are not before it."""
        if self._last < moment <= self._wall() + self.MOST_AHEAD_S:
            self._last, self._at = moment, self._monotonic()

    def __call__(self) -> float:
        """The time."""
        now = self._monotonic()
        self._last = max(self._wall(), self._last + (now - self._at) if self._last else 0.0)
        self._at = now
        return self._last
