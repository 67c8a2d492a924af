"""Shows a run in a notebook: one output that is redrawn in place, and says at last what came of it.

It needs no widgets. A notebook that is saved, or that runs without a browser, keeps only the last
picture.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from msgspec import Struct

from manifest_uploader.engine.activity import Doing
from manifest_uploader.engine.progress import Looking, Progress
from manifest_uploader.engine.results import CaseEnd, End, Summary
from manifest_uploader.manifest.problems import Problem
from manifest_uploader.output.run_lines import (
    bar,
    doing_line,
    live_lines,
    looking_line,
    pause_line,
    progress_line,
    share_done,
)
from manifest_uploader.output.screen import Lines, make_screen
from manifest_uploader.state.events import Event
from manifest_uploader.text import lines_of, printable

_WIDTH: Final = 100
"""In characters."""
_TOLD: Final = 40
"""Lines that stay visible; of a run with more, the first are left out."""
_SHOWN_AFTER_S: Final = 1.0
"""What takes less time is not worth a line that vanishes again."""
_REDRAWN_EVERY_S: Final = 0.5
_RED, _YELLOW, _GREEN, _GREY = "#d1443c", "#b58900", "#2e9e4f", "#999999"
"""Readable on white and on black."""
_FORMAT: Final = (
    '<pre style="white-space:pre-wrap;overflow-wrap:anywhere;line-height:normal;'
    "font-family:Menlo,'DejaVu Sans Mono',consolas,'Courier New',monospace\">{code}</pre>"
)

Show = Callable[["Picture"], None]
"""Puts a picture in the place of the one before."""


def make_progress() -> Lines:
    """The screen for Python code: a notebook's, or that of standard error."""
    if is_notebook():
        return Notebook(_shown_in_place())
    return make_screen(verbose=False, quiet=False)


def is_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    if "IPython" not in sys.modules:
        return False
    from rich.console import Console  # noqa: PLC0415 - 0.1 s

    return Console().is_jupyter


class Picture(Struct, frozen=True):
    """What a notebook shows, as text and, for its page, as HTML."""

    told: tuple[tuple[str, str], ...]
    """Lines, each with its colour or an empty text."""
    share: float | None = None
    """How much is done, from 0 to 1; None: that is not known."""
    live: tuple[str, ...] = ()
    """Lines about what is being done now."""

    @property
    def text(self) -> str:
        """The lines, and the bar in plain characters."""
        live = [bar(self.share, _WIDTH)] if self.share is not None else []
        return "\n".join([*(line for line, _ in self.told), *live, *self.live])

    def html(self) -> str:
        """The same in HTML, with nothing in it that a browser would obey."""
        from rich.console import Console  # noqa: PLC0415 - 0.1 s
        from rich.progress_bar import ProgressBar  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        console = Console(
            record=True,
            file=io.StringIO(),
            width=_WIDTH,
            color_system="truecolor",
            force_terminal=True,
            force_jupyter=False,
        )
        for line, colour in self.told:
            console.print(Text(line, style=colour))
        if self.share is not None:
            console.print(
                ProgressBar(1.0, self.share, width=40, complete_style=_GREEN, style=_GREY)
            )
            console.print()  # a bar does not end its line
        for line in self.live:
            console.print(Text(line))
        return console.export_html(inline_styles=True, code_format=_FORMAT)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": self.text, "text/html": self.html()}


def _shown_in_place() -> Show:
    from IPython.display import display  # type: ignore[import-not-found] # noqa: PLC0415

    handle: Any = None

    def show(picture: Picture) -> None:
        nonlocal handle
        if handle is None:
            handle = display(picture, display_id=True)
        else:
            handle.update(picture)

    return show


class Notebook(Lines):
    """Observes a run, and draws what was said above how far it is."""

    def __init__(self, show: Show) -> None:
        super().__init__()
        self._show = show
        self._told: list[tuple[str, str]] = []
        self._colour = ""
        """Of the lines that are being said."""
        self._share: float | None = None
        self._live: tuple[str, ...] = ()
        self._drawn: Picture | None = None
        self._next_at = time.monotonic() + _SHOWN_AFTER_S
        """When the lines about what is being done may be drawn again."""

    def looking(self, looking: Looking) -> None:
        """Show how far the look into the files is."""
        self._set_live(looking_line(looking))

    def doing(self, doing: Doing) -> None:
        """Show what is being done."""
        self._set_live(doing_line(doing))

    def warn(self, warnings: tuple[Problem, ...]) -> None:
        """Say them, in yellow."""
        with self._in(_YELLOW):
            super().warn(warnings)

    def event(self, event: Event) -> None:
        """Say what went wrong, in red."""
        with self._in(_RED):
            super().event(event)

    def case_ended(self, end: CaseEnd) -> None:
        """Say nothing: the bar counts them, and what failed was said."""

    def tick(self, progress: Progress) -> None:
        """Move the bar."""
        self.progress = progress
        now = time.monotonic()
        if progress.is_sending:
            self._pauses.see(progress.paused, now)
        else:
            self._pauses.end()
        why = self._pauses.told
        pause = pause_line(why, self._pauses.lasts_s(now)) if why else None
        _, *below = live_lines(progress, _WIDTH, pause)
        first = progress_line(progress, is_paused=pause is not None)
        self._share = share_done(progress)
        self._set_live(first, *(line for line in below if line not in first))

    def say(self, text: str) -> None:
        """Show a line, or a block of lines, above the bar."""
        self._told += [(line, self._colour) for line in lines_of(text)]
        self._draw()

    def ends(self, summary: Summary) -> None:
        """Show what came of it instead of the bar."""
        self._share, self._live = None, ()
        is_done = all(one.end is End.DONE for one in summary.ends)
        with self._in(_GREEN if is_done and not summary.notes else ""):
            super().ends(summary)

    def stop(self) -> None:
        """Remove the bar."""
        self._share, self._live = None, ()
        if self._drawn is not None:
            self._draw()

    @contextmanager
    def _in(self, colour: str) -> Iterator[None]:
        self._colour = colour
        try:
            yield
        finally:
            self._colour = ""

    def _set_live(self, *lines: str) -> None:
        self._live = tuple(map(printable, lines))
        if time.monotonic() >= self._next_at:
            self._draw()

    def _draw(self) -> None:
        left = len(self._told) - _TOLD
        told = self._told if left <= 0 else [(f"… {left:,} earlier lines", ""), *self._told[left:]]
        picture = Picture(tuple(told), self._share, self._live)
        if picture != self._drawn:
            self._drawn, self._next_at = picture, time.monotonic() + _REDRAWN_EVERY_S
            self._show(picture)
