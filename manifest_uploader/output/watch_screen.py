"""What `status --watch` shows of a run in another terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol, Self

from msgspec import Struct
from msgspec.structs import replace

from manifest_uploader.output.formatting import cases_words, size_words
from manifest_uploader.output.json_lines import stand_json, status_summary_json, write_json
from manifest_uploader.output.live_area import LiveArea, can_redraw
from manifest_uploader.output.live_view import DRAWN, LONGEST_BAR, SHORTEST_BAR, Signs, Size, bar
from manifest_uploader.output.paint import clipped
from manifest_uploader.output.status_lines import counts_text, stand_line
from manifest_uploader.output.streams import print_out
from manifest_uploader.state.standing import CaseStanding, Standing
from manifest_uploader.text import Block, Tone, line

_ENDED: Final = frozenset({Standing.DONE, Standing.FAILED, Standing.DELETED, Standing.UNCONFIRMED})
_CASES_SHOWN: Final = 8
"""Cases that the live screen shows below the counts."""


class View(Struct, frozen=True):
    """How far a run is, by its state file."""

    counts: Mapping[Standing, int]
    changed: tuple[CaseStanding, ...]
    """The cases whose standing is not what it was in the last view."""
    bytes_done: int
    """The size of all completed uploads, of all runs."""
    paused: str | None
    """Why the run waits for room on the platform."""
    holder: str | None
    """Who runs it now."""
    jobs: bool = False
    """The cases are jobs of an algorithm."""
    paused_jobs: bool = False
    """It is jobs that wait for room; otherwise uploads."""
    first: bool = False
    """Nothing is known of the time before: what is in `changed` may have changed long ago."""
    is_last: bool = False
    """The run has ended, and nothing more is watched."""
    is_killed: bool = False
    """It ended without letting go of the state file."""

    @property
    def total(self) -> int:
        """All cases of the manifest."""
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        """The cases on which no run goes on by itself."""
        return sum(self.counts.get(standing, 0) for standing in _ENDED)

    @property
    def over(self) -> bool:
        """Whether every case has ended."""
        return self.ended == self.total

    @property
    def newly_ended(self) -> list[CaseStanding]:
        """The cases that have ended since the last view."""
        return [] if self.first else [one for one in self.changed if one.standing in _ENDED]


class Screen(Protocol):
    """Shows views."""

    def show(self, view: View) -> None:
        """Show one view, which may be equal to the last one."""


@contextlib.contextmanager
def open_screen(*, json: bool) -> Iterator[Screen]:
    """The screen that standard output can show."""
    if json:
        yield JsonLines()
    elif can_redraw(sys.stdout):
        with Live() as live:
            yield live
    else:
        yield Lines()


class Lines:
    """A line for each case that has ended, and one for the counts when they change."""

    def __init__(self, write: Callable[[str], None] = print_out) -> None:
        self._write = write
        self._last: tuple[object, ...] = ()

    def show(self, view: View) -> None:
        """Write what is new."""
        for stand in view.newly_ended:
            self._write(stand_line(stand))
        news = (dict(view.counts), view.paused, view.holder)
        if news != self._last:
            self._last = news
            self._write(_joined(view_parts(view)))
        if view.is_last:
            self._write(over_line(view))


class JsonLines:
    """A JSON line for each case whose standing has changed, then one with the counts."""

    def show(self, view: View) -> None:
        """Write what is new."""
        for stand in view.changed:
            write_json(stand_json(stand))
        if view.changed or view.first:
            counts = {standing.value: count for standing, count in view.counts.items()}
            write_json(status_summary_json(counts))


class Live:
    """The same on a terminal: the counts stay and move, below them the cases that ended last."""

    def __init__(self) -> None:
        self._area = LiveArea(stderr=False)
        self._ended: list[CaseStanding] = []

    def __enter__(self) -> Self:
        self._area.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._area.stop()

    def show(self, view: View) -> None:
        """Redraw."""
        kept = [] if view.first else self._ended
        self._ended = [*kept, *view.newly_ended][-_CASES_SHOWN:]
        self._area.show(live_lines(view, self._area.size, self._ended, self._area.signs))


def live_lines(
    view: View, size: Size, ended: list[CaseStanding], signs: Signs = DRAWN
) -> list[str]:
    """A bar for a terminal of this size, the counts, and these cases."""
    count, *parts = view_parts(view)
    share = view.ended / view.total if view.total else 1.0
    cells = max(SHORTEST_BAR, min(LONGEST_BAR, size.width - len(count) - 2))
    last = "Ctrl-C leaves; the run continues" if view.holder else "Ctrl-C leaves"
    head = line(*bar(share, cells, signs), f" {count}")
    stands = [stand_line(replace(one, item=None)) for one in ended]
    shown = [head, *parts, *stands, line((last, Tone.QUIET))]
    if view.is_last:
        shown = [head, *parts[:-1], *stands]
    shown = [clipped(line(one), size.width - 1, signs.cut) for one in shown]
    return [*shown, *([over_line(view)] if view.is_last else [])]


def view_parts(view: View) -> list[str]:
    """How many cases have ended, where all stand, whether the run is paused, and who runs it."""
    size = f", {size_words(view.bytes_done)} sent" if view.bytes_done else ""
    counts = line(counts_text(view.counts, jobs=view.jobs), size)
    parts = [f"{view.ended:,} of {cases_words(view.total)} ended", counts]
    if view.paused:
        what = "no new job starts" if view.paused_jobs else "waiting for room"
        parts.append(line((f"{what}: {view.paused}", Tone.WARNING)))
    nobody = "no run is in progress" + ("" if view.is_last else "; waiting for one")
    return [*parts, f"run by {view.holder}" if view.holder else nobody]


def _joined(parts: list[str]) -> Block:
    """The parts in one line."""
    return line(*[piece for one in parts for piece in ("; ", one)][1:])


def over_line(view: View) -> Block:
    """What to say at the end of a run."""
    done = view.counts.get(Standing.DONE, 0)
    goes_on = "" if view.over else "; the same command continues where it ended"
    if view.is_killed:
        goes_on = "; it was killed, or its computer stopped; the same command continues"
    how = "ended without finishing" if view.is_killed else "is over"
    is_good = done == view.total and not view.is_killed
    tone = Tone.GOOD if is_good else Tone.WARNING
    return line((f"the run {how}:", tone), f" {done:,} of {cases_words(view.total)} done{goes_on}")
