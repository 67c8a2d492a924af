"""The order of the tests, and what their processes inherit."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

import pytest

_FIRST: Final = ("test_readme.py", "crash", "e2e", "test_secrets.py", "test_examples.py", "report")
"""The longest: begun last, one of them would keep the others' processes waiting."""


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start: shells let background jobs ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    items.sort(key=lambda item: _rank(item.path))


def _rank(path: Path) -> int:
    inside = path.relative_to(Path(__file__).parent).parts[0]
    return _FIRST.index(inside) if inside in _FIRST else len(_FIRST)
