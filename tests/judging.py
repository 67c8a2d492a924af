"""One importer for all sandboxes in a process of the tests: starting one takes a second."""

from __future__ import annotations

import atexit
import functools
import tempfile
from pathlib import Path

from manifest_uploader.sandbox import Judge, find_judge
from manifest_uploader.sandbox.unpacking import Unpacked


@functools.cache
def shared_judge() -> Judge:
    """Return a judge that has started."""
    judge = find_judge()
    atexit.register(judge.close)
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "given"
        given.mkdir()
        judge.judge(Unpacked(given, Path(folder) / "made", ()))
    return judge
