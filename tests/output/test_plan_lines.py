from __future__ import annotations

import pytest
from msgspec.structs import replace

from manifest_uploader.output import plan_lines
from manifest_uploader.plan.steps import Action
from manifest_uploader.platform.model import Target
from manifest_uploader.state.events import OpenUpload
from tests.helpers import (
    ALGORITHM,
    STUDY,
    case,
    facts_of,
    file_value,
    inputs,
    json_value,
    past_of_events,
    pk,
    plan_of,
)


def test_what_a_run_is_about_to_do() -> None:
    from tests.plan.test_cases import done

    past = past_of_events(*done("b"), *done("c", item=3))
    plan = plan_of(
        case("a", file_value("ct-image"), json_value("some-score", 1)),
        case("b", file_value("ct-image"), json_value("some-score", 2)),
        case("c", file_value("ct-image"), json_value("some-score", 9)),
        history=past,
        values={("a", "ct-image"): facts_of(size=3 * 2**20)},
    )

    found = plan_lines.begin_line(plan, STUDY)

    assert found == ("reader study lung: 3 cases: 1 new, 1 changed, 1 up to date; 3.0 MiB to send")


def test_of_an_upload_that_was_begun_some_may_be_there() -> None:
    plan = plan_of(case("a", file_value("ct-image")))
    [one] = plan.cases
    row = OpenUpload(pk(1), "sid", 8 * 2**20, "stat:1")
    begun = replace(one, uploads=tuple(replace(upload, row=row) for upload in one.uploads))

    found = plan_lines.begin_line(replace(plan, cases=(begun,)), STUDY)

    assert found.endswith("; at most 100 B to send")


@pytest.mark.parametrize(("target", "word"), [(STUDY, "importing"), (ALGORITHM, "running")])
def test_jobs_run_and_other_items_are_imported(target: Target, word: str) -> None:
    plan = plan_of(case("importing", json_value("some-score", 1)))
    waits = replace(plan.cases[0], action=Action.WAIT)
    facts = replace(inputs(case("importing")).facts, target=target)

    found = plan_lines.plan_lines(replace(plan, cases=(waits,)), facts, 2000).split("\n")

    assert found[0].startswith(f"importing: {word}, ")
    assert found[1].endswith(f": 1 case: 1 {word}")


def test_a_plan_for_people_ends_with_that_nothing_was_sent() -> None:
    one = case("a", file_value("ct-image"), title="")
    before = inputs(one, rows_used=7)

    found = plan_lines.plan_lines(plan_of(one), before.facts, 2000).split("\n")

    assert found[0] == "a: new, without a title: ct-image (a.mha, 100 B)"
    assert found[-2] == (
        "1 of your 2,000 upload slots needed, 7 in use; slots free up as imports finish"
    )
    assert found[-1] == "nothing was sent"
