"""How differences read."""

from __future__ import annotations

import pytest

from manifest_uploader.output.verify_lines import difference_line, difference_lines
from manifest_uploader.plan.differences import Difference, DifferenceKind
from tests.helpers import ARCHIVE, STUDY, pk

URL = "https://host/page/"


@pytest.mark.parametrize("kind", DifferenceKind)
def test_every_kind_of_difference_names_where_and_what(kind: DifferenceKind) -> None:
    line = difference_line(Difference(kind, "a", "s", pk(1), URL, "1", "2"), STUDY)

    assert line.startswith("a/s: ")
    assert "{" not in line


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (
            Difference(DifferenceKind.VALUE, "a", "s", found="true"),
            "a/s: holds true instead of what was sent",
        ),
        (
            Difference(DifferenceKind.NOT_CONFIRMED, "a", "s", reason="too large"),
            "a/s: was sent, and the item does not hold it: too large",
        ),
        (
            Difference(DifferenceKind.NOT_SENT, "a", url=URL),
            f"a: was not sent yet; 'run --adopt' takes the item of its title as its own: {URL}",
        ),
        (
            Difference(DifferenceKind.TITLE, "a", found="B\x1b[2J", wanted="A"),
            "a: its title is 'B\\x1b[2J' instead of 'A'",
        ),
        (
            Difference(DifferenceKind.ITEM_MOVED, "a", item=pk(1), url=URL),
            f"a: its archive item is no longer in this archive ({URL})",
        ),
    ],
)
def test_a_difference_in_words(one: Difference, line: str) -> None:
    assert difference_line(one, ARCHIVE) == line


def test_a_run_names_the_first_of_very_many() -> None:
    every = [Difference(DifferenceKind.ORDER, f"c{number}") for number in range(1050)]

    lines = difference_lines(every, STUDY).splitlines()

    assert len(lines) == 51
    assert lines[-1] == "differs: 1,000 more; 'verify' names all"
