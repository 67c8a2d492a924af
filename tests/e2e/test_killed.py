from __future__ import annotations

import secrets
from pathlib import Path

from tests.e2e.helpers import FULL
from tests.e2e.killed import killed_often


def test_a_run_killed_again_and_again_ends_with_every_case_once(tmp_path: Path) -> None:
    cases, kills = (30, 20) if FULL else (10, 6)
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")

    report = killed_often(tmp_path, cases=cases, kills=kills, seed=seed)

    print(report)
