from __future__ import annotations

import secrets
from pathlib import Path

from tests.storm import blow


def test_a_storm_leaves_every_case_once(tmp_path: Path) -> None:
    outcome = blow(tmp_path, seed=secrets.randbelow(10**6), cases=40, pause_s=0.05)

    print(outcome)
    assert outcome.wrong is None
    assert outcome.faults > 0.05 * outcome.requests
