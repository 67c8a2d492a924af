from __future__ import annotations

import secrets
from pathlib import Path

from tests.crash.hostile import try_manifests, try_states


def test_hostile_manifests_are_refused_with_a_message(tmp_path: Path) -> None:
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")

    assert try_manifests(tmp_path, seed=seed, count=16) == []


def test_hostile_states_are_refused_or_do_no_harm(tmp_path: Path) -> None:
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")

    assert try_states(tmp_path, seed=seed, count=16) == []
