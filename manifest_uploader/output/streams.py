"""Writes to standard output and standard error; the only module that does."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from typing import IO

from manifest_uploader.errors import OutputLost
from manifest_uploader.output.paint import (
    Colour,
    is_terminal,
    is_wanted,
    painted,
    understands_codes,
    wrapped,
    writable,
)
from manifest_uploader.system import disk
from manifest_uploader.text import block


class _Colours:
    """What `use_colour` has set, for the whole process."""

    choice = Colour.AUTO


def use_colour(choice: Colour) -> None:
    """Set whether terminals get colours, for all that this process writes."""
    _Colours.choice = choice


def has_colour(stream: IO[str]) -> bool:
    """Whether a stream gets colours."""
    return is_wanted(_Colours.choice, stream, os.environ) and understands_codes(stream)


def say(text: str, stream: IO[str] | None = None, *, end: str = "\n") -> None:
    """Write a line, or a block of lines, for a person to standard error.

    Control characters are escaped. Text that cannot be written is dropped: a run does not end
    because its terminal went away.
    """
    stream = stream or sys.stderr
    try:
        _write(stream, _shown(text, stream) + end)
    except OSError:
        silence(stream)


def print_out(text: str) -> None:
    """Write a line, or a block of lines, for a person to standard output.

    Raises:
        BrokenPipeError: its reader has gone.
        OutputLost: it cannot be written.

    """
    write_out(_shown(text, sys.stdout) + "\n")


def write_out(text: str) -> None:
    """Write text to standard output as it is, and flush it.

    Raises:
        BrokenPipeError: its reader has gone.
        OutputLost: it cannot be written.

    """
    try:
        _write(sys.stdout, text)
    except BrokenPipeError:
        raise
    except OSError as error:
        silence(sys.stdout)
        raise OutputLost(
            f"standard output cannot be written: {disk.reason(error)}",
            hint="make room where it leads to; the same command continues",
        ) from None


def _shown(text: str, stream: IO[str]) -> str:
    found = writable(block(text), getattr(stream, "encoding", None) or "utf-8")
    if is_terminal(stream):
        found = wrapped(found, shutil.get_terminal_size().columns)
    return painted(found) if found.tones and has_colour(stream) else found


def silence(stream: IO[str]) -> None:
    """Discard what the stream still buffers, so that the interpreter does not complain at exit."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _write(stream: IO[str], text: str) -> None:
    """Write and flush; characters that the stream's encoding lacks are escaped."""
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = getattr(stream, "encoding", None) or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
