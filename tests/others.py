"""Other people's clients, each in an environment of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
GCAPI = "gcapi==0.16.1"
BOTO3 = "boto3"


def python_with(*packages: str) -> Path:
    """The Python of an environment that holds packages; made once, kept in `.venvs`."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = "+".join(packages).replace("==", "-")
    folder = ROOT / ".venvs" / f"{name}-py{version}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "done"
    if not done.exists():
        # our own pip, and only what is imported compiled: that is a quarter of the work
        has_pip = importlib.util.find_spec("pip") is not None
        venv.create(folder, with_pip=not has_pip, clear=True)
        pip = (
            (sys.executable, "-m", "pip", "--python", python) if has_pip else (python, "-m", "pip")
        )
        install = map(str, (*pip, "install", "-qq", "--no-compile", *packages))
        subprocess.run(list(install), check=True, timeout=600)
        done.touch()
    return python
