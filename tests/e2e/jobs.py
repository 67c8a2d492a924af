"""Algorithm jobs are started once each, however often the run is killed and answers are lost.

python -m tests.e2e.jobs [--jobs 30] [--kills 20] [--lost 10] [--seed N]
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any, Final

from manifest_uploader.sandbox import Fault, Seen
from tests.e2e.data import PDF, mha
from tests.e2e.helpers import Box, Entry, Served, ended, held, items_of, served

SLUG: Final = "nodules"
OUTPUT: Final = "results-json-file"
INPUTS: Final = (
    "some-score",
    "ct-image+some-score",
    "ct-image",
    "report",
    "report+some-score",
    "details",
)
ALGORITHMS: Final = tuple(f"{SLUG}={one}->{OUTPUT}" for one in INPUTS)
SETTLE_S: Final = "0.3"
"""How long the requests of these tests may take to have an effect."""
_LIMIT: Final = 4


class LostAnswers:
    """A hook that drops the answers to some of the requests that started a job."""

    def __init__(self, lost: int, chance: random.Random, jobs: int) -> None:
        self.left = set(chance.sample(range(1, jobs + 1), lost))
        self.lost = 0
        self._started = 0

    def before(self, _: Seen) -> Fault | None:
        return None

    def after(self, request: Seen, status: int) -> Fault | None:
        if request.kind != "job-create" or status != 201:
            return None
        self._started += 1
        if self._started not in self.left:
            return None
        self.lost += 1
        return Fault.reset()


def job_box(folder: Path, served_at: Served | None = None) -> Box:
    """A folder whose cases are jobs."""
    return Box(folder, served_at, kind="algorithm", slug=SLUG)


def started_often(folder: Path, *, jobs: int, kills: int, lost: int, seed: int) -> str:
    """Kill a run at random moments while answers are lost; a report in one line."""
    chance = random.Random(seed)
    images = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(jobs)]
    hook = LostAnswers(lost, chance, jobs)
    options: dict[str, Any] = {
        "algorithms": ALGORITHMS,
        "images": tuple(images),
        "job_limit": _LIMIT,
        "job_delay_s": 0.05,
        "import_delay_s": 0.05,
        "hook": hook,
    }
    with served(folder / "sandbox", **options) as at:
        box = job_box(folder, at)
        for number in range(jobs):
            _add(box, number, images[number])
        box.save()
        _kill(box, kills, chance, most=max(3, 7 * jobs // max(1, kills)))
        last = box.run("--settle-after", SETTLE_S, seconds=300).expect(0)
        _check(box, jobs)
        again = box.run().expect(0).summary
    assert last.ends["done"] == jobs, last.ends
    assert hook.lost == lost, f"{hook.lost} answers were lost, not {lost}"
    assert (again["bytes_sent"], again["cases"]["unchanged"]) == (0, jobs), again
    return (
        f"seed {seed}: {kills} kills, {hook.lost} answers lost, at most {_LIMIT} jobs at a time; "
        f"then exit 0, {jobs} jobs started, none twice, all have succeeded; "
        "one more run started nothing"
    )


def _add(box: Box, number: int, image: str) -> None:
    """Add a case of one of the combinations of inputs."""
    name = f"patient-{number:03}"
    box.write(mha(number), name, "ct.mha")
    box.write(PDF + name.encode(), name, "report.pdf")
    box.write(json.dumps({"number": number}), name, "details.json")
    score = {"some-score": number + 0.5}
    choices: list[Entry] = [
        score,
        {"ct-image": {"file": f"{name}/ct.mha"}, **score},
        {"report": {"file": f"{name}/report.pdf"}},
        {"ct-image": {"image": image}},
        {"ct-image": {"file": f"{name}/ct.mha"}},
        {"report": {"file": f"{name}/report.pdf"}, **score},
        {"details": {"file": f"{name}/details.json"}},
        {"ct-image": {"image": image}, **score},
    ]
    box.add(name, choices[number % len(choices)])


def _kill(box: Box, kills: int, chance: random.Random, *, most: int) -> None:
    """Kill a run each time after a random number of its lines."""
    for _ in range(kills):
        words = ("--json", "--jobs", "4", "--settle-after", SETTLE_S)
        process = box.spawn("run", *words, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        for _ in range(chance.randrange(1, most)):
            line = process.stdout.readline()
            if not line or json.loads(line)["event"] == "summary":
                break
        process.kill()
        ended(process)


def _check(box: Box, jobs: int) -> None:
    """Fail unless there is one job for each case, with its inputs, and each has succeeded."""
    assert box.served is not None
    found = [one for one in items_of(box.served.dir) if one["kind"] == "algorithm"]
    assert len(found) == jobs, f"{len(found)} jobs were started for {jobs} cases"
    assert {one["status"] for one in found} == {"Succeeded"}
    shown = [json.dumps(held(one), sort_keys=True) for one in found]
    wanted = [json.dumps(box.wanted(entry), sort_keys=True) for entry in box.entries]
    assert sorted(shown) == sorted(wanted)


def main() -> None:
    """The bar at its full size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=30)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--lost", type=int, default=10)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = started_often(
            Path(folder), jobs=given.jobs, kills=given.kills, lost=given.lost, seed=given.seed
        )
    sys.stdout.write(report + "\n")


if __name__ == "__main__":
    main()
