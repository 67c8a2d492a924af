"""A kind of target whose items are created with their values and never filled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from manifest_uploader.digests import Json
from manifest_uploader.engine.item_writer import ItemWriter
from manifest_uploader.engine.results import End
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.plan import cases
from manifest_uploader.plan.requests import with_uploads
from manifest_uploader.plan.steps import Action, CasePlan
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.requests import Address, TicketPk
from manifest_uploader.platform.targets.base import TargetType
from manifest_uploader.state.events import Confirmed, Done, Failed, Started
from manifest_uploader.state.standing import Standing
from manifest_uploader.state.steps import StepId
from tests.engine.pretended import Pretended, act, killed
from tests.helpers import (
    STUDY,
    case,
    facts_of,
    file_value,
    json_value,
    messages,
    past_of_events,
    pk,
    plan_of,
    value_seen,
)
from tests.platform.servers import reply, scripted

CT, SCORE = file_value("ct-image"), json_value("some-score", 2)


class Worklist(TargetType):
    """A made-up kind."""

    kind = TargetKind.READER_STUDY
    noun = "worklist"
    item_noun = "entry"
    path = "worklists/"
    items_path = "worklists/entries/"
    field = "worklist"
    page = "worklists/{slug}/"
    item_page = "entries/"
    created_with_values = True

    def owner(self, target: Target) -> Json:
        return target.slug


@pytest.fixture(autouse=True)
def _all_targets_are_worklists(monkeypatch: pytest.MonkeyPatch) -> None:
    worklist = Worklist()
    monkeypatch.setattr(cases, "type_of", lambda _: worklist)
    monkeypatch.setattr("manifest_uploader.engine.item_writer.type_of", lambda _: worklist)


def only(plan: object) -> CasePlan:
    [found] = plan.cases  # type: ignore[attr-defined]
    return found  # type: ignore[no-any-return]


def test_a_case_is_planned_as_uploads_and_a_creation_with_its_own_title() -> None:
    found = only(plan_of(case("a", CT, SCORE, title="A")))

    assert (found.action, found.fill) == (Action.CREATE, None)
    assert found.create is not None
    assert (found.create.title, found.create.call.path) == ("A", "worklists/entries/")
    assert found.create.call.json["values"] == [
        {
            "interface": "ct-image",
            "upload_session": Address("cases/upload-sessions", TicketPk("ct-image")),
        },
        {"interface": "some-score", "value": 2},
    ]


def test_a_case_is_uploaded_created_and_seen() -> None:
    pool = Pretended()

    _, ends = act(plan_of(case("a", CT, SCORE), case("b", CT, SCORE)), pool)

    assert [step for step in pool.steps() if step != "Watch"] == [
        *("a/ct-image", "b/ct-image", "a:tickets", "a:create", "b:tickets", "b:create")
    ]
    assert {end.end for end in ends.values()} == {End.DONE}
    assert all(item.sockets.keys() == {"ct-image", "some-score"} for item in pool.items.values())


def test_a_done_case_needs_nothing_and_a_changed_one_cannot_be_changed() -> None:
    pool = Pretended()
    act(plan_of(case("a", SCORE)), pool)
    history = past_of_events(*pool.written)

    same = only(plan_of(case("a", SCORE), history=history))
    changed = only(plan_of(case("a", json_value("some-score", 3)), history=history))

    assert (same.action, same.standing) == (Action.NOTHING, Standing.DONE)
    assert (changed.action, changed.standing) == (Action.NOTHING, Standing.FAILED)
    assert "cannot be changed" in (changed.reason or "")
    _, ends = act(
        plan_of(case("a", json_value("some-score", 3)), history=history), pool.restarted()
    )
    assert messages(ends["a"]) == (changed.reason,)


def test_a_creation_with_an_unknown_outcome_counts_once_it_is_found() -> None:
    create = only(plan_of(case("a", SCORE))).create
    assert create is not None
    begun = Started("a", create.step, title="a", entries=create.entries)

    before = past_of_events(begun).cases["a"]
    after = past_of_events(begun, Done("a", create.step, pk=pk(1))).cases["a"]

    assert (before.item, before.sockets) == (None, {})
    assert (after.item, after.sockets["some-score"].standing) == (pk(1), "waiting")


def test_a_run_that_was_killed_anywhere_ends_with_every_case_once() -> None:
    for turns in range(1, 14):
        pool, written = Pretended(seed=turns), []
        killed(plan_of(case("a", CT, SCORE), case("b", SCORE)), pool, turns)
        written += pool.written
        for name, past in past_of_events(*written).cases.items():
            if past.item is None and past.temporary is not None:
                titles = {item.title: key for key, item in pool.items.items()}
                if past.temporary in titles:
                    written.append(Done(name, StepId.create(name), pk=titles[past.temporary]))
        rows = {row: status for row, (status, _) in pool.rows.items()}

        pool = pool.restarted()
        plan = plan_of(
            *(case("a", CT, SCORE), case("b", SCORE)),
            history=past_of_events(*written),
            rows=rows,
            values={("a", "ct-image"): facts_of()},
        )
        _, ends = act(plan, pool)

        assert {end.end for end in ends.values()} == {End.DONE}
        assert sorted(item.title for item in pool.items.values()) == ["a", "b"]


def test_values_that_show_in_the_answer_are_confirmed_at_once(
    connect: Callable[..., Client], tmp_path: object
) -> None:
    create = only(plan_of(case("a", SCORE))).create
    assert create is not None
    answer = {"pk": pk(1), "title": "a", "values": [
        {"interface": {"slug": "some-score"}, "value": 2, "pk": 5}]}  # fmt: skip

    with scripted(reply(201, answer)) as server:
        writer = ItemWriter(connect(server.url), STUDY, root=None)  # type: ignore[arg-type]
        found = list(writer.create(with_uploads(create, {}, {}, {})))

    assert found == [
        Done("a", create.step, pk=pk(1)),
        Confirmed("a", create.step, "some-score", value_seen(2, "5").mark),
    ]


def test_a_refused_creation_says_which_value_was_refused(connect: Callable[..., Client]) -> None:
    create = only(plan_of(case("a", SCORE))).create
    assert create is not None
    refusal = {"values": [{"__all__": ["too much"]}]}

    with scripted(reply(400, refusal)) as server:
        writer = ItemWriter(connect(server.url), STUDY, root=None)  # type: ignore[arg-type]
        [found] = list(writer.create(replace(create)))

    assert isinstance(found, Failed)
    assert (found.socket, found.words, found.final) == ("some-score", "some-score: too much", True)


def test_a_title_that_somebody_else_has_is_a_refusal_and_not_our_item(
    connect: Callable[..., Client],
) -> None:
    """The title is the case's own: an item that bears it may be anybody's."""
    create = only(plan_of(case("a", SCORE))).create
    assert create is not None
    taken = {"non_field_errors": ["The fields title, worklist must make a unique set."]}

    with scripted(reply(400, taken)) as server:
        writer = ItemWriter(connect(server.url), STUDY, root=None)  # type: ignore[arg-type]
        [found] = list(writer.create(create))

    assert isinstance(found, Failed)
    begun = Started("a", create.step, title="a", entries=create.entries)
    past = past_of_events(begun, found).cases["a"]
    assert (past.item, past.temporary, past.creating) == (None, None, None)
