"""Pauses new uploads while the platform has no room for them.

Uploads under way are finished and filled, which makes room. Meanwhile one upload at a time probes
whether there is room again.
"""

from __future__ import annotations

from typing import Final

from manifest_uploader.state.steps import StepId

_FIRST_PROBE_S: Final = 1.0
_LONGEST_PROBE_S: Final = 30.0


class UploadLimits:
    """Whether there is room for uploads; times by a monotonic clock."""

    def __init__(self, *, scarce: bool = True) -> None:
        self.scarce = scarce
        """Upload rows are or were few, so cases get theirs one after the other."""
        self.tight = False
        """There were too many bytes once, so a case waits until those before it are complete."""
        self.reason: str | None = None
        """Why uploads pause; None: they do not."""
        self.since = 0.0
        self._due = 0.0
        self._interval = _FIRST_PROBE_S
        self._probe: StepId | None = None
        self._drains = 0
        self._begun: dict[StepId, int] = {}
        """Step → how often room had been made when the step began."""
        self._of_bytes = False

    @property
    def is_paused(self) -> bool:
        """Whether new uploads wait."""
        return self.reason is not None

    def allows(self, now: float) -> bool:
        """Whether an upload may begin: there is room, or it is time for a probe."""
        return self.reason is None or (self._probe is None and now >= self._due)

    def begins(self, step: StepId) -> None:
        """Note that an upload begins; during a pause it is the probe."""
        self._begun[step] = self._drains
        if self.is_paused:
            self._probe = step

    def refused(self, step: StepId, reason: str, now: float, *, size_limit: bool = False) -> None:
        """Note that the platform had no room for an upload's row, or for its bytes."""
        self.scarce = True
        self._of_bytes = size_limit
        self.tight = self.tight or size_limit
        if not self.is_paused:
            self.since, self._interval = now, _FIRST_PROBE_S
        elif step == self._probe:
            self._interval = min(self._interval * 2, _LONGEST_PROBE_S)
        self.reason = reason
        self._due = now + self._interval

    def ended(self, step: StepId) -> None:
        """Note that an upload is no longer under way."""
        self._begun.pop(step, None)
        if step == self._probe:
            self._probe = None

    def drained(self, now: float) -> None:
        """Note that something made room, and probe at once."""
        self._drains += 1
        self._due = min(self._due, now)

    def has_drained_since(self, step: StepId) -> bool:
        """Whether something made room since an upload began, so that its refusal is outdated."""
        return self._begun.get(step, self._drains) < self._drains

    def found(self, step: StepId, *, complete: bool) -> bool:
        """Note that an upload has its row, or is complete; return whether that ends a pause.

        Only the probe ends a pause, because other uploads began before it. A row does not show that
        there is room for bytes.
        """
        if step != self._probe or (self._of_bytes and not complete):
            return False
        self.reason = None
        return True
