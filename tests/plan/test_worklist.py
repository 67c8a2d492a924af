from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from manifest_uploader.manifest.model import Case
from manifest_uploader.plan.inputs import Choices
from manifest_uploader.plan.steps import Action, Plan
from manifest_uploader.state.events import Adopted, Done, Event, Gone, Started
from manifest_uploader.state.history import History
from tests.helpers import ARCHIVE, case, item_seen, past_of_events, pk, plan_of, step_id


def at(**orders: int) -> History:
    """Cases that are done, whose display sets have these order numbers."""
    return past_of_events(*(event for one in enumerate(orders.items(), 1) for event in _done(*one)))


def _done(item: int, made: tuple[str, int]) -> list[Event]:
    name, order = made
    create, fill = step_id(f"{name}:create"), step_id(f"{name}:fill")
    return [
        Started(name, create, title=f"uploading-{name}", order=order),
        Done(name, create, pk=pk(item)),
        Started(name, fill, title=name),
        Done(name, fill, pk=pk(item)),
    ]


LAST = tuple(
    event
    for one in enumerate([("a", 10), ("b", 130), ("c", 110), ("d", 120)], 1)
    for event in _done(*one)
)
"""An earlier version made `b` after all others."""


def cases(names: str, **given: int) -> list[Case]:
    return [case(name, order=given.get(name)) for name in names]


def orders(plan: Plan) -> dict[str, int | None]:
    """What the plan makes of the numbers: of new items and of those that are moved."""
    made = {one.case: one.create.order for one in plan.cases if one.create is not None}
    filled = {one.case: one.fill.order for one in plan.cases if one.fill is not None}
    return made | {name: order for name, order in filled.items() if order is not None}


@pytest.mark.parametrize(
    ("more", "first"),
    [
        ({}, 1000),
        ({"highest_order": 1000}, 2000),
        ({"other_orders": (10, 3500)}, 4000),
        ({"history": at(x=70)}, 1000),
        ({"history": at(x=7000)}, 8000),
    ],
    ids=["empty", "highest", "of others", "left", "left last"],
)
def test_a_new_item_comes_behind_all_others(more: Mapping[str, Any], first: int) -> None:
    assert orders(plan_of(case("a"), **more)) == {"a": first}


def test_cases_that_are_not_chosen_keep_their_places_free() -> None:
    found = plan_of(*cases("c"), written=cases("abcd"))

    assert orders(found) == {"c": 3000}


def test_cases_that_are_not_chosen_are_not_moved() -> None:
    history = at(a=2000, b=1000)

    assert orders(plan_of(*cases("c"), written=cases("abc"), history=history)) == {"c": 4000}
    assert orders(plan_of(*cases("b"), written=cases("ab"), history=history)) == {"b": 3000}


def test_a_study_of_an_earlier_version_in_order_needs_nothing() -> None:
    found = plan_of(*cases("abc"), history=at(a=10, b=20, c=30))

    assert [one.action for one in found.cases] == [Action.NOTHING] * 3
    assert found.notes == ()


def test_what_an_earlier_version_put_last_is_moved_to_its_place_and_told() -> None:
    found = plan_of(*cases("abcd"), history=past_of_events(*LAST))

    assert orders(found) == {"b": 60}
    actions = [one.action for one in found.cases]
    assert actions == [Action.NOTHING, Action.UPDATE, Action.NOTHING, Action.NOTHING]
    assert found.cases[1].fill is not None
    assert found.cases[1].fill.call.json == {"order": 60}
    assert found.cases[1].fill.only_moves
    assert found.notes == (
        "1 display set gets a new order number, so that the worklist follows the manifest: b",
    )


def test_many_that_are_moved_are_counted() -> None:
    found = plan_of(*cases("edcba"), history=at(a=10, b=20, c=30, d=40, e=50))

    [note] = found.notes
    assert note == (
        "4 display sets get a new order number, so that the worklist follows the manifest: "
        "d, c, b and 1 more"
    )


def test_an_order_that_the_manifest_gives_is_set_and_is_no_mere_move() -> None:
    found = plan_of(*cases("ab", a=7), history=at(a=10, b=20))

    assert orders(found) == {"a": 7}
    assert found.cases[0].fill is not None
    assert not found.cases[0].fill.only_moves
    assert found.notes == ()


def test_an_order_that_is_no_longer_given_stays_if_it_is_in_order() -> None:
    assert orders(plan_of(*cases("ab"), history=at(a=7, b=20))) == {}


def test_a_creation_that_may_be_there_is_repeated_with_its_order_and_moved_by_the_fill() -> None:
    started = Started("b", step_id("b:create"), title="uploading-b", order=130)
    history = past_of_events(
        *_done(1, ("a", 10)), started, *_done(3, ("c", 20)), *_done(4, ("d", 30))
    )

    found = plan_of(*cases("abcd"), history=history)

    create, fill = found.cases[1].create, found.cases[1].fill
    assert create is not None
    assert fill is not None
    assert (create.title, create.order, fill.order) == ("uploading-b", 130, 15)
    assert not fill.only_moves
    assert found.notes == ()


def test_an_item_with_answers_is_not_moved_and_that_is_told() -> None:
    kept = [
        Started("b", step_id("b:fill"), order=60),
        Done("b", step_id("b:fill"), pk=pk(2), kept=True),
    ]

    found = plan_of(*cases("abcd"), history=past_of_events(*LAST, *kept))

    assert orders(found) == {}
    [note] = found.notes
    assert note == (
        "b: not moved to its place in the worklist: the platform does not change a display set "
        "once readers have answered questions about it"
    )


def test_what_is_no_longer_known_to_have_answers_may_be_moved_again() -> None:
    fills = [
        Started("b", step_id("b:fill"), order=60),
        Done("b", step_id("b:fill"), pk=pk(2), kept=True),
        Started("b", step_id("b:fill"), title="b"),
        Done("b", step_id("b:fill"), pk=pk(2)),
    ]

    assert orders(plan_of(*cases("abcd"), history=past_of_events(*LAST, *fills))) == {"b": 60}


def test_a_renamed_case_keeps_its_order() -> None:
    found = plan_of(case("b", title="a"), case("c"), history=at(a=10))

    assert orders(found) == {"c": 1000}


def test_an_item_that_is_made_anew_gets_its_order_again() -> None:
    history = past_of_events(*_done(1, ("a", 40)), Gone("a", step_id("a"), pk(1)))

    found = plan_of(*cases("ab"), history=history, choices=Choices(recreate=True))

    assert orders(found) == {"a": 40, "b": 1000}


def test_adopted_items_are_numbered_with_the_others() -> None:
    looked = {"a": item_seen(1, title="a", order=40), "c": item_seen(3, title="c", order=30)}

    found = plan_of(
        *cases("abc"), choices=Choices(adopt=True), looked=looked, other_orders=(30, 40)
    )

    assert orders(found) == {"b": 1000, "c": 2000}
    assert isinstance(found.cases[0].found[0], Adopted)
    assert found.cases[0].found[0].order == 40


def test_an_item_whose_order_nobody_knows_keeps_it() -> None:
    history = past_of_events(Adopted("a", step_id("a"), pk(1), "a", ()))

    assert orders(plan_of(*cases("ab"), history=history, highest_order=500)) == {"b": 1000}


def test_archive_items_have_no_order() -> None:
    found = plan_of(*cases("ab"), target=ARCHIVE)

    assert orders(found) == {"a": None, "b": None}
    assert found.notes == ()
