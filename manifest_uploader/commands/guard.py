"""Calls a command and turns its errors into lines on standard error and an exit code."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from typing import Final, TypeAlias

from manifest_uploader.commands import logs
from manifest_uploader.errors import UploaderError
from manifest_uploader.manifest.problems import ManifestInvalid
from manifest_uploader.output.formatting import error_lines, problem_lines
from manifest_uploader.output.streams import say, silence

_BUG: Final = 70
Run: TypeAlias = Callable[[argparse.Namespace], int]
"""Does what parsed arguments say and returns the exit code."""


def call(
    run: Run,
    given: argparse.Namespace,
    *,
    sends: bool,
    begin: Callable[[], None] = lambda: None,
) -> int:
    """Run a command, with the log file that it was given, and return its exit code.

    Args:
        run: the command.
        given: its arguments.
        sends: after a bug, what was sent is recorded; otherwise nothing was sent.
        begin: called once a KeyboardInterrupt is taken care of.

    """
    try:
        begin()
        with logs.logging_to(getattr(given, "log_file", None)):
            return _call(run, given, sends=sends)
    except ManifestInvalid as invalid:
        say(problem_lines(invalid.problems, invalid.warnings))
        return invalid.exit_code
    except UploaderError as error:
        say(error_lines(error))
        return error.exit_code
    except KeyboardInterrupt:
        return interrupted()
    except BrokenPipeError:
        silence(sys.stdout)
        return 1


def interrupted() -> int:
    """Say that a command was stopped by Ctrl-C, and return its exit code."""
    say("stopped")
    return 130


def _call(run: Run, given: argparse.Namespace, *, sends: bool) -> int:
    """Run a command; a bug becomes one line, and a traceback in the log."""
    try:
        return run(given)
    except (UploaderError, BrokenPipeError):
        raise
    except Exception as bug:  # the last resort: no traceback reaches a person
        logging.getLogger(logs.NAME).critical("bug", exc_info=True)
        where = ""
        if hasattr(given, "log_file"):
            where = " (run again with --log-file FILE for the details)"
            where = f" (the details are in {given.log_file})" if given.log_file else where
        safe = "what was sent is recorded; the same command continues"
        safe = safe if sends else "nothing was sent"
        say(f"uploader: a bug: {type(bug).__name__}{where}; {safe}")
        return _BUG
