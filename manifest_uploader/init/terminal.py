"""Talks with the user at a terminal: questions on standard error, answers from standard input."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from manifest_uploader.errors import UploaderError, UsageError
from manifest_uploader.init.dialogue import Question
from manifest_uploader.output.streams import say
from manifest_uploader.system.shells import for_shell
from manifest_uploader.text import Block, block, lines_of, printable

_WIDEST: Final = 120


def is_interactive() -> bool:
    """Whether the user can read questions and type answers."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def show(text: str) -> None:
    """Write text to standard error; at a terminal, lines are broken between words."""
    say(fitted(text, shutil.get_terminal_size().columns) if sys.stderr.isatty() else text)


def fitted(text: str, columns: int) -> Block:
    """The text in lines of at most so many columns, further lines indented like the first."""
    width = max(20, min(columns, _WIDEST) - 1)
    return block(*(part for line in lines_of(text) for part in _broken(line, width)))


def _broken(line: str, width: int) -> Iterator[str]:
    indent = " " * (len(line) - len(line.lstrip(" ")) + 2)
    yield from textwrap.wrap(
        line,
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    ) or [""]


def show_command(words: Sequence[str]) -> None:
    """Write a command to copy; at a terminal, a long one takes several lines where it may."""
    line = f"  {for_shell(words)}"
    columns = min(shutil.get_terminal_size().columns, _WIDEST)
    if not sys.stderr.isatty() or os.name == "nt" or len(line) < columns:
        say(block(line))
        return
    say(block(*_command_lines(words, columns)))


def _command_lines(words: Sequence[str], columns: int) -> Iterator[str]:
    """The command in lines that end in a backslash, with each option beside its value."""
    line, begun = " ", 0
    pieces: list[str] = []
    for word in (for_shell([one]) for one in words):
        is_value = bool(pieces) and pieces[-1].startswith("--") and " " not in pieces[-1]
        if is_value and not word.startswith("--"):
            pieces[-1] += f" {word}"
        else:
            pieces.append(word)
    for piece in pieces:
        if begun and len(line) + len(piece) + 3 > columns:
            yield f"{line} \\"
            line = "     "
        line, begun = f"{line} {piece}", begun + 1
    yield line


class Terminal:
    """Asks one line at a time."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - late: most commands ask nothing

        console = Console(stderr=True)
        self._has_styles = not console.no_color and console.color_system not in (None, "windows")

    def tell(self, text: str) -> None:
        """Show text, apart from what was before."""
        show(block("", *lines_of(text)))

    def ask(self, question: Question) -> str:
        """What the user types, or the default; raises UsageError at the end of input."""
        offered = f" [{printable(question.default)}]" if question.default else ""
        bold, plain = ("\x1b[1m", "\x1b[0m") if self._has_styles else ("", "")
        sys.stderr.write(_encodable(f"{bold}{printable(question.text)}?{plain}{offered} "))
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            sys.stderr.write("\n")
            raise UsageError("the input ended; nothing was written")
        return line.strip() or question.default

    def refuse(self, error: UploaderError) -> None:
        """Say why an answer is not accepted."""
        show(f"  {error.message}" + (f" ({error.hint})" if error.hint else ""))


def _encodable(text: str) -> str:
    encoding = sys.stderr.encoding or "ascii"
    return text.encode(encoding, "replace").decode(encoding)
