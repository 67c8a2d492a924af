"""All that is wrong with a manifest is told at once, with its place, before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.data import mha
from tests.e2e.helpers import Box, Ran, served
from tests.faults import Script

MANIFEST = """\
version: 1
target:
  kind: reader-study
  slug: lung-nodules
root: data
cases:
  - name: right
    sockets:
      ct-image: {file: right.mha}
      some-score: 1.5
  - name: misspelt
    titel: Patient 2
    sockets:
      some-score: 2
  - name: right
    title: A second of that name
    sockets:
      some-score: 3
  - name: missing
    sockets:
      ct-image:
        files: "nowhere/*.dcm"
  - name: wrong-socket
    sockets:
      ct-imgae: {file: right.mha}
  - name: wrong-kind
    sockets:
      some-score: high
  - name: tagged
    title: A <b>bold</b> title
    sockets:
      some-score: 6
  - name: order
    order: -1
    sockets:
      some-score: 7
  - name: outside
    sockets:
      ct-image: {file: ../lung.yaml}
  - name: nothing
    sockets:
      findings: {value: null}
  - name: no-image
    sockets:
      ct-image: {image: nodule-17}
"""
MISTAKES = [
    (12, 5, "unknown key 'titel'"),
    (15, 11, "name 'right' is used twice"),
    (22, 16, "no file matches 'nowhere/*.dcm'"),
    (25, 7, "the platform has no socket 'ct-imgae'"),
    (28, 19, "takes a number, not the text 'high'"),
    (30, 12, "has an HTML tag"),
    (34, 12, "order -1 is out of range"),
    (39, 24, "'../lung.yaml'"),
    (42, 25, "socket 'findings' has no value"),
    (45, 25, "'nodule-17'"),
]
HINTED = {"did you mean 'title'?", "did you mean 'ct-image'?"}


@pytest.fixture
def seen() -> Script:
    """Records every request."""
    return Script(())


@pytest.fixture
def box(tmp_path: Path, seen: Script) -> Iterator[Box]:
    with served(tmp_path / "sandbox", hook=seen) as sandbox:
        box = Box(tmp_path, sandbox)
        box.write(mha(1), "right.mha")
        box.manifest.write_text(MANIFEST)
        yield box


def told(ran: Ran) -> list[tuple[int, int, str]]:
    """Line, column and message of every problem, as printed."""
    pattern = re.compile(r"^lung\.yaml:(\d+):(\d+): (.*)$", re.MULTILINE)
    return [(int(line), int(column), words) for line, column, words in pattern.findall(ran.err)]


def expect_all(problems: list[tuple[int, int, str]]) -> None:
    assert [place[:2] for place in MISTAKES] == [place[:2] for place in problems], problems
    for (_, _, part), (_, _, message) in zip(MISTAKES, problems, strict=True):
        assert part in message


@pytest.mark.parametrize("command", ["run", "plan", "validate"])
def test_ten_mistakes_are_ten_problems_and_nothing_is_changed(
    box: Box, seen: Script, command: str
) -> None:
    ran = box(command).expect(2)

    expect_all(told(ran))
    assert ran.err.splitlines()[-2] == "10 problems; nothing was sent"
    assert {f"  hint: {hint}" for hint in HINTED} <= set(ran.err.splitlines())
    assert ran.out == ""
    assert seen.seen
    assert {request.method for request in seen.seen} == {"GET"}
    assert not box.state.exists()


def test_ten_mistakes_are_ten_json_lines(box: Box, seen: Script) -> None:
    ran = box("validate", "--json").expect(2)

    lines = ran.lines
    assert {frozenset(line) for line in lines} == {
        frozenset(("file", "line", "column", "message", "hint", "severity"))
    }
    assert {line["severity"] for line in lines} == {"problem"}
    assert {line["file"] for line in lines} == {"lung.yaml"}
    expect_all([(line["line"], line["column"], line["message"]) for line in lines])
    assert {line["hint"] for line in lines} >= HINTED
    assert {request.method for request in seen.seen} == {"GET"}


def test_without_the_platform_only_its_own_problems_are_missing(box: Box, seen: Script) -> None:
    ran = box("validate", "--offline").expect(2)

    asked = {25, 28}
    assert [one[:2] for one in MISTAKES if one[0] not in asked] == [one[:2] for one in told(ran)]
    assert seen.seen == []


def test_a_platform_that_is_away_does_not_hide_the_other_problems(box: Box) -> None:
    nobody = box.environment(GRAND_CHALLENGE_API_URL="http://127.0.0.1:9/api/v1/")

    ran = box("run", "--give-up-after", "0.1", env=nobody).expect(2)

    assert len(told(ran)) == 8
