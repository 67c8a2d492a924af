"""Follows a run in another terminal, or on another machine, through its state file."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

from manifest_uploader.manifest.model import Manifest
from manifest_uploader.output.watch_screen import Screen, View
from manifest_uploader.state import lock
from manifest_uploader.state.events import AnyEvent, Done, Paused
from manifest_uploader.state.file import Tail
from manifest_uploader.state.history import EMPTY, Folding
from manifest_uploader.state.lock import Holder
from manifest_uploader.state.standing import CaseStanding, Standing, case_standing

LOOK_EVERY_S: Final = 1.0
"""Network file systems show appended lines no sooner."""
_PAUSE_SHOWN_S: Final = 120.0
"""A run counts as paused for so long after a step had to wait for room, unless it sends again."""


def watch(
    manifest: Manifest, path: Path, screen: Screen, *, sleep: Callable[[float], None] = time.sleep
) -> NoReturn:
    """Show what a state file says, and what is added to it, until Ctrl-C.

    Raises:
        StateDamaged: a line is not one that we wrote.

    """
    tail, follower = Tail(path), Follower(manifest)
    while True:
        grown = tail.look()
        changed = follower.take(grown.events, anew=grown.replaced)
        holder = lock.holder_of(path)
        screen.show(follower.view(changed, now=time.time(), holder=holder))
        sleep(LOOK_EVERY_S)


class Follower:
    """Keeps where every case stands while events come in."""

    def __init__(self, manifest: Manifest) -> None:
        self._titles = {case.name: case.title for case in manifest.cases}
        self._forget()

    def _forget(self) -> None:
        self._folding = Folding()
        self._standings = dict.fromkeys(self._titles, Standing.NEW)
        self._bytes_done = 0
        self._pause: tuple[float, str] | None = None
        self._first = True

    def take(self, events: tuple[AnyEvent, ...], *, anew: bool) -> tuple[CaseStanding, ...]:
        """Add events, of another file if `anew`; return the cases whose standing has changed."""
        if anew:
            self._forget()
        touched: dict[str, None] = {}  # in the order of the events
        for event in events:
            self._folding.add(event)
            match event:
                case Paused(why=why):
                    self._pause = (event.time, why)
                case Done(size=int() as size):
                    self._bytes_done += size
                    self._pause = None
            for key in ("case", "was"):  # a renamed case has both
                name = getattr(event, key, None)
                if name in self._titles:
                    touched[name] = None
        past = self._folding.history.cases
        stands = [
            case_standing(name, self._titles[name], past.get(name, EMPTY)) for name in touched
        ]
        changed = tuple(one for one in stands if one.standing is not self._standings[one.case])
        self._standings.update((one.case, one.standing) for one in changed)
        return changed

    def view(self, changed: tuple[CaseStanding, ...], *, now: float, holder: Holder | None) -> View:
        """How far the run is at a time in seconds since 1970."""
        paused = None
        if self._pause is not None and now - self._pause[0] < _PAUSE_SHOWN_S:
            paused = self._pause[1]
        first, self._first = self._first, False
        counts = Counter(self._standings.values())
        held_by = f"{holder.user} on {holder.host} since {holder.since}" if holder else None
        return View(counts, changed, self._bytes_done, paused, held_by, first)
