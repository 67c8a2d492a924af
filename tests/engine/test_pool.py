from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from manifest_uploader.engine import pool as module
from manifest_uploader.engine.outcomes import Finished, Looked, Outcome, Watched
from manifest_uploader.engine.pool import Pressure, Threads
from manifest_uploader.plan.steps import Look, Task, Watch
from manifest_uploader.state.events import Done
from tests.helpers import few_examples, pk, step_id

CALM = Pressure(8, 8)


# ── pressure ────────────────────────────────────────────────────────────────────────────────


def test_all_is_well_without_trouble() -> None:
    assert CALM.after(1000, 0, now=100.0).limit == 8


def test_one_stray_refusal_eases_nothing() -> None:
    assert CALM.after(19, 1, now=100.0).limit == 8


def test_trouble_halves_the_steps() -> None:
    found = CALM.after(19, 2, now=100.0)

    assert (found.limit, found.most) == (4, 8)


def test_a_few_answers_say_nothing_yet() -> None:
    found = CALM.after(0, 10, now=100.0)
    assert found.limit == 8

    assert found.after(8, 2, now=100.1).limit == 4


def test_steps_are_halved_at_most_once_in_five_seconds_and_never_to_none() -> None:
    pressure, limits = CALM, []
    for tick in range(80):
        pressure = pressure.after(10, 10, now=100.0 + tick / 2)
        limits.append(pressure.limit)

    assert limits[:10] == [4] * 10
    assert limits[10] == 2
    assert limits[-1] == 1


def test_after_half_a_minute_of_quiet_they_come_back_step_by_step() -> None:
    pressure = CALM.after(19, 2, now=100.0).after(19, 2, now=106.0)
    assert pressure.limit == 2
    history = []
    for second in range(45):
        pressure = pressure.after(5, 0, now=106.0 + second)
        history.append(pressure.limit)

    assert history[29] == 2
    assert history[30] == 3
    assert history[-1] == 8
    assert all(later - before in (0, 1) for before, later in pairwise(history))


def test_trouble_that_is_over_does_not_begin_the_quiet_anew() -> None:
    """With few requests a second, the last refusals are among the recent answers for long."""
    pressure = replace(CALM, limit=1, good=20, busy=4, eased_at=100.0, quiet_since=104.0)
    for second in range(31):
        pressure = pressure.after(1, 0, now=104.0 + second)

    assert pressure.limit == 2


def test_trouble_while_they_come_back_halves_them_again() -> None:
    pressure = replace(CALM, limit=6, eased_at=100.0, quiet_since=100.0)

    assert pressure.after(10, 10, now=130.0).limit == 3


@few_examples
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.floats(0, 60)), max_size=40))
def test_there_is_always_a_step_and_never_more_than_asked_for(
    answers: list[tuple[int, int, float]],
) -> None:
    pressure, now = CALM, 0.0
    for good, busy, pause in answers:
        now += pause
        before, pressure = pressure, pressure.after(good, busy, now)
        assert 1 <= pressure.limit <= 8
        assert busy or pressure.limit >= before.limit


# ── threads ─────────────────────────────────────────────────────────────────────────────────


def look(number: int) -> Look:
    return Look(f"c{number}", pk(number))


@pytest.fixture
def threads() -> Iterator[Threads]:
    pool = Threads(2, stop=threading.Event())
    yield pool
    pool.close()


def gather(pool: Threads, count: int) -> list[Outcome]:
    found: list[Outcome] = []
    end = time.monotonic() + 10
    while len(found) < count:
        assert time.monotonic() < end
        found += pool.wait()
    return found


def test_what_a_task_brings_comes_in_order_and_its_end_last(threads: Threads) -> None:
    def perform(task: Task) -> Iterable[Outcome]:
        assert isinstance(task, Look)
        yield Looked(task.case, None)
        yield Done(task.case, step_id("x"))

    threads.start(perform)
    threads.submit(look(1))

    assert gather(threads, 3) == [Looked("c1", None), Done("c1", step_id("x")), Finished(look(1))]


def test_what_a_task_says_meanwhile_comes_too(threads: Threads) -> None:
    def perform(task: Task) -> Iterable[Outcome]:
        threads.emit(Done("c1", step_id("meanwhile")))
        return ()

    threads.start(perform)
    threads.submit(look(1))

    assert gather(threads, 2) == [Done("c1", step_id("meanwhile")), Finished(look(1))]


def test_an_error_stops_the_run_and_is_handed_on(threads: Threads) -> None:
    error = LookupError("a bug")

    def perform(task: Task) -> Iterable[Outcome]:
        raise error

    threads.start(perform)
    threads.submit(look(1))

    assert gather(threads, 1) == [Finished(look(1), error)]
    assert threads.stopping


def test_a_watch_never_waits_for_the_steps(threads: Threads) -> None:
    go = threading.Event()

    def perform(task: Task) -> Iterable[Outcome]:
        if isinstance(task, Watch):
            yield Watched()
        elif not go.wait(10):
            raise TimeoutError

    threads.start(perform)
    for number in range(4):
        threads.submit(look(number))
    threads.submit(Watch(()))

    assert gather(threads, 2) == [Watched(), Finished(Watch(()))]
    go.set()
    assert len(gather(threads, 4)) == 4


def test_nothing_under_way_is_no_reason_to_wait_long(threads: Threads) -> None:
    started = time.monotonic()

    assert threads.wait() == []
    assert time.monotonic() - started < 0.4


def test_a_few_tasks_more_than_threads_may_be_under_way_unless_there_is_trouble() -> None:
    answers = [(0, 0), (10, 10)]
    pool = Threads(8, stop=threading.Event(), pressure=lambda: answers.pop(0))

    assert (pool.limit, pool.eased) == (12, False)
    pool.wait()
    pool.wait()
    assert (pool.limit, pool.eased) == (4, True)


def test_what_does_not_end_in_time_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LET_END_S", 0.0)
    monkeypatch.setattr(module, "_TICK_S", 0.01)
    stop, go = threading.Event(), threading.Event()
    pool = Threads(1, stop=stop)

    def hang(task: Task) -> Iterable[Outcome]:
        go.wait(10)
        return ()

    pool.start(hang)
    pool.submit(look(1))
    assert pool.wait() == []
    stop.set()

    assert gather(pool, 1) == [Finished(look(1))]
    go.set()
    pool.close()


def test_a_run_that_is_stopped_waits_for_what_is_under_way(threads: Threads) -> None:
    go = threading.Event()

    def perform(task: Task) -> Iterable[Outcome]:
        go.wait(10)
        yield Done("c1", step_id("x"))

    threads.start(perform)
    threads.submit(look(1))
    threads._stop.set()
    assert threads.wait() == []
    go.set()

    assert gather(threads, 2) == [Done("c1", step_id("x")), Finished(look(1))]
