"""The worklist follows the manifest, however often runs are killed and whatever they choose.

    python -m tests.crash.worklist [--cases 30] [--kills 20] [--seeds 5] [--first-seed 1]

Some runs are for a few cases only; between runs the manifest gets a new case or a case is moved.
After one whole run every case is on the platform once, in the manifest's order, behind the items
of others; one more run sends nothing.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.by_hand import make_item
from tests.crash.driver import Kill
from tests.crash.helpers import Rich, platform

LINES_A_CASE = 5
"""Of the state: a creation and a fill of two lines, a value seen."""


def killed_often(folder: Path, *, cases: int, kills: int, seed: int) -> str:
    """One seed, from nothing to the end; a report in one line."""
    chance = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    with platform(folder) as served:
        box = Rich(folder, served, root=folder / "data")
        for number in range(cases):
            box.add_score(f"patient-{number:03}", number + 0.5)
        box.save()
        killed = 0
        for number in range(kills):
            if number == kills // 2:
                make_item(served, "of others")
            if number > kills // 2:
                _change(box, number, chance)
            kill = Kill(
                chance.choice(("before", "torn", "after")),
                chance.randint(2, max(3, LINES_A_CASE * cases // kills)),
            )
            killed += box.go(*_choice(box, chance), kill=kill).code == -9
        box.go().expect(0)
        _check(box)
        again = box.go().expect(0).summary
        assert again["cases"]["unchanged"] == len(box.entries), again
        assert again["requests"] <= 12, again
    return f"seed {seed}: {len(box.entries)} cases, {killed} of {kills} runs killed: in order"


def _choice(box: Rich, chance: random.Random) -> list[str]:
    """What a run is for: some cases, the first ones, or all."""
    names = [entry["name"] for entry in box.entries]
    match chance.randrange(3):
        case 0:
            chosen = chance.sample(names, min(5, len(names)))
            return [word for name in chosen for word in ("--only", name)]
        case 1:
            return ["--first", str(chance.randint(1, len(names)))]
        case _:
            return []


def _change(box: Rich, number: int, chance: random.Random) -> None:
    """Insert a case into the manifest, or move one."""
    if chance.random() < 0.5:
        entry = box.add_score(f"later-{number:03}")
    else:
        entry = chance.choice(box.entries)
    box.entries.remove(entry)
    box.entries.insert(chance.randint(0, len(box.entries)), entry)
    box.save()


def _check(box: Rich) -> None:
    items = [item for item in box.items() if item["title"] != "of others"]
    items.sort(key=lambda item: item["order"])
    assert [item["title"] for item in items] == [entry["name"] for entry in box.entries]
    orders = [item["order"] for item in items]
    assert len(set(orders)) == len(orders), orders


def main() -> int:
    """The bar at its full size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1)
    given = parser.parse_args()
    wrong = 0
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        with tempfile.TemporaryDirectory() as folder:
            try:
                report = killed_often(Path(folder), cases=given.cases, kills=given.kills, seed=seed)
            except AssertionError as error:
                wrong += 1
                report = f"seed {seed}: WRONG: {error}"
        sys.stdout.write(f"{report}\n")
        sys.stdout.flush()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
