"""Keeps the creations of jobs whose outcome is unknown, and when to look at them.

A request whose sender is gone may still take effect. The same request is sent again only after it
had some time to, and a look shows that it did not: then what it names can be used only once.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.plan.steps import Settle
from manifest_uploader.state.events import Started

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 15.0
MOST_REPETITIONS: Final = 5


class _Doubt(Struct):
    started: Started
    since: float
    """When the request was sent, in seconds since 1970."""
    due: float
    """When to look next, by a monotonic clock."""
    pause_s: float = _FIRST_PAUSE_S
    repetitions: int = 0
    is_under_way: bool = False
    is_open: bool = True


class Doubts:
    """The creations in doubt, by case."""

    def __init__(self, owned: frozenset[str]) -> None:
        self.owned = set(owned)
        """The pks of the jobs that cases have."""
        self._doubts: dict[str, _Doubt] = {}

    def __len__(self) -> int:
        return sum(one.is_open for one in self._doubts.values())

    def add(self, started: Started, *, now: float, clock: float) -> None:
        """Note that nobody knows whether a creation took effect.

        Args:
            started: the creation; without a time, it was sent just now.
            now: seconds since 1970.
            clock: monotonic, in seconds.

        """
        since = min(started.time or now, now)
        before = self._doubts.get(started.case)
        repetitions = before.repetitions if before is not None else 0
        self._doubts[started.case] = _Doubt(started, since, clock, repetitions=repetitions)

    def due(self, clock: float) -> list[Settle]:
        """The looks that are due; each is under way until it is told of."""
        found = []
        for name, one in self._doubts.items():
            if one.is_open and not one.is_under_way and clock >= one.due:
                one.is_under_way = True
                found.append(Settle(name, one.started, frozenset(self.owned)))
        return found

    def put_off(self, case: str, clock: float) -> None:
        """Look again later."""
        one = self._doubts[case]
        one.is_under_way = False
        one.due = clock + one.pause_s
        one.pause_s = min(one.pause_s * 1.5, _LONGEST_PAUSE_S)

    def since(self, case: str) -> float:
        """When the creation was sent, in seconds since 1970."""
        return self._doubts[case].since

    def started(self, case: str) -> Started:
        """The creation, as it was recorded."""
        return replace(self._doubts[case].started)

    def settle(self, case: str, pk: str | None) -> None:
        """Note that a case has a job."""
        self.close(case)
        self.owned |= {pk} if pk is not None else set()

    def close(self, case: str) -> None:
        """Note that the outcome is known."""
        if case in self._doubts:
            self._doubts[case].is_open = False

    def may_repeat(self, case: str) -> bool:
        """Count one more repetition; False if there were too many."""
        one = self._doubts[case]
        one.is_open = one.is_under_way = False
        one.repetitions += 1
        return one.repetitions <= MOST_REPETITIONS
