"""Runs the command line in a forked process.

The process is forked from a server that has the uploader imported: a real process with its own
memory and files, that can be killed, at a third of the price of a new interpreter. Where a system
has no fork it is a new interpreter after all.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from pathlib import Path

from tests import simulated

_PRELOAD = (
    *("manifest_uploader.__main__", "manifest_uploader.cli", "manifest_uploader.commands.guard"),
    *("manifest_uploader.engine.execution", "manifest_uploader.engine.survey"),
    "manifest_uploader.platform.client",
    *(f"manifest_uploader.commands.{name}" for name in ("plan", "run", "status", "validate")),
    *("manifest_uploader.sandbox", "psutil", "pydicom", "truststore", __name__),
)
"""What commands import, much of it only when they need it."""


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


def run(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    seconds: float,
    prepare: Callable[[Path], None] | None = None,
) -> Ended:
    """Run a command; raise AssertionError if it takes longer.

    `prepare` is called first, in the process. A process that kills itself may write the exit code
    into the file that it is given: multiprocessing's own can be lost among several threads.
    """
    with tempfile.TemporaryDirectory() as folder:
        left = Path(folder)
        process = _context().Process(  # type: ignore[attr-defined]
            target=_command, args=(list(arguments), str(cwd), dict(environment), left, prepare)
        )
        process.start()
        process.join(seconds)
        late = process.is_alive()
        if late:
            process.kill()
            process.join()
        out, err = ((left / name).read_text("utf-8", "replace") for name in ("out", "err"))
        assert not late, f"it did not end within {seconds} s\n{err}\n{out}"
        code = left / "code"
        ended = int(code.read_text()) if code.exists() else process.exitcode
        assert ended is not None
        return Ended(ended, out, err)


def _command(
    arguments: list[str],
    cwd: str,
    environment: dict[str, str],
    left: Path,
    prepare: Callable[[Path], None] | None,
) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdout = (left / "out").open("w", encoding="utf-8")
    sys.stderr = (left / "err").open("w", encoding="utf-8", buffering=1)
    simulated.install_from(os.environ)
    if prepare is not None:
        prepare(left / "code")
    from manifest_uploader.__main__ import main

    sys.argv = ["uploader", *arguments]
    try:
        main()
    except SystemExit as end:
        sys.stdout.flush()
        (left / "code").write_text(str(end.code))
        raise
