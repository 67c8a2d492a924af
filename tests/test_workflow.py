"""The workflow of the project's future home runs what README.md says, on every system."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    """What the workflow runs, as README writes it: with any Python of a system."""
    steps = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
    texts = [" ".join(step["run"].split()) for step in steps if "run" in step]
    return [re.sub(r"\bpy -\S*\$\{\{.*?\}\} ", "py ", text) for text in texts]


def test_it_runs_readmes_lines() -> None:
    posix = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)
    windows = re.findall(r"^py -m venv .*$", README, re.MULTILINE)

    assert (len(posix), len(windows)) == (2, 2)
    assert set(posix + windows) <= set(commands())


def test_it_runs_on_every_system_with_every_python() -> None:
    matrix = WORKFLOW["jobs"]["readme"]["strategy"]["matrix"]

    assert [name.partition("-")[0] for name in matrix["os"]] == ["ubuntu", "macos", "windows"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]


def test_it_checks_what_ci_checks() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    checks = re.findall(r"^\.venv/bin/\S.*$", script, re.MULTILINE)

    assert checks
    assert set(checks) <= set(commands())
