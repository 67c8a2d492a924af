"""Runs the command line in a process of its own that kills itself at a boundary between lines.

The process is forked from a server that has the uploader imported: a real process with its own
memory and files, that can be killed, at a third of the price of a new interpreter.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, Literal

from tests.e2e.helpers import Ran

When = Literal["locking", "before", "torn", "after"]
_CODE = Path("code.txt")
_PRELOAD = (
    *(
        "manifest_uploader.cli",
        "manifest_uploader.commands.run",
        __name__,
    ),
    *("pydicom", "psutil", "manifest_uploader.sandbox"),
)


@dataclass(frozen=True)
class Kill:
    """SIGKILL around one line of the state file."""

    when: When
    """Before the line is written, with half of it written, or right after it; or while the lock
    is taken, before it has its name."""
    line: int
    """From 1; the first binds the state to its target."""


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOAD))
    return context


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
    out, err, code = cwd / "out.txt", cwd / "err.txt", cwd / "code.txt"
    code.unlink(missing_ok=True)
    process = _context().Process(
        target=_command, args=(list(arguments), str(cwd), dict(environment), kill, pause_s)
    )
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
        raise AssertionError(f"it did not end within {seconds} s\n{err.read_text()}")
    # Its own word goes before multiprocessing's, which several threads may take from each other.
    ended = int(code.read_text()) if code.exists() else process.exitcode
    assert ended is not None
    return Ran(ended, out.read_text("utf-8"), err.read_text("utf-8"))


def _command(
    arguments: list[str], cwd: str, environment: dict[str, str], kill: Kill | None, pause_s: float
) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdout = Path("out.txt").open("w", encoding="utf-8")  # noqa: SIM115 - to the very end
    sys.stderr = Path("err.txt").open("w", encoding="utf-8", buffering=1)  # noqa: SIM115
    if kill is not None:
        _die_at(kill)
    from manifest_uploader.cli import command
    from manifest_uploader.platform import address

    vars(address)["Patience"] = functools.partial(address.Patience, first_pause_s=pause_s)
    code = command(arguments)
    sys.stdout.flush()
    _CODE.write_text(str(code))
    sys.exit(code)


def _die_at(kill: Kill) -> None:
    """Let the state's writer take so many lines and no more."""
    from manifest_uploader.state import lock, writer

    if kill.when == "locking":
        assert "_link" in vars(lock), "what is broken in the program has to be there"
        vars(lock)["_link"] = lambda *_: _die()
        return
    write = writer._write_all
    written = 0

    def write_or_die(handle: int, data: bytes) -> None:
        nonlocal written
        for line in data.splitlines(keepends=True):
            written += 1
            if written == kill.line and kill.when != "after":
                os.write(handle, line[: len(line) // 2] if kill.when == "torn" else b"")
                _die()
            write(handle, line)
            if written == kill.line:
                _die()

    vars(writer)["_write_all"] = write_or_die


def _die() -> Any:
    _CODE.write_text(str(-signal.SIGKILL))
    os.kill(os.getpid(), signal.SIGKILL)
