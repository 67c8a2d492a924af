from __future__ import annotations

from manifest_uploader.engine.case_ends import CaseEnds
from manifest_uploader.engine.results import CaseEnd, End
from manifest_uploader.state.events import Failure

CT, REPORT = Failure("ct-image", "No image."), Failure("report", "No PDF.")
DELETED = Failure(None, "it was deleted")


def test_a_case_ends_with_its_failures_each_once() -> None:
    ends = CaseEnds()
    ends.add_failure("a", CT, REPORT)
    ends.add_failure("a", CT)

    ends.close("a", End.FAILED)

    assert ends.take_new() == [CaseEnd("a", End.FAILED, failures=(CT, REPORT))]
    assert ends.take_new() == []
    assert len(ends) == 1


def test_a_value_that_arrives_after_all_drops_its_failure_alone() -> None:
    ends = CaseEnds()
    ends.add_failure("a", CT, REPORT)
    ends.add_failure("b", CT)

    ends.drop_failures("a", "ct-image")
    ends.drop_failures("c", "ct-image")

    assert [ends.failures(case) for case in "abc"] == [(REPORT,), (CT,), ()]


def test_a_deleted_item_is_the_only_failure_of_its_case() -> None:
    ends = CaseEnds()
    ends.add_failure("a", CT)

    ends.close_deleted("a", DELETED)

    assert ends.take_new() == [CaseEnd("a", End.FAILED, failures=(DELETED,), gone=True)]
    assert ends.failures("a") == (DELETED,)
    assert (ends.is_deleted("a"), ends.is_deleted("b")) == (True, False)


def test_only_an_unknown_outcome_is_unsure() -> None:
    ends = CaseEnds()

    ends.close("a", End.UNSURE)
    ends.close("b", End.DONE)

    assert [ends.is_unsure(case) for case in "abc"] == [True, False, False]


def test_cases_that_have_not_ended_are_pending_waiting_or_failed() -> None:
    ends = CaseEnds()
    ends.close("a", End.DONE, unchanged=True)
    ends.add_failure("b", CT)
    ends.add_failure("d", REPORT)

    found = ends.all(pending=["a", "b"], waiting=["c", "d"])

    assert found == (
        CaseEnd("a", End.DONE, unchanged=True),
        CaseEnd("b", End.PENDING, failures=(CT,)),
        CaseEnd("c", End.WAITING),
        CaseEnd("d", End.FAILED, failures=(REPORT,)),
    )
