from __future__ import annotations

import threading

import pytest

from manifest_uploader.cluster.seats import Seats
from manifest_uploader.platform.responses import Interrupted


def never() -> bool:
    return False


def test_the_worker_with_the_fewest_calls_gets_the_next() -> None:
    seats = Seats(2, lambda: ["a", "b"])

    assert [seats.take(never) for _ in range(4)] == ["a", "b", "a", "b"]
    seats.give_back("b")
    assert seats.take(never) == "b"


def test_a_seat_is_waited_for_until_the_run_is_stopped() -> None:
    seats = Seats(1, lambda: ["a"])
    seats.take(never)
    with pytest.raises(Interrupted):
        seats.take(lambda: True)

    taken: list[str] = []
    waiting = threading.Thread(target=lambda: taken.append(seats.take(never)))
    waiting.start()
    waiting.join(0.3)
    assert taken == [], "there is no seat"
    seats.give_back("a")
    waiting.join(10)

    assert taken == ["a"]


def test_workers_that_join_have_seats_at_once() -> None:
    workers: list[str] = []
    seats = Seats(1, lambda: workers)
    taken: list[str] = []
    waiting = threading.Thread(target=lambda: taken.append(seats.take(never)))
    waiting.start()
    workers.append("a")
    waiting.join(10)

    assert taken == ["a"]
