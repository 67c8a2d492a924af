"""Worker processes answer, survive each other's crashes, and end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from manifest_uploader.files.crew import CannotStart, Crew, WorkerBug, answers

TASKS = "tests.files.crew_tasks"
ROOT = Path(__file__).parents[2]


def ask(task: str, *requests: Any, processes: int = 2, setup: Any = None) -> dict[Any, Any]:
    pairs = [(request, request) for request in requests]
    return dict(answers(f"{TASKS}:{task}", pairs, processes=processes, setup=setup))


def test_every_request_is_answered_whatever_libraries_print() -> None:
    found = ask("echo", *range(20), setup={"a": "ü\udce9"})

    assert {key: one["request"] for key, one in found.items()} == {n: n for n in range(20)}
    assert all(one["setup"] == {"a": "ü\udce9"} for one in found.values())
    assert len({one["pid"] for one in found.values()} - {os.getpid()}) <= 2


def test_requests_are_taken_as_workers_get_free() -> None:
    taken: list[int] = []

    def requests() -> Any:
        for number in range(100):
            taken.append(number)
            yield number, number

    found = answers(f"{TASKS}:echo", requests(), processes=1)
    next(found)
    ahead = len(taken)
    found.close()

    assert ahead <= 3
    assert len(taken) == ahead


def test_one_worker_is_enough_for_one_request() -> None:
    found = ask("echo", "a", processes=8)

    assert found["a"]["files"] == ["a.txt"]


def test_temporary_folders_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    ask("echo", 1, 2, 3)
    ask("fragile", "always", setup=str(tmp_path / "died"))

    assert [path.name for path in tmp_path.iterdir()] == ["died"]


def test_a_crash_costs_only_its_request_which_is_tried_again_alone(tmp_path: Path) -> None:
    found = ask("fragile", "a", "once", "b", "c", setup=str(tmp_path / "died"))

    assert found == {"a": "a", "once": "once", "b": "b", "c": "c"}
    assert (tmp_path / "died").exists()


@pytest.mark.parametrize("processes", [1, 3])
def test_what_always_crashes_has_no_answer(tmp_path: Path, processes: int) -> None:
    found = ask("fragile", "always", "b", "c", setup=str(tmp_path / "died"), processes=processes)

    assert found == {"always": None, "b": "b", "c": "c"}


def test_a_worker_with_much_memory_is_replaced() -> None:
    found = ask("greedy", *range(3), processes=1)

    assert len(set(found.values())) == 3


def test_a_bug_is_told_without_the_words_of_its_exception() -> None:
    with pytest.raises(WorkerBug, match=r"^ValueError at crew_tasks.py:\d+$"):
        ask("buggy", 1)


def test_a_task_that_cannot_be_loaded_is_told_once() -> None:
    with pytest.raises(CannotStart, match=r"^ImportError at crew_tasks.py:\d+$"):
        ask("broken", 1, 2, 3)


def test_a_worker_that_does_not_get_ready_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pipes = Popens(monkeypatch)

    with Crew(f"{TASKS}:broken", None) as crew:
        for _ in range(2):
            with pytest.raises(CannotStart):
                crew.ask(1)

        assert len(pipes.begun) == 2
        for process in pipes.begun:
            assert process.returncode is not None
            assert process.stdin.closed
            assert process.stdout.closed
        assert list(tmp_path.iterdir()) == []


def test_a_worker_that_the_system_does_not_start_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(subprocess, "Popen", refuse)

    with Crew(f"{TASKS}:echo", None) as crew, pytest.raises(CannotStart):
        crew.ask(1)

    assert list(tmp_path.iterdir()) == []


def test_a_worker_opens_no_console_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    pipes = Popens(monkeypatch)

    ask("echo", 1)

    flags = [given.get("creationflags") for given in pipes.given]
    assert flags == [getattr(subprocess, "CREATE_NO_WINDOW", 0)]


class Popens:
    """The processes that are begun, and with what."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[Any] = []
        self.given: list[dict[str, Any]] = []
        self._begin = subprocess.Popen
        monkeypatch.setattr(subprocess, "Popen", self._popen)

    def _popen(self, command: list[str], **given: Any) -> Any:
        self.given.append(given)
        self.begun.append(self._begin(command, **given))
        return self.begun[-1]


@pytest.fixture
def parent(tmp_path: Path) -> Any:
    """A process whose worker never answers; the worker and its temporary folder."""
    told = tmp_path / "told"
    code = (
        "from manifest_uploader.files.crew import answers\n"
        f"list(answers('{TASKS}:endless', [(1, 1)], processes=1, setup={str(told)!r}))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    until(told.exists)
    pid, scratch = told.read_text().split(" ", 1)
    yield process, psutil.Process(int(pid)), Path(scratch)
    process.kill()
    process.communicate()


def until(holds: Any) -> None:
    """Wait until something holds, at most a minute."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_worker_ends_when_its_parent_is_killed(parent: Any) -> None:
    process, worker, scratch = parent

    process.kill()

    worker.wait(timeout=60)
    until(lambda: not scratch.exists())


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to the whole console")
def test_a_worker_leaves_ctrl_c_to_its_parent() -> None:
    found = answers(f"{TASKS}:echo", [(n, n) for n in range(4)], processes=1)
    _, first = next(found)

    os.kill(first["pid"], signal.SIGINT)

    assert {answer["pid"] for _, answer in found} == {first["pid"]}


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to the whole console")
def test_a_worker_ends_silently_when_its_parent_is_interrupted(parent: Any) -> None:
    process, worker, scratch = parent

    process.send_signal(signal.SIGINT)

    _, err = process.communicate(timeout=60)
    assert err.count("Traceback") == 1  # the parent's own: nothing catches it here
    assert not worker.is_running()
    assert not scratch.exists()
