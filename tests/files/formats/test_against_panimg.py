"""What we say of files is what the platform's importer makes of them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest


@pytest.mark.skipif(importlib.util.find_spec("panimg") is None, reason="needs the importer")
def test_every_difference_from_the_importer_is_meant() -> None:
    command = [sys.executable, "-m", "tests.files.formats.against_panimg"]

    # a process of its own: the importer leaves files open
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
