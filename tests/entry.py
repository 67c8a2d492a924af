"""Runs any command through the real entry point, warnings being errors, in any folder."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.e2e.helpers import Ran, ended, environment, items_of

ENTRY = (sys.executable, "-W", "error", "-m", "manifest_uploader")

__all__ = ["ENTRY", "Ran", "environment", "items_of", "platform", "uploader"]


def uploader(
    *arguments: object,
    cwd: Path,
    given: Mapping[str, str] | None = None,
    entry: tuple[str, ...] = ENTRY,
) -> Ran:
    """What comes of one command; `given` is its environment."""
    process = subprocess.Popen(
        [*entry, *map(str, arguments)],
        cwd=cwd,
        env=environment() if given is None else dict(given),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    return ended(process, seconds=120)


@contextlib.contextmanager
def platform(folder: Path, *options: object) -> Iterator[dict[str, Any]]:
    """`uploader sandbox` in a process of its own, for the length of a `with`: its ready line."""
    process = subprocess.Popen(
        [*ENTRY, "sandbox", "--json", "--dir", str(folder), *map(str, options)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate(timeout=60)
