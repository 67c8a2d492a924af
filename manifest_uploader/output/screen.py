"""Shows a run to a person: as lines, or on a terminal with a progress bar below them."""

from __future__ import annotations

import os
import sys
import time
from typing import Final

from manifest_uploader.engine.progress import Looking, Progress
from manifest_uploader.engine.results import CaseEnd, End, Summary
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.output.formatting import warning_lines
from manifest_uploader.output.live_area import LiveArea
from manifest_uploader.output.run_lines import (
    begin_line,
    importing_line,
    live_lines,
    looking_line,
    pause_line,
    progress_line,
    summary_lines,
    trouble_line,
)
from manifest_uploader.output.streams import say
from manifest_uploader.output.verify_lines import difference_lines, downloading_line
from manifest_uploader.plan.steps import Plan
from manifest_uploader.platform.model import Target
from manifest_uploader.state.events import CaseEvent, Event
from manifest_uploader.text import block

_LINE_EVERY_S: Final = 30.0
_REDRAWN_EVERY_S: Final = 0.2


def make_screen(*, verbose: bool, quiet: bool) -> Lines:
    """The screen that standard error can show."""
    if sys.stderr.isatty() and not quiet and os.environ.get("TERM") != "dumb":
        return Live(verbose=verbose)
    return Lines(verbose=verbose, quiet=quiet)


class Lines:
    """Observes a run: a line for each finished case, and one for the progress every 30 s."""

    def __init__(self, *, verbose: bool = False, quiet: bool = False) -> None:
        self._verbose, self._quiet = verbose, quiet
        self._last = time.monotonic()
        self._paused: str | None = None
        self._trouble: str | None = None
        self.progress: Progress | None = None

    def looking(self, looking: Looking) -> None:
        """Say every 30 s how far the look into the files is."""
        if not self._quiet and time.monotonic() - self._last >= _LINE_EVERY_S:
            self._last = time.monotonic()
            self.say(looking_line(looking))

    def importing(self, images: int) -> None:
        """Say every 30 s how many images the platform's importer has judged."""
        if not self._quiet and time.monotonic() - self._last >= _LINE_EVERY_S:
            self._last = time.monotonic()
            self.say(importing_line(images))

    def downloading(self, files: int) -> None:
        """Say every 30 s how many files were downloaded to compare them."""
        if not self._quiet and time.monotonic() - self._last >= _LINE_EVERY_S:
            self._last = time.monotonic()
            self.say(downloading_line(files))

    def warn(self, warnings: tuple[Problem, ...]) -> None:
        """Say them."""
        self.say(block(*warning_lines(warnings)))

    def begins(self, plan: Plan, target: Target) -> None:
        """Say what differs, and what the run is about to do."""
        if plan.differences:
            self.say(difference_lines(plan.differences, target))
        if not self._quiet:
            self.say(begin_line(plan, target))

    def event(self, event: Event) -> None:
        """Say what went wrong; with `verbose`, name every event."""
        line = trouble_line(event)
        if line is not None:
            self.say(line)
        elif self._verbose and isinstance(event, CaseEvent):
            self.say(f"{event.step}: {type(event).__name__.lower()}")

    def case_ended(self, end: CaseEnd) -> None:
        """Name a case that is done, unless it needed nothing."""
        if end.end is End.DONE and not end.unchanged and not self._quiet:
            self.say(f"{end.case}: done")

    def tick(self, progress: Progress) -> None:
        """Say at once that uploads pause or go on; say how far the run is every 30 s."""
        self.progress = progress
        if progress.paused != self._paused:
            self._paused = progress.paused
            self.say(pause_line(progress))
        if progress.trouble != self._trouble and (progress.trouble or self._trouble):
            self._tell_trouble(progress)
        if not self._quiet and time.monotonic() - self._last >= _LINE_EVERY_S:
            self._last = time.monotonic()
            self.say(progress_line(progress))

    def _tell_trouble(self, progress: Progress) -> None:
        """Say that the platform is in trouble, every 10 s at most unless verbose."""
        if time.monotonic() - self._last >= _LINE_EVERY_S / 3 or self._verbose:
            self._last = time.monotonic()
            self._trouble = progress.trouble
            if progress.trouble:
                self.say(f"trouble: {progress.trouble}; trying again")

    def note(self, text: str) -> None:
        """Say it."""
        self.say(text)

    def ends(self, summary: Summary) -> None:
        """Say what is on the platform, what failed, and what to do next."""
        self.say(summary_lines(summary))

    def stop(self) -> None:
        """Leave the terminal to others."""

    @property
    def tells_stopping(self) -> bool:
        """Whether the screen says by itself that the run is being stopped."""
        return False

    def say(self, text: str) -> None:
        """Write a line, or a block of lines, to standard error."""
        say(text)


class Live(Lines):
    """The same on a terminal, with a progress bar that stays at the bottom."""

    def __init__(self, *, verbose: bool = False) -> None:
        super().__init__(verbose=verbose)
        self._area = LiveArea(stderr=True, transient=True)
        self.say("looking at the manifest, its files and the platform …")

    def looking(self, looking: Looking) -> None:
        """Show how far the look into the files is."""
        if time.monotonic() - self._last >= _REDRAWN_EVERY_S:
            self._last = time.monotonic()
            self._area.start()
            self._area.show([looking_line(looking)])

    def importing(self, images: int) -> None:
        """Show how many images the platform's importer has judged."""
        self._area.start()
        self._area.show([importing_line(images)])

    def downloading(self, files: int) -> None:
        """Show how many files were downloaded to compare them."""
        self._area.start()
        self._area.show([downloading_line(files)])

    def begins(self, plan: Plan, target: Target) -> None:
        """Say what the run is about to do, and show the bar."""
        super().begins(plan, target)
        self._area.start()

    def tick(self, progress: Progress) -> None:
        """Move the bar."""
        self.progress = progress
        self._area.show(live_lines(progress, self._area.width))

    @property
    def tells_stopping(self) -> bool:
        """True as soon as the bar moves: the lines below it say so."""
        return self.progress is not None

    def say(self, text: str) -> None:
        """Write a line, or a block of lines, above the bar."""
        self._area.print(text)

    def ends(self, summary: Summary) -> None:
        """Remove the bar, then say the same."""
        self.stop()
        super().ends(summary)

    def stop(self) -> None:
        """Remove the bar."""
        self._area.stop()
