"""Keeps how each case has ended, and why."""

from __future__ import annotations

from typing import Final

from manifest_uploader.engine.results import CaseEnd, End
from manifest_uploader.state.events import Failure

_OPEN: Final = CaseEnd("", End.PENDING)


class CaseEnds:
    """The ends of cases so far; a later end of the same case replaces the earlier one."""

    def __init__(self) -> None:
        self._ends: dict[str, CaseEnd] = {}
        self._new: list[CaseEnd] = []
        self._failures: dict[str, list[Failure]] = {}

    def __len__(self) -> int:
        return len(self._ends)

    def add_failure(self, case: str, *failures: Failure) -> None:
        """Something of the case failed."""
        self._failures.setdefault(case, []).extend(failures)

    def drop_failures(self, case: str, socket: str) -> None:
        """A value that was given up arrived after all."""
        left = [one for one in self._failures.get(case, ()) if one.socket != socket]
        self._failures[case] = left

    def failures(self, case: str) -> tuple[Failure, ...]:
        """What failed of the case, each once."""
        return tuple(dict.fromkeys(self._failures.get(case, ())))

    def close(self, case: str, end: End, *, unchanged: bool = False) -> None:
        """The case has ended, with the failures so far."""
        self._close(CaseEnd(case, end, unchanged=unchanged, failures=self.failures(case)))

    def close_deleted(self, case: str, failure: Failure) -> None:
        """The case's item was deleted on the platform: nothing else matters any more."""
        self._failures[case] = [failure]
        self._close(CaseEnd(case, End.FAILED, failures=(failure,), gone=True))

    def _close(self, end: CaseEnd) -> None:
        self._ends[end.case] = end
        self._new.append(end)

    def is_deleted(self, case: str) -> bool:
        """The case ended because its item was deleted."""
        return self._ends.get(case, _OPEN).gone

    def is_unsure(self, case: str) -> bool:
        """The case ended with an unknown outcome."""
        return self._ends.get(case, _OPEN).end is End.UNSURE

    def take_new(self) -> list[CaseEnd]:
        """The ends since the last call."""
        new, self._new = self._new, []
        return new

    def all(self, *, begun: list[str], waiting: list[str]) -> tuple[CaseEnd, ...]:
        """How every case stands, in no order.

        Args:
            begun: cases that are not finished sending, or not begun.
            waiting: cases that were sent and not yet seen on the platform.

        """
        ends = dict(self._ends)
        for case in begun:
            ends.setdefault(case, CaseEnd(case, End.PENDING, failures=self.failures(case)))
        for case in waiting:
            failures = self.failures(case)
            end = End.FAILED if failures else End.WAITING
            ends[case] = CaseEnd(case, end, failures=failures)
        return tuple(ends.values())
