"""Runs the command line in a process that kills itself at a boundary between lines."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests import forked
from tests.e2e.helpers import Ran
from tests.has import KILL

When = Literal["locking", "before", "torn", "after"]


@dataclass(frozen=True)
class Kill:
    """SIGKILL around one line of the state file."""

    when: When
    """Before the line is written, with half of it written, or right after it; or while the lock
    is taken, before it has its name."""
    line: int
    """From 1; the first binds the state to its target."""


def uploader(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    kill: Kill | None = None,
    pause_s: float = 0.03,
    seconds: float = 60.0,
) -> Ran:
    """What comes of a command; its exit code is -9 if it was killed.

    `pause_s` is the first pause between two tries of a request, half a second for people.
    """
    prepare = functools.partial(_prepare, kill, pause_s)
    ended = forked.run(
        arguments, cwd=cwd, environment=environment, seconds=seconds, prepare=prepare
    )
    return Ran(ended.code, ended.out, ended.err)


def _prepare(kill: Kill | None, pause_s: float, code: Path) -> None:
    from manifest_uploader.output import pauses

    assert "_TELL_AFTER_S" in vars(pauses), "what is changed in the program has to be there"
    vars(pauses)["_TELL_AFTER_S"] = 0.0  # these runs are too short for what people are told
    forked.shorten_pauses(pause_s)
    if kill is not None:
        _die_at(kill, functools.partial(_die, code))


def _die_at(kill: Kill, die: Callable[[], None]) -> None:
    """Let the state's writer take so many lines and no more."""
    from manifest_uploader.state import lock, writer

    if kill.when == "locking":
        assert "_link" in vars(lock), "what is broken in the program has to be there"
        vars(lock)["_link"] = lambda *_: die()
        return
    write = writer._write_all
    written = 0

    def write_or_die(handle: int, data: bytes) -> None:
        nonlocal written
        for line in data.splitlines(keepends=True):
            written += 1
            if written == kill.line and kill.when != "after":
                os.write(handle, line[: len(line) // 2] if kill.when == "torn" else b"")
                die()
            write(handle, line)
            if written == kill.line:
                die()

    vars(writer)["_write_all"] = write_or_die


def _die(code: Path) -> None:
    code.write_text(str(-KILL))
    os.kill(os.getpid(), KILL)
