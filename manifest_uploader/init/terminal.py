"""Talks with the user at a terminal: questions on standard error, answers from standard input."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from manifest_uploader.errors import UploaderError, UsageError
from manifest_uploader.init.dialogue import Question
from manifest_uploader.output.paint import wrapped
from manifest_uploader.output.streams import say
from manifest_uploader.system.shells import for_shell
from manifest_uploader.text import Block, Piece, Tone, block, line, lines_of

_WIDEST: Final = 120


def is_interactive() -> bool:
    """Whether the user can read questions and type answers."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def show(text: str) -> None:
    """Write text to standard error; at a terminal, lines are broken between words."""
    say(fitted(text, shutil.get_terminal_size().columns) if sys.stderr.isatty() else text)


def fitted(text: str, columns: int) -> Block:
    """The text in lines of at most so many columns, further lines indented."""
    return wrapped(block(text), max(20, min(columns, _WIDEST) - 1))


def show_command(words: Sequence[str]) -> None:
    """Write a command to copy; at a terminal, a long one takes several lines where it may."""
    whole = f"  {for_shell(words)}"
    columns = min(shutil.get_terminal_size().columns, _WIDEST)
    if not sys.stderr.isatty() or os.name == "nt" or len(whole) < columns:
        say(block(whole))
        return
    say(block(*_command_lines(words, columns)))


def _command_lines(words: Sequence[str], columns: int) -> Iterator[str]:
    """The command in lines that end in a backslash, with each option beside its value."""
    row, begun = " ", 0
    pieces: list[str] = []
    for word in (for_shell([one]) for one in words):
        is_value = bool(pieces) and pieces[-1].startswith("--") and " " not in pieces[-1]
        if is_value and not word.startswith("--"):
            pieces[-1] += f" {word}"
        else:
            pieces.append(word)
    for piece in pieces:
        if begun and len(row) + len(piece) + 3 > columns:
            yield f"{row} \\"
            row = "     "
        row, begun = f"{row} {piece}", begun + 1
    yield row


class Terminal:
    """Asks one line at a time."""

    def tell(self, text: str) -> None:
        """Show text, apart from what was before."""
        show(block("", *lines_of(text)))

    def ask(self, question: Question) -> str:
        """What the user types, or the default; raises UsageError at the end of input."""
        say(prompt(question), end=" ")
        answer = sys.stdin.readline()
        if not answer:
            say("")
            raise UsageError("the input ended; nothing was written")
        return answer.strip() or question.default

    def refuse(self, error: UploaderError) -> None:
        """Say why an answer is not accepted."""
        hint = f" ({error.hint})" if error.hint else ""
        show(line("  ", (error.message, Tone.BAD), hint))


def prompt(question: Question) -> Block:
    """`Title? [Patient 1]`."""
    asked: Piece = (f"{question.text}?", Tone.STRONG)
    if not question.default:
        return line(asked)
    return line(asked, " [", (question.default, Tone.GOOD), "]")
