"""What the system has that not every system has; tests that need the rest are skipped."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

TERMINALS: Final = find_spec("termios") is not None
"""Pseudo-terminals."""
LIMITS: Final = find_spec("resource") is not None
PIPES: Final = hasattr(os, "mkfifo")
"""Pipes that have a name."""
SIGNALS: Final = hasattr(signal, "SIGKILL")
"""Signals that a process may send to another, which may catch them."""
KILL: Final = signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM
"""What ends a process at once; on Windows every signal does."""


def _has_links() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            Path(folder, "link").symlink_to(folder, target_is_directory=True)
        except (OSError, NotImplementedError):  # Windows lets only administrators make them
            return False
    return True


LINKS: Final = _has_links()

needs_terminal = pytest.mark.skipif(not TERMINALS, reason="there are no pseudo-terminals")
needs_limits = pytest.mark.skipif(not LIMITS, reason="a process cannot be limited")
needs_pipes = pytest.mark.skipif(not PIPES, reason="there are no named pipes")
needs_signals = pytest.mark.skipif(not SIGNALS, reason="there are no such signals")
needs_links = pytest.mark.skipif(not LINKS, reason="this user may make no symbolic links")
