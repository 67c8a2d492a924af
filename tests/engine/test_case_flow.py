"""Cases with nothing to send, deleted items, and limits, one step at a time."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from manifest_uploader.digests import json_digest
from manifest_uploader.engine.outcomes import Finished, Looked, Ticketed, Watched
from manifest_uploader.engine.results import CaseEnd, End
from manifest_uploader.engine.scheduler import Scheduler
from manifest_uploader.plan.steps import Action, Fill, Look, MakeTickets, Plan, Upload
from manifest_uploader.platform.model import Entry
from manifest_uploader.state.events import (
    Confirmed,
    Done,
    Event,
    Failed,
    Failure,
    Gone,
    ImportFailed,
    Opened,
    OpenUpload,
    Paused,
    Started,
    Unsure,
)
from manifest_uploader.state.standing import Standing
from tests.engine.pretended import Pretended, scheduler_for
from tests.helpers import (
    case,
    facts_of,
    file_value,
    item_seen,
    json_value,
    past_of_events,
    pk,
    plan_of,
    stat,
    step_id,
    value_seen,
    wait,
)

CT, SCORE = file_value("ct-image"), json_value("some-score", 2)
CT_ENTRY = Entry("ct-image", stat=stat("a"), upload=pk(7), content="files:1")
DELETED = "it was deleted on the platform; --recreate recreates it"


def filled(*entries: Entry) -> list[Event]:
    """An earlier run created and filled the item of case `a`."""
    return [
        Started("a", step_id("a:create"), title="uploading-a", order=10),
        Done("a", step_id("a:create"), pk=pk(1)),
        Started("a", step_id("a:fill"), title="a", entries=entries),
        Done("a", step_id("a:fill"), pk=pk(1)),
    ]


def begun(plan: Plan, *, limit: int = 4) -> Scheduler:
    """A scheduler that has begun what it can."""
    scheduler = scheduler_for(plan, Pretended())
    scheduler.begin(limit, stopping=False)
    return scheduler


# ── nothing to send ─────────────────────────────────────────────────────────────────────────


def test_an_item_that_was_gone_before_ends_its_case_as_deleted() -> None:
    history = past_of_events(*filled(CT_ENTRY), Gone("a", step_id("a"), pk(1)))

    scheduler = begun(plan_of(case("a", CT), history=history))

    assert scheduler.take_ended() == [
        CaseEnd("a", End.FAILED, failures=(Failure(None, DELETED),), gone=True)
    ]


def test_an_unsettled_fill_ends_its_case_as_unsure() -> None:
    fill = Started("a", step_id("a:fill"), entries=(CT_ENTRY,))

    scheduler = begun(plan_of(case("a", CT), history=past_of_events(*filled(CT_ENTRY), fill)))

    [end] = scheduler.take_ended()
    assert (end.end, end.unchanged) == (End.UNSURE, False)
    assert [one.message for one in end.failures] == [
        "it is not known whether its last change took effect; the next run checks"
    ]


@pytest.mark.parametrize(("words", "told"), [("No.", "No."), (None, "it failed before")])
def test_a_case_that_failed_before_fails_again(words: str | None, told: str) -> None:
    plan = plan_of(case("a", CT))
    idle = replace(
        plan.cases[0],
        action=Action.NOTHING,
        standing=Standing.FAILED,
        create=None,
        fill=None,
        uploads=(),
        reason=words,
    )

    scheduler = begun(replace(plan, cases=(idle,)))

    assert scheduler.take_ended() == [CaseEnd("a", End.FAILED, failures=(Failure(None, told),))]


def test_a_case_that_is_only_waited_for_has_not_ended() -> None:
    history = past_of_events(*filled(CT_ENTRY))

    scheduler = begun(plan_of(case("a", CT), history=history))

    assert scheduler.take_ended() == []
    assert (scheduler.ended, scheduler.waiting) == (0, 1)
    assert scheduler.ends() == (CaseEnd("a", End.WAITING),)


def test_a_fill_that_the_item_already_shows_ends_its_case_without_being_sent() -> None:
    history = past_of_events(
        *filled(Entry("some-score", json_digest(1))),
        Confirmed("a", step_id("a/some-score"), "some-score", "9"),
    )
    scheduler = scheduler_for(plan_of(case("a", SCORE), history=history), Pretended())
    [look] = scheduler.begin(4, stopping=False).tasks
    assert isinstance(look, Look)

    events = scheduler.take(
        [Looked("a", item_seen(title="a", some_score=value_seen(2, "11"))), Finished(look)]
    )

    assert [type(event) for event in events] == [Started, Done, Confirmed]
    assert scheduler.take_ended() == [CaseEnd("a", End.DONE)]
    assert (scheduler.waiting, scheduler.is_over(stopping=False)) == (0, True)


# ── deleted items ───────────────────────────────────────────────────────────────────────────


def test_a_deleted_item_is_told_once_and_outweighs_later_failures() -> None:
    scheduler = begun(plan_of(case("a", CT), history=past_of_events(*filled(CT_ENTRY))))
    gone = Gone("a", step_id("a:fill"), pk(1))
    failed = Failed("a", step_id("a:fill"), words="unknown (404)", final=True)

    scheduler.take([gone, gone, failed])

    assert scheduler.take_ended() == [
        CaseEnd("a", End.FAILED, failures=(Failure(None, DELETED),), gone=True)
    ]


def test_an_item_that_is_created_again_has_not_failed() -> None:
    scheduler = begun(plan_of(case("a", CT)))

    scheduler.take([Gone("a", step_id("a"), pk(1), anew=True)])

    assert scheduler.take_ended() == []


def test_a_deleted_item_waits_for_no_import() -> None:
    """Its upload is complete, and its fill waits for an import into the same socket."""
    history = past_of_events(*filled(CT_ENTRY))
    plan = plan_of(case("a", CT), history=history, values={("a", "ct-image"): facts_of("b")})
    scheduler = scheduler_for(plan, Pretended())
    upload = next(
        one for one in scheduler.begin(4, stopping=False).tasks if isinstance(one, Upload)
    )
    scheduler.take([Done("a", upload.step, "ct-image", pk=pk(8)), Finished(upload)])
    assert scheduler._flow.after_imports == {"a"}

    scheduler.take([Gone("a", step_id("a:fill"), pk(1))])

    assert scheduler._flow.after_imports == set()
    assert scheduler.waiting == 0


def test_an_item_that_a_look_does_not_find_is_gone() -> None:
    history = past_of_events(
        *filled(Entry("some-score", json_digest(1))),
        Confirmed("a", step_id("a/some-score"), "some-score", "9"),
    )
    scheduler = scheduler_for(plan_of(case("a", SCORE), history=history), Pretended())
    [look] = scheduler.begin(4, stopping=False).tasks

    assert scheduler.take([Looked("a", None), Finished(look)]) == [
        Gone("a", step_id("a:fill"), pk(1))
    ]


# ── imports ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("repeated", [False, True])
def test_what_a_fill_put_there_is_waited_for_with_all_that_a_look_needs(repeated: bool) -> None:
    history = past_of_events(
        Started("a", step_id("a:create"), title="uploading-a", order=10),
        Done("a", step_id("a:create"), pk=pk(1)),
    )
    plan = plan_of(case("a", CT), history=history)
    [planned] = plan.cases
    assert planned.fill is not None
    planned = replace(planned, fill=replace(planned.fill, repeated=repeated, look_first=False))
    pool = Pretended()
    scheduler = scheduler_for(replace(plan, cases=(planned,)), pool)
    [upload] = scheduler.begin(4, stopping=False).tasks
    assert isinstance(upload, Upload)
    scheduler.take([Done("a", upload.step, "ct-image", pk=pk(8)), Finished(upload)])
    [tickets] = scheduler.begin(4, stopping=False).tasks
    assert tickets == MakeTickets("a", (("ct-image", pk(8)),))
    scheduler.take([Ticketed("a", {"ct-image": pk(9)}), Finished(tickets)])
    pool.now = 2000.0
    [fill] = [one for one in scheduler.begin(4, stopping=False).tasks if isinstance(one, Fill)]

    scheduler.take([Done("a", fill.step, pk=pk(1)), Finished(fill)])

    assert scheduler._imports.all() == (
        wait(upload=pk(8), since=2000.0, repeated=repeated, source="ct-image.mha", ticket=pk(9)),
    )


def test_a_case_that_is_still_being_sent_does_not_end_with_an_earlier_import() -> None:
    history = past_of_events(*filled(CT_ENTRY))
    plan = plan_of(case("a", CT), history=history, values={("a", "ct-image"): facts_of("b")})
    scheduler = begun(plan)

    scheduler.take([Confirmed("a", step_id("a/ct-image"), "ct-image", pk(9))])

    assert scheduler.take_ended() == []


def test_a_case_that_is_unsure_stays_so_when_its_import_ends() -> None:
    history = past_of_events(*filled(CT_ENTRY))
    scheduler = begun(plan_of(case("a", CT, SCORE), history=history))

    scheduler.take([Unsure("a", step_id("a:fill"), "nobody knows")])
    scheduler.take([Confirmed("a", step_id("a/ct-image"), "ct-image", pk(9))])

    assert [end.end for end in scheduler.take_ended()] == [End.UNSURE]


def test_an_import_that_failed_before_and_came_after_all_leaves_the_case_unchanged() -> None:
    history = past_of_events(
        *filled(CT_ENTRY),
        ImportFailed("a", step_id("a/ct-image"), "ct-image", "No image."),
    )
    scheduler = begun(plan_of(case("a", CT), history=history))
    assert [end.end for end in scheduler.take_ended()] == [End.FAILED]

    scheduler.take([Confirmed("a", step_id("a/ct-image"), "ct-image", pk(9))])

    assert scheduler.take_ended() == [CaseEnd("a", End.DONE, unchanged=True)]


def test_a_case_whose_last_look_finds_nothing_has_failed_and_is_not_unchanged() -> None:
    history = past_of_events(
        *filled(CT_ENTRY),
        ImportFailed("a", step_id("a/ct-image"), "ct-image", "No image."),
    )
    scheduler = begun(plan_of(case("a", CT), history=history))
    scheduler.take_ended()

    scheduler.take([Watched(over=(("a", "ct-image"),))])

    [end] = scheduler.take_ended()
    assert (end.end, end.unchanged) == (End.FAILED, False)


# ── limits ──────────────────────────────────────────────────────────────────────────────────


def test_a_limit_of_bytes_that_nothing_drains_fails_the_upload_for_good() -> None:
    scheduler = scheduler_for(plan_of(case("a", CT)), Pretended())
    [upload] = scheduler.begin(4, stopping=False).tasks
    assert isinstance(upload, Upload)
    full = Paused("a", upload.step, socket="ct-image", why="full", size_limit=True)

    events = scheduler.take([full, Finished(upload)])

    words = (
        "full: the account cannot hold that many bytes, and no import is left that would free "
        "space "
        "(an account that is not verified may hold 2 GiB)"
    )
    assert events == [full, Failed("a", upload.step, socket="ct-image", words=words, final=True)]
    assert [end.end for end in scheduler.take_ended()] == [End.FAILED]


def test_a_limit_of_bytes_from_before_room_was_made_is_asked_about_again() -> None:
    scheduler = scheduler_for(plan_of(case("a", CT)), Pretended())
    [upload] = scheduler.begin(4, stopping=False).tasks
    assert isinstance(upload, Upload)
    full = Paused("a", upload.step, socket="ct-image", why="full", size_limit=True)
    scheduler._limits.drained(1000.0)

    events = scheduler.take([full, Finished(upload)])

    assert events == [full]
    assert scheduler._limits.tight


def test_a_paused_upload_of_an_earlier_run_is_continued_from_its_row() -> None:
    history = past_of_events(
        Opened("a", step_id("a/ct-image"), "ct-image", pk(7), "sid", 8, stat("a"))
    )
    plan = plan_of(case("a", CT), history=history, rows={pk(7): "Initialized"})
    scheduler = scheduler_for(plan, Pretended())
    [upload] = scheduler.begin(4, stopping=False).tasks
    assert isinstance(upload, Upload)
    assert upload.row is not None
    paused = Paused("a", upload.step, socket="ct-image", why="too many uploads")

    scheduler.take([paused, Finished(upload)])
    scheduler._limits.drained(1000.0)

    [again] = [one for one in scheduler.begin(4, stopping=False).tasks if isinstance(one, Upload)]
    assert again.row == upload.row


def test_a_run_that_is_not_paused_is_not_stuck_on_a_limit() -> None:
    scheduler = begun(plan_of(case("a", CT), case("b", CT)), limit=1)

    assert scheduler.stuck_reason() is None


def test_a_limit_that_nothing_drains_is_told_with_the_rows_as_far_as_they_are_known() -> None:
    scheduler = scheduler_for(plan_of(case("a", CT)), Pretended())
    [upload] = scheduler.begin(4, stopping=False).tasks
    assert isinstance(upload, Upload)
    paused = Paused("a", upload.step, socket="ct-image", why="too many uploads")

    scheduler.take([paused, Finished(upload)])
    assert scheduler.stuck_reason() == "too many uploads, and none became free"
    scheduler.take([Watched(rows=5)])

    assert (
        scheduler.stuck_reason() == "too many uploads; 5 upload slots in use, and none became free"
    )


def test_a_limit_without_uploads_left_keeps_nothing_from_being_sent() -> None:
    scheduler = scheduler_for(plan_of(case("a", CT)), Pretended())
    [upload] = scheduler.begin(4, stopping=False).tasks
    assert isinstance(upload, Upload)
    paused = Paused("a", upload.step, socket="ct-image", why="too many uploads")
    scheduler.take([paused, Finished(upload)])

    scheduler.take([Failed("a", upload.step, socket="ct-image", words="No.", final=True)])

    assert scheduler.stuck_reason() is None
    assert scheduler.paused is not None


def test_fewer_rows_than_at_the_last_look_are_room() -> None:
    pool = Pretended()
    scheduler = scheduler_for(plan_of(case("a", CT)), pool)
    [upload] = scheduler.begin(4, stopping=False).tasks
    assert isinstance(upload, Upload)
    paused = Paused("a", upload.step, socket="ct-image", why="too many uploads")
    scheduler.take([paused, Finished(upload)])

    def uploads() -> list[Upload]:
        return [one for one in scheduler.begin(4, stopping=False).tasks if isinstance(one, Upload)]

    scheduler.take([Watched(rows=5)])
    assert uploads() == []
    scheduler.take([Watched(rows=5)])
    assert uploads() == []
    scheduler.take([Watched(rows=4)])

    [again] = uploads()
    assert again.step == upload.step


def test_an_upload_that_is_let_in_is_continued_from_its_row() -> None:
    scheduler = scheduler_for(plan_of(case("a", CT)), Pretended())
    [upload] = scheduler.begin(4, stopping=False).tasks
    assert isinstance(upload, Upload)
    opened = Opened("a", upload.step, "ct-image", pk(7), "sid", 8, stat("a"))
    paused = Paused("a", upload.step, socket="ct-image", why="full", size_limit=True)
    scheduler._under_way += 1  # something else, which may make room

    scheduler.take([opened, paused, Finished(upload)])
    scheduler._limits.drained(1000.0)

    [again] = [one for one in scheduler.begin(4, stopping=False).tasks if isinstance(one, Upload)]
    assert again.row == OpenUpload(pk(7), "sid", 8, stat("a"))


def test_the_rest_of_a_split_fill_is_sent_at_once_if_its_uploads_are_complete_by_then() -> None:
    """The account is full while the case holds one of its two uploads."""
    values = (CT, file_value("report"))
    plan = plan_of(case("a", *values), history=past_of_events(*filled()[:2]))
    scheduler = scheduler_for(plan, Pretended())
    first, second = scheduler.begin(4, stopping=False).tasks
    assert isinstance(first, Upload)
    assert isinstance(second, Upload)
    full = Paused("a", second.step, socket="report", why="full", size_limit=True)

    def fill() -> Fill:
        """Let the item be looked at, which is empty."""
        [look] = [one for one in scheduler.begin(4, stopping=False).tasks if isinstance(one, Look)]
        scheduler.take([Looked("a", item_seen(title="uploading-a")), Finished(look)])
        tasks = scheduler.begin(4, stopping=False).tasks
        [found] = [one for one in tasks if isinstance(one, Fill)]
        return found

    scheduler.take([Done("a", first.step, "ct-image", pk=pk(7)), Finished(first)])
    scheduler.take([full, Finished(second)])
    [tickets] = [
        one for one in scheduler.begin(4, stopping=False).tasks if isinstance(one, MakeTickets)
    ]
    assert tickets == MakeTickets("a", (("ct-image", pk(7)),))
    scheduler.take([Ticketed("a", {"ct-image": pk(9)}), Finished(tickets)])
    early = fill()
    assert [entry.socket for entry in early.entries] == ["ct-image"]
    scheduler.take([Done("a", second.step, "report", pk=pk(8))])
    scheduler.take([Done("a", early.step, pk=pk(1)), Finished(early)])

    assert [entry.socket for entry in fill().entries] == ["report"]
    assert scheduler.waiting == 1
