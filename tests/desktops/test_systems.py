"""A study is uploaded once, whatever the system does differently."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.helpers import Box, Served, served
from tests.simulated import SYSTEMS, VARIABLE


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("platform")) as running:
        yield running


@pytest.mark.parametrize("system", [name for name, one in SYSTEMS.items() if not one.writes])
def test_a_study_is_uploaded_once(platform: Served, tmp_path: Path, system: str) -> None:
    box = Box(tmp_path, platform)
    box.add_usual(f"Mu\u0308ller {system}")
    box.add_usual(f"b {system}")
    box.save()
    there = box.environment(**{VARIABLE: system})

    first = box("run", "--receipts", env=there).expect(0)
    again = box("run", env=there).expect(0)

    assert "Finished: all 2 cases uploaded and verified; " in first.out
    assert "(2 up to date); " in again.out
    assert not box.state.with_name("lung.state.jsonl.lock").exists()
    titles = [item["title"] for item in box.items() if str(item["title"]).endswith(f" {system}")]
    assert len(titles) == 2
