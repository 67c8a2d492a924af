"""Programs of ours in interpreters of their own, which find the modules that this one finds."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

_START: Final = (
    "import json, sys; from importlib import import_module; "
    "sys.path[:] = json.loads(sys.argv[1]); import_module(sys.argv[2]).main()"
)
_NO_WINDOW: Final = getattr(subprocess, "CREATE_NO_WINDOW", 0)
"""Windows would open a console."""


def start(module: str, *arguments: str, **popen: Any) -> subprocess.Popen[bytes]:
    """Call a module's `main` in a new interpreter, with a pipe to it and no standard error.

    Args:
        module: its full name.
        arguments: follow it on the command line, where `ps` shows them.
        popen: for `subprocess.Popen`.

    Raises:
        OSError: the system does not start a process.

    """
    words = [sys.executable, "-P", "-W", "ignore", "-c", _START, json.dumps(sys.path), module]
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        [*words, *arguments],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        creationflags=_NO_WINDOW,
        **popen,
    )
