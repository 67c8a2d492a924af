"""A run killed around every line that it writes down, then run again: every case once.

python -m tests.crash.matrix [--every N] [--no-upload-sessions]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.crash.driver import Kill
from tests.crash.helpers import lines_of, platform, rich_box, side_by_side

CASES = 2
KILLED = -9


@dataclass(frozen=True)
class Point:
    """Where runs are killed before one may end."""

    folder: Path
    root: Path
    kills: tuple[Kill, ...]
    has_sessions: bool
    """The platform makes upload sessions."""


@dataclass(frozen=True)
class Report:
    """What a matrix tried."""

    lines: int
    """Of the state of a run that nobody kills."""
    points: int
    kills: int
    wrong: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        verdict = "every case once, all values" if not self.wrong else "\n".join(self.wrong)
        return (
            f"{self.points} kill points around {self.lines} lines, {self.kills} SIGKILLs, "
            f"{self.seconds:.0f} s: {verdict}"
        )


def try_all(folder: Path, *, every: int = 1, first: int = 0, has_sessions: bool = True) -> Report:
    """Kill at every so-manieth boundary; a third of the resumed runs are killed as well."""
    started = time.monotonic()
    lines = _count_lines(folder, has_sessions=has_sessions)
    kills = [
        Kill(when, line) for line in range(1, lines + 1) for when in ("before", "torn", "after")
    ][first % every :: every]
    chance = random.Random(lines)
    points = [
        Point(
            folder / f"{number:04}",
            folder / "data",
            _with_second(kill, lines, number, chance),
            has_sessions,
        )
        for number, kill in enumerate(kills)
    ]
    found = side_by_side(_try, points)
    wrong = tuple(
        f"{point.kills}: {why}" for point, (_, why) in zip(points, found, strict=True) if why
    )
    return Report(
        lines, len(points), sum(count for count, _ in found), wrong, time.monotonic() - started
    )


def _with_second(kill: Kill, lines: int, number: int, chance: random.Random) -> tuple[Kill, ...]:
    left = lines - kill.line
    if number % 3 or left < 2:
        return (kill,)
    return (kill, Kill(kill.when, chance.randint(1, left)))


def _count_lines(folder: Path, *, has_sessions: bool) -> int:
    whole = folder / "whole"
    whole.mkdir()
    with platform(whole, upload_sessions=has_sessions) as served:
        box = rich_box(whole, served, CASES, root=folder / "data")
        box.go().expect(0)
        box.check()
    return lines_of(box.state)


def _try(point: Point) -> tuple[int, str | None]:
    """How often the run was killed, and what was wrong in the end."""
    point.folder.mkdir()
    with platform(point.folder, upload_sessions=point.has_sessions) as served:
        box = rich_box(point.folder, served, CASES, root=point.root)
        killed = 0
        try:
            for kill in point.kills:
                killed += box.go(kill=kill).code == KILLED
            box.go().expect(0)
            box.check()
        except AssertionError as error:
            return killed, str(error) or "not as wanted"
    return killed, None if killed else "it was never killed"


def main() -> int:
    """The bar at its full size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--no-upload-sessions", action="store_true")
    given = parser.parse_args()
    has_sessions = not given.no_upload_sessions
    with tempfile.TemporaryDirectory() as folder:
        report = try_all(Path(folder), every=given.every, has_sessions=has_sessions)
    sys.stdout.write(f"{report}\n{'FAILED' if report.wrong else 'ok'}\n")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
