from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest

from manifest_uploader.platform.traffic import Listing, Meter, Traffic


def test_what_goes_over_the_line_adds_up_over_threads() -> None:
    meter = Meter()

    def send() -> None:
        for _ in range(1000):
            meter.count(requests=1, retries=2, sent=3)
            meter.answered(busy=False, trouble=None)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert meter.traffic() == Traffic(4000, 8000, 12_000)
    assert meter.take_pressure() == (4000, 0)


def test_pressure_is_what_came_since_it_was_last_asked_for() -> None:
    meter = Meter()
    meter.answered(busy=True, trouble="the platform is busy (503)")
    assert meter.trouble == "the platform is busy (503)"
    meter.answered(busy=False, trouble=None)

    assert meter.take_pressure() == (1, 1)
    assert meter.take_pressure() == (0, 0)
    assert meter.trouble is None


def test_silence_is_the_time_without_an_answer_while_a_request_is_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    meter, under_way, silent = Meter(), ExitStack(), []

    for act in (None, "begin", None, "byte", None, "another", None, "answer"):
        now += 10
        if act in ("begin", "another"):
            under_way.enter_context(meter.exchange())
        elif act == "byte":
            meter.count(sent=1)
        elif act == "answer":
            meter.answered(busy=False, trouble=None)
        silent.append(meter.silent_s())

    assert silent == [0, 0, 10, 0, 10, 20, 30, 0]
    under_way.close()
    assert meter.traffic().requests == 2


def test_of_several_lists_the_one_with_most_left_is_told() -> None:
    meter = Meter()

    with meter.listing_of("rows") as rows, meter.listing_of("sets") as sets:
        rows(10, 20)
        sets(1000, 3000)
        rows(20, None)
        found = meter.listing

    assert found == Listing("sets", 1000, 3000)
    assert meter.listing is None
