"""A state file and those who write it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from manifest_uploader.state import file as state_file
from manifest_uploader.state.writer import Writer
from tests.state.helpers import BINDING


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lung.state.jsonl"


@pytest.fixture
def write(path: Path) -> Iterator[Callable[[], Writer]]:
    """Writers of the state file, bound to the study; closed with the test."""
    writers: list[Writer] = []

    def make() -> Writer:
        is_new = state_file.read(path).binding is None
        writers.append(Writer(path))
        if is_new:
            writers[-1].bind(BINDING)
        return writers[-1]

    yield make
    for one in writers:
        one.close()
