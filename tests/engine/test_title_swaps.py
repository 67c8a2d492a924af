"""Titles that stand in each other's way are freed first."""

from __future__ import annotations

from collections.abc import Iterator

from manifest_uploader.engine.title_swaps import free_titles
from manifest_uploader.plan.differences import Difference, DifferenceKind
from manifest_uploader.plan.steps import Fill
from manifest_uploader.state.events import Done, Event, Started
from tests.helpers import STUDY, pk, titles


def freed(*found: tuple[str, str]) -> list[tuple[str, str | None]]:
    """(case, new title) of the fills for (case that wants its name as its title, title it has)."""
    sent: list[Fill] = []

    def send(fill: Fill) -> Iterator[Event]:
        sent.append(fill)
        yield Done(fill.case, fill.step, pk=fill.call.pk)

    differences = [
        Difference(DifferenceKind.TITLE, case, item=pk(number), wanted=case, found=title)
        for number, (case, title) in enumerate(found)
    ]
    events = list(free_titles(differences, STUDY, send=send, temporary=titles()))
    assert [type(event) for event in events] == [Started, Done] * len(sent)
    assert [fill.call.json for fill in sent] == [{"title": fill.title} for fill in sent]
    return [(fill.case, fill.title) for fill in sent]


def test_swapped_titles_are_both_freed() -> None:
    assert freed(("a", "b"), ("b", "a"), ("c", "x")) == [
        ("a", "uploading-000000000001"),
        ("b", "uploading-000000000002"),
    ]


def test_a_title_that_nobody_else_wants_is_left() -> None:
    assert freed(("a", ""), ("b", ""), ("c", "d")) == []


def test_only_what_is_in_the_way_is_freed() -> None:
    assert [case for case, _ in freed(("a", "b"), ("b", "x"))] == ["a"]
