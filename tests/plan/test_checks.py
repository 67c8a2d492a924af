from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from manifest_uploader.manifest.problems import Place, Problem, in_file_order
from manifest_uploader.plan.checks import misfits
from manifest_uploader.plan.inputs import Choices
from manifest_uploader.platform.model import ItemSeen
from manifest_uploader.platform.sockets import misfit
from manifest_uploader.state.events import Done, Started
from tests.helpers import (
    ARCHIVE,
    PLACE,
    SOCKETS,
    case,
    facts_of,
    file_value,
    image_value,
    inputs,
    json_value,
    past_of_events,
    pk,
    step_id,
)


def test_what_fits_has_no_problem() -> None:
    one = case(
        "a", file_value("ct-image"), json_value("some-score", 1), image_value("mr-image"), title="T"
    )

    assert misfits(inputs(one)) == []


def test_a_misspelt_socket_gets_a_hint() -> None:
    [problem] = misfits(inputs(case("a", file_value("ct-imgae"))))

    assert problem == Problem(
        "the platform has no socket 'ct-imgae'", PLACE, "did you mean 'ct-image'?"
    )


def test_every_problem_of_every_case_is_told() -> None:
    cases = [
        case("a", json_value("some-score", "1"), file_value("nope")),
        case("b", image_value("report"), json_value("ct-image", 2)),
    ]

    assert len(misfits(inputs(*cases))) == 4


def test_a_problem_stands_at_the_key_or_at_the_value_that_it_is_about() -> None:
    key, value = Place("lung.yaml", 5, 7), Place("lung.yaml", 5, 17)
    unknown = replace(file_value("nope"), place=value, key=key)
    bare = replace(unknown, key=None)
    misplaced = replace(json_value("ct-image", 2), place=value, key=key)

    found = misfits(inputs(case("a", unknown), case("b", bare), case("c", misplaced)))

    assert [problem.place for problem in found] == [key, value, value]


def test_a_value_of_the_wrong_kind_is_told_with_a_hint() -> None:
    socket = SOCKETS["ct-image"]
    wrong = json_value("ct-image", 2)

    [problem] = misfits(inputs(case("a", wrong)))

    assert (problem.message, problem.hint) == misfit(wrong, socket)


def test_two_files_are_too_many_for_one() -> None:
    facts = facts_of()
    two = type(facts)(2, 200, "report.zip", stat=facts.stat)

    found = misfits(inputs(case("a", file_value("report")), values={("a", "report"): two}))

    assert found == [
        Problem("socket 'report' of kind 'PDF file' takes one file, not 2", PLACE, None)
    ]


@pytest.mark.parametrize(("slug", "count"), [("report", 1), ("ct-image", 0), ("details", 1)])
def test_several_files_make_one_image_and_nothing_else(slug: str, count: int) -> None:
    facts = facts_of()
    several = type(facts)(3, 300, f"{slug}.zip", stat=facts.stat)

    found = misfits(inputs(case("a", file_value(slug)), values={("a", slug): several}))

    assert len(found) == count
    assert all("takes one file, not 3" in problem.message for problem in found)


# ── titles ──────────────────────────────────────────────────────────────────────────────────

OURS = past_of_events(
    Started("a", step_id("a:create"), title="uploading-1"),
    Done("a", step_id("a:create"), pk=pk(1)),
    Started("a", step_id("a:fill"), title="T"),
    Done("a", step_id("a:fill"), pk=pk(1)),
)


def test_a_title_taken_by_somebody_elses_item_is_a_problem() -> None:
    [problem] = misfits(inputs(case("a", title="T"), titles={"T": pk(9)}))

    assert problem.message == f"the reader study already has a display set titled 'T' ({pk(9)})"
    assert problem.hint == (
        "if you uploaded it (state file lost), use --adopt; otherwise choose another title"
    )
    assert problem.place == PLACE


def test_an_archive_is_called_an_archive() -> None:
    [problem] = misfits(inputs(case("a", title="T"), titles={"T": pk(9)}, target=ARCHIVE))

    assert problem.message == f"the archive already has an archive item titled 'T' ({pk(9)})"


@pytest.mark.parametrize(
    "more",
    [
        {"titles": {"S": pk(9)}},
        {"titles": {"T": pk(9)}, "history": OURS},
        {
            "titles": {"T": pk(9)},
            "choices": Choices(adopt=True),
            "looked": {"a": ItemSeen(pk(9), "T", 10, {})},
        },
    ],
    ids=["another title", "ours bears it already", "to be adopted"],
)
def test_a_title_is_free_otherwise(more: dict[str, Any]) -> None:
    assert misfits(inputs(case("a", title="T"), **more)) == []


@pytest.mark.parametrize(
    "more",
    [
        {"choices": Choices(adopt=True)},
        {"looked": {"a": ItemSeen(pk(9), "T", 10, {})}},
        {
            "choices": Choices(adopt=True),
            "looked": {"a": ItemSeen(pk(9), "T", 10, {})},
            "history": past_of_events(
                Started("a", step_id("a:create"), title="uploading-1"),
                Done("a", step_id("a:create"), pk=pk(1)),
            ),
        },
    ],
    ids=["nothing was looked at", "without --adopt", "the case has an item"],
)
def test_only_an_item_for_a_case_without_one_is_adopted(more: dict[str, Any]) -> None:
    assert len(misfits(inputs(case("a", title="T"), titles={"T": pk(9)}, **more))) == 1


def test_a_renamed_case_may_keep_the_title_it_bears() -> None:
    renamed = inputs(case("b", title="T"), history=OURS, titles={"T": pk(1)})
    assert renamed.renamed == {"b": "a"}

    assert misfits(renamed) == []


def test_a_new_title_for_our_own_case_must_be_free_too() -> None:
    found = misfits(inputs(case("a", title="S"), history=OURS, titles={"S": pk(9)}))

    assert len(found) == 1


def test_an_untitled_case_without_a_state_needs_a_word() -> None:
    untitled = case("a", title="")

    [problem] = misfits(inputs(untitled, items=3))

    assert "case 'a' has no title" in problem.message
    assert problem.hint == "is the state file next to the manifest? if this is new, add --new"
    assert problem.place == PLACE


@pytest.mark.parametrize(
    "more",
    [{"items": 0}, {"items": 3, "choices": Choices(new=True)}, {"items": 3, "history": OURS}],
    ids=["empty target", "--new", "with a state"],
)
def test_an_untitled_case_is_fine_otherwise(more: dict[str, Any]) -> None:
    assert misfits(inputs(case("a", title=""), **more)) == []


def test_an_image_that_does_not_exist_is_a_problem_at_its_value() -> None:
    place = Place("lung.yaml", 7, 12)
    missing = replace(image_value("ct-image", 5), place=place)
    one = case("a", missing, image_value("mr-image", 6))

    assert misfits(inputs(one, missing_images=frozenset({pk(5)}))) == [
        Problem(
            f"the platform has no image '{pk(5)}', or you may not see it",
            place,
            "an image's pk is the last part of its address on the platform",
        )
    ]


def test_an_image_for_a_socket_that_takes_none_is_one_problem() -> None:
    one = case("a", image_value("report", 5))

    [found] = misfits(inputs(one, missing_images=frozenset({pk(5)})))

    assert "takes no image" in found.message


def test_untitled_cases_clash_with_nothing() -> None:
    assert misfits(inputs(case("a", title=""), titles={"": pk(9)})) == []


# ── limits ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("limit", "count"), [(2, 1), (3, 0)])
def test_a_case_that_needs_more_rows_than_there_are_is_a_problem(limit: int, count: int) -> None:
    one = case(
        *(
            "a",
            file_value("ct-image"),
            file_value("report"),
            json_value("details", {}),
            json_value("some-score", 1),
        ),
        image_value("mr-image"),
    )

    found = misfits(inputs(one, choices=Choices(upload_limit=limit)))

    problem = Problem(
        "case 'a' needs 3 uploads, but the account may hold 2 at a time",
        PLACE,
        "give it fewer sockets, or raise --upload-limit if the platform allows more",
    )
    assert found == [problem] * count


def test_images_that_are_used_again_need_no_rows() -> None:
    same = replace(facts_of("a"), where="x")
    one = case("a", file_value("ct-image"), file_value("mr-image"), file_value("report"))
    values = {("a", slug): same for slug in ("ct-image", "mr-image", "report")}

    def found(limit: int) -> list[str]:
        given = inputs(one, values=values, choices=Choices(upload_limit=limit))
        return [problem.message for problem in misfits(given)]

    assert found(2) == []
    assert found(1) == ["case 'a' needs 2 uploads, but the account may hold 1 at a time"]


# ── order ───────────────────────────────────────────────────────────────────────────────────


def test_problems_stand_as_in_their_file_and_each_once() -> None:
    late = Problem("late", Place("m.yaml", 12, 1))
    early = Problem("early", Place("m.yaml", 2, 9))
    earlier = Problem("earlier", Place("m.yaml", 2, 3))
    nowhere = Problem("nowhere", None)

    assert in_file_order((late, early, nowhere, late, earlier)) == (nowhere, earlier, early, late)
