from __future__ import annotations

import threading

import pytest

from manifest_uploader.engine import attended as module
from manifest_uploader.engine.attended import LeftBehind, attended


@pytest.fixture(autouse=True)
def _short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLICE_S", 0.005)


def test_it_returns_what_the_work_returns_and_raises_what_it_raises() -> None:
    assert attended(threading.current_thread) is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        attended(lambda: 1 // 0)


def test_the_caller_is_free_meanwhile() -> None:
    go = threading.Event()
    seen: list[threading.Thread] = []

    def attend() -> None:
        seen.append(threading.current_thread())
        go.set()

    assert attended(lambda: go.wait(10), attend=attend)
    assert set(seen) == {threading.current_thread()}


def test_work_that_ends_in_time_is_waited_for_while_the_command_is_being_stopped() -> None:
    go = threading.Event()

    assert attended(lambda: go.wait(10), attend=go.set, stopping=lambda: True, let_end_s=10)


def test_work_that_does_not_end_in_time_is_left_behind() -> None:
    go = threading.Event()

    with pytest.raises(LeftBehind):
        attended(lambda: go.wait(10), stopping=lambda: True, let_end_s=0.02)
    go.set()
