"""Shows a run in a notebook: one output that is redrawn in place, and says at last what came of it.

It needs no widgets. A notebook that is saved, or that runs without a browser, keeps only the last
picture.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from manifest_uploader.engine.activity import Doing
from manifest_uploader.engine.progress import Looking, Progress
from manifest_uploader.engine.results import CaseEnd, Summary
from manifest_uploader.output.run_lines import doing_line, live_lines, looking_line, pause_line
from manifest_uploader.output.screen import Lines, make_screen
from manifest_uploader.text import lines_of, printable

_WIDTH: Final = 100
"""In characters."""
_SAID: Final = 40
"""Lines that stay visible; of a run with more, the first are left out."""
_REDRAWN_EVERY_S: Final = 0.5
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


class Picture:
    """Lines as a notebook takes them: as text and, for its page, as HTML."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": "\n".join(self.lines), "text/html": self.html()}

    def html(self) -> str:
        """The lines in HTML, with nothing in them that a browser would obey."""
        from rich.console import Console  # noqa: PLC0415 - 0.1 s
        from rich.text import Text  # noqa: PLC0415

        console = Console(record=True, file=io.StringIO(), width=_WIDTH, force_jupyter=False)
        console.print(Text("\n".join(self.lines)))
        return console.export_html(inline_styles=True, code_format=_FORMAT)


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
        self._told: list[str] = []
        self._live: list[str] = []
        self._drawn: list[str] = []
        self._drawn_at = float("-inf")

    def looking(self, looking: Looking) -> None:
        """Show how far the look into the files is."""
        self._set_live([looking_line(looking)])

    def doing(self, doing: Doing) -> None:
        """Show what is being done."""
        self._set_live([doing_line(doing)])

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
        self._set_live(live_lines(progress, _WIDTH, pause))

    def say(self, text: str) -> None:
        """Show a line, or a block of lines, above the bar."""
        self._told += lines_of(text)
        self._draw()

    def ends(self, summary: Summary) -> None:
        """Show what came of it instead of the bar."""
        self._live = []
        super().ends(summary)

    def stop(self) -> None:
        """Remove the bar."""
        self._live = []
        if self._drawn:
            self._draw()

    def _set_live(self, lines: list[str]) -> None:
        self._live = [printable(line) for line in lines]
        if time.monotonic() - self._drawn_at >= _REDRAWN_EVERY_S:
            self._draw()

    def _draw(self) -> None:
        left = len(self._told) - _SAID
        said = self._told if left <= 0 else [f"… {left:,} earlier lines", *self._told[left:]]
        lines = [*said, *self._live]
        if lines != self._drawn:
            self._drawn, self._drawn_at = lines, time.monotonic()
            self._show(Picture(lines))
