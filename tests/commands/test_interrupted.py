"""Ctrl-C while a command begins: one line, whatever is being imported just then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.helpers import UPLOADER, environment

PRESSES = """
import os, signal, sys

def press(event, arguments):
    if event == "import" and arguments[0] == os.environ.get("PRESS_AT"):
        del os.environ["PRESS_AT"]
        try:
            os.kill(os.getpid(), signal.SIGINT)
            [None for _ in range(1000)]
        except KeyboardInterrupt:
            if "LOST" not in os.environ:
                raise

sys.addaudithook(press)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently on Windows")
@pytest.mark.parametrize(
    ("words", "module", "lost"),
    [
        ("status m.yaml", "manifest_uploader.cli", False),
        ("status m.yaml", "argparse", True),
        ("status m.yaml", "manifest_uploader.engine.run", False),
        ("run m.yaml", "manifest_uploader.engine.run", True),
        ("run m.yaml --sandbox", "manifest_uploader.api.sandboxes", False),
        ("init data", "manifest_uploader.init.command", False),
        ("--help", "msgspec", False),
    ],
)
def test_it_ends_with_one_line(words: str, module: str, lost: bool, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(PRESSES, encoding="utf-8")
    there = environment(PRESS_AT=module, LOST="1" if lost else None)
    there["PYTHONPATH"] = f"{tmp_path}:{there['PYTHONPATH']}"

    ended = subprocess.run(
        [*UPLOADER, *words.split()],
        cwd=tmp_path,
        env=there,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr.strip() == "stopped"
