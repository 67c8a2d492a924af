"""Keeps how each case ended, and why."""

from __future__ import annotations

from typing import Final

from manifest_uploader.engine.results import CaseEnd, End
from manifest_uploader.state.events import Failure

_OPEN: Final = CaseEnd("", End.PENDING)


class CaseEnds:
    """How cases ended so far; a later end of a case replaces the earlier one."""

    def __init__(self) -> None:
        self._ends: dict[str, CaseEnd] = {}
        self._new: list[CaseEnd] = []
        self._failures: dict[str, list[Failure]] = {}

    def __len__(self) -> int:
        return len(self._ends)

    def add_failure(self, case: str, *failures: Failure) -> None:
        """Note failures of a case."""
        self._failures.setdefault(case, []).extend(failures)

    def drop_failures(self, case: str, socket: str | None) -> None:
        """Forget the failures of a socket whose value arrived after all; None: of the case."""
        left = [one for one in self._failures.get(case, ()) if one.socket != socket]
        self._failures[case] = left if socket is not None else []

    def failures(self, case: str) -> tuple[Failure, ...]:
        """The failures of a case, without repetitions."""
        return tuple(dict.fromkeys(self._failures.get(case, ())))

    def close(self, case: str, end: End, *, unchanged: bool = False) -> None:
        """End a case, with the failures so far."""
        self._close(CaseEnd(case, end, unchanged=unchanged, failures=self.failures(case)))

    def close_deleted(self, case: str, failure: Failure) -> None:
        """End a case whose item was deleted on the platform; other failures no longer matter."""
        self._failures[case] = [failure]
        self._close(CaseEnd(case, End.FAILED, failures=(failure,), gone=True))

    def _close(self, end: CaseEnd) -> None:
        self._ends[end.case] = end
        self._new.append(end)

    def is_deleted(self, case: str) -> bool:
        """Whether the case ended because its item was deleted."""
        return self._ends.get(case, _OPEN).gone

    def is_unsure(self, case: str) -> bool:
        """Whether the case ended with an unknown outcome."""
        return self._ends.get(case, _OPEN).end is End.UNSURE

    def has_failed_to_send(self, case: str) -> bool:
        """Whether the case ended with a failure that is not one of its imports."""
        end = self._ends.get(case, _OPEN)
        return end.end is End.FAILED and not all(one.of_import for one in end.failures)

    def take_new(self) -> list[CaseEnd]:
        """The ends since the last call."""
        new, self._new = self._new, []
        return new

    def all(self, *, pending: list[str], waiting: list[str]) -> tuple[CaseEnd, ...]:
        """How every case stands, in no particular order.

        Args:
            pending: cases that were not sent completely, or not begun.
            waiting: cases that were sent but not yet seen on the platform.

        """
        ends = dict(self._ends)
        for case in pending:
            ends.setdefault(case, CaseEnd(case, End.PENDING, failures=self.failures(case)))
        for case in waiting:
            failures = self.failures(case)
            end = End.FAILED if failures else End.WAITING
            ends[case] = CaseEnd(case, end, failures=failures)
        return tuple(ends.values())
