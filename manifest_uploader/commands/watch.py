"""Follows a run in another terminal, or on another machine, through its state file."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.manifest.model import Manifest
from manifest_uploader.output.pauses import OVER_AFTER_S
from manifest_uploader.output.watch_screen import Screen, View
from manifest_uploader.platform.targets import has_jobs
from manifest_uploader.state import lock
from manifest_uploader.state.events import AnyEvent, Done, Opened, Paused
from manifest_uploader.state.file import Tail
from manifest_uploader.state.history import EMPTY, Folding
from manifest_uploader.state.lock import Holder
from manifest_uploader.state.standing import CaseStanding, Standing, case_standing
from manifest_uploader.state.steps import StepKind

LOOK_EVERY_S: Final = 1.0
"""Network file systems show appended lines no sooner."""
_PAUSE_SHOWN_S: Final = 120.0
"""A run counts as paused for so long after a step had to wait for room, unless it sends again."""


def watch(
    manifest: Manifest, path: Path, screen: Screen, *, sleep: Callable[[float], None] = time.sleep
) -> Mapping[Standing, int]:
    """Show what a state file says, and what is added to it, until the run ends.

    If no run is at work, one is waited for, unless every case has ended. A run that was killed has
    ended, too. Returns how many cases stand where.

    Raises:
        StateDamaged: a line is not one that we wrote.

    """
    tail, follower = Tail(path), Follower(manifest)
    was_at_work, left_before = False, lock.left_by(path)
    while True:
        holder = lock.holder_of(path)  # first: a run has written everything when it lets go
        left = None if holder is not None else lock.left_by(path)
        is_killed = left is not None and (was_at_work or left != left_before)
        grown = tail.look()
        changed = follower.take(grown.events, anew=grown.replaced, at_work=holder is not None)
        view = follower.view(changed, now=time.time(), holder=holder)
        is_over = holder is None and (was_at_work or is_killed or view.over)
        screen.show(replace(view, is_last=is_over, is_killed=is_killed))
        if is_over:
            return view.counts
        was_at_work = holder is not None
        sleep(LOOK_EVERY_S)


class _Pause(Struct):
    """Steps had to wait for room; times in seconds since 1970."""

    why: str
    last: float
    """When a step last had to wait."""
    jobs: bool = False
    """It is jobs that wait; otherwise uploads."""
    sends_again: bool = False
    """What waits was begun or completed since."""

    def is_over(self, now: float) -> bool:
        """Whether the run no longer waits: while rows drain, it sends and waits in turns."""
        return now - self.last >= (OVER_AFTER_S if self.sends_again else _PAUSE_SHOWN_S)


class Follower:
    """Keeps where every case stands while events come in."""

    def __init__(self, manifest: Manifest) -> None:
        self._titles = {case.name: case.title for case in manifest.cases}
        self._are_jobs = has_jobs(manifest.kind)
        self._forget()

    def _forget(self) -> None:
        self._folding = Folding()
        self._standings = dict.fromkeys(self._titles, Standing.NEW)
        self._bytes_done = 0
        self._pause: _Pause | None = None
        self._first = True
        self._at_work = False

    def take(
        self, events: tuple[AnyEvent, ...], *, anew: bool, at_work: bool = False
    ) -> tuple[CaseStanding, ...]:
        """Add events, of another file if `anew`; return the cases whose standing has changed.

        `at_work`: a run adds them, which knows what it has begun.
        """
        if anew:
            self._forget()
        touched: dict[str, None] = {}  # in the order of the events
        if at_work != self._at_work:
            self._at_work = at_work
            touched |= dict.fromkeys(self._open_fills())
        for event in events:
            self._folding.add(event)
            match event:
                case Paused(why=why, socket=socket):
                    self._pause = _Pause(why, event.time, jobs=socket is None)
                case Opened():
                    self._goes_on(jobs=False)
                case Done(size=int() as size):
                    self._bytes_done += size
                    self._goes_on(jobs=False)
                case Done(step=step) if step.kind is StepKind.CREATE:
                    self._goes_on(jobs=True)
            for key in ("case", "was"):  # a renamed case has both
                name = getattr(event, key, None)
                if name in self._titles:
                    touched[name] = None
        past = self._folding.history.cases
        stands = [
            case_standing(
                name,
                self._titles[name],
                past.get(name, EMPTY),
                at_work=at_work,
                is_job=self._are_jobs,
            )
            for name in touched
        ]
        changed = tuple(one for one in stands if one.standing is not self._standings[one.case])
        self._standings.update((one.case, one.standing) for one in changed)
        return changed

    def _goes_on(self, *, jobs: bool) -> None:
        """Note that an upload, or a job, was begun."""
        if self._pause is not None and self._pause.jobs is jobs:
            self._pause.sends_again = True

    def _open_fills(self) -> list[str]:
        """The cases of a fill without an outcome."""
        past = self._folding.history.cases
        return [name for name in self._titles if past.get(name, EMPTY).filling is not None]

    def view(self, changed: tuple[CaseStanding, ...], *, now: float, holder: Holder | None) -> View:
        """How far the run is at a time in seconds since 1970."""
        pause = self._pause if holder is not None else None
        pause = None if pause is None or pause.is_over(now) else pause
        first, self._first = self._first, False
        counts = Counter(self._standings.values())
        held_by = f"{holder.user} on {holder.host} since {holder.since}" if holder else None
        return View(
            counts,
            changed,
            self._bytes_done,
            pause.why if pause is not None else None,
            held_by,
            jobs=self._are_jobs,
            paused_jobs=pause is not None and pause.jobs,
            first=first,
        )
