from __future__ import annotations

from manifest_uploader.engine.live_case import LiveCase
from manifest_uploader.engine.task_queue import TaskQueue
from manifest_uploader.plan.steps import Plan, Upload
from tests.helpers import case, file_value, plan_of

TWO = (file_value("ct-image"), file_value("report"))


def begun(plan: Plan, *, rows_free: int = 0) -> TaskQueue:
    """A queue with the uploads of every case of a plan."""
    live = {one.case: LiveCase.begin(one) for one in plan.cases}
    queue = TaskQueue(plan, live, clock=lambda: 1000.0, rows_free=rows_free)
    for one in plan.cases:
        queue.add_uploads(one.uploads)
    return queue


def upload(queue: TaskQueue) -> Upload:
    """The next task, which must be an upload."""
    found = queue.next()
    assert isinstance(found, Upload)
    return found


def test_a_case_gets_all_its_rows_before_the_next_one_begins_where_few_are_left() -> None:
    queue = begun(plan_of(case("a", *TWO), case("b", *TWO)))
    first, second = upload(queue), upload(queue)
    assert queue.next() is None

    queue.note_row(first.step)
    queue.note_row(first.step)
    assert queue.next() is None
    queue.note_row(second.step)

    assert upload(queue).case == "b"


def test_an_upload_that_ends_without_a_row_lets_the_next_case_begin() -> None:
    queue = begun(plan_of(case("a", *TWO), case("b", *TWO)))
    for one in (upload(queue), upload(queue)):
        queue.note_end(one.step)

    assert upload(queue).case == "b"


def test_cases_begin_side_by_side_where_many_rows_are_left() -> None:
    queue = begun(plan_of(case("a", *TWO), case("b", *TWO)), rows_free=66)

    assert [upload(queue).case for _ in range(4)] == ["a", "a", "b", "b"]


def test_a_row_does_not_end_a_pause_for_bytes() -> None:
    queue = begun(plan_of(case("a", *TWO)))
    first = upload(queue)
    queue.limits.refused(first.step, "full", 0.0, size_limit=True)
    queue.put_back(first)
    asking = upload(queue)

    assert not queue.note_row(asking.step)
    assert queue.limits.is_paused


def test_the_earliest_case_is_the_first_of_the_manifest() -> None:
    plan = plan_of(case("b"), case("a"))
    live = [LiveCase.begin(one) for one in plan.cases]
    queue = begun(plan)

    assert queue.earliest(reversed(live)) is live[0]
    assert queue.earliest([]) is None
