"""Runs the command line as a person does: through its entry point, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENTRY = (sys.executable, "-W", "error", "-m", "manifest_uploader")
TIMEOUT_S = 120


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """The last JSON line."""
        last: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return last


def bare_environment(**more: str) -> dict[str, str]:
    """This process's environment without what steers the uploader, and `more`."""
    steering = ("GRAND_CHALLENGE", "UPLOADER", "PROXY", "SSL_CERT", "PYTHON")
    kept = {k: v for k, v in os.environ.items() if not any(w in k.upper() for w in steering)}
    return {**kept, "PYTHONUTF8": "1", **more}


def uploader(
    *arguments: object,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    entry: tuple[str, ...] = ENTRY,
) -> Ended:
    """Run one command to its end."""
    ended = subprocess.run(
        [*entry, *map(str, arguments)],
        cwd=cwd,
        env=bare_environment() if environment is None else dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@contextlib.contextmanager
def platform(folder: Path, *options: object) -> Iterator[dict[str, str]]:
    """`uploader sandbox` in a process of its own, for the length of a `with`: its ready line."""
    process = subprocess.Popen(
        [*ENTRY, "sandbox", "--json", "--dir", str(folder), *map(str, options)],
        env=bare_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    with process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(timeout=TIMEOUT_S)


def shown(folder: Path) -> list[dict[str, Any]]:
    """What a sandbox holds, item by item."""
    ended = uploader("sandbox", "show", "--json", "--dir", folder, cwd=folder)
    assert ended.code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]
