"""Lines that stay at the bottom of a terminal and are redrawn in place."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import IO, TYPE_CHECKING

from manifest_uploader.output.live_view import DRAWN, TYPED, Signs, Size
from manifest_uploader.output.paint import STYLES, is_terminal, wrapped, writable
from manifest_uploader.output.streams import has_colour, silence
from manifest_uploader.text import Block, block

if TYPE_CHECKING:
    from rich.text import Text


def can_redraw(stream: IO[str]) -> bool:
    """Whether lines that were written to a stream can be redrawn in place."""
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


class LiveArea:
    """The lines at the bottom of a terminal; other text is printed above them.

    Once the terminal has gone away, nothing more is shown: what it was told of goes on.
    """

    def __init__(self, *, stderr: bool, transient: bool = False) -> None:
        """`transient` removes the lines at the end."""
        from rich.console import Console  # noqa: PLC0415 - 135 ms, and only terminals need it
        from rich.live import Live  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        stream = sys.stderr if stderr else sys.stdout
        self._console = Console(
            stderr=stderr,
            highlight=False,
            markup=False,
            emoji=False,
            no_color=not has_colour(stream),
        )
        self._live = Live(
            console=self._console, auto_refresh=False, transient=transient, redirect_stdout=False
        )
        self._text = Text
        self._is_lost = False
        self._shown: tuple[object, ...] = ()
        """What is drawn, and for which size."""

    @property
    def size(self) -> Size:
        """Of the terminal."""
        return Size(self._console.width, self._console.height)

    @property
    def signs(self) -> Signs:
        """What the terminal can draw."""
        is_old = self._console.legacy_windows or not self._console.encoding.startswith("utf")
        return TYPED if is_old else DRAWN

    @property
    def is_shown(self) -> bool:
        """Whether it has been started and not been stopped."""
        return self._live.is_started

    def start(self) -> None:
        """Show the area."""
        self._write(self._live.start)

    def stop(self) -> None:
        """Leave the terminal to others; may be called again."""
        self._write(self._live.stop)

    def show(self, lines: Iterable[str]) -> None:
        """Replace the lines; characters that a terminal would obey are escaped."""
        size = self.size
        text = self._fitted(block(*lines), size.width - 1)
        if (text, text.tones, size) == self._shown:
            return  # what is drawn anew may flicker
        self._shown = text, text.tones, size
        shown = self._toned(text)
        shown.no_wrap, shown.overflow = True, "ellipsis" if self.signs is DRAWN else "crop"
        self._write(lambda: self._live.update(shown, refresh=True))

    def print(self, text: str) -> None:
        """Print a line, or a block of lines, above the area."""
        shown = self._toned(self._fitted(block(text), self.size.width))
        self._write(partial(self._console.print, shown, soft_wrap=True))

    def _fitted(self, text: Block, width: int) -> Block:
        """A block with only what the terminal can draw, in lines of at most this width."""
        return wrapped(writable(text, self._console.encoding), width)

    def _toned(self, text: Block) -> Text:
        """A block as rich knows it, with its tones."""
        found = self._text(text)
        for start, end, tone in text.tones:
            found.stylize(STYLES[tone], start, end)
        return found

    def _write(self, act: Callable[[], object]) -> None:
        """Write something, unless the terminal is not there any more."""
        if self._is_lost:
            return
        try:
            act()
        except OSError:
            self._is_lost = True
            silence(sys.stderr if self._console.stderr else sys.stdout)
