"""The first case of each set of sockets goes first: a systematic mistake must show on one case.

While a pilot is under way, others of its kind may upload but not be filled. A pilot that fails
for reasons of its own hands on to the next; cases refused alike, one after the other, end the run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable
from typing import Final

Kind = tuple[str, ...]
"""The sockets that a case fills, sorted."""

ALIKE: Final = 5
"""Cases in a row refused with the same words end the run."""


class Pilots:
    """Who may be filled, by kind."""

    def __init__(self, proven: Iterable[Kind]) -> None:
        self._proven = set(proven)
        self._pilots: dict[Kind, str] = {}
        self._held: dict[Kind, deque[str]] = {}
        self._refused: tuple[str, int] = ("", 0)

    def may_go(self, kind: Kind, case: str) -> bool:
        """The case may be made and filled; otherwise it is held until its pilot has ended."""
        if kind in self._proven or self._pilots.setdefault(kind, case) == case:
            return True
        self._held.setdefault(kind, deque()).append(case)
        return False

    def filled(self, kind: Kind) -> Iterable[str]:
        """A case was filled: its kind is proven; returns those that were held."""
        self._refused = ("", 0)
        if kind in self._proven:
            return ()
        self._proven.add(kind)
        self._pilots.pop(kind, None)
        return self._held.pop(kind, ())

    def failed(self, kind: Kind, case: str, alive: Container[str]) -> str | None:
        """A case ended badly: the case that goes first now, if it was the pilot."""
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

    def refused(self, words: str) -> str | None:
        """The platform refused a case; the words if that ends the run."""
        before, count = self._refused
        self._refused = (words, count + 1 if words == before else 1)
        return words if self._refused[1] >= ALIKE else None
