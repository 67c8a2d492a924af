"""Shows a run to a person: as lines, or on a terminal with a progress bar below them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

from manifest_uploader.engine.activity import Doing, Stage
from manifest_uploader.engine.progress import Looking, Progress
from manifest_uploader.engine.results import CaseEnd, End, Summary
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.output.failure_lines import short_reason
from manifest_uploader.output.formatting import warning_lines
from manifest_uploader.output.live_area import LiveArea, can_redraw
from manifest_uploader.output.live_view import SILENCE_S, live_view
from manifest_uploader.output.pauses import Pauses
from manifest_uploader.output.plan_lines import begin_line
from manifest_uploader.output.progress_lines import (
    EASED,
    STOPPING,
    doing_line,
    doubt_words,
    importing_line,
    looking_line,
    pause_line,
    progress_line,
    silence_words,
    trouble_words,
)
from manifest_uploader.output.streams import print_out, say
from manifest_uploader.output.summary_lines import summary_lines
from manifest_uploader.output.verify_lines import changed_lines, difference_lines, downloading_line
from manifest_uploader.plan.steps import Plan
from manifest_uploader.platform.model import Target
from manifest_uploader.state.events import CaseEvent, Event, name_of
from manifest_uploader.text import Block, Tone, block, line

_LINE_EVERY_S: Final = 30.0
_TROUBLE_EVERY_S: Final = 10.0
_REDRAWN_EVERY_S: Final = 0.2
_TROUBLE: Final = "trouble"
"""The kind of line that even the quiet hear."""


def make_screen(*, verbose: bool, quiet: bool, json: bool = False) -> Lines:
    """The screen that standard error can show; with `json`, standard output is for programs."""
    if can_redraw(sys.stderr) and not quiet:
        return Live(verbose=verbose, json=json)
    return Lines(verbose=verbose, quiet=quiet, json=json)


class Lines:
    """Observes a run: a line for each finished case, and one for the progress every 30 s."""

    def __init__(self, *, verbose: bool = False, quiet: bool = False, json: bool = False) -> None:
        self._verbose, self._quiet = verbose, quiet
        self._tell: Callable[[str], None] = say if json else print_out
        """Says what was asked for."""
        self._last = time.monotonic()
        """When something was said or shown."""
        self._progress_at = self._last
        """When a line said how far the run is."""
        self._said: dict[str, float] = {}
        """Kind of a line → when one was said."""
        self._pauses = Pauses()
        self.progress: Progress | None = None

    def looking(self, looking: Looking) -> None:
        """Say now and then how far the look into the files is."""
        self._say_seldom("files", looking_line(looking))

    def importing(self, images: int) -> None:
        """Say now and then how many images the platform's importer has judged."""
        self._say_seldom("importer", importing_line(images))

    def doing(self, doing: Doing) -> None:
        """Say now and then what the command does."""
        self._say_seldom(_kind_of(doing), doing_line(doing))

    def _say_seldom(self, kind: str, line: str, *, every_s: float = _LINE_EVERY_S) -> bool:
        """Say a line after three seconds of silence, and one of its kind every so often.

        The quiet hear of trouble only. Returns whether it was said.
        """
        now = time.monotonic()
        is_due = now - self._said.get(kind, float("-inf")) >= every_s
        is_wanted = not self._quiet or kind == _TROUBLE
        if not is_due or not is_wanted or now - self._last < SILENCE_S:
            return False
        self._said[kind] = now
        self.say(line)
        return True

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
        if plan.changed:
            self.say(block(*changed_lines(plan.changed, target)))
        if not self._quiet:
            self.say(begin_line(plan, target))

    def event(self, event: Event) -> None:
        """With `verbose`, name every event."""
        if self._verbose and isinstance(event, CaseEvent):
            self.say(f"{event.step}: {name_of(event)}")

    def case_ended(self, end: CaseEnd) -> None:
        """Name a case that has ended, unless it needed nothing; its reasons follow at the end."""
        words = _ENDED.get(end.end)
        if words is None or end.unchanged or (end.end is End.DONE and self._quiet):
            return
        reason = "" if end.end is End.DONE else short_reason(end)
        self.say(line(f"{end.case}: ", words, reason))

    def tick(self, progress: Progress) -> None:
        """Say that uploads pause or go on; say how far the run is, every 30 s at least."""
        self.progress = progress
        now = time.monotonic()
        if not progress.is_sending:
            self._pauses.end()
        elif self._pauses.see(progress.paused, now, jobs=progress.paused_jobs):
            lasts_s = self._pauses.lasts_s(now)
            self.say(pause_line(self._pauses.told, lasts_s, jobs=self._pauses.of_jobs))
        if progress.trouble:
            self._say_seldom(_TROUBLE, trouble_words(progress.trouble), every_s=_TROUBLE_EVERY_S)
        line = progress_line(progress, is_paused=self._pauses.told is not None)
        if self._say_seldom(_situation_of(progress), line):
            self._progress_at = now
        elif now - self._progress_at >= _LINE_EVERY_S and not self._quiet:
            self._progress_at = now
            self.say(line)

    def notes_of(self, progress: Progress, now: float) -> list[Block]:
        """What stays below the view: a pause, trouble, silence, and that the run is stopping."""
        if progress.is_sending:
            self._pauses.see(progress.paused, now, jobs=progress.paused_jobs)
        else:
            self._pauses.end()
        notes = []
        if (why := self._pauses.told) is not None:
            lasts_s = self._pauses.lasts_s(now)
            words = pause_line(why, lasts_s, jobs=self._pauses.of_jobs)
            notes.append(line((words, Tone.WARNING)))
        if progress.trouble:
            notes.append(line((trouble_words(progress.trouble), Tone.WARNING)))
        if progress.doubted:
            notes.append(line((doubt_words(progress), Tone.WARNING)))
        if progress.silent_s >= SILENCE_S:
            notes.append(line((silence_words(progress), Tone.WARNING)))
        if progress.eased:
            notes.append(line((EASED, Tone.WARNING)))
        if progress.stopping:
            notes.append(line((STOPPING, Tone.STRONG)))
        return notes

    def note(self, text: str) -> None:
        """Say it."""
        self.say(text)

    def ends(self, summary: Summary) -> None:
        """Say what is on the platform, what failed, and what to do next."""
        self._tell(summary_lines(summary))

    def stop(self) -> None:
        """Leave the terminal to others."""

    @property
    def tells_stopping(self) -> bool:
        """Whether the screen says by itself that the run is being stopped."""
        return False

    @property
    def hides_cursor(self) -> bool:
        """Whether the terminal's cursor is hidden, and has to be shown again at the end."""
        return False

    def say(self, text: str) -> None:
        """Write a line, or a block of lines, to standard error."""
        self._last = time.monotonic()
        say(text)


_ENDED: Final = {
    End.DONE: ("done", Tone.GOOD),
    End.FAILED: ("failed", Tone.BAD),
    End.UNSURE: ("unconfirmed", Tone.WARNING),
}


def _kind_of(doing: Doing) -> str:
    """The kind of what a command does: every kind is worth a line."""
    if doing.trouble:
        return _TROUBLE
    if doing.stage is Stage.PLATFORM and doing.listing is not None:
        return doing.listing.what
    if doing.silent_s >= SILENCE_S:
        return "silence"
    return {Stage.FILES: "files", Stage.IMPORTER: "importer"}.get(doing.stage, doing.stage.name)


def _situation_of(progress: Progress) -> str:
    """What a run waits for: every change is worth a line."""
    if progress.stopping:
        return "stopping"
    is_silent = progress.silent_s >= SILENCE_S
    doing = f"sending {progress.is_sending}, importing {progress.waiting > 0}"
    return f"{doing}, looking {progress.doubted > 0}, silent {is_silent}"


class Live(Lines):
    """The same on a terminal, with a progress bar that stays at the bottom."""

    def __init__(self, *, verbose: bool = False, json: bool = False) -> None:
        super().__init__(verbose=verbose, json=json)
        self._area = LiveArea(stderr=True, transient=True)
        self._begun = time.monotonic()

    def looking(self, looking: Looking) -> None:
        """Show how far the look into the files is."""
        if time.monotonic() - self._last >= _REDRAWN_EVERY_S:
            self._last = time.monotonic()
            self._area.start()
            self._area.show([looking_line(looking)])

    def doing(self, doing: Doing) -> None:
        """Show what the command does."""
        self._area.start()
        self._area.show([doing_line(doing)])

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
        now = time.monotonic()
        elapsed_s = now - self._begun
        notes = self.notes_of(progress, now)
        view = live_view(
            progress, self._area.size, elapsed_s=elapsed_s, notes=notes, signs=self._area.signs
        )
        self._area.show(view)

    @property
    def tells_stopping(self) -> bool:
        """True as soon as the bar moves: the lines below it say so."""
        return self.progress is not None

    @property
    def hides_cursor(self) -> bool:
        """True while the bar is shown."""
        return self._area.is_shown

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
