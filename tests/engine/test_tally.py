from __future__ import annotations

from functools import partial

from manifest_uploader.engine.tally import Pace, Tally, Tries
from tests.helpers import step_id

A, B = step_id("a/x"), step_id("b/x")


def test_what_storage_held_before_is_not_sent() -> None:
    tally = Tally()

    tally.holds(A, 70)
    tally.add(A, 30)
    tally.add(B, 5)

    assert (tally.sent, tally.spared) == (35, 70)


def test_what_this_run_sent_itself_before_a_pause_is_not_spared() -> None:
    tally = Tally()

    tally.add(A, 30)
    tally.holds(A, 70)

    assert (tally.sent, tally.spared) == (30, 40)


def test_an_upload_that_begins_anew_counts_from_nothing() -> None:
    tally = Tally()
    tally.holds(A, 70)
    tally.add(A, 10)

    tally.forget(A)

    assert (tally.sent, tally.spared) == (0, 0)


def test_of_several_tries_only_the_last_counts() -> None:
    tally = Tally()
    tries = Tries(partial(tally.add, A))
    first = tries.counted([b"1234", b"5678"])
    next(first)
    next(first)

    assert tally.sent == 4
    assert b"".join(tries.counted([b"1234", b"5678"])) == b"12345678"
    assert tally.sent == 8
    tries.take_back()
    assert tally.sent == 0


# ── speed ───────────────────────────────────────────────────────────────────────────────────


def test_the_speed_is_that_of_the_latest_seconds() -> None:
    pace = Pace()

    for second in range(30):
        pace.note(100 * second if second < 10 else 1000 + 10 * (second - 10), second)

    assert pace.speed(29) == 10.0


def test_there_is_no_speed_while_nothing_is_sent() -> None:
    pace = Pace()
    speeds = []
    for second in range(20):
        pace.note(100 * min(second, 5), second)
        speeds.append(pace.speed(second))

    assert speeds[:2] == [None, 100.0]
    assert speeds[8:] == [None] * 12, "three seconds after the last byte"
