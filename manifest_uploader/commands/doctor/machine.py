"""Checks this machine: Python, the optional packages, disks, and how many files may be open."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from manifest_uploader import __version__
from manifest_uploader.api.handles import open_limit, usable_jobs
from manifest_uploader.api.worker_settings import MOST_JOBS
from manifest_uploader.commands.doctor.findings import Finding, note, ok, wrong
from manifest_uploader.output.formatting import size_words
from manifest_uploader.system import disk
from manifest_uploader.system.extras import EXTRAS, Extra, install_command

_LITTLE_ROOM: Final = 1 << 30
_NO_ROOM: Final = 100 << 20
"""Bytes: a state file takes about 1 kB for each upload."""


def check_python() -> Iterator[Finding]:
    """Which Python runs which uploader."""
    bits = 64 if sys.maxsize > 2**32 else 32
    system = f"{platform.system()} {platform.release()}".strip()
    python = f"Python {platform.python_version()} ({bits} bit)"
    yield ok("uploader", f"{__version__}, {python}, {system}")


def check_extras(extras: Mapping[str, Extra] = EXTRAS) -> Iterator[Finding]:
    """Which optional packages are missing, and what they are for."""
    missing = {name: one for name, one in extras.items() if not one.is_installed}
    if not missing:
        yield ok("extras", "all are installed")
        return
    uses = ", ".join(f"'{one.needed_for}'" for one in missing.values())
    yield note("extras", f"not installed, and needed only for {uses}", install_command(*missing))


def check_folder(folder: Path) -> Iterator[Finding]:
    """Whether the state file can be written into this folder, and how much room there is."""
    try:
        with tempfile.TemporaryFile(dir=disk.usable(folder)) as file:
            file.write(b"uploader doctor")
    except OSError as error:
        words = f"'{folder}' cannot be written: {disk.writing_reason(folder, error)}"
        yield wrong("folder", words, "the state file goes there; choose another one with --state")
        return
    yield _room("disk", folder)


def check_temporary() -> Iterator[Finding]:
    """How much room there is for temporary files."""
    try:
        yield _room("temporary", Path(tempfile.gettempdir()))
    except OSError as error:
        words = f"no temporary file can be made: {disk.reason(error)}"
        yield wrong("temporary", words, "set TMPDIR (Windows: TEMP) to a folder with room")


def _room(topic: str, folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    words = f"{size_words(free)} free in '{folder}'"
    if free < _NO_ROOM:
        return wrong(topic, words, "make room: a run has to write down what it sends")
    if free < _LITTLE_ROOM:
        return note(topic, words, "enough for small studies; make room before a large one")
    return ok(topic, words)


def check_open_files() -> Iterator[Finding]:
    """Whether as many files may be open as the most jobs need."""
    limit = open_limit()
    jobs = usable_jobs(MOST_JOBS, limit=limit, sandbox=False)
    if jobs == MOST_JOBS:
        yield ok("open files", f"up to {MOST_JOBS} jobs at a time")
    else:
        words = f"only {limit} may be open, enough for {jobs} jobs at a time"
        yield note("open files", words, "raise the limit for more: ulimit -n 4096")
