"""Pauses new jobs while the account has too many active ones; stops them without credits.

Jobs of other runs and of the website count, too. While there is no room, one creation at a time
probes, and at once when a job of ours ends.
"""

from __future__ import annotations

from typing import Final

_FIRST_PROBE_S: Final = 5.0
_LONGEST_PROBE_S: Final = 60.0


class JobLimits:
    """Whether another job may be started; times by a monotonic clock."""

    def __init__(self) -> None:
        self.reason: str | None = None
        """Why new jobs wait; None: they do not."""
        self.since = 0.0
        self.no_credits: str | None = None
        """Why no job can be started any more, in the platform's words."""
        self._is_tight = False
        """There was no room once, so that jobs are started one after the other."""
        self._under_way = 0
        self._due = 0.0
        self._interval = _FIRST_PROBE_S

    def allows(self, now: float) -> bool:
        """Whether a creation may begin: there is room, or it is time for a probe."""
        if self._is_tight and self._under_way:
            return False
        return self.reason is None or now >= self._due

    def begins(self) -> None:
        """Note that a creation begins."""
        self._under_way += 1

    def ended(self) -> None:
        """Note that a creation is no longer under way."""
        self._under_way -= 1

    def refused(self, reason: str, now: float) -> None:
        """Note that the platform had no room for a job."""
        self._is_tight = True
        if self.reason is None:
            self.since, self._interval = now, _FIRST_PROBE_S
        else:
            self._interval = min(self._interval * 2, _LONGEST_PROBE_S)
        self.reason = reason
        self._due = now + self._interval

    def started(self) -> None:
        """Note that a job was started, which ends a pause."""
        self.reason = None

    def drained(self, now: float) -> None:
        """Note that a job of ours has ended, and probe at once."""
        self._due = min(self._due, now)
