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

from msgspec import Struct

from manifest_uploader.engine.activity import Doing
from manifest_uploader.engine.progress import Looking, Progress
from manifest_uploader.engine.results import CaseEnd, End, Summary
from manifest_uploader.output.live_view import Size, live_view
from manifest_uploader.output.progress_lines import doing_line, looking_line
from manifest_uploader.output.screen import Lines, make_screen
from manifest_uploader.text import Block, Tone, block, line, rows_of

_WIDTH: Final = 100
"""In characters."""
_SIZE: Final = Size(_WIDTH, 16)
_TOLD: Final = 40
"""Lines that stay visible; of a run with more, the first are left out."""
_SHOWN_AFTER_S: Final = 1.0
"""What takes less time is not worth a line that vanishes again."""
_REDRAWN_EVERY_S: Final = 0.5
_STYLES: Final = {
    Tone.GOOD: "#2e9e4f",
    Tone.BAD: "#d1443c",
    Tone.WARNING: "#b58900",
    Tone.QUIET: "#999999",
    Tone.STRONG: "bold",
    Tone.ADVICE: "#1f8fa8",
}
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
    return make_screen(verbose=False, quiet=False, json=True)  # standard output is the program's


def is_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    if "IPython" not in sys.modules:
        return False
    from rich.console import Console  # noqa: PLC0415 - 0.1 s

    return Console().is_jupyter


class Picture(Struct, frozen=True):
    """What a notebook shows, as text and, for its page, as HTML."""

    lines: tuple[Block, ...]

    @property
    def text(self) -> str:
        """The lines, without colours."""
        return "\n".join(self.lines)

    def html(self) -> str:
        """The same in HTML, with nothing in it that a browser would obey."""
        from rich.console import Console  # noqa: PLC0415 - 0.1 s
        from rich.text import Text  # noqa: PLC0415

        console = Console(
            record=True,
            file=io.StringIO(),
            width=_WIDTH,
            color_system="truecolor",
            force_terminal=True,
            force_jupyter=False,
        )
        for one in self.lines:
            shown = Text(one)
            for start, end, tone in one.tones:
                shown.stylize(_STYLES[tone], start, end)
            console.print(shown)
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
        self._tell = self.say
        self._show = show
        self._told: list[Block] = []
        self._live: tuple[Block, ...] = ()
        self._drawn: Picture | None = None
        self._begun = time.monotonic()
        self._next_at = self._begun + _SHOWN_AFTER_S
        """When the lines about what is being done may be drawn again."""

    def looking(self, looking: Looking) -> None:
        """Show how far the look into the files is."""
        self._set_live(line(looking_line(looking)))

    def doing(self, doing: Doing) -> None:
        """Show what is being done."""
        self._set_live(line(doing_line(doing)))

    def case_ended(self, end: CaseEnd) -> None:
        """Name a case that failed; the bar counts the others."""
        if end.end is not End.DONE:
            super().case_ended(end)

    def tick(self, progress: Progress) -> None:
        """Move the bar."""
        self.progress = progress
        now = time.monotonic()
        notes = self.notes_of(progress, now)
        self._set_live(*live_view(progress, _SIZE, elapsed_s=now - self._begun, notes=notes))

    def say(self, text: str) -> None:
        """Show a line, or a block of lines, above the bar."""
        self._told += rows_of(block(text))
        self._draw()

    def ends(self, summary: Summary) -> None:
        """Show what came of it instead of the bar."""
        self._live = ()
        super().ends(summary)

    def stop(self) -> None:
        """Remove the bar."""
        self._live = ()
        if self._drawn is not None:
            self._draw()

    def _set_live(self, *lines: Block) -> None:
        self._live = lines
        if time.monotonic() >= self._next_at:
            self._draw()

    def _draw(self) -> None:
        left = len(self._told) - _TOLD
        told = self._told if left <= 0 else [line(f"… {left:,} earlier lines"), *self._told[left:]]
        picture = Picture((*told, *self._live))
        if picture != self._drawn:
            self._drawn, self._next_at = picture, time.monotonic() + _REDRAWN_EVERY_S
            self._show(picture)
