"""Every bad manifest is a file, with the exact text that is printed beside it."""

from pathlib import Path

import pytest
import yaml

from manifest_uploader.manifest import yaml_reader
from tests.manifest.helpers import problems_of

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))

# The pure parser reads a surrogate's escape, so that a later check refuses it in other words.
WORDED_ANOTHER_WAY = {"lone-surrogate.yaml"}


def test_there_are_bad_manifests():
    assert len(BAD) >= 60


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_manifest_prints_exactly_the_text_beside_it(path):
    expected = path.with_suffix(".txt").read_text(encoding="utf-8")

    printed = "".join(f"{problem}\n" for problem in problems_of(path.read_bytes(), path.name))

    assert expected == printed
    assert printed


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_without_libyaml_the_same_is_said_of_the_same_lines(path, monkeypatch):
    fast = problems_of(path.read_bytes(), path.name)

    monkeypatch.setattr(yaml_reader, "LOADER", yaml.SafeLoader)
    pure = problems_of(path.read_bytes(), path.name)

    if path.name not in WORDED_ANOTHER_WAY:
        assert [without_column(problem) for problem in fast] == [
            without_column(problem) for problem in pure
        ]


def without_column(problem: str) -> str:
    """An empty value stands after its colon for libyaml, at it for the pure parser."""
    file, line, _, rest = problem.split(":", 3)
    return f"{file}:{line}:{rest}"


def test_ten_mistakes_are_ten_problems():
    path = Path(__file__).parent / "bad" / "ten-mistakes.yaml"

    assert len(problems_of(path.read_bytes())) == 10
