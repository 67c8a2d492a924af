"""`plan` of many cases: the short form beside the explicit one.

python -m tests.e2e.short_form [--cases 20000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.e2e.data import mha, write
from tests.e2e.helpers import Box, Served, served_apart

MB = 1_000_000
SHORT = """\
version: 1
target: {kind: reader-study, slug: lung-nodules}
root: data
each: "patient-{number}"
table: scores.csv
case:
  title: "Patient {number}"
  order: {column: rank}
  sockets:
    ct-image: {file: ct.mha}
    airway-segmentation: {file: airways.mha, optional: true}
    some-score: {column: score}
"""


@dataclass(frozen=True)
class Planned:
    """What a plan took."""

    cpu_s: float
    wall_s: float
    memory: int


def study(folder: Path, cases: int, served: Served | None) -> dict[str, Box]:
    """The same study in the short and in the explicit form; every tenth has a segmentation."""
    short = Box(folder, served, name="short")
    image = mha(0, values=(0, 1))
    lines = ["patient,rank,score"]
    for number in range(1, cases + 1):
        name = f"patient-{number:05}"
        write(short.data / name / "ct.mha", image)
        if number % 10 == 0:
            write(short.data / name / "airways.mha", image)
        lines.append(f"{name},{number},{number / 8}")
    write(folder / "scores.csv", "\n".join(lines))
    short.manifest.write_text(SHORT)
    explicit = Box(folder, served, name="explicit")
    explicit.manifest.write_text(short("expand", seconds=600).expect(0).out)
    return {"short": short, "explicit": explicit}


def planned(box: Box, *arguments: str) -> Planned:
    """What `plan` takes."""
    started = time.monotonic()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    process = box.spawn("plan", *arguments, **quiet)
    seen = psutil.Process(process.pid)
    peak, cpu = 0, 0.0

    def watch() -> None:
        nonlocal peak, cpu
        while process.poll() is None:
            try:
                with seen.oneshot():
                    peak = max(peak, seen.memory_info().rss)
                    cpu = sum(seen.cpu_times()[:4])
            except psutil.Error:
                return
            time.sleep(0.02)

    watching = threading.Thread(target=watch)
    watching.start()
    _, words = process.communicate(timeout=1200)
    watching.join()
    assert process.returncode == 0, words
    return Planned(cpu, time.monotonic() - started, peak)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served_apart(Path(folder, "box")) as served:
        boxes = study(Path(folder), given.cases, served)
        found: dict[str, list[Planned]] = {name: [] for name in boxes}
        for _ in range(given.rounds):
            for name, box in boxes.items():
                found[name].append(one := planned(box))
                print(
                    f"{name}: {one.cpu_s:.1f} s CPU, {one.wall_s:.1f} s, {one.memory / MB:.0f} MB"
                )
        middle = {
            name: statistics.median(one.cpu_s for one in ones) for name, ones in found.items()
        }
        walls = {
            name: statistics.median(one.wall_s for one in ones) for name, ones in found.items()
        }
        print(
            f"short / explicit: {middle['short'] / middle['explicit']:.2f} of the CPU time, "
            f"{walls['short'] / walls['explicit']:.2f} of the time, "
            f"{max(one.memory for one in found['short']) / MB:.0f} MB at most"
        )


if __name__ == "__main__":
    main()
