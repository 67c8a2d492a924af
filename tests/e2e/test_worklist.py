"""The worklist follows the manifest: what users see of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.by_hand import answer, make_item
from tests.e2e.helpers import Box, Ran, served
from tests.faults import Instead


@pytest.fixture
def seen() -> Instead:
    """Records every request."""
    return Instead({})


@pytest.fixture
def box(tmp_path: Path, seen: Instead) -> Iterator[Box]:
    """Four cases of a score, of which nothing is on the platform."""
    with served(tmp_path / "sandbox", hook=seen) as sandbox:
        box = Box(tmp_path, sandbox)
        for name in "abcd":
            box.add_score(name)
        box.save()
        yield box


def worklist(box: Box) -> dict[str, int]:
    """Title → order number, as readers see the items."""
    items = sorted(box.items(), key=lambda item: item["order"])
    return {item["title"]: item["order"] for item in items}


def said(ran: Ran) -> list[str]:
    """All lines that a command printed."""
    return ran.out.splitlines() + ran.err.splitlines()


def move(box: Box, name: str, place: int) -> None:
    """Move a case in the manifest."""
    [entry] = [entry for entry in box.entries if entry["name"] == name]
    box.entries.remove(entry)
    box.entries.insert(place, entry)
    box.save()


def test_cases_that_were_left_out_get_their_places_later(box: Box) -> None:
    assert box.served is not None
    make_item(box.served, "of others", order=40)
    box.run("--only", "c").expect(0)
    box.run("--first", "1").expect(0)

    box.run().expect(0)

    assert list(worklist(box)) == ["of others", "a", "b", "c", "d"]
    assert worklist(box)["of others"] == 40


def test_a_case_that_is_moved_in_the_manifest_is_moved_in_the_worklist(
    box: Box, seen: Instead
) -> None:
    box.run().expect(0)
    move(box, "d", 1)

    plan = box("plan").expect(0)
    found = box("plan", "--json").expect(0).plan
    before = len(seen.seen)
    ran = box("run").expect(0)
    sent = [one for one in seen.seen[before:] if one.kind == "item-fill"]
    again = box.run().expect(0)

    note = "1 display set gets a new order number, so that the worklist follows the manifest: d"
    assert {name: line["order"] for name, line in found.items()} == {
        **dict.fromkeys("abc"),
        "d": 1500,
    }
    assert f"note: {note}" in said(plan)
    assert "d: update, titled 'd': order number 1500" in said(plan)
    assert f"note: {note}" in said(ran)
    assert worklist(box) == {"a": 1000, "d": 1500, "b": 2000, "c": 3000}
    assert len(sent) == 1
    assert again.ends["unchanged"] == 4


def test_an_item_with_answers_stays_and_its_case_is_done(box: Box, seen: Instead) -> None:
    assert box.served is not None
    box.run().expect(0)
    answer(box.served, box.by_title()["d"]["pk"])
    move(box, "d", 1)

    first = box("run").expect(0)
    before = len(seen.seen)
    second = box("run").expect(0)

    words = (
        "note: d: not moved to its place in the worklist: the platform does not change a "
        "display set once readers have answered questions about it"
    )
    assert words in said(first)
    assert words in said(second)
    assert "Finished: all 4 cases uploaded and verified" in first.out
    assert worklist(box)["d"] == 4000
    assert "item-fill" not in {one.kind for one in seen.seen[before:]}
    assert box("status").expect(0)
