"""Clocks that no jump of the wall clock and no sleep of the computer disturbs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from manifest_uploader.errors import PlatformUnreachable
from manifest_uploader.platform import retries
from manifest_uploader.platform.address import Patience
from manifest_uploader.platform.responses import Response
from manifest_uploader.platform.retries import Retries, Trouble, server_time
from manifest_uploader.platform.traffic import Meter
from manifest_uploader.state.events import Done
from manifest_uploader.state.ledger import Ledger
from manifest_uploader.system.clocks import Awake, InOrder, Steady
from tests.helpers import pk, step_id


@dataclass
class Clock:
    """A clock that is set by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


# ── sleep ───────────────────────────────────────────────────────────────────────────────────


def test_sleep_of_the_computer_is_left_out() -> None:
    clock = Clock()
    awake = Awake(longest_gap_s=30.0, clock=clock)
    steady = Steady(1000.0, awake)

    for _ in range(4):
        clock.now += 0.5
        awake()
    clock.now += 8 * 3600.0
    slept = awake(), steady()
    clock.now += 0.5

    assert slept == (102.0, 1002.0)
    assert (awake(), steady()) == (102.5, 1002.5)


class Trying:
    """Tries of a request, while a laptop may sleep."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, sleeps_at: int, give_up_s: float
    ) -> None:
        self.clock, self.tries, self.sleeps_at = Clock(), 0, sleeps_at
        monkeypatch.setattr(retries.time, "monotonic", self.clock)
        monkeypatch.setattr(retries, "Awake", lambda **more: Awake(clock=self.clock, **more))
        monkeypatch.setattr(retries.time, "sleep", self._sleep)
        patience = Patience(stall_s=60.0, give_up_s=give_up_s)
        self.retries = Retries(patience, meter=Meter(), stopping=lambda: False)
        self.retries._has_answered = True

    def _sleep(self, seconds: float) -> None:
        self.clock.now += seconds

    def __call__(self) -> Response:
        self.tries += 1
        self.clock.now += 1.0
        if self.tries == self.sleeps_at:
            self.clock.now += 8 * 3600.0
        if self.tries < 6:
            raise Trouble("no byte for 60 s")
        return Response(200, {}, {})


def test_a_night_of_sleep_is_no_silence_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    trying = Trying(monkeypatch, sleeps_at=3, give_up_s=3600.0)

    assert trying.retries.run(trying, repeat=True).status == 200
    assert trying.tries == 6


def test_silence_is(monkeypatch: pytest.MonkeyPatch) -> None:
    trying = Trying(monkeypatch, sleeps_at=0, give_up_s=4.0)

    with pytest.raises(PlatformUnreachable, match="gave up after 4 s"):
        trying.retries.run(trying, repeat=True)
    assert trying.tries < 6


# ── jumps ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("jump", [-7200.0, 7200.0])
def test_times_never_go_back(jump: float) -> None:
    wall, monotonic = Clock(10_000.0), Clock()
    in_order = InOrder(wall=wall, monotonic=monotonic)
    found = [in_order()]

    wall.now += jump
    for _ in range(3):
        found.append(in_order())
        wall.now += 5.0
        monotonic.now += 5.0

    assert found == sorted(found)
    assert found[-1] - found[-2] == 5.0


def test_times_are_not_before_those_of_earlier_runs() -> None:
    wall, monotonic = Clock(10_000.0), Clock()
    in_order = InOrder(wall=wall, monotonic=monotonic)

    in_order.note(12_000.0)
    monotonic.now += 3.0
    wall.now += 3.0

    assert in_order() == 12_003.0


def test_a_time_far_in_the_future_is_a_mistake() -> None:
    wall = Clock(10_000.0)
    in_order = InOrder(wall=wall, monotonic=Clock())

    in_order.note(1e300)

    assert in_order() == 10_000.0


def test_a_state_stays_in_order_when_the_clock_was_set_back() -> None:
    done = Done("a", step_id("a:create"), pk=pk(1))
    wall = Clock(10_000.0)
    ledger = Ledger([])
    ledger.clock = InOrder(wall=wall, monotonic=Clock())
    [first] = ledger.record([done])
    wall.now -= 3600.0
    [second] = ledger.record([done])

    again = Ledger([first, second])
    [third] = again.record([done])

    assert first.time <= second.time <= third.time


def test_a_pause_until_a_date_is_counted_by_the_servers_clock() -> None:
    assert server_time("Wed, 01 Jul 2026 12:00:00 GMT") == 1782907200.0
    assert server_time("no date") is None
    assert server_time(None) is None
