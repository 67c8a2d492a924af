"""The clocks of a run."""

from __future__ import annotations

from typing import Self

from msgspec import Struct

from manifest_uploader.system.clocks import Awake, Steady


class Clocks(Struct, frozen=True):
    """The clocks of a run; neither goes on while the computer sleeps."""

    awake: Awake
    now: Steady

    @classmethod
    def begin(cls, now: float) -> Self:
        """Clocks that begin at a time in seconds since 1970."""
        awake = Awake()
        return cls(awake, Steady(now, awake))
