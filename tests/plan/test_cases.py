from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.digests import json_digest
from manifest_uploader.errors import UsageError
from manifest_uploader.manifest.model import Manifest
from manifest_uploader.manifest.selection import select
from manifest_uploader.plan.inputs import Choices
from manifest_uploader.plan.steps import Action, CasePlan, Create, Fill, Plan
from manifest_uploader.platform.model import Entry, SocketSeen
from manifest_uploader.platform.requests import Address, TicketPk
from manifest_uploader.state.events import (
    Adopted,
    Checked,
    Confirmed,
    Done,
    Event,
    Failed,
    Failure,
    Gone,
    ImportFailed,
    Opened,
    Renamed,
    Started,
)
from manifest_uploader.state.history import History
from manifest_uploader.state.standing import Standing
from tests.helpers import (
    ARCHIVE,
    case,
    facts_of,
    few_examples,
    file_value,
    image_value,
    inputs,
    item_seen,
    json_value,
    manifest,
    past_of_events,
    pk,
    plan_of,
    stat,
    step_id,
    value_seen,
)

CT, SCORE = file_value("ct-image"), json_value("some-score", 2)
CT_ENTRY = Entry("ct-image", None, stat=stat("a"), upload=pk(7), content="files:1")
SCORE_ENTRY = Entry("some-score", json_digest(2))


def made(name: str = "a", *, order: int | None = 10, item: int = 1) -> list[Event]:
    return [
        Started(name, step_id(f"{name}:create"), title=f"uploading-{name}", order=order),
        Done(name, step_id(f"{name}:create"), pk=pk(item)),
    ]


def done(
    name: str = "a",
    *entries: Entry,
    title: str | None = None,
    order: int | None = 10,
    item: int = 1,
) -> list[Event]:
    """A case whose item was made, filled and seen."""
    put = entries or (CT_ENTRY, SCORE_ENTRY)
    return [
        *made(name, order=order, item=item),
        Started(name, step_id(f"{name}:fill"), title=name if title is None else title, entries=put),
        Done(name, step_id(f"{name}:fill"), pk=pk(item)),
        *(Confirmed(name, step_id(f"{name}/{one.socket}"), one.socket, pk(9)) for one in put),
    ]


def past(*events: Event) -> History:
    return past_of_events(*events)


def only(plan: Plan) -> CasePlan:
    [found] = plan.cases
    return found


# ── choosing cases ──────────────────────────────────────────────────────────────────────────


def names(whole: Manifest) -> list[str]:
    return [one.name for one in whole.cases]


@pytest.mark.parametrize(
    ("patterns", "first", "chosen"),
    [
        ((), None, ["p-1", "p-2", "q-1", "q[1]"]),
        ((), 2, ["p-1", "p-2"]),
        (("p-*",), None, ["p-1", "p-2"]),
        (("q-1", "p-1"), None, ["p-1", "q-1"]),
        (("*-1",), 1, ["p-1"]),
        (("q[1]",), None, ["q[1]"]),
    ],
)
def test_cases_are_chosen_by_name_in_the_manifests_order(
    patterns: tuple[str, ...], first: int | None, chosen: list[str]
) -> None:
    whole = manifest(case("p-1"), case("p-2"), case("q-1"), case("q[1]"))

    assert names(select(whole, only=patterns, first=first)) == chosen


def test_a_pattern_that_names_no_case_is_a_usage_error_with_a_hint() -> None:
    whole = manifest(case("patient-1"), case("patient-2"))

    with pytest.raises(UsageError, match="no case is named 'patiemt-1'") as caught:
        select(whole, only=("patient-2", "patiemt-1"), first=None)

    assert caught.value.hint == "did you mean 'patient-1'?"


# ── new cases ───────────────────────────────────────────────────────────────────────────────


def test_a_new_case_is_uploaded_made_and_filled() -> None:
    found = only(plan_of(case("a", CT, SCORE, title="A")))

    assert (found.action, found.standing, found.item) == (Action.CREATE, Standing.NEW, None)
    assert [upload.step for upload in found.uploads] == [step_id("a/ct-image")]
    assert isinstance(found.create, Create)
    assert found.create.call.json == {
        "reader_study": "lung",
        "title": "uploading-000000000001",
        "order": 1000,
    }
    assert isinstance(found.fill, Fill)
    assert found.fill.call.pk is None
    assert found.fill.call.json == {
        "title": "A",
        "values": [
            {
                "interface": "ct-image",
                "upload_session": Address("cases/upload-sessions", TicketPk("ct-image")),
            },
            {"interface": "some-score", "value": 2},
        ],
    }
    assert found.fill.temporary == "uploading-000000000001"
    assert not found.fill.look_first
    assert found.kind == ("ct-image", "some-score")
    assert (found.sockets, found.tickets) == (("ct-image", "some-score"), ("ct-image",))


def test_each_item_is_made_under_a_title_of_its_own() -> None:
    found = plan_of(case("a"), case("b"))

    titles = [one.create.title for one in found.cases if one.create is not None]
    assert len(set(titles)) == 2


def test_an_archive_item_has_no_order() -> None:
    found = only(plan_of(case("a", SCORE, order=5), target=ARCHIVE))

    assert found.create is not None
    assert found.fill is not None
    assert "order" not in found.create.call.json
    assert "order" not in found.fill.call.json


# ── interrupted cases ───────────────────────────────────────────────────────────────────────


def test_a_creation_of_unknown_fate_is_sent_again_under_its_title() -> None:
    begun = made(order=30)[:1]

    found = only(plan_of(case("a", SCORE), history=past(*begun)))

    assert found.action is Action.CONTINUE
    assert found.create is not None
    assert (found.create.title, found.create.order) == ("uploading-a", 30)


def test_an_item_that_was_made_is_looked_at_and_filled() -> None:
    found = only(plan_of(case("a", SCORE), history=past(*made())))

    assert (found.action, found.create, found.item) == (Action.CONTINUE, None, pk(1))
    assert found.fill is not None
    assert found.fill.call.pk == pk(1)
    assert found.fill.look_first
    assert found.fill.temporary == "uploading-a"
    assert "order" not in found.fill.call.json


def test_an_upload_without_an_end_is_gone_on_with() -> None:
    opened = Opened("a", step_id("a/ct-image"), "ct-image", pk(7), "sid", 8, stat("a"))

    found = only(plan_of(case("a", CT), history=past(opened), rows={pk(7): "Initialized"}))

    assert found.action is Action.CONTINUE
    assert found.uploads[0].row is not None


def test_a_fill_that_did_not_act_is_sent_as_a_repetition() -> None:
    lost = [
        *made(),
        Started("a", step_id("a:fill"), title="a"),
        Failed("a", step_id("a:fill"), words="", final=False),
    ]

    found = only(plan_of(case("a", SCORE), history=past(*lost)))

    assert found.fill is not None
    assert found.fill.repeated


# ── cases that are done ─────────────────────────────────────────────────────────────────────


def test_a_case_whose_fill_stays_of_unknown_fate_is_left_alone() -> None:
    fill = Started("a", step_id("a:fill"), title=None, entries=(CT_ENTRY,))
    changed = {("a", "ct-image"): facts_of("b")}

    found = only(plan_of(case("a", CT), history=past(*done(), fill), values=changed))

    assert (found.action, found.standing, found.fill) == (
        Action.NOTHING,
        Standing.UNCONFIRMED,
        None,
    )
    assert found.uploads == ()
    assert "not known" in (found.reason or "")
    assert (found.case, found.title, found.kind) == ("a", "a", ("ct-image",))


def test_a_case_that_is_done_needs_nothing() -> None:
    found = only(plan_of(case("a", CT, SCORE), history=past(*done())))

    assert (found.action, found.standing) == (Action.NOTHING, Standing.DONE)
    assert (found.create, found.fill, found.uploads, found.waits) == (None, None, (), ())


def test_files_that_were_only_touched_are_noted() -> None:
    touched = {("a", "ct-image"): facts_of("b", content="files:1")}

    found = only(plan_of(case("a", CT, SCORE), history=past(*done()), values=touched))

    assert found.action is Action.NOTHING
    assert found.found == (Checked("a", step_id("a/ct-image"), "ct-image", stat("b")),)


def test_only_what_changed_is_sent() -> None:
    changed = case("a", CT, json_value("some-score", 3))

    found = only(plan_of(changed, history=past(*done())))

    assert (found.action, found.standing) == (Action.UPDATE, Standing.CHANGED)
    assert found.uploads == ()
    assert found.fill is not None
    assert found.fill.call.json == {"values": [{"interface": "some-score", "value": 3}]}
    assert found.fill.look_first
    assert found.fill.temporary is None
    assert found.sockets == ("some-score",)


def test_a_socket_that_was_added_is_filled() -> None:
    found = only(plan_of(case("a", CT, SCORE, json_value("remark", "")), history=past(*done())))

    assert found.sockets == ("remark",)


@pytest.mark.parametrize(("title", "body"), [("B", {"title": "B"}), ("", {"title": ""})])
def test_a_new_title_is_set(title: str, body: dict[str, Any]) -> None:
    found = only(plan_of(case("a", CT, SCORE, title=title), history=past(*done())))

    assert found.action is Action.UPDATE
    assert found.fill is not None
    assert found.fill.call.json == body


@pytest.mark.parametrize(
    ("order", "body"), [(10, None), (None, None), (25, {"order": 25})], ids=str
)
def test_only_an_order_that_is_given_and_differs_is_set(
    order: int | None, body: dict[str, Any] | None
) -> None:
    found = only(plan_of(case("a", CT, SCORE, order=order), history=past(*done())))

    assert (found.fill.call.json if found.fill is not None else None) == body


def test_an_import_under_way_is_waited_for() -> None:
    waiting = [event for event in done() if not isinstance(event, Confirmed)]

    found = only(plan_of(case("a", CT, SCORE), history=past(*waiting)))

    assert (found.action, found.standing, found.fill) == (Action.WAIT, Standing.IMPORTING, None)
    assert [wait.socket for wait in found.waits] == ["ct-image", "some-score"]
    assert {wait.since for wait in found.waits} == {1e9 + 2}


# ── cases that failed ───────────────────────────────────────────────────────────────────────

NO_IMAGE = ImportFailed("a", step_id("a/ct-image"), "ct-image", "No image.")


def test_a_failed_import_is_told_again_and_not_sent_again() -> None:
    found = only(plan_of(case("a", CT, SCORE), history=past(*done(), NO_IMAGE)))

    assert (found.action, found.standing) == (Action.NOTHING, Standing.FAILED)
    assert found.failures == (Failure("ct-image", "No image.", of_import=True),)
    assert [wait.last_look for wait in found.waits] == [True]


def test_a_failed_import_is_sent_once_its_file_was_mended() -> None:
    mended = {("a", "ct-image"): facts_of("b", content="files:2")}

    found = only(plan_of(case("a", CT, SCORE), history=past(*done(), NO_IMAGE), values=mended))

    assert found.action is Action.UPDATE
    assert found.sockets == ("ct-image",)
    assert found.waits == ()


def test_a_refused_change_that_was_taken_back_is_no_failure_any_more() -> None:
    refused = [
        Started("a", step_id("a:fill"), entries=(Entry("some-score", json_digest(99)),)),
        Failed(
            "a", step_id("a:fill"), socket="some-score", words="some-score: too much", final=True
        ),
    ]

    found = only(plan_of(case("a", CT, SCORE), history=past(*done(), *refused)))

    assert (found.action, found.standing, found.reason) == (Action.NOTHING, Standing.DONE, None)
    assert found.found == (Failed("a", step_id("a"), words="", final=False),)
    assert past_of_events(*done(), *refused, *found.found).cases["a"].reason is None


def test_a_failed_upload_that_was_taken_back_is_no_failure_any_more() -> None:
    failed = Failed(
        "a", step_id("a/ct-image"), socket="ct-image", words="'a.mha' changed", final=False
    )

    found = only(plan_of(case("a", CT, SCORE), history=past(*done(), failed)))

    assert (found.action, found.standing) == (Action.NOTHING, Standing.DONE)


def test_an_upload_that_was_taken_back_is_forgotten() -> None:
    opened = Opened("a", step_id("a/ct-image"), "ct-image", pk(8), "sid", 8, "another")

    found = only(plan_of(case("a", CT, SCORE), history=past(*done(), opened)))

    assert (found.action, found.standing) == (Action.NOTHING, Standing.DONE)
    assert found.found == (
        Failed("a", step_id("a/ct-image"), socket="ct-image", words="", final=False),
    )
    history = past(*done(), opened, *found.found)
    assert only(plan_of(case("a", CT, SCORE), history=history)).found == ()


def test_an_upload_of_a_change_that_goes_on_is_kept() -> None:
    opened = Opened("a", step_id("a/ct-image"), "ct-image", pk(8), "sid", 8, stat("b"))
    opened_too = Opened("a", step_id("a/report"), "report", pk(9), "sid", 8, "c")

    was = Entry("ct-image", None, stat="x", upload=pk(7), content="y")
    history = past(*done("a", was, SCORE_ENTRY), opened, opened_too)

    plan = only(plan_of(case("a", CT, SCORE), history=history))

    assert (plan.action, plan.standing) == (Action.UPDATE, Standing.CHANGED)
    assert [one.step for one in plan.found] == [step_id("a/report")]


def test_a_failed_import_that_is_no_longer_wanted_is_no_failure_any_more() -> None:
    found = only(plan_of(case("a", SCORE), history=past(*done(), NO_IMAGE)))

    assert (found.action, found.standing, found.reason) == (Action.NOTHING, Standing.DONE, None)
    assert found.found == ()


def test_a_step_that_failed_is_tried_again() -> None:
    failed = [*made(), Failed("a", step_id("a:fill"), words="No.", final=True)]

    found = only(plan_of(case("a", CT, SCORE), history=past(*failed)))

    assert (found.action, found.standing, found.reason) == (
        Action.CONTINUE,
        Standing.FAILED,
        "No.",
    )


# ── deleted, adopted, renamed ───────────────────────────────────────────────────────────────


def test_an_item_that_is_gone_is_reported_and_nothing_is_sent() -> None:
    found = only(plan_of(case("a", CT, SCORE), history=past(*done()), gone=frozenset({pk(1)})))

    assert (found.action, found.standing, found.fill) == (Action.NOTHING, Standing.DELETED, None)
    assert found.found == (Gone("a", step_id("a"), pk(1)),)
    assert "--recreate" in (found.reason or "")


def test_an_item_that_was_gone_before_is_reported_again() -> None:
    found = only(plan_of(case("a", CT), history=past(*done(), Gone("a", step_id("a"), pk(1)))))

    assert found.standing is Standing.DELETED


@pytest.mark.parametrize("known", [True, False])
def test_an_item_that_is_gone_is_made_anew_on_demand_where_it_was(known: bool) -> None:
    before = [*done(order=40), *([Gone("a", step_id("a"), pk(1))] if known else [])]

    found = only(
        plan_of(
            case("a", CT, SCORE),
            history=past(*before),
            gone=frozenset() if known else frozenset({pk(1)}),
            choices=Choices(recreate=True),
            highest_order=90,
        )
    )

    assert (found.action, found.standing, found.item) == (Action.CREATE, Standing.NEW, None)
    assert found.create is not None
    assert found.create.order == 40
    assert found.sockets == ("ct-image", "some-score")
    assert found.uploads[0].row is None
    assert found.found == (Gone("a", step_id("a"), pk(1), anew=True),)


def test_an_item_whose_order_nobody_knows_gets_one_when_it_is_made_anew() -> None:
    adopted = Adopted("a", step_id("a"), pk(1), "a", ())

    found = only(
        plan_of(
            case("a", SCORE),
            history=past(adopted),
            gone=frozenset({pk(1)}),
            choices=Choices(recreate=True),
            highest_order=90,
        )
    )

    assert found.create is not None
    assert found.create.order == 1000


def test_making_anew_leaves_items_alone_that_are_there() -> None:
    found = only(
        plan_of(case("a", CT, SCORE), history=past(*done()), choices=Choices(recreate=True))
    )

    assert (found.action, found.found) == (Action.NOTHING, ())


def test_an_adopted_item_gets_what_it_lacks() -> None:
    held = item_seen(9, title="a", ct_image=SocketSeen("11", None, pk(5)), some_score=value_seen(3))

    found = only(
        plan_of(
            case("a", CT, SCORE, json_value("remark", "x")),
            choices=Choices(adopt=True),
            looked={"a": held},
            values={("a", "ct-image"): facts_of(content="files:1")},
        )
    )

    [adopted] = found.found
    assert isinstance(adopted, Adopted)
    assert (adopted.case, adopted.step) == ("a", step_id("a"))
    assert (adopted.item, adopted.title) == (pk(9), "a")
    assert [(one.socket, one.content, one.before) for one in adopted.entries] == [
        ("ct-image", None, "11")
    ]
    assert found.sockets == ("some-score", "remark")
    assert (found.create, found.uploads) == (None, ())


def test_an_adopted_item_that_holds_everything_needs_nothing() -> None:
    held = item_seen(9, title="a", ct_image=SocketSeen("11", None, pk(5)), some_score=value_seen(2))

    found = only(plan_of(case("a", CT, SCORE), choices=Choices(adopt=True), looked={"a": held}))

    assert (found.action, found.fill) == (Action.NOTHING, None)


def test_nothing_is_adopted_for_a_case_that_has_an_item() -> None:
    found = only(
        plan_of(
            case("a", CT, SCORE),
            history=past(*done()),
            choices=Choices(adopt=True),
            looked={"a": item_seen(9, title="a")},
        )
    )

    assert (found.item, found.found) == (pk(1), ())


def test_a_renamed_case_is_not_a_new_one() -> None:
    found = plan_of(case("b", CT, SCORE, title="a"), history=past(*done("a")))

    assert only(found).action is Action.NOTHING
    assert only(found).found == (Renamed("b", step_id("b"), was="a"),)
    assert found.notes == ()


# ── pilots and notes ────────────────────────────────────────────────────────────────────────


def test_a_kind_of_which_a_case_was_filled_needs_no_pilot() -> None:
    found = plan_of(
        case("a", CT, SCORE), case("b", image_value("mr-image")), history=past(*done("a"))
    )

    assert found.proven == {("ct-image", "some-score")}


stay = "{} were removed from the manifest; their {} stay on the platform".format


def test_what_left_the_manifest_is_told_and_left_alone() -> None:
    last = done("x", order=20, item=5)
    history = past(*done("a"), *done("z", item=3), *made("y", item=4), *last)

    found = plan_of(case("a", SCORE), case("x"), history=history, names=["a", "x", "unchosen"])

    assert found.notes == (
        f"2 {stay('cases', 'display sets')}: z ({pk(3)}), y ({pk(4)})",
        f"3 {stay('sockets', 'values')}: a/ct-image, x/ct-image, x/some-score",
    )


def test_one_thing_that_left_the_manifest_is_told_as_one() -> None:
    found = plan_of(case("a", SCORE), history=past(*done("a"), *done("z", item=3)))

    assert found.notes == (
        f"1 case was removed from the manifest; its display set stays on the platform: z ({pk(3)})",
        "1 socket was removed from the manifest; its value stays on the platform: a/ct-image",
    )


def test_of_very_many_things_that_left_the_manifest_some_are_named() -> None:
    cases = [f"case-{number}" for number in range(12)]
    history = past(*(event for name in cases for event in done(name)))

    found = plan_of(*(case(name, SCORE) for name in cases), history=history)

    names = "case-0/ct-image, case-1/ct-image, case-2/ct-image and 9 more"
    assert found.notes[-1] == f"12 {stay('sockets', 'values')}: {names}"


def test_what_is_not_chosen_has_not_left() -> None:
    found = plan_of(case("a", CT, SCORE), history=past(*done("z")), names=["a", "z"])

    assert found.notes == ()


# ── properties ──────────────────────────────────────────────────────────────────────────────


@few_examples
@given(st.integers(0, 7), st.booleans(), st.sampled_from(["a", "b"]))
def test_a_plan_is_made_at_every_point_of_a_cases_life(length: int, failed: bool, tag: str) -> None:
    life = [
        Opened("a", step_id("a/ct-image"), "ct-image", pk(7), "sid", 8, stat("a")),
        Done("a", step_id("a/ct-image"), "ct-image", pk=pk(7), stat=stat("a"), content="files:1"),
        *done(),
    ][:length]
    end = [NO_IMAGE] if failed else []

    found = only(
        plan_of(
            case("a", CT, SCORE),
            history=past(*life, *end),
            values={("a", "ct-image"): facts_of(tag)},
            rows={pk(7): "Completed"},
        )
    )

    assert (found.create is None) == (found.item is not None)
    assert found.fill is None or found.fill.look_first == (found.item is not None)
    in_fill = [entry.socket for entry in found.fill.entries] if found.fill is not None else []
    assert {upload.socket for upload in found.uploads} <= set(in_fill)
    waited = {wait.socket for wait in found.waits if not wait.last_look}
    assert found.action is not Action.NOTHING or not waited


@few_examples
@given(st.permutations(["a", "b", "c"]))
def test_a_plan_keeps_the_manifests_order(order: list[str]) -> None:
    found = plan_of(*(case(name, SCORE) for name in order), history=past(*done("b")))

    assert [one.case for one in found.cases] == order


def test_the_desk_of_a_hostile_history_is_planned_too() -> None:
    strange = [
        Confirmed("a", step_id("a"), "no-such-socket", "x"),
        Checked("a", step_id("a"), "other", "s"),
    ]

    found = plan_of(case("a", CT), history=past(*strange, *done("a")))

    assert only(found).action is Action.NOTHING
    assert inputs(case("a", CT)).renamed == {}


def test_cases_that_have_an_item_in_common_are_left_alone() -> None:
    """A state file that was merged wrongly may say so."""
    both = [
        event
        for name in ("a", "b")
        for event in (
            Started(name, step_id(f"{name}:create"), title=f"uploading-{name}"),
            Done(name, step_id(f"{name}:create"), pk=pk(1)),
        )
    ]

    plan = plan_of(
        *(case(one, json_value("some-score", 1)) for one in "abc"), history=past_of_events(*both)
    )

    assert [one.action for one in plan.cases] == [Action.NOTHING, Action.NOTHING, Action.CREATE]
    assert [one.standing for one in plan.cases[:2]] == [Standing.UNCONFIRMED] * 2
    assert "gives case 'b' the same display set" in (plan.cases[0].reason or "")


def test_a_case_that_adopts_an_item_takes_no_leftover() -> None:
    plan = plan_of(
        case("a", json_value("some-score", 1)),
        case("b", json_value("some-score", 1)),
        choices=Choices(adopt=True),
        looked={"a": item_seen(1, title="a")},
        leftovers=(item_seen(2, title="uploading-2"),),
    )

    assert [one.item for one in plan.cases] == [pk(1), pk(2)]
