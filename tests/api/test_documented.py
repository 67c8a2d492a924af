"""What the guide and the notebook show of Python does what they say."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import manifest_uploader as mu
from manifest_uploader.guide.topics import text_of
from manifest_uploader.sandbox import running
from manifest_uploader.sandbox.judge import Unread

ROOT = Path(__file__).parents[2]
DATA = ROOT / "examples" / "reader-study" / "data"


@pytest.fixture(autouse=True)
def _images_are_taken_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "find_judge", Unread)


def execute(cells: list[str]) -> dict[str, Any]:
    """Run cells one after the other, as a script; what they define."""
    names: dict[str, Any] = {}
    for cell in cells:
        exec(compile(cell, "cell", "exec"), names)
    return names


def test_the_examples_of_the_guide_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(DATA, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    first, second = re.findall(
        r"^```python\n(.*?)^```$", text_of("python"), re.MULTILINE | re.DOTALL
    )

    names = execute([first])

    said = capsys.readouterr()
    assert "from-python.yaml: 2 cases, no problem" in said.out
    assert "patient-002: new, titled 'Patient patient-002': ct-image" in said.out
    assert re.search(r"^patient-001 done http\S+/display-sets/\S+/$", said.out, re.MULTILINE)
    assert "patient-002: done" in said.err
    assert names["result"].ok
    assert mu.Manifest.load("from-python.yaml").cases == names["manifest"].cases

    names["manifest"].save("again.yaml")
    again = execute(
        [f"import manifest_uploader as mu\nmanifest = mu.Manifest.load('again.yaml')\n{second}"]
    )

    said = capsys.readouterr()
    assert sorted(said.out.splitlines()) == ["patient-001 done", "patient-002 done"]
    assert "Finished: all 2 cases uploaded and verified; " in said.err
    assert again["result"].uploads == 4


def test_the_notebook_runs_as_a_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(DATA, tmp_path / "reader-study" / "data")
    monkeypatch.chdir(tmp_path)
    book = json.loads((ROOT / "examples" / "notebook.ipynb").read_text(encoding="utf-8"))
    code = ["".join(one["source"]) for one in book["cells"] if one["cell_type"] == "code"]

    names = execute(code)

    assert len(code) == 7
    assert [(one.name, one.state) for one in names["result"].cases] == [
        (f"patient-00{number}", "done") for number in (1, 2, 3)
    ]
    assert names["manifest"].verify(sandbox=True, progress=False).ok
    assert all(not one.get("outputs") for one in book["cells"])
