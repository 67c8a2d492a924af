"""Whether the platform has room for more uploads: a limit pauses new ones together.

What is begun is finished and filled, which makes room; one upload at a time asks again.
"""

from __future__ import annotations

from typing import Final

from manifest_uploader.state.steps import StepId

_FIRST_PROBE_S: Final = 1.0
_LONGEST_PROBE_S: Final = 30.0


class UploadLimits:
    """Room for uploads; times by a monotonic clock."""

    def __init__(self, *, scarce: bool = True) -> None:
        self.scarce = scarce
        """Few upload rows are left, or were: cases get theirs one after the other."""
        self.tight = False
        """There were too many bytes once: a case begins when those before it are complete."""
        self.words: str | None = None
        """Why uploads pause; None: they do not."""
        self.since = 0.0
        self._due = 0.0
        self._interval = _FIRST_PROBE_S
        self._probe: StepId | None = None
        self._drains = 0
        self._begun: dict[StepId, int] = {}
        """Step → how often room had been made when it began."""
        self._of_bytes = False

    @property
    def is_paused(self) -> bool:
        """New uploads wait."""
        return self.words is not None

    def allows(self, now: float) -> bool:
        """An upload may begin: there is room, or it is time to ask."""
        return self.words is None or (self._probe is None and now >= self._due)

    def begins(self, step: StepId) -> None:
        """An upload begins; while paused it is the one that asks."""
        self._begun[step] = self._drains
        if self.is_paused:
            self._probe = step

    def refused(self, step: StepId, words: str, now: float, *, size_limit: bool = False) -> None:
        """The platform had no room for an upload: for its row, or for its bytes."""
        self.scarce = True
        self._of_bytes = size_limit
        self.tight = self.tight or size_limit
        if not self.is_paused:
            self.since, self._interval = now, _FIRST_PROBE_S
        elif step == self._probe:
            self._interval = min(self._interval * 2, _LONGEST_PROBE_S)
        self.words = words
        self._due = now + self._interval

    def ended(self, step: StepId) -> None:
        """An upload is no longer under way."""
        self._begun.pop(step, None)
        if step == self._probe:
            self._probe = None

    def drained(self, now: float) -> None:
        """Something made room: ask at once."""
        self._drains += 1
        self._due = min(self._due, now)

    def has_drained_since(self, step: StepId) -> bool:
        """Something made room since an upload began: its refusal says nothing of now."""
        return self._begun.get(step, self._drains) < self._drains

    def found(self, step: StepId, *, complete: bool) -> bool:
        """An upload has its row, or is complete; True if that ends a pause.

        Only the one that asks can tell: others were let in before. A row says nothing of bytes.
        """
        if step != self._probe or (self._of_bytes and not complete):
            return False
        self.words = None
        return True
