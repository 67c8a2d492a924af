"""Runs any command through its entry point, warnings being errors, in any folder."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests import forked
from tests.e2e.helpers import Ran, ended, environment, items_of, wait_for

ENTRY = (sys.executable, "-W", "error", "-m", "manifest_uploader")

__all__ = ["ENTRY", "Ran", "environment", "items_of", "platform", "uploader"]


def uploader(
    *arguments: object,
    cwd: Path,
    given: Mapping[str, str] | None = None,
    entry: tuple[str, ...] = ENTRY,
    seconds: float = 120,
) -> Ran:
    """What comes of one command; `given` is its environment.

    With another entry, or variables for Python, it is run by a new interpreter.
    """
    words = list(map(str, arguments))
    variables = environment() if given is None else dict(given)
    if entry is ENTRY and _for_python(variables) == _for_python(environment()):
        found = forked.run(
            words,
            cwd=cwd,
            environment=variables,
            seconds=seconds,
            prepare=_turn_warnings_into_errors,
        )
        return Ran(found.code, found.out, found.err)
    process = subprocess.Popen(
        [*entry, *words],
        cwd=cwd,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    return ended(process, seconds=seconds)


def _for_python(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name.startswith("PYTHON")}


def _turn_warnings_into_errors(_: Path) -> None:
    warnings.simplefilter("error")


@contextlib.contextmanager
def platform(folder: Path, *options: object) -> Iterator[dict[str, Any]]:
    """`uploader sandbox` in a process of its own, for the length of a `with`: its ready line."""
    words = ["sandbox", "--json", "--dir", str(folder), *map(str, options)]
    with forked.begun(
        words, cwd=folder.parent, environment=environment(), prepare=_turn_warnings_into_errors
    ) as running:
        wait_for(lambda: "\n" in running.out or not running.process.is_alive(), seconds=60)
        assert running.out, running.err
        yield json.loads(running.out.splitlines()[0])
        running.send(signal.SIGTERM)
        running.end(60)
