from __future__ import annotations

import pytest

from manifest_uploader.engine.import_waits import ImportWaits
from tests.helpers import wait


def watched_at(now: float) -> ImportWaits:
    """Imports that were last looked at then, for the first time."""
    waits = ImportWaits()
    waits.begin_watch()
    waits.end_watch(now)
    return waits


def pause_of(waits: ImportWaits, *, busy: bool = False) -> float:
    """How long after the look at 100.0 the next one is due, in seconds."""
    return next(
        tenths / 10 for tenths in range(200) if waits.is_due(100.0 + tenths / 10, busy=busy)
    )


def test_the_first_look_is_due_at_once() -> None:
    assert ImportWaits().is_due(0.0, busy=True)


def test_no_look_is_due_while_one_is_under_way() -> None:
    waits = watched_at(100.0)

    waits.begin_watch()

    assert waits.is_watching
    assert not waits.is_due(1000.0, busy=False)


def test_the_second_look_comes_after_half_a_second() -> None:
    assert pause_of(watched_at(100.0)) == 0.5


def test_while_cases_are_sent_five_seconds_pass_between_looks() -> None:
    assert pause_of(watched_at(100.0), busy=True) == 5.0


def test_pauses_grow_to_eight_seconds_busy_or_not() -> None:
    waits = watched_at(100.0)

    waits.slow_down()
    assert pause_of(waits) == pytest.approx(0.7)
    for _ in range(20):
        waits.slow_down()

    assert pause_of(waits) == 8.0
    assert pause_of(waits, busy=True) == 8.0


def test_after_a_fill_the_pause_is_half_a_second_again() -> None:
    waits = watched_at(100.0)
    for _ in range(20):
        waits.slow_down()

    waits.hurry()

    assert pause_of(waits) == 0.5


def test_an_import_that_ends_halves_the_pause_down_to_half_a_second() -> None:
    waits = watched_at(100.0)
    for _ in range(20):
        waits.slow_down()

    waits.quicken()
    assert pause_of(waits) == 4.0
    for _ in range(20):
        waits.quicken()

    assert pause_of(waits) == 0.5


def test_an_import_is_waited_for_until_it_ends_or_its_case_is_dropped() -> None:
    waits = ImportWaits()
    ct, report, last = wait(), wait("report"), wait(last_look=True)
    waits.add("a", [ct])
    waits.add("a", [report])
    waits.add("b", [last])
    assert waits.all() == (ct, report, last)
    assert waits.open_cases() == ["a"]
    assert (waits.is_importing("a", "ct-image"), waits.is_importing("b", "ct-image")) == (
        True,
        False,
    )

    assert waits.remove("a", "ct-image") == ct
    assert waits.remove("a", "ct-image") is None
    assert waits.remove("c", "ct-image") is None
    waits.drop("b")
    waits.drop("b")

    assert waits.all() == (report,)
    assert [waits.has(case) for case in "abc"] == [True, False, False]
    assert len(waits) == 1
