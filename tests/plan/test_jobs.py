"""Jobs are started once, never changed, and only started again when that is asked for."""

from __future__ import annotations

import pytest

from manifest_uploader.plan.checks import misfits
from manifest_uploader.plan.inputs import Choices
from manifest_uploader.plan.steps import Action, CasePlan, Plan
from manifest_uploader.platform.model import Entry, Interface, Target
from manifest_uploader.state.events import (
    Confirmed,
    Done,
    Event,
    Failed,
    ImportFailed,
    Opened,
    Paused,
    Started,
    Unsure,
)
from manifest_uploader.state.history import History
from manifest_uploader.state.standing import Standing, standing_of
from tests.helpers import (
    ALGORITHM,
    case,
    file_value,
    inputs,
    json_value,
    past_of_events,
    pk,
    plan_of,
    stat,
    step_id,
)

SCORE, CT, REPORT = json_value("some-score", 2), file_value("ct-image"), file_value("report")
TARGET = Target(
    ALGORITHM.kind,
    ALGORITHM.slug,
    ALGORITHM.pk,
    (Interface(("some-score",)), Interface(("ct-image", "some-score")), Interface(("report",))),
)
RETRY = Choices(retry_failed=True)


def only(plan: Plan) -> CasePlan:
    [found] = plan.cases
    return found


def begun(*entries: Entry) -> Started:
    wanted = entries or (Entry("some-score", digest=only_entry().digest),)
    return Started("a", step_id("a:create"), title="a", entries=wanted, job=True, jobs=3)


def only_entry() -> Entry:
    create = only(plan_of(case("a", SCORE), target=TARGET)).create
    assert create is not None
    return create.entries[0]


def job_of(*more: Event) -> History:
    return past_of_events(begun(), Done("a", step_id("a:create"), pk=pk(1)), *more)


FAILED = Failed("a", step_id("a:job"), words="it failed", final=True)
STUCK = Failed("a", step_id("a:job"), words="it is stuck", final=False)
SEEN = Confirmed("a", step_id("a/some-score"), "some-score", "1")


def test_a_file_gets_a_random_part_in_its_name_and_an_image_with_a_session_does_not() -> None:
    report = only(plan_of(case("a", REPORT), target=TARGET))
    image = only(plan_of(case("a", CT, SCORE), target=TARGET))

    assert report.create is not None
    assert report.uploads[0].name == "a-000000000001.mha"
    assert report.create.entries[0].token == report.uploads[0].token == "000000000001"
    assert [(one.name, one.token) for one in image.uploads] == [("a.mha", None)]


@pytest.mark.parametrize(
    ("more", "standing"),
    [
        ((), "importing"),
        ((SEEN,), "importing"),
        ((SEEN, FAILED), "failed"),
        ((SEEN, STUCK), "failed"),
    ],
)
def test_a_case_is_done_once_its_job_has_succeeded(more: tuple[Event, ...], standing: str) -> None:
    past = job_of(*more).cases["a"]
    after = job_of(*more, Done("a", step_id("a:job"), pk=pk(1)), SEEN).cases["a"]

    assert standing_of(past).value == standing
    assert standing_of(after) is Standing.DONE


def test_a_job_that_succeeds_after_all_had_its_inputs() -> None:
    silent = ImportFailed("a", step_id("a/some-score"), "some-score", "no word")
    past = job_of(silent, STUCK, Done("a", step_id("a:job"), pk=pk(1))).cases["a"]

    assert standing_of(past) is Standing.DONE


def test_a_running_job_is_waited_for() -> None:
    found = only(plan_of(case("a", SCORE), target=TARGET, history=job_of(SEEN)))

    assert (found.action, found.create) == (Action.WAIT, None)
    assert [wait.job for wait in found.waits] == [True]


@pytest.mark.parametrize(("end", "looks"), [(FAILED, 0), (STUCK, 1)])
def test_a_failed_job_is_left_alone_and_one_that_is_stuck_is_looked_at(
    end: Failed, looks: int
) -> None:
    found = only(plan_of(case("a", SCORE), target=TARGET, history=job_of(SEEN, end)))

    assert (found.action, found.standing, found.create) == (Action.NOTHING, Standing.FAILED, None)
    assert [wait.last_look for wait in found.waits] == [True] * looks
    assert [one.message for one in found.failures] == [end.words]


def test_a_failed_job_is_started_again_when_asked_and_the_old_one_is_remembered() -> None:
    history = job_of(SEEN, FAILED)

    found = only(plan_of(case("a", SCORE), target=TARGET, history=history, choices=RETRY))
    anew = job_of(SEEN, FAILED, begun()).cases["a"]

    assert found.create is not None
    assert found.create.doubt is None
    assert (anew.item, anew.former) == (None, (pk(1),))


@pytest.mark.parametrize(
    "refusal",
    [
        Failed("a", step_id("a:create"), words="already exists", final=True),
        Paused("a", step_id("a:create"), why="too many active jobs"),
    ],
)
def test_a_refused_repetition_leaves_the_failed_job_as_it_was(refusal: Event) -> None:
    history = job_of(SEEN, FAILED, begun(), refusal)

    found = only(plan_of(case("a", SCORE), target=TARGET, history=history))

    assert (history.cases["a"].item, history.cases["a"].former) == (pk(1), ())
    assert (found.standing, found.create) == (Standing.FAILED, None)


def test_other_inputs_than_those_of_the_job_start_nothing() -> None:
    history = job_of(SEEN, Done("a", step_id("a:job"), pk=pk(1)))

    for wanted in (case("a", json_value("some-score", 3)), case("a", REPORT)):
        found = only(plan_of(wanted, target=TARGET, history=history, choices=RETRY))

        assert (found.standing, found.create, found.uploads) == (Standing.FAILED, None, ())
        assert "a job cannot be changed" in (found.reason or "")


def test_a_creation_without_an_answer_is_in_doubt_until_the_user_gives_up() -> None:
    doubt = past_of_events(begun())
    unsure = past_of_events(begun(), Unsure("a", step_id("a:create"), "nobody knows"))

    asked = only(plan_of(case("a", SCORE), target=TARGET, history=doubt)).create
    kept = only(plan_of(case("a", SCORE), target=TARGET, history=unsure)).create
    given_up = only(plan_of(case("a", SCORE), target=TARGET, history=unsure, choices=RETRY)).create

    assert asked is not None
    assert kept is not None
    assert given_up is not None
    assert asked.doubt == doubt.cases["a"].creating == kept.doubt
    assert given_up.doubt is None


def test_a_file_of_an_earlier_run_keeps_its_name() -> None:
    uploaded = Done("a", step_id("a/report"), "report", pk=pk(7), stat=stat("a"), content="files:x")
    opened = past_of_events(
        Started("a", step_id("a/report"), "report"),
        _opened(),
        uploaded,
    )

    found = only(
        plan_of(case("a", REPORT), target=TARGET, history=opened, rows={pk(7): "Completed"})
    )

    assert found.create is not None
    assert found.uploads == ()
    assert (found.create.entries[0].upload, found.create.entries[0].token) == (pk(7), "0abc")


def _opened() -> Event:
    return Opened("a", step_id("a/report"), "report", pk(7), "s", 1, stat("a"), token="0abc")


def test_cases_with_the_same_inputs_are_told_even_if_an_image_is_the_same_files() -> None:
    twins = inputs(case("a", SCORE, line=4), case("b", SCORE, line=7), target=TARGET)
    others = inputs(case("a", REPORT), case("b", REPORT), target=TARGET)

    assert [(one.message[:8], one.place and one.place.line) for one in misfits(twins)] == [
        ("case 'b'", 7)
    ]
    assert misfits(others) == []  # nothing shows that these files are the same
