from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec.structs import asdict, replace

from manifest_uploader.errors import StateLocked, StateUnwritable
from manifest_uploader.state import lock
from manifest_uploader.state.lock import Holder, _break, held, holder_of, is_dead

COMMAND = "uploader run lung.yaml --take-over"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "lung.state.jsonl"


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a lock that is just being written."""
    monkeypatch.setattr(time, "sleep", lambda _: None)


def lock_of(state: Path) -> Path:
    return state.with_name("lung.state.jsonl.lock")


def me(**other: Any) -> Holder:
    """This process as a holder, but for what is other."""
    process = psutil.Process()
    mine = Holder(
        "alice",
        socket.gethostname(),
        round(psutil.boot_time()),
        os.getpid(),
        process.create_time(),
        "2026-01-02 10:32:00",
        "k",
    )
    return replace(mine, **other)


def leave(state: Path, holder: Holder | str) -> None:
    """A lock that somebody left."""
    text = holder if isinstance(holder, str) else json.dumps(asdict(holder))
    lock_of(state).write_text(text)


def take(state: Path, *, take_over: bool = False) -> None:
    with held(state, take_over=take_over, command=COMMAND):
        assert lock_of(state).exists()


# ── one run ─────────────────────────────────────────────────────────────────────────────────


def test_a_lock_lies_beside_the_state_as_long_as_it_is_held(state: Path) -> None:
    with held(state, take_over=False, command=COMMAND):
        found = json.loads(lock_of(state).read_text())
        names = [path.name for path in state.parent.iterdir()]

    assert (found["pid"], found["host"]) == (os.getpid(), socket.gethostname())
    assert names == ["lung.state.jsonl.lock"]
    assert list(state.parent.iterdir()) == []


def test_a_lock_is_let_go_of_when_a_run_fails(state: Path) -> None:
    with pytest.raises(LookupError), held(state, take_over=False, command=COMMAND):
        raise LookupError

    assert not lock_of(state).exists()


def test_the_folder_of_a_state_is_made(tmp_path: Path) -> None:
    with held(tmp_path / "new" / "s.jsonl", take_over=False, command=COMMAND):
        assert (tmp_path / "new" / "s.jsonl.lock").exists()


# ── two runs ────────────────────────────────────────────────────────────────────────────────


def test_a_second_run_is_kept_out_and_told_by_whom(state: Path) -> None:
    leave(state, me())

    with pytest.raises(StateLocked) as caught:
        take(state)

    assert caught.value.message == (
        f"another run is in progress: held by alice on {socket.gethostname()}, pid {os.getpid()}, "
        "since 2026-01-02 10:32:00 (lung.state.jsonl.lock)"
    )
    assert COMMAND in (caught.value.hint or "")
    assert lock_of(state).exists()


def test_two_runs_of_one_process_keep_each_other_out(state: Path) -> None:
    with held(state, take_over=False, command=COMMAND), pytest.raises(StateLocked):
        take(state)


def test_a_run_on_another_host_is_never_taken_for_dead(state: Path) -> None:
    leave(state, me(host="node17", pid=2**22 + 1, boot=0, start=0.0))

    with pytest.raises(StateLocked, match="on node17"):
        take(state)


def test_a_lock_may_be_taken_over_on_demand(state: Path) -> None:
    leave(state, me(host="node17"))

    take(state, take_over=True)

    assert not lock_of(state).exists()


def test_a_run_whose_lock_was_taken_over_leaves_the_new_one_alone(state: Path) -> None:
    with held(state, take_over=False, command=COMMAND):
        leave(state, me(key="another run's"))

    assert json.loads(lock_of(state).read_text())["key"] == "another run's"


# ── proof of death ──────────────────────────────────────────────────────────────────────────


@pytest.fixture
def ended() -> Holder:
    """A process of this host that has ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = psutil.Process(process.pid).create_time()
    process.communicate()
    return me(pid=process.pid, start=start)


def test_the_lock_of_a_dead_run_is_broken(state: Path, ended: Holder) -> None:
    leave(state, ended)

    take(state)

    assert not lock_of(state).exists()


def test_a_process_that_only_has_the_same_number_is_another() -> None:
    assert is_dead(me(start=psutil.Process().create_time() - 100))
    assert not is_dead(me())


@pytest.mark.parametrize("step_s", [-3600, -30, 30, 3600])
def test_a_clock_that_was_set_kills_nobody(monkeypatch: pytest.MonkeyPatch, step_s: int) -> None:
    """Start and boot time move together where the system counts them from the clock."""
    before = me()
    boot, start = psutil.boot_time(), psutil.Process().create_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: boot + step_s)
    assert not is_dead(before)

    monkeypatch.setattr(psutil.Process, "create_time", lambda _: start + step_s)
    assert not is_dead(before)


def test_a_run_of_before_the_host_was_started_anew_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    before = me()
    boot, start = psutil.boot_time(), psutil.Process().create_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: boot + 5000)
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: start + 7000)

    assert is_dead(before)


@pytest.mark.skipif(os.name == "nt", reason="there are no zombies")
def test_a_zombie_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    found = psutil.Process(process.pid)
    start = found.create_time()
    while found.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.005)

    assert is_dead(me(pid=process.pid, start=start))
    process.wait()


@pytest.mark.parametrize(
    ("other", "dead"),
    [
        *[({"pid": -1}, False), ({"pid": "x"}, False), ({"pid": 10**30}, True)],
        *[({"start": "x"}, False), ({"boot": None}, False), ({"host": 5, "pid": 10**30}, False)],
    ],
)
def test_nonsense_proves_nothing_but_that_there_is_no_such_process(
    other: dict[str, Any], dead: bool
) -> None:
    assert is_dead(me(**other)) is dead


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("text", ["", "{", "[]", "5", "{}", '{"user": "x"}', "[" * 10_000])
def test_a_lock_that_does_not_say_whose_it_is_is_not_broken(state: Path, text: str) -> None:
    leave(state, text)

    with pytest.raises(StateLocked, match="does not say whose it is") as caught:
        take(state)
    assert COMMAND in (caught.value.hint or "")
    take(state, take_over=True)
    assert not lock_of(state).exists()


def test_a_lock_that_is_just_being_written_is_waited_for(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(state, "")
    monkeypatch.setattr(time, "sleep", lambda _: leave(state, me()))

    with pytest.raises(StateLocked, match="held by alice"):
        take(state)


def test_only_the_lock_that_was_judged_is_broken(
    state: Path, ended: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run breaks the dead one's lock first and takes its own."""
    leave(state, ended)
    real: Callable[[Holder], bool] = is_dead

    def slow(holder: Holder) -> bool:
        found = real(holder)
        if holder == ended:
            leave(state, me(key="the other's"))
        return found

    monkeypatch.setattr(lock, "is_dead", slow)

    with pytest.raises(StateLocked, match="held by alice"):
        take(state)
    assert json.loads(lock_of(state).read_text())["key"] == "the other's"
    assert [path.name for path in state.parent.iterdir()] == ["lung.state.jsonl.lock"]


# ── those who only ask ──────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("hurried")
def test_who_works_on_a_state_can_be_asked(state: Path, ended: Holder) -> None:
    assert holder_of(state) is None
    leave(state, me())
    assert holder_of(state) == me()
    leave(state, ended)
    assert holder_of(state) is None
    leave(state, "{")
    assert holder_of(state) is None
    assert lock_of(state).exists()


# ── disks ───────────────────────────────────────────────────────────────────────────────────


def test_a_disk_without_hard_links_does_too(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", none)

    with held(state, take_over=False, command=COMMAND), pytest.raises(StateLocked):
        take(state)


def test_a_full_disk_leaves_no_half_lock(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(StateUnwritable, match="No space left"):
        take(state)
    assert list(state.parent.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_cannot_hold_a_lock(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StateUnwritable):
        take(tmp_path / "file" / "lung.state.jsonl")


def test_a_lock_that_was_not_judged_is_put_back_without_hard_links(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", none)

    with held(state, take_over=False, command=COMMAND):
        mine = holder_of(state)

        _break(lock_of(state), None)

        assert holder_of(state) == mine
