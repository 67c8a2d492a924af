"""What Ctrl-C and other signals do to a command that runs for long."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NoReturn, TypeVar

from msgspec import Struct, field

from manifest_uploader.engine.attended import LeftBehind, attended
from manifest_uploader.errors import UploaderError
from manifest_uploader.output.formatting import error_lines
from manifest_uploader.output.progress_lines import STOPPING
from manifest_uploader.output.screen import Lines
from manifest_uploader.output.streams import say
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.text import Tone, line

_T = TypeVar("_T")

_LET_END_S: Final = 18.0
"""How long a run may take to end; it gives up what is under way after 15 s."""
_LET_LOOK_END_S: Final = 2.0
"""The same for a command that sends nothing: it only removes its temporary files."""
_SHOW_CURSOR: Final = b"\x1b[?25h"

_GOES_ON: Final = "the same command continues where this ended"
_UNDER_WAY: Final = "and finds out what became of requests that were under way"


class _Ending(Struct, frozen=True):
    """What to say at the end of a command that was stopped."""

    what: str
    rest: str

    def __str__(self) -> str:
        return f"{self.what}; {self.rest}"


_ENDED: Final = _Ending("stopped", _GOES_ON)
_AT_ONCE: Final = _Ending("stopped at once", f"{_GOES_ON}, {_UNDER_WAY}")
_NOTHING_SENT: Final = _Ending("stopped", "nothing was sent")


class Stop(Struct):
    """Whether a command is being stopped, and by which signals."""

    sends: bool
    goes_on: bool = False
    """It sends nothing, and the same command continues where it ended."""
    event: threading.Event = field(default_factory=threading.Event)
    caught: list[int] = field(default_factory=list)

    @property
    def code(self) -> int:
        """The exit code of a command that was stopped."""
        return 128 + self.caught[0]

    def say(self) -> int:
        """Say how to continue; return the exit code."""
        ending = _ENDED if self.sends else self._at_once
        say(line((f"{ending.what};", Tone.WARNING), f" {ending.rest}"))
        return self.code

    @property
    def at_once(self) -> str:
        """What to say if it ends at once."""
        return str(self._at_once)

    @property
    def _at_once(self) -> _Ending:
        if self.sends:
            return _AT_ONCE
        return _ENDED if self.goes_on else _NOTHING_SENT


@contextmanager
def stopping_on_signals(
    screen: Lines, *, sends: bool = True, goes_on: bool = False
) -> Iterator[Stop]:
    """Let the first signal set the event; the second ends the process at once.

    `sends`: the command sends something, so what is under way is worth waiting for. `goes_on`: it
    sends nothing, and the same command continues where it ended.
    """
    stop = Stop(sends, goes_on)

    def on_signal(number: int, _: object) -> None:
        if stop.caught:
            _write(_SHOW_CURSOR if screen.hides_cursor else b"", stop.at_once)
            os._exit(stop.code)
        stop.caught.append(number)
        stop.event.set()
        if sends and not screen.tells_stopping:
            _write(b"", STOPPING)

    with _handling(on_signal):
        yield stop


def interruptible(
    work: Callable[[], _T],
    stop: Stop,
    screen: Lines,
    *,
    attend: Callable[[], None] = lambda: None,
) -> _T | None:
    """What comes of some work; None if it was stopped, which has been said then.

    The process ends here if the work does not end in time. `attend` is called several times a
    second.

    Raises:
        UploaderError: as the work does, unless it was stopped.

    """
    let_end_s = _LET_END_S if stop.sends else _LET_LOOK_END_S
    try:
        return attended(work, attend=attend, stopping=stop.event.is_set, let_end_s=let_end_s)
    except LeftBehind:
        screen.stop()
        say(stop.at_once)
        leave(stop.code)
    except (UploaderError, Interrupted) as error:
        if not stop.caught:
            raise
        screen.stop()
        if isinstance(error, UploaderError):
            say(error_lines(error))
        stop.say()
        return None


def leave(code: int) -> NoReturn:
    """End the process, whatever its other threads wait for."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def exit_on_sigterm() -> None:
    """Let SIGTERM raise SystemExit, so that the terminal is left as it was."""

    def on_signal(number: int, _: object) -> NoReturn:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, on_signal)


def _write(first: bytes, line: str) -> None:
    """Write a line to standard error: a signal handler must not use a buffered stream."""
    with suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), first + b"\n%s\n" % line.encode())


@contextmanager
def _handling(on_signal: Callable[[int, object], None]) -> Iterator[None]:
    """Handle the signals that ask a command to end, except for SIGHUP where `nohup` ignores it.

    Only the main thread of a program may do so; in any other, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    numbers = {name: getattr(signal, name) for name in names if hasattr(signal, name)}
    if "SIGHUP" in numbers and signal.getsignal(numbers["SIGHUP"]) is signal.SIG_IGN:
        del numbers["SIGHUP"]
    before = {number: signal.signal(number, on_signal) for number in numbers.values()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
