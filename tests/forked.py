"""Runs the command line in a forked process.

The process is forked from a server that has the uploader imported: a real process with its own
memory and files, that can be killed, at a third of the price of a new interpreter. Where a system
has no fork it is a new interpreter after all.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from tests import simulated

if TYPE_CHECKING:
    from manifest_uploader.platform.address import Patience
    from manifest_uploader.platform.retries import Retries

_WHERE: int | None = getattr(signal, "SIGUSR1", None)
"""The signal that lets a process write where each of its threads is."""
_PRELOAD = (
    *("manifest_uploader.__main__", "manifest_uploader.cli", "manifest_uploader.commands.guard"),
    *(f"manifest_uploader.engine.{name}" for name in ("conclusion", "execution", "survey")),
    *("manifest_uploader.platform.client", "manifest_uploader.platform.targets.reader_study"),
    *(f"manifest_uploader.commands.{name}" for name in ("fetch", "plan", "run", "sandbox")),
    *(f"manifest_uploader.commands.{name}" for name in ("status", "validate", "verify")),
    *("manifest_uploader.api.rehearsal", "manifest_uploader.sandbox"),
    *("jsonschema", "psutil", "pydicom", "truststore", __name__),
)
"""What commands import, much of it only when they need it."""

AS_PEOPLE_WAIT = "TESTS_WAIT_AS_PEOPLE"
"""In the environment of a command: it looks at imports as often as it does for people."""


@dataclass(frozen=True)
class Ended:
    """What a process leaves."""

    code: int
    """Negative if a signal ended it."""
    out: str
    err: str


@functools.cache
def _context() -> BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOAD))
    return context


def process(target: Callable[..., None], *given: object) -> BaseProcess:
    """A process that has started, and in which a function is called."""
    made: BaseProcess = _context().Process(target=target, args=given)  # type: ignore[attr-defined]
    made.start()
    return made


@dataclass
class Running:
    """A process that was started, and the folder of what it leaves."""

    process: BaseProcess
    left: Path

    def send(self, number: int) -> None:
        """Send it a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    @property
    def out(self) -> str:
        """What it has written to standard output so far."""
        return self._written("out")

    @property
    def err(self) -> str:
        """What it has written to standard error so far."""
        return self._written("err")

    def _written(self, name: str) -> str:
        path = self.left / name
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def end(self, seconds: float) -> Ended:
        """Wait for its end; raise AssertionError if it takes longer."""
        self.process.join(seconds)
        late = self.process.is_alive()
        if late:
            self._tell_where_it_is()
            self.process.kill()
            self.process.join()
        out, err = ((self.left / name).read_text("utf-8", "replace") for name in ("out", "err"))
        assert not late, f"it did not end within {seconds} s\n{err}\n{out}"
        code = self.left / "code"
        ended = int(code.read_text()) if code.exists() else self.process.exitcode
        assert ended is not None
        return Ended(ended, out, err)

    def _tell_where_it_is(self) -> None:
        """Let a process that hangs write where each of its threads is."""
        if _WHERE is None:
            return
        before = self.err
        with contextlib.suppress(ProcessLookupError):
            self.send(_WHERE)
        for _ in range(50):
            if self.err != before:
                return
            time.sleep(0.02)


@contextlib.contextmanager
def begun(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    prepare: Callable[[Path], None] | None = None,
) -> Iterator[Running]:
    """Start a command, and end it after the `with` statement if it still runs then.

    `prepare` is called first, in the process. A process that kills itself may write the exit code
    into the file that it is given: multiprocessing's own can be lost among several threads.
    """
    with tempfile.TemporaryDirectory() as folder:
        left = Path(folder)
        given = (list(arguments), str(cwd), dict(environment), left, prepare)
        started = process(_command, *given)
        try:
            yield Running(started, left)
        finally:
            started.kill()
            started.join()


def run(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    seconds: float,
    prepare: Callable[[Path], None] | None = None,
) -> Ended:
    """Run a command; raise AssertionError if it takes longer. `prepare` is as for `begun`."""
    with begun(arguments, cwd=cwd, environment=environment, prepare=prepare) as running:
        return running.end(seconds)


def shorten_pauses(first_s: float) -> None:
    """Let the first pause between two tries of a request be so long, in this whole process.

    Where connections are made, `Patience` was imported long ago: the server has preloaded it.
    """
    from manifest_uploader.platform.retries import Retries

    of_people = Retries.__init__

    def impatient(self: Retries, patience: Patience, **more: Any) -> None:
        of_people(self, replace(patience, first_pause_s=first_s), **more)

    Retries.__init__ = impatient  # type: ignore[method-assign]


def _command(
    arguments: list[str],
    cwd: str,
    environment: dict[str, str],
    left: Path,
    prepare: Callable[[Path], None] | None,
) -> None:
    sys.stdout = (left / "out").open("w", encoding="utf-8")
    sys.stderr = (left / "err").open("w", encoding="utf-8", buffering=1)
    if _WHERE is not None:
        faulthandler.register(_WHERE)
    enter(cwd, environment)
    if prepare is not None:
        prepare(left / "code")
    try:
        command(arguments)
    except SystemExit as end:
        sys.stdout.flush()
        (left / "code").write_text(str(end.code))
        raise


def enter(cwd: str, environment: dict[str, str]) -> None:
    """Make this process one for a command in that folder, with that environment."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    _say_as_much_as_on_fast_machines()
    if AS_PEOPLE_WAIT not in os.environ:
        _look_at_imports_soon()
    simulated.install_from(os.environ)


def command(arguments: list[str]) -> None:
    """Run a command in this process; it ends with `SystemExit`."""
    from manifest_uploader.__main__ import main

    sys.argv = ["uploader", *arguments]
    main()


def _say_as_much_as_on_fast_machines() -> None:
    """Explain no silence: how long it lasts depends on what else the machine does."""
    from manifest_uploader.output import screen

    assert "SILENCE_S" in vars(screen), "what is changed in the program has to be there"
    vars(screen)["SILENCE_S"] = float("inf")


def _look_at_imports_soon() -> None:
    """Wait for imports in steps that suit a sandbox: it has imported what is sent in no time."""
    from manifest_uploader.engine import import_waits, upload_limits

    for module, name in (
        *((import_waits, name) for name in ("_FIRST_PAUSE_S", "_BUSY_PAUSE_S")),
        (upload_limits, "_FIRST_PROBE_S"),
    ):
        assert name in vars(module), "what is changed in the program has to be there"
        vars(module)[name] = 0.1
