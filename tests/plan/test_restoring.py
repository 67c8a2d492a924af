"""A plan puts back what others changed, though the history says that it is there."""

from __future__ import annotations

from msgspec.structs import replace

from manifest_uploader.plan.cases import make_plan
from manifest_uploader.plan.differences import Difference, DifferenceKind, restore_of
from manifest_uploader.plan.steps import Action, CasePlan
from manifest_uploader.platform.model import Entry
from manifest_uploader.state.events import Adopted
from tests.helpers import (
    case,
    file_value,
    inputs,
    json_value,
    past_of_events,
    pk,
    stat,
    step_id,
    titles,
)
from tests.plan.test_cases import done

CASE = case("a", file_value("ct-image"), json_value("some-score", 2))


def plan(*kinds: DifferenceKind, socket: str | None = None, order: int | None = None) -> CasePlan:
    """The plan for a case that is done and differs so."""
    whole = inputs(replace(CASE, order=order), history=past_of_events(*done()))
    differences = tuple(Difference(kind, "a", socket) for kind in kinds)
    facts = replace(whole.facts, differences=differences, restore=restore_of(differences))
    found = make_plan(replace(whole, facts=facts), temporary=titles())
    assert found.differences == differences
    [one] = found.cases
    return one


def test_without_a_difference_nothing_is_sent() -> None:
    assert (plan().action, plan().fill) == (Action.NOTHING, None)


def test_a_value_is_sent_again() -> None:
    image = plan(DifferenceKind.IMAGE, socket="ct-image")
    value = plan(DifferenceKind.VALUE_MISSING, socket="some-score")

    assert [one.socket for one in image.uploads] == ["ct-image"]
    assert (image.sockets, image.action) == (("ct-image",), Action.UPDATE)
    assert (value.sockets, value.uploads) == (("some-score",), ())


def test_a_title_and_an_order_are_set_again() -> None:
    title, order = plan(DifferenceKind.TITLE).fill, plan(DifferenceKind.ORDER).fill
    given = plan(DifferenceKind.ORDER, order=10).fill

    assert title is not None
    assert order is not None
    assert given is not None
    assert (title.title, title.order, title.temporary) == ("a", None, None)
    assert (order.title, order.order, given.order) == (None, 10, 10)
    assert order.call.json == given.call.json == {"order": 10}


def test_what_cannot_be_put_back_is_not_tried() -> None:
    found = plan(DifferenceKind.VALUE_ADDED, DifferenceKind.ITEM_MISSING, DifferenceKind.LEFTOVER)

    assert (found.action, found.fill) == (Action.NOTHING, None)


def test_an_adopted_value_that_was_replaced_is_sent() -> None:
    entry = Entry("ct-image", stat=stat("a"), before="11")
    history = past_of_events(Adopted("a", step_id("a"), pk(1), "a", (entry,)))
    whole = inputs(case("a", file_value("ct-image")), history=history)
    differences = (Difference(DifferenceKind.IMAGE, "a", "ct-image"),)
    facts = replace(whole.facts, restore=restore_of(differences))

    [found] = make_plan(replace(whole, facts=facts), temporary=titles()).cases

    assert (found.sockets, found.unchecked) == (("ct-image",), ())
