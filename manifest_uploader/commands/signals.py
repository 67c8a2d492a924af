"""What Ctrl-C and other signals do to a command that runs for long."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from manifest_uploader.output.run_lines import STOPPING
from manifest_uploader.output.screen import Lines


@contextmanager
def stopping_on_signals(screen: Lines) -> Iterator[tuple[threading.Event, list[int]]]:
    """Let the first signal set the event; the second ends the process at once.

    Yields the event, and the list of the signals that were caught.
    """
    stop = threading.Event()
    caught: list[int] = []

    def on_signal(number: int, _: object) -> None:
        if caught:
            os._exit(128 + number)
        caught.append(number)
        stop.set()
        if not screen.tells_stopping:
            with suppress(OSError, ValueError):  # a signal handler must not use a buffered stream
                os.write(sys.stderr.fileno(), b"\n%s\n" % STOPPING.encode())

    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield stop, caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_on_sigterm() -> None:
    """Let SIGTERM raise SystemExit, so that the terminal is left as it was."""

    def on_signal(number: int, _: object) -> NoReturn:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, on_signal)
