"""Large runs stay small in memory and keep their pace.

python -m tests.e2e.size [--cases 2000] [--slices 2000] [--side 512]
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.e2e.data import PDF, write_series
from tests.e2e.helpers import Box, Ran, served_apart, side_by_side

KB = 1000
MB = 1_000_000


@dataclass
class Measured:
    """What a run took."""

    ran: Ran
    memory: int
    """The most bytes that it held at a time, as the system counts them."""
    ends_s: list[float] = field(default_factory=list)
    """When each case was filled, in seconds since the start."""
    whole_s: float = 0.0


def measured(box: Box, *arguments: str, seconds: float, **popen: Any) -> Measured:
    """Run to the end and measure."""
    with box.spawn("run", "--json", *arguments, **popen) as process:
        return _measured(process, seconds=seconds)


def _measured(process: subprocess.Popen[str], *, seconds: float) -> Measured:
    peak = _Peak(process)
    started = time.monotonic()
    lines: list[str] = []
    ends_s: list[float] = []

    def read_lines() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "summary":
                lines.append(line)
            elif event["event"] == "done" and event["step"].endswith(":fill"):
                ends_s.append(time.monotonic() - started)

    def read_words() -> None:
        assert process.stderr is not None
        lines.insert(0, process.stderr.read())

    try:
        side_by_side({"lines": read_lines, "words": read_words, "memory": peak.watch})
        process.wait(timeout=seconds)
    finally:
        process.kill()
    words, summary = lines if len(lines) > 1 else (lines[0], "")
    ran = Ran(process.returncode, summary, words)
    return Measured(ran, peak.bytes, ends_s, time.monotonic() - started)


class _Peak:
    """The most memory that a process held."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.bytes = 0

    def watch(self) -> None:
        """Look again and again until the process has ended."""
        try:
            process = psutil.Process(self._process.pid)
            while self._process.poll() is None:
                self.bytes = max(self.bytes, _held(process))
                threading.Event().wait(0.02)
        except psutil.Error:
            return


def _held(process: psutil.Process) -> int:
    """Resident bytes; the kernel's own note of the most, where there is one."""
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return int(process.memory_info().rss)


def many_cases(folder: Path, cases: int) -> Measured:
    """Run many cases of one value and one file of 100 kB."""
    box = Box(folder)
    chance = random.Random(1)
    for number in range(cases):
        name = f"case-{number:05}"
        box.write(PDF + chance.randbytes(100 * KB), f"{name}.pdf")
        box.add(name, {"some-score": number, "report": {"file": f"{name}.pdf"}})
    box.save()
    with served_apart(folder / "sandbox") as box.served:
        found = measured(box, seconds=1800)
    found.ran.expect(0)
    box.check()
    return found


def large_bundle(folder: Path, slices: int, side: int) -> Measured:
    """Run one case of an image of many slices; its import is not waited for."""
    box = Box(folder)
    write_series(box.data / "ct", 1, slices, side=side)
    box.add("large", {"ct-image": {"files": "ct"}})
    box.save()
    with served_apart(folder / "sandbox", "--import-delay=600") as box.served:
        found = measured(box, "--no-wait", seconds=1800)
    found.ran.expect(4)
    assert found.ran.summary["bytes_sent"] > slices * 2 * side * side
    return found


def main() -> None:
    """The bar at its full size, with its figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--slices", type=int, default=2000)
    parser.add_argument("--side", type=int, default=512)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.cases:
            _tell_cases(many_cases(Path(folder) / "cases", given.cases))
        if given.slices:
            found = large_bundle(Path(folder) / "bundle", given.slices, given.side)
            _tell_bundle(found, given.slices)


def _tell_cases(found: Measured) -> None:
    quarter = len(found.ends_s) // 4
    first, last = found.ends_s[quarter - 1], found.ends_s[-1] - found.ends_s[-quarter - 1]
    _say(f"{len(found.ends_s)} cases: memory {found.memory / MB:.0f} MB (bar: below 150)")
    _say(f"  first {quarter} in {first:.1f} s, last {quarter} in {last:.1f} s: "
         f"{last / first:.2f} times as long (bar: at most 1.3)")  # fmt: skip
    _say(f"  {found.ran.summary}")


def _tell_bundle(found: Measured, slices: int) -> None:
    summary = found.ran.summary
    size, took = summary["bytes_sent"], summary["elapsed_s"]
    _say(f"bundle of {slices} slices, {size / MB:.0f} MB: memory {found.memory / MB:.0f} MB "
         f"(bar: below 150); {took:.1f} s, {size / MB / took:.0f} MB/s")  # fmt: skip


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
