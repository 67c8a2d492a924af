"""Tasks for the workers of the tests."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Answer = Callable[[Any], Any]


def echo(setup: Any, scratch: str) -> Answer:
    """Answers with the process, the setup, the request and the files in the scratch folder."""

    def answer(request: Any) -> Any:
        Path(scratch, f"{request}.txt").write_text("x")
        print("a library prints", flush=True)
        os.write(1, b"a library in C prints\n")
        files = sorted(path.name for path in Path(scratch).iterdir())
        return {"pid": os.getpid(), "setup": setup, "request": request, "files": files}

    return answer


def fragile(setup: Any, scratch: str) -> Answer:
    """Dies on `always`, and on `once` unless the file that the setup names is there."""

    def answer(request: Any) -> Any:
        if request == "always" or (request == "once" and not Path(setup).exists()):
            Path(setup).touch()
            os.abort()
        return request

    return answer


def buggy(setup: Any, scratch: str) -> Answer:
    """Raises an exception that quotes a patient."""

    def answer(request: Any) -> Any:
        raise ValueError("MUSTERMANN^ERIKA")

    return answer


def broken(setup: Any, scratch: str) -> Answer:
    """Cannot be loaded."""
    raise ImportError("MUSTERMANN^ERIKA")


def greedy(setup: Any, scratch: str) -> Answer:
    """Counts as holding too much memory after each answer."""
    from manifest_uploader.files import crew_member

    crew_member._MOST_MEMORY = 0  # type: ignore[misc]
    return lambda request: os.getpid()


def endless(setup: Any, scratch: str) -> Answer:
    """Says in a file who it is, and never answers."""

    def answer(request: Any) -> Any:
        Path(scratch, "left.txt").write_text("x")
        Path(f"{setup}.new").write_text(f"{os.getpid()} {scratch}")
        Path(f"{setup}.new").rename(setup)
        while True:
            time.sleep(60)

    return answer


def hanging(setup: Any, scratch: str) -> Answer:
    """Makes the file `looking` in the current folder, and never answers."""

    def answer(request: Any) -> Any:
        Path("looking").touch()
        while True:
            time.sleep(60)

    return answer
