"""Follows a run in another terminal, or on another node, through its state file."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol, Self

from msgspec import Struct

from manifest_uploader.manifest.model import Manifest
from manifest_uploader.output.console import cases_words, size_words, stand_json, stand_line
from manifest_uploader.state import lock
from manifest_uploader.state.events import AnyEvent, Done, Paused
from manifest_uploader.state.file import Tail
from manifest_uploader.state.history import CaseHistory, Folding
from manifest_uploader.state.standing import CaseStanding, Standing, case_standing
from manifest_uploader.text import printable

SLICE_S: Final = 1.0
"""Between two looks; network homes tell no sooner."""
_ENDED: Final = frozenset({Standing.DONE, Standing.FAILED, Standing.GONE, Standing.UNSURE})
_LAST: Final = 8
"""Cases that a live view shows below its counts."""
_PAUSED_S: Final = 120.0
"""So long after a step waited for room, the run counts as paused if nothing was sent since."""


class View(Struct, frozen=True):
    """Where a run is, as its state file tells."""

    counts: Mapping[Standing, int]
    changed: tuple[CaseStanding, ...]
    """The cases that stand elsewhere than at the last look."""
    bytes_done: int
    """Of uploads that were completed, in all runs."""
    paused: str | None
    """Why the run waits for room on the platform."""
    holder: str | None
    """Who runs it now."""
    first: bool = False
    """This is the first look: everything is new, and nothing has changed."""

    @property
    def total(self) -> int:
        """All cases of the manifest."""
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        """The cases that no run goes on with by itself."""
        return sum(self.counts.get(standing, 0) for standing in _ENDED)

    @property
    def over(self) -> bool:
        """Every case has ended."""
        return self.ended == self.total


class Screen(Protocol):
    """Shows views."""

    def show(self, view: View) -> None:
        """Show one view; those without a change come too."""


class Follower:
    """Keeps where every case stands while records come in."""

    def __init__(self, manifest: Manifest) -> None:
        self._titles = {case.name: case.title for case in manifest.cases}
        self._start_anew()

    def _start_anew(self) -> None:
        self._folding = Folding()
        self._standings = dict.fromkeys(self._titles, Standing.NEW)
        self._bytes = 0
        self._paused: tuple[float, str] | None = None
        self._first = True

    def take(self, records: tuple[AnyEvent, ...], *, anew: bool) -> tuple[CaseStanding, ...]:
        """Add records; the cases that stand elsewhere now."""
        if anew:
            self._start_anew()
        touched: dict[str, None] = {}
        for record in records:
            self._folding.add(record)
            self._note(record)
            touched.update(dict.fromkeys(_cases_of(record)))
        return tuple(self._changes(touched))

    def view(self, changed: tuple[CaseStanding, ...], *, now: float, holder: str | None) -> View:
        """What there is to show."""
        first, self._first = self._first, False
        paused = None
        if self._paused is not None and now - self._paused[0] < _PAUSED_S:
            paused = self._paused[1]
        counts = Counter(self._standings.values())
        return View(counts, changed, self._bytes, paused, holder, first)

    def _note(self, record: AnyEvent) -> None:
        match record:
            case Paused(why=why):
                self._paused = (record.time, why)
            case Done(size=int() as size):
                self._bytes += size
                self._paused = None

    def _changes(self, touched: Mapping[str, None]) -> Iterator[CaseStanding]:
        cases = self._folding.history.cases
        for name in touched:
            if name not in self._titles:
                continue
            stand = case_standing(name, self._titles[name], cases.get(name, CaseHistory()))
            if stand.standing is not self._standings[name]:
                self._standings[name] = stand.standing
                yield stand


def _cases_of(record: AnyEvent) -> tuple[str, ...]:
    names = (getattr(record, "case", None), getattr(record, "was", None))
    return tuple(name for name in names if name is not None)


def watch(
    manifest: Manifest, path: Path, screen: Screen, *, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Show what a state file tells, and what is added to it, until Ctrl-C.

    Raises:
        StateDamaged: a line is not one that we wrote.

    """
    tail, follower = Tail(path), Follower(manifest)
    while True:
        grown = tail.look()
        changed = follower.take(grown.events, anew=grown.anew)
        screen.show(follower.view(changed, now=time.time(), holder=_holder_words(path)))
        sleep(SLICE_S)


def _holder_words(path: Path) -> str | None:
    holder = lock.holder_of(path)
    if holder is None:
        return None
    return f"{holder.user} on {holder.host} since {holder.since}"


# ── screens ─────────────────────────────────────────────────────────────────────────────────


class Lines:
    """A line a case that has ended, one with the counts, and one when all have ended."""

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        self._say = say or print_line
        self._last: tuple[object, ...] = ()
        self._over = False

    def show(self, view: View) -> None:
        """Print what is new."""
        if not view.first:
            for stand in view.changed:
                if stand.standing in _ENDED:
                    self._say(stand_line(stand))
        told = (dict(view.counts), view.paused, view.holder)
        if told != self._last:
            self._last = told
            self._say("; ".join(view_words(view)))
        if view.over and not self._over:
            self._say(over_words(view))
        self._over = view.over


class JsonLines:
    """A JSON line a case that stands elsewhere, then one with the counts."""

    def show(self, view: View) -> None:
        """Print what is new."""
        for stand in view.changed:
            print_line(json.dumps(stand_json(stand)))
        if view.changed or view.first:
            counts = {standing.value: count for standing, count in view.counts.items()}
            summary = {"event": "summary", "cases": {"total": view.total, **counts}}
            print_line(json.dumps(summary))


class Live:
    """The same on a terminal: counts that stay and move, and the cases that ended last."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - late: 135 ms
        from rich.live import Live as RichLive  # noqa: PLC0415

        self._console = Console(highlight=False, markup=False, emoji=False)
        self._live = RichLive(console=self._console, auto_refresh=False, redirect_stdout=False)
        self._ended: list[CaseStanding] = []

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, view: View) -> None:
        """Move the view."""
        from rich.text import Text  # noqa: PLC0415

        if view.first:
            self._ended = []
        else:
            self._ended += [stand for stand in view.changed if stand.standing in _ENDED]
            del self._ended[:-_LAST]
        lines = live_lines(view, self._console.width, self._ended)
        text = "\n".join(printable(line) for line in lines)
        self._live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)


def live_lines(view: View, width: int, ended: list[CaseStanding]) -> list[str]:
    """What a terminal shows."""
    cells = max(10, min(40, width - 40))
    filled = round(cells * (view.ended / view.total if view.total else 1.0))
    bar = "#" * filled + "-" * (cells - filled)
    lines = [f"[{bar}] {view.ended} of {cases_words(view.total)} ended", *view_words(view)[1:]]
    lines += [stand_line(stand) for stand in ended]
    return [*lines, over_words(view) if view.over else "Ctrl-C leaves; the run goes on"]


def view_words(view: View) -> list[str]:
    """How many cases have ended, where the cases stand, whether it is paused, who runs it."""
    counts = [f"{view.counts[one]} {one}" for one in Standing if view.counts.get(one)]
    size = f", {size_words(view.bytes_done)} sent" if view.bytes_done else ""
    words = [f"{view.ended} of {cases_words(view.total)} ended", ", ".join(counts) + size]
    if view.paused:
        words.append(f"waiting for room: {view.paused}")
    return [*words, f"run by {view.holder}" if view.holder else "no run is at work"]


def over_words(view: View) -> str:
    """What to say when every case has ended."""
    good = view.counts.get(Standing.DONE, 0)
    return f"over: {good} of {cases_words(view.total)} done; Ctrl-C leaves"


def print_line(text: str) -> None:
    """A line on standard output, at once; a reader that has gone away ends the command."""
    line = printable(text) + "\n"
    try:
        sys.stdout.write(line)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(line.encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()


@contextlib.contextmanager
def screen_for(*, json: bool) -> Iterator[Screen]:
    """The screen that standard output can take."""
    if json:
        yield JsonLines()
    elif sys.stdout.isatty():
        with Live() as live:
            yield live
    else:
        yield Lines()
