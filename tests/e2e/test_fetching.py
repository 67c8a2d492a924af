from __future__ import annotations

import secrets
from pathlib import Path

from tests.e2e.fetching import killed_often
from tests.e2e.helpers import FULL


def test_fetches_killed_again_and_again_end_with_everything_whole(tmp_path: Path) -> None:
    jobs, answers, kills = (30, 200, 5) if FULL else (4, 20, 2)
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")

    report = killed_often(tmp_path, jobs=jobs, answers=answers, kills=kills, seed=seed)

    print(report)
