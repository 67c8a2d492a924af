"""Lets one case of each kind go first, as a pilot, so that a systematic mistake costs one case.

While a pilot is under way, other cases of its kind may upload but are not filled. If it fails, the
next case becomes the pilot. Several refusals in a row with the same message end the run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable
from typing import Final

Kind = tuple[str, ...]
"""The sockets that a case fills, sorted."""

ALIKE: Final = 5
"""Refusals in a row with the same message that end the run."""


class Pilots:
    """Decides which cases may be filled."""

    def __init__(self, proven: Iterable[Kind]) -> None:
        self._proven = set(proven)
        self._pilots: dict[Kind, str] = {}
        self._held: dict[Kind, deque[str]] = {}
        self._refused: tuple[str, int] = ("", 0)

    def may_go(self, kind: Kind, case: str) -> bool:
        """Whether a case may be created and filled; if not, it is held until its pilot ends."""
        if kind in self._proven or self._pilots.setdefault(kind, case) == case:
            return True
        self._held.setdefault(kind, deque()).append(case)
        return False

    def filled(self, kind: Kind) -> Iterable[str]:
        """Note that a case was filled, which proves its kind; return the held cases."""
        self._refused = ("", 0)
        if kind in self._proven:
            return ()
        self._proven.add(kind)
        self._pilots.pop(kind, None)
        return self._held.pop(kind, ())

    def failed(self, kind: Kind, case: str, alive: Container[str]) -> str | None:
        """Note that a case failed; if it was the pilot, return the next pilot."""
        if kind in self._proven or self._pilots.get(kind) != case:
            return None
        del self._pilots[kind]
        held = self._held.get(kind, deque())
        while held:
            following = held.popleft()
            if following in alive:
                self._pilots[kind] = following
                return following
        return None

    def refused(self, message: str) -> str | None:
        """Note that the platform refused a case; return the message if that ends the run."""
        before, count = self._refused
        self._refused = (message, count + 1 if message == before else 1)
        return message if self._refused[1] >= ALIKE else None
