"""Cases that share images upload each image once, however often the run is killed.

python -m tests.e2e.shared [--cases 40] [--images 10] [--kills 20] [--seed N]
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

from manifest_uploader.sandbox.store import Store
from tests.e2e.data import mha
from tests.e2e.helpers import Box, ended, served_apart


def killed_often(folder: Path, *, cases: int, images: int, kills: int, seed: int) -> str:
    """Kill a run at random moments, then let it end; a report in one line."""
    with served_apart(folder / "sandbox", "--import-delay", "0.05") as served:
        box = make_box(folder, cases, images)
        box.served = served
        box.save()
        _kill(box, kills, random.Random(seed), most=2 * (4 * images + 5 * cases) // max(1, kills))
        last = box.run(seconds=300).expect(0)
        box.check()
        assert last.ends["done"] == cases, last.ends
        made = images_made(served.dir)
        again = box.run().expect(0).summary
    assert made == images, f"{made} images were made of {images} scans"
    assert (again["bytes_sent"], again["uploads"], again["cases"]["unchanged"]) == (0, 0, cases)
    return (
        f"seed {seed}: {kills} kills; then exit 0, {cases} complete items of {made} images; "
        "one more run sent nothing"
    )


def make_box(folder: Path, cases: int, images: int) -> Box:
    """Cases that share scans: each a score and a scan, every third a second scan of another."""
    box = Box(folder)
    for number in range(images):
        box.write(mha(number), f"scan-{number}", "ct.mha")
    for number in range(cases):
        sockets: dict[str, object] = {
            "ct-image": {"file": f"scan-{number % images}/ct.mha"},
            "some-score": number + 0.5,
        }
        if number % 3 == 0:
            sockets["mr-image"] = {"files": f"scan-{(number + 1) % images}/*.mha"}
        box.add(f"patient-{number:03}", sockets)
    return box


def images_made(folder: Path) -> int:
    """How many images a sandbox has imported."""
    store = Store(folder)
    try:
        return store.number("SELECT count(*) FROM images")
    finally:
        store.close()


def _kill(box: Box, kills: int, chance: random.Random, *, most: int) -> None:
    """Kill a run each time after a random number of its lines."""
    for _ in range(kills):
        process = box.spawn("run", "--json", "--jobs", "4", stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        for _ in range(chance.randrange(1, most)):
            line = process.stdout.readline()
            if not line or json.loads(line)["event"] == "summary":
                break
        process.kill()
        ended(process)


def main() -> None:
    """The bar at its full size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = killed_often(
            Path(folder),
            cases=given.cases,
            images=given.images,
            kills=given.kills,
            seed=given.seed,
        )
    sys.stdout.write(report + "\n")


if __name__ == "__main__":
    main()
