"""`plan` of many cases: the short form beside the explicit one.

python -m tests.e2e.short_form [--cases 20000] [--rounds 2]
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


def forget(boxes: dict[str, Box]) -> None:
    """Let both look into all files again, which lie in the system's cache."""
    for name, box in boxes.items():
        (box.folder / f"{name}.looks.jsonl").unlink(missing_ok=True)
        for file in box.data.glob("*/*"):
            file.read_bytes()


def middle(found: list[Planned]) -> Planned:
    """The median of each number."""
    rows = ((one.cpu_s, one.wall_s, one.memory) for one in found)
    cpu_s, wall_s, memory = map(statistics.median, zip(*rows, strict=True))
    return Planned(cpu_s, wall_s, int(memory))


def told(one: Planned) -> str:
    """What a plan took, in words."""
    return f"{one.cpu_s:.1f} s CPU, {one.wall_s:.1f} s, {one.memory / MB:.0f} MB"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served_apart(Path(folder, "box")) as served:
        boxes = study(Path(folder), given.cases, served)
        for when in ("first looks", "later looks"):
            found: dict[str, list[Planned]] = {name: [] for name in boxes}
            for number in range(given.rounds):
                if when == "first looks":
                    forget(boxes)
                for name in sorted(boxes, reverse=number % 2 == 0):  # each begins in turn
                    found[name].append(one := planned(boxes[name]))
                    print(f"{when}, {name}: {told(one)}", flush=True)
            short, explicit = middle(found["short"]), middle(found["explicit"])
            print(
                f"{when}, short / explicit: {short.cpu_s / explicit.cpu_s:.2f} of the CPU time, "
                f"{short.wall_s / explicit.wall_s:.2f} of the time"
            )


if __name__ == "__main__":
    main()
