from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from manifest_uploader.system.daemons import Daemons


def test_calls_are_made_by_as_many_threads_as_there_may_be() -> None:
    both = threading.Barrier(2, timeout=10)

    with Daemons(2, "two") as threads:
        found = [threads.submit(both.wait) for _ in range(4)]
        numbers = [one.result(10) for one in found]

    assert sorted(numbers) == [0, 0, 1, 1]


def test_what_a_call_raises_is_raised_by_its_future() -> None:
    with Daemons(1, "one") as threads, pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result(10)


def test_the_end_cancels_what_has_not_begun_and_waits_for_nothing() -> None:
    begun, go = threading.Event(), threading.Event()

    def hang() -> str:
        begun.set()
        go.wait(10)
        return "ended"

    with Daemons(1, "one") as threads:
        first, second = threads.submit(hang), threads.submit(hang)
        begun.wait(10)

    assert (first.done(), second.cancelled()) == (False, True)
    go.set()
    assert first.result(10) == "ended"


HANGING = """
import threading
from manifest_uploader.system.daemons import Daemons

begun = threading.Event()
with Daemons(1, "one") as threads:
    threads.submit(lambda: (begun.set(), threading.Event().wait()))
    begun.wait()
"""


def test_a_call_that_hangs_does_not_keep_the_process_alive() -> None:
    ended = subprocess.run([sys.executable, "-c", HANGING], timeout=30, check=False)

    assert ended.returncode == 0
