from __future__ import annotations

from pathlib import Path

from tests.e2e.helpers import FULL
from tests.e2e.size import MB, large_bundle, many_cases

MEMORY = 150 * MB


def test_many_cases_stay_small_in_memory(tmp_path: Path) -> None:
    found = many_cases(tmp_path, 2000 if FULL else 150)

    print(f"{found.memory / MB:.0f} MB")
    assert 20 * MB < found.memory < MEMORY


def test_a_large_bundle_stays_small_in_memory(tmp_path: Path) -> None:
    found = large_bundle(tmp_path, 2000 if FULL else 240, 512)

    print(f"{found.memory / MB:.0f} MB")
    assert 20 * MB < found.memory < MEMORY
