"""Decides when to tell that uploads pause and go on.

Rows drain one by one, so that uploads pause and go on many times a minute.
"""

from __future__ import annotations

from typing import Final

_TELL_AFTER_S: Final = 3.0
"""Shorter pauses are not worth a line."""
OVER_AFTER_S: Final = 5.0
"""A pause is over once uploads have gone on for so long."""


class Pauses:
    """The pause that a person knows of; times by one clock, in seconds."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._last = 0.0
        self._told: str | None = None
        self.of_jobs = False
        """Jobs wait to be started; otherwise uploads wait."""

    @property
    def told(self) -> str | None:
        """Why uploads pause, if that was told and is not over."""
        return self._told

    def lasts_s(self, now: float) -> float:
        """How long the pause has lasted."""
        return 0.0 if self._since is None else now - self._since

    def end(self) -> None:
        """Note that nothing is left to be sent."""
        self._since = self._told = None

    def see(self, why: str | None, now: float, *, jobs: bool = False) -> bool:
        """Note whether uploads, or `jobs`, pause now, and why; return whether `told` changed."""
        if why is not None:
            self.of_jobs = jobs
            self._since = now if self._since is None else self._since
            self._last = now
            if why == self._told or now - self._since < _TELL_AFTER_S:
                return False
            self._told = why
            return True
        if self._since is None or now - self._last < OVER_AFTER_S:
            return False
        was, self._since, self._told = self._told, None, None
        return was is not None
