from __future__ import annotations

import json
from pathlib import Path

import pytest

from manifest_uploader import cli

MANIFEST = "version: 1\ntarget: {kind: archive, slug: lung}\ncases:\n- {name: a, sockets: {x: 1}}\n"


def test_validating_needs_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lung.yaml").write_text(MANIFEST)

    assert cli.command(["validate", "lung.yaml"]) == 0
    assert capsys.readouterr().err == (
        "lung.yaml: 1 case, no problem; the platform was not asked\n"
    )


def test_every_problem_is_a_json_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lung.yaml").write_text(MANIFEST.replace("name: a", "nam: a"))

    assert cli.command(["validate", "lung.yaml", "--json"]) == 2
    out, err = capsys.readouterr()
    problems = [json.loads(line) for line in out.splitlines()]
    assert problems
    assert {problem["line"] for problem in problems} == {4}
    assert f"{len(problems)} problem" in err
