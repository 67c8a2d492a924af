"""Time is linear in the number of folders, and memory is bounded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.helpers import FULL
from tests.entry import environment

FOLDERS = 20_000 if FULL else 1_500
MOST_MIB = 300 if FULL else 110
SCRIPT = """
import re, sys, time
from manifest_uploader.cli import command
began = time.process_time()
assert command(sys.argv[1:]) == 0
peak = re.search("VmHWM:\\s+([0-9]+) kB", open("/proc/self/status").read())
print(int(peak[1]) // 1024, time.process_time() - began)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is counted otherwise")
def test_time_is_linear_in_the_number_of_folders_and_memory_is_bounded(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    make_folders(small, FOLDERS // 3)
    make_folders(large, FOLDERS)

    (_, short_s), (mib, long_s) = measure(small), measure(large)

    assert mib < MOST_MIB
    assert long_s < 3 * 2 * short_s + 0.5


def make_folders(folder: Path, count: int) -> None:
    for number in range(count):
        case = folder / "data" / f"patient-{number:05}"
        case.mkdir(parents=True)
        for name in ("ct.mha", "airways.mha", "notes.txt"):
            (case / name).touch()
    rows = "".join(f"patient-{number:05},{number / 7}\n" for number in range(count))
    (folder / "scores.csv").write_text(f"patient,score\n{rows}", encoding="utf-8")


def measure(folder: Path) -> tuple[float, float]:
    """Peak memory in MiB, and CPU time in seconds."""
    words = ["init", "data", "--slug", "a", "--each", "patient-*", "--socket", "ct=ct.mha"]
    words += ["--socket", "seg=airways.mha", "--socket", "s=@score", "--table", "scores.csv"]
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words, "--key", "patient", "--title", "Patient {name}"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    mib, cpu_s = ended.stdout.split()
    return float(mib), float(cpu_s)
