from __future__ import annotations

import pytest

from manifest_uploader.platform.model import Entry
from manifest_uploader.state.events import (
    Adopted,
    Confirmed,
    Done,
    Event,
    Failed,
    Failure,
    Gone,
    ImportFailed,
    Opened,
    Started,
    Unsure,
)
from manifest_uploader.state.history import EMPTY
from manifest_uploader.state.standing import CaseStanding, Standing, case_standing, standing_of
from tests.helpers import past_of_events, pk, step_id

CT = Entry("ct-image", None, stat="s", upload=pk(7), content="c")
SCORE = Entry("some-score", "json:1")

OPENED = Opened("a", step_id("a/ct-image"), "ct-image", pk(7), "sid", 8, "s")
OPENED_ONE = Opened("a", step_id("a/ct-image/0001"), "ct-image", pk(7), "sid", 8, "s")
UPLOADED = Done("a", step_id("a/ct-image"), socket="ct-image", pk=pk(7))
TAKEN_BACK = Failed("a", step_id("a/ct-image"), socket="ct-image", words="", final=False)
CREATING = Started("a", step_id("a:create"), title="uploading-a")
CREATED = (CREATING, Done("a", step_id("a:create"), pk=pk(1)))
FILLING = Started("a", step_id("a:fill"), title="A", entries=(CT, SCORE))
FILLED = (*CREATED, FILLING, Done("a", step_id("a:fill"), pk=pk(1)))
CONFIRMED = (
    Confirmed("a", step_id("a/ct-image"), "ct-image", pk(9)),
    Confirmed("a", step_id("a/some-score"), "some-score"),
)
REFUSED = Failed("a", step_id("a:fill"), words="No.", final=True)
NO_IMAGE = ImportFailed("a", step_id("a/ct-image"), "ct-image", "No image.", "a.mha")
LOST = ImportFailed("a", step_id("a/ct-image"), "ct-image", "It is gone.", lost=True)
GONE = Gone("a", step_id("a"), pk(1))


@pytest.mark.parametrize(
    ("happened", "standing"),
    [
        ([OPENED], Standing.UPLOADING),
        ([CREATING], Standing.UPLOADING),
        ([*CREATED, OPENED], Standing.UPLOADING),
        ([*CREATED, FILLING], Standing.UNCONFIRMED),
        ([CREATING, Unsure("a", step_id("a:create"), "why")], Standing.UNCONFIRMED),
        ([*CREATED, FILLING, REFUSED], Standing.FAILED),
        ([*FILLED], Standing.IMPORTING),
        ([*FILLED, CONFIRMED[0]], Standing.IMPORTING),
        ([*FILLED, *CONFIRMED], Standing.DONE),
        ([*FILLED, NO_IMAGE, CONFIRMED[1]], Standing.FAILED),
        ([*FILLED, LOST], Standing.FAILED),
        ([*FILLED, NO_IMAGE, *CONFIRMED], Standing.DONE),
        ([*FILLED, *CONFIRMED, OPENED], Standing.CHANGED),
        ([*FILLED, *CONFIRMED, UPLOADED], Standing.CHANGED),
        ([*FILLED, OPENED, *CONFIRMED], Standing.CHANGED),
        ([*FILLED, *CONFIRMED, OPENED_ONE], Standing.CHANGED),
        ([*FILLED, *CONFIRMED, OPENED, FILLING, *FILLED[-1:], *CONFIRMED], Standing.DONE),
        ([*FILLED, *CONFIRMED, OPENED, TAKEN_BACK], Standing.DONE),
        ([*FILLED, *CONFIRMED, OPENED_ONE, TAKEN_BACK], Standing.DONE),
        ([Adopted("a", step_id("a"), pk(1), "A", (CT,))], Standing.DONE),
        ([*FILLED, NO_IMAGE, GONE], Standing.DELETED),
        ([*FILLED, FILLING, GONE], Standing.DELETED),
    ],
)
def test_a_case_stands_where_its_events_left_it(happened: list[Event], standing: Standing) -> None:
    assert standing_of(past_of_events(*happened).cases["a"]) is standing


def test_a_case_of_which_nothing_is_written_down_is_new() -> None:
    assert case_standing("a", "A", EMPTY) == CaseStanding("a", "A", Standing.NEW, None, ())


def test_a_case_without_a_failure_tells_its_item() -> None:
    past = past_of_events(*FILLED, *CONFIRMED).cases["a"]

    assert case_standing("a", "A", past) == CaseStanding("a", "A", Standing.DONE, pk(1), ())


def test_each_failed_import_is_told_with_its_files_and_the_message_of_the_platform() -> None:
    score = ImportFailed("a", step_id("a/some-score"), "some-score", "Not a number.")
    past = past_of_events(*FILLED, NO_IMAGE, score, REFUSED).cases["a"]

    found = case_standing("a", "Title", past)

    assert found == CaseStanding(
        "a",
        "Title",
        Standing.FAILED,
        pk(1),
        (
            Failure("ct-image", "No image.", "a.mha", of_import=True),
            Failure("some-score", "Not a number.", of_import=True),
        ),
    )


@pytest.mark.parametrize("last", [REFUSED, Unsure("a", step_id("a:fill"), "No.")])
def test_without_a_failed_import_the_last_step_is_told(last: Event) -> None:
    past = past_of_events(*CREATED, FILLING, last).cases["a"]

    assert case_standing("a", "A", past).failures == (Failure(None, "No."),)
