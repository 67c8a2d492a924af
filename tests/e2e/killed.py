"""A run that is killed again and again ends with every case on the platform once.

python -m tests.e2e.killed [--cases 30] [--kills 20] [--seed N]
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e.data import json_lines
from tests.e2e.helpers import UPLOADER, Box, ended, environment, held, served_apart

LINES_A_CASE = 13
"""Of `run --json`: two uploads of three lines, a creation, a fill, three values seen."""


def killed_often(folder: Path, *, cases: int, kills: int, seed: int) -> str:
    """Kill a run after random numbers of its lines, then let it end; a report in one line."""
    with served_apart(folder / "sandbox", "--import-delay", "0.05") as served:
        box = Box(folder, served)
        for number in range(cases):
            box.add_usual(f"patient-{number:03}")
        box.save()
        after_upload = _kill(box, _lines_between(cases, kills, seed))
        last = box.run(seconds=300).expect(0)
        box.check()
        _check_as_shown(box, cases)
        again = box.run().expect(0).summary
    assert (again["bytes_sent"], again["cases"]["unchanged"]) == (0, cases), again
    assert after_upload >= kills // 2, f"only {after_upload} kills after the first upload"
    requests = last.summary["requests"]
    return (
        f"seed {seed}: {kills} kills, {after_upload} of them after the first upload was done; "
        f"then exit 0, {cases} items, all values, every sha256; the last run took {requests} "
        "requests, one more run sent nothing"
    )


def _lines_between(cases: int, kills: int, seed: int) -> list[int]:
    """How many lines to let pass before each kill: one kill in each part of the whole run."""
    chance = random.Random(seed)
    part = int(LINES_A_CASE * cases * 0.8) // kills
    cuts = [chance.randrange(number * part, (number + 1) * part) for number in range(kills)]
    return [1 + after - before for before, after in zip([0, *cuts], cuts, strict=False)]


def _kill(box: Box, waits: list[int]) -> int:
    """Kill a run after each number of lines; how many kills came after an upload was done."""
    has_uploaded = False
    after_upload = 0
    for count in waits:
        process = box.spawn("run", "--json", "--jobs", "4", stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        for _ in range(count):
            line = process.stdout.readline()
            event = json.loads(line) if line else {"event": "summary"}
            assert event["event"] != "summary", "the run ended before it could be killed"
            has_uploaded |= event["event"] == "done" and event["socket"] is not None
        process.kill()
        ended(process)
        after_upload += has_uploaded
    return after_upload


def _check_as_shown(box: Box, cases: int) -> None:
    """The same by the command: one item a case, all its values, no title left over."""
    assert box.served is not None
    shown = subprocess.run(
        [*UPLOADER, "sandbox", "show", "--json", "--dir", str(box.served.dir)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    items = list(json_lines(shown.stdout))
    assert len(items) == cases
    assert not [item for item in items if item["title"].startswith("uploading-")]
    by_title = {item["title"]: item for item in items}
    for entry in box.entries:
        assert box.wanted(entry) == held(by_title[entry["name"]])


def main() -> None:
    """The bar at its full size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = killed_often(Path(folder), cases=given.cases, kills=given.kills, seed=given.seed)
    sys.stdout.write(report + "\n")


if __name__ == "__main__":
    main()
