"""Logs into the file that `--log-file` names."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from manifest_uploader.errors import UsageError
from manifest_uploader.system import disk
from manifest_uploader.text import printable

NAME: Final = "manifest_uploader"
"""The logger of the whole package."""


@contextmanager
def logging_to(path: str | None) -> Iterator[None]:
    """Log into this file, or nowhere; afterwards logging is as it was before.

    Raises:
        UsageError: the file cannot be written.

    """
    handlers: list[logging.Handler] = [logging.NullHandler()]
    if path:
        try:
            to_file = disk.patiently(lambda: _ToFile(path, encoding="utf-8"))
        except OSError as error:
            why = disk.writing_reason(Path(path), error)
            raise UsageError(f"'{path}' cannot be written: {why}") from None
        to_file.setFormatter(_LineFormatter("%(asctime)s %(threadName)s %(message)s"))
        handlers.append(to_file)
    log = logging.getLogger(NAME)
    level, propagate = log.level, log.propagate
    log.setLevel(logging.DEBUG if path else logging.CRITICAL)
    log.propagate = False
    for handler in handlers:
        log.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            log.removeHandler(handler)
            handler.close()
        log.setLevel(level)
        log.propagate = propagate


class _ToFile(logging.FileHandler):
    """Writes into a file; what a full disk does not take is dropped."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Drop the message: a traceback for each would hide what the command says."""

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):
            super().close()


class _LineFormatter(logging.Formatter):
    """Writes each message on one line, whatever names are in it; a traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return printable(super().formatMessage(record))
