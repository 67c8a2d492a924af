"""Titles that stand in each other's way are freed first."""

from __future__ import annotations

from collections.abc import Iterator

from manifest_uploader.engine.title_swaps import free_titles, taken_titles
from manifest_uploader.plan.differences import Difference, DifferenceKind
from manifest_uploader.plan.steps import Fill
from manifest_uploader.state.events import Done, Event, Started
from tests.helpers import STUDY, case, manifest, past_of_events, pk, step_id, titles


def freed(
    *given: tuple[str, str | None, str | None], found: dict[str, str] | None = None
) -> list[str]:
    """The cases whose items get temporary titles.

    Args:
        given: (case, the title that the manifest wants, the title that was sent; None: no item).
        found: case → another title that its item was found to have.

    """
    events: list[Event] = []
    for number, (name, _, was) in enumerate(given):
        if was is not None:
            create, fill = step_id(f"{name}:create"), step_id(f"{name}:fill")
            events += [
                Started(name, create, title=f"uploading-{name}"),
                Done(name, create, pk=pk(number)),
                Started(name, fill, title=was),
                Done(name, fill, pk=pk(number)),
            ]
    sent: list[Fill] = []

    def send(fill: Fill) -> Iterator[Event]:
        sent.append(fill)
        yield Done(fill.case, fill.step, pk=fill.call.pk)

    taken = taken_titles(
        manifest(*(case(name, title=title) for name, title, _ in given)),
        past_of_events(*events),
        [
            Difference(DifferenceKind.TITLE, name, found=title)
            for name, title in (found or {}).items()
        ],
        renamed={},
    )
    told = list(free_titles(taken, STUDY, send=send, temporary=titles()))
    assert [type(event) for event in told] == [Started, Done] * len(sent)
    assert [fill.call.json for fill in sent] == [{"title": fill.title} for fill in sent]
    assert all(fill.title and fill.title.startswith("uploading-") for fill in sent)
    return [fill.case for fill in sent]


def test_titles_that_others_swapped_are_freed() -> None:
    same = [(name, name, name) for name in ("a", "b", "c")]

    assert freed(*same, found={"a": "b", "b": "a", "c": "x"}) == ["a", "b"]


def test_titles_that_the_manifest_swaps_are_freed() -> None:
    assert freed(("a", "b", "a"), ("b", "a", "b"), ("c", "c", "c")) == ["a", "b"]


def test_a_title_that_a_new_case_wants_is_freed() -> None:
    assert freed(("a", "b", "a"), ("c", "a", None)) == ["a"]


def test_a_title_that_nobody_else_wants_is_left() -> None:
    assert freed(("a", "x", "a"), ("b", "b", "b"), ("c", None, None)) == []
    assert freed(("a", "a", "a"), ("b", "b", "b"), found={"a": "", "b": ""}) == []


def test_only_what_is_in_the_way_is_freed() -> None:
    assert freed(("a", "x", "a"), ("b", "a", "b")) == ["a"]
