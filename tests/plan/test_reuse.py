"""Which values use the image of another one."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from manifest_uploader.files.value_facts import ValueFacts
from manifest_uploader.manifest.model import Case
from manifest_uploader.plan.inputs import Choices
from manifest_uploader.plan.steps import Action, CasePlan, Plan
from manifest_uploader.platform.model import Entry
from manifest_uploader.state.events import (
    Adopted,
    Confirmed,
    Done,
    Event,
    Gone,
    ImportFailed,
    Opened,
    Started,
)
from manifest_uploader.state.standing import Standing
from tests.helpers import (
    SOCKETS,
    case,
    facts_of,
    file_value,
    json_value,
    past_of_events,
    pk,
    plan_of,
    stat,
    step_id,
)

CONTENT = "files:abc"
A, B = case("a", file_value("ct-image")), case("b", file_value("ct-image"))


def facts(where: str = "x", tag: str = "a", content: str | None = None) -> ValueFacts:
    return replace(facts_of(tag, content=content), where=where)


def planned(*cases: Case, **more: Any) -> dict[str, CasePlan]:
    values = {(one.name, value.socket): facts() for one in cases for value in one.values}
    values |= more.pop("values", {})
    return by_name(plan_of(*cases, values=values, **more))


def by_name(plan: Plan) -> dict[str, CasePlan]:
    return {one.case: one for one in plan.cases}


def sent(name: str, number: int, *, content: str | None = CONTENT, tag: str = "a") -> list[Event]:
    """The events of a case whose image was uploaded."""
    entry = Entry("ct-image", stat=stat(tag), upload=pk(number), content=content)
    return [
        Started(name, step_id(f"{name}:create"), title="uploading-000000000009"),
        Done(name, step_id(f"{name}:create"), pk=pk(number + 1)),
        Started(name, step_id(f"{name}:fill"), title=name, entries=(entry,)),
        Done(name, step_id(f"{name}:fill"), pk=pk(number + 1)),
    ]


def seen(name: str, number: int, **more: Any) -> list[Event]:
    """The same, and its image was seen."""
    confirmed = Confirmed(name, step_id(f"{name}/ct-image"), "ct-image", pk(number + 2))
    return [*sent(name, number, **more), confirmed]


def failed(name: str, number: int) -> list[Event]:
    """The same, and its import failed."""
    return [
        *sent(name, number),
        ImportFailed(name, step_id(f"{name}/ct-image"), "ct-image", "No image."),
    ]


def shares(plan: CasePlan) -> dict[str, str]:
    return {one.into: f"{one.case}/{one.socket}" for one in plan.shared}


def uploads(plan: CasePlan) -> list[str]:
    return [one.socket for one in plan.uploads]


def test_the_first_of_equal_files_is_uploaded_and_the_others_use_its_image() -> None:
    found = planned(A, B)

    assert (uploads(found["a"]), found["a"].is_source) == (["ct-image"], True)
    assert (uploads(found["b"]), shares(found["b"])) == ([], {"ct-image": "a/ct-image"})
    assert (found["b"].tickets, found["b"].spared) == ((), 100)


def test_other_files_are_uploaded() -> None:
    found = planned(A, B, values={("b", "ct-image"): facts("y")})

    assert uploads(found["b"]) == ["ct-image"]
    assert not found["a"].is_source


def test_equal_content_is_enough_and_equal_times_are_not() -> None:
    same = {
        ("a", "ct-image"): facts("x", "a", CONTENT),
        ("b", "ct-image"): facts("y", "b", CONTENT),
    }

    assert shares(planned(A, B, values=same)["b"]) == {"ct-image": "a/ct-image"}
    assert shares(planned(A, B, values={("b", "ct-image"): facts("y", "a")})["b"]) == {}


def test_sockets_of_another_kind_or_with_other_voxel_values_share_nothing() -> None:
    other = replace(SOCKETS["lesion-seg"], slug="other-seg", segments=(0, 1))
    two = case("a", file_value("lesion-seg"), file_value("other-seg"), file_value("ct-image"))

    found = planned(two, sockets=SOCKETS | {"other-seg": other})

    assert uploads(found["a"]) == ["lesion-seg", "other-seg", "ct-image"]
    alike = replace(other, segments=())
    assert shares(planned(two, sockets=SOCKETS | {"other-seg": alike})["a"]) == {
        "other-seg": "a/lesion-seg"
    }


def test_files_for_file_sockets_are_uploaded_each() -> None:
    found = planned(case("a", file_value("report")), case("b", file_value("report")))

    assert (uploads(found["a"]), uploads(found["b"])) == (["report"], ["report"])


def test_an_image_that_was_seen_is_named_at_once() -> None:
    found = planned(A, B, history=past_of_events(*seen("a", 1)))

    fill = found["b"].fill
    assert fill is not None
    assert fill.entries == (Entry("ct-image", f"image:{pk(3)}", stat=stat("a"), content=CONTENT),)
    assert (found["a"].action, found["a"].is_source) == (Action.NOTHING, False)


def test_images_that_were_uploaded_more_than_once_stay() -> None:
    found = planned(A, B, history=past_of_events(*seen("a", 1), *seen("b", 11)))

    assert {one.action for one in found.values()} == {Action.NOTHING}


def test_an_upload_that_is_complete_is_used() -> None:
    opened = [
        Opened("b", step_id("b/ct-image"), "ct-image", pk(5), "sid", 8, stat("a")),
        Done("b", step_id("b/ct-image"), "ct-image", pk(5), stat("a"), CONTENT),
    ]

    found = planned(A, B, history=past_of_events(*opened), rows={pk(5): "Completed"})

    assert shares(found["a"]) == {"ct-image": "b/ct-image"}
    assert (uploads(found["a"]), uploads(found["b"])) == ([], [])
    begun = planned(A, B, history=past_of_events(opened[0]), rows={pk(5): "Initialized"})
    assert (uploads(begun["a"]), uploads(begun["b"])) == ([], ["ct-image"])


def test_a_changed_file_is_sent_once_and_its_users_follow() -> None:
    image = Entry("ct-image", f"image:{pk(3)}", stat=stat("a"), content=CONTENT)
    other = sent("b", 11)
    other[2] = Started("b", step_id("b:fill"), title="b", entries=(image,))
    shown = Confirmed("b", step_id("b:fill"), "ct-image", pk(3))
    past = past_of_events(*seen("a", 1), *other, shown)
    assert {one.action for one in planned(A, B, history=past).values()} == {Action.NOTHING}

    changed = {(name, "ct-image"): facts(tag="new") for name in ("a", "b")}
    found = planned(A, B, history=past, values=changed)

    assert {one.action for one in found.values()} == {Action.UPDATE}
    assert (uploads(found["a"]), shares(found["b"])) == (["ct-image"], {"ct-image": "a/ct-image"})


def test_users_of_an_image_that_failed_are_not_made_and_say_why() -> None:
    past = past_of_events(*failed("a", 1))

    found = planned(A, B, history=past)["b"]

    assert (found.action, found.standing) == (Action.NOTHING, Standing.FAILED)
    assert found.create is None
    assert found.failures[0].message == "it uses the image of a/ct-image, which failed: No image."
    assert [type(one) for one in found.found] == [ImportFailed]
    again = planned(A, B, history=past, choices=Choices(retry_failed=True))
    assert (uploads(again["a"]), shares(again["b"])) == (["ct-image"], {"ct-image": "a/ct-image"})


def test_a_user_of_an_image_that_failed_gets_its_other_values() -> None:
    both = case("b", file_value("ct-image"), json_value("some-score", 1))
    past = past_of_events(*failed("a", 1), *sent("b", 11, tag="old"))

    found = planned(A, both, history=past, values={("b", "some-score"): facts("z")})["b"]

    assert found.sockets == ("some-score",)
    assert found.failures[0].message == "it uses the image of a/ct-image, which failed: No image."


def test_the_record_of_a_case_that_is_not_chosen_is_used_if_its_files_are_the_same() -> None:
    past = past_of_events(*seen("a", 1))

    found = planned(B, history=past, written=(A, B))["b"]

    assert (uploads(found), shares(found)) == ([], {"ct-image": "a/ct-image"})
    assert found.shared[0].pk == pk(3)
    other = {("b", "ct-image"): facts(tag="new")}
    assert uploads(planned(B, history=past, written=(A, B), values=other)["b"]) == ["ct-image"]
    assert uploads(planned(B, written=(A, B))["b"]) == ["ct-image"]


def test_the_record_of_a_case_that_left_the_manifest_is_used_if_the_content_is_known() -> None:
    past = past_of_events(*seen("left", 1))
    known = {("b", "ct-image"): facts(content=CONTENT)}

    assert planned(B, history=past, values=known)["b"].shared[0].pk == pk(3)
    assert uploads(planned(B, history=past)["b"]) == ["ct-image"]


def test_deleted_and_adopted_items_bring_no_image() -> None:
    gone = [*seen("a", 1), Gone("a", step_id("a:fill"), pk(2))]
    assert uploads(planned(A, B, history=past_of_events(*gone))["b"]) == ["ct-image"]
    held = Entry("ct-image", stat=stat("a"), content=CONTENT, before="77")
    adopted = Adopted("a", step_id("a"), item=pk(2), title="a", entries=(held,))

    found = planned(A, B, history=past_of_events(adopted))

    assert (found["a"].action, uploads(found["b"])) == (Action.NOTHING, ["ct-image"])


def test_the_value_that_names_its_files_is_the_source() -> None:
    named = case("a", replace(file_value("ct-image"), same_as="b/ct-image"))

    found = planned(named, B)

    assert (uploads(found["a"]), uploads(found["b"])) == ([], ["ct-image"])
