"""Shows Markdown: laid out in a terminal, as it is elsewhere."""

from __future__ import annotations

import io
import re
import shutil
import sys
from typing import Final

from manifest_uploader.output.paint import is_terminal
from manifest_uploader.output.streams import has_colour, write_out

_WIDEST: Final = 100
"""In characters: longer lines are hard to read."""
_STYLES: Final = {
    "markdown.code": "cyan",
    "markdown.table.border": "dim",
    "markdown.table.header": "bold",
}
"""For light and dark terminals alike."""


def print_markdown(text: str) -> None:
    """Write Markdown to standard output.

    Raises:
        BrokenPipeError: its reader has gone.
        OutputLost: it cannot be written.

    """
    if not is_terminal(sys.stdout):
        write_out(text)
        return
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    write_out(laid_out(text, width, colour=has_colour(sys.stdout)))


def laid_out(text: str, width: int, *, colour: bool) -> str:
    """Markdown as a terminal shows it.

    Code keeps its lines, however long, and has no indent: it can be copied.
    """
    from rich.console import (  # noqa: PLC0415 - rich.markdown takes 0.1 s, and only this needs it
        Console,
        ConsoleOptions,
        RenderResult,
    )
    from rich.markdown import CodeBlock, Heading, Markdown  # noqa: PLC0415 - likewise
    from rich.segment import Segment  # noqa: PLC0415 - likewise
    from rich.style import Style  # noqa: PLC0415 - likewise
    from rich.theme import Theme  # noqa: PLC0415 - likewise

    class Code(CodeBlock):
        """Lines that are not wrapped; what is printed is dim, what is typed is not."""

        def __rich_console__(self, console: Console, _: ConsoleOptions) -> RenderResult:
            style = Style(dim=True) if self.lexer_name == "text" else Style(color="cyan")
            for line in str(self.text).rstrip("\n").split("\n"):
                yield Segment(line, style)
                yield Segment.line()

    class Title(Heading):
        """A heading at the left."""

        def __rich_console__(self, *_: object) -> RenderResult:
            self.text.style = "bold" if self.tag != "h1" else "bold underline"
            yield self.text

    class Laid(Markdown):
        elements = {  # noqa: RUF012 - as in rich
            **Markdown.elements,
            "fence": Code,
            "code_block": Code,
            "heading_open": Title,
        }

    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        legacy_windows=False,
        highlight=False,
        theme=Theme(_STYLES),
    )
    console.print(Laid(text, hyperlinks=False), crop=False)
    lines = (line.rstrip() for line in file.getvalue().split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
