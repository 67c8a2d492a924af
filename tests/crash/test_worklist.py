from __future__ import annotations

import secrets
from pathlib import Path

from tests.crash.worklist import killed_often


def test_the_worklist_follows_the_manifest_after_killed_runs_for_some_cases(tmp_path: Path) -> None:
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")

    print(killed_often(tmp_path, cases=10, kills=5, seed=seed))
