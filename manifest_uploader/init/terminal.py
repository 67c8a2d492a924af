"""Talks with the user at a terminal: questions on standard error, answers from standard input."""

from __future__ import annotations

import sys

from manifest_uploader.errors import UploaderError, UsageError
from manifest_uploader.output.streams import say
from manifest_uploader.text import printable


def is_interactive() -> bool:
    """Whether the user can read questions and type answers."""
    return sys.stdin.isatty() and sys.stderr.isatty()


class Terminal:
    """Asks one line at a time."""

    def tell(self, text: str) -> None:
        """Show text."""
        say(text)

    def ask(self, question: str, default: str = "") -> str:
        """What the user types, or the default; raises UsageError at the end of input."""
        offered = f" [{printable(default)}]" if default else ""
        sys.stderr.write(_encodable(f"{printable(question)}?{offered} "))
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            sys.stderr.write("\n")
            raise UsageError("the answers ended; nothing was written")
        return line.strip() or default

    def refuse(self, error: UploaderError) -> None:
        """Say why an answer is not accepted."""
        say(f"  {error.message}" + (f" ({error.hint})" if error.hint else ""))


def _encodable(text: str) -> str:
    encoding = sys.stderr.encoding or "ascii"
    return text.encode(encoding, "replace").decode(encoding)
