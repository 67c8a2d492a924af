"""A state file that is named and not there is a mistake, not an empty state."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.entry import uploader


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m.yaml").write_text(
        "version: 1\ntarget: {kind: reader-study, slug: s}\n"
        "cases:\n- {name: a, sockets: {score: 1}}\n"
    )
    return tmp_path


@pytest.mark.parametrize("command", ["status", "report"])
def test_a_state_that_is_named_has_to_be_there(folder: Path, command: str) -> None:
    ran = uploader(command, "m.yaml", "--state", "nope.jsonl", cwd=folder)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "uploader: state file 'nope.jsonl' does not exist\n  hint: check the spelling of its name\n"
    )
    assert [path.name for path in folder.iterdir()] == ["m.yaml"]


def test_before_the_first_run_every_case_is_new(folder: Path) -> None:
    ran = uploader("status", "m.yaml", cwd=folder)

    assert (ran.code, ran.err.splitlines()[-1:]) == (0, [])
    assert "a: new" in ran.out
