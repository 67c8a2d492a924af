from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash.driver import Kill
from tests.crash.helpers import Recorder, Rich, platform, small_box
from tests.e2e.helpers import Ran, ended, wait_for
from tests.has import needs_signals

SAFE_SAID = ("nothing was sent", "nothing more was sent")


def limited(box: Rich, size: int) -> Ran:
    """Run where no file may grow beyond so many bytes, as on a full disk.

    Nor would what Python compiles, and keeps beside the program for all who come after.
    """
    import resource

    process = box.spawn(
        *("run", "--json", "--root", str(box.root)),
        env=box.environment() | {"PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    return ended(process)


def refused(ran: Ran) -> Ran:
    """It ended with 3 and a message of what to do."""
    ran.expect(3)
    assert ran.err.startswith("uploader: ") or "\nuploader: " in ran.err, ran.err
    assert "\n  hint: " in ran.err
    return ran


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such limits")
@pytest.mark.parametrize("size", [0])
def test_without_room_for_the_state_nothing_is_sent(tmp_path: Path, size: int) -> None:
    with platform(tmp_path, hook=(seen := Recorder())) as served:
        box = small_box(tmp_path, served, root=tmp_path / "data")
        ran = refused(limited(box, size))
        items = box.items()
        allowed = seen.kinds.count("item-create")

        assert (items, seen.changes - allowed, allowed <= 1) == ([], 0, True)
        assert "cannot be written: " in ran.err
        box.go().expect(0)
        box.check()


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such limits")
@pytest.mark.parametrize("size", [400, 1500])
def test_a_disk_that_fills_up_stops_the_run_before_what_could_not_be_written_down(
    tmp_path: Path, size: int
) -> None:
    with platform(tmp_path) as served:
        box = small_box(tmp_path, served, root=tmp_path / "data")
        ran = refused(limited(box, size))
        assert "lung.state.jsonl cannot be written: File too large" in ran.err
        assert any(words in ran.err for words in SAFE_SAID)

        box.go().expect(0)
        box.check()


def state_paths(folder: Path) -> dict[str, Path]:
    (folder / "a-file").write_text("x")
    (folder / "a-folder").mkdir()
    (folder / "dangling").symlink_to(folder / "no" / "where")
    os.mkfifo(folder / "a-pipe")
    return {
        "a folder": folder / "a-folder",
        "below a file": folder / "a-file" / "state.jsonl",
        "a device": Path("/dev/full"),
        "a pipe": folder / "a-pipe",
        "a folder that nobody may write to": Path("/proc/state.jsonl"),
        "a folder that does not take files": Path("/sys/state.jsonl"),
        "a link to nowhere": folder / "dangling",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="these paths are Linux's")
def test_a_place_that_cannot_hold_a_state_is_named_and_nothing_is_sent(tmp_path: Path) -> None:
    paths = state_paths(tmp_path)

    with platform(tmp_path, hook=(seen := Recorder())) as served:
        box = small_box(tmp_path, served, root=tmp_path / "data")
        for what, path in paths.items():
            before = len(seen.kinds)
            ran = box.go("--state", str(path), seconds=30)
            ran.expect(2 if path.is_dir() else 3)
            assert box.items() == [], what
            assert set(seen.kinds[before:]) <= READS, what
            assert path.name in ran.err, what


READS = {
    *("target", "gcapi", "item-list", "sockets", "upload-list", "sessions", "item-create"),
}
"""`item-create` with a title too long is how rights are asked for."""


def test_the_state_of_another_target_or_platform_is_refused(tmp_path: Path) -> None:
    with platform(tmp_path, hook=(seen := Recorder())) as served:
        box = small_box(tmp_path, served, root=tmp_path / "data")
        box.go().expect(0)
        state, before = box.state.read_bytes(), seen.changes

        box.kind, box.slug = "archive", "lung-archive"
        box.entries[0].pop("order", None)
        box.save()
        ran = refused(box.go())

        assert "belongs to the reader-study 'lung-nodules'" in ran.err
        assert "--state" in ran.err
        assert (box.state.read_bytes(), seen.changes) == (state, before)
    (tmp_path / "other").mkdir()
    with platform(tmp_path / "other", hook=(seen := Recorder())) as box.served:
        box.kind, box.slug = "reader-study", "lung-nodules"
        box.save()
        ran = refused(box.go())

        assert "belongs to the platform 'sandbox " in ran.err
        assert (box.state.read_bytes(), seen.changes) == (state, 0)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{}\n", "an event that this version does not know"),
        (b"no json\n", "it is not an event"),
        (b"<<<<<<< HEAD\n", "it is not an event"),
        (b'{"event":"done","time":1}\n', "a wrong done event"),
        (b"[" * 100_000 + b"\n", "it is not an event"),
    ],
)
def test_a_damaged_line_is_named_and_nothing_is_sent(
    tmp_path: Path, line: bytes, words: str
) -> None:
    with platform(tmp_path) as served:
        box = small_box(tmp_path, served, root=tmp_path / "data")
        box.go(kill=Kill("after", 3)).expect(-9)
    with box.state.open("ab") as file:
        file.write(line + b'{"event":"noticed","time":1,"sessions":[]}\n')

    # what the killed run still had on the line came to the platform before
    with platform(tmp_path, hook=(seen := Recorder())) as box.served:
        ran = refused(box.go())

    assert f"lung.state.jsonl:4: damaged: {words}" in ran.err
    assert "nothing was sent" in ran.err
    assert seen.changes == 0


# ── two runs ────────────────────────────────────────────────────────────────────────────────


def held_up(box: Rich) -> Any:
    """A run that waits for imports that never come."""
    process = box.spawn("run", "--root", str(box.root))
    wait_for(lambda: box.state.exists() and b'"confirmed"' in box.state.read_bytes())
    return process


def lock_of(box: Rich) -> Path:
    return box.state.with_name(box.state.name + ".lock")


@pytest.fixture
def busy(tmp_path: Path) -> Any:
    with platform(tmp_path, import_delay_s=float("inf"), hook=Recorder()) as served:
        yield small_box(tmp_path, served, root=tmp_path / "data")


@needs_signals
def test_a_second_run_names_the_holder_and_sends_nothing(busy: Rich) -> None:
    first = held_up(busy)
    try:
        holder = json.loads(lock_of(busy).read_text())
        before = busy.state.read_bytes()

        ran = refused(busy.go())

        assert (
            f"held by {holder['user']} on {holder['host']}, pid {first.pid}, "
            f"since {holder['since']}"
        ) in ran.err
        assert "--take-over" in ran.err
        assert "uploader run --json lung.yaml" in ran.err
        assert busy.state.read_bytes() == before
        assert len(busy.items()) == 1
    finally:
        first.send_signal(signal.SIGTERM)
        assert ended(first).code == 143
    assert not lock_of(busy).exists()


def test_the_lock_of_a_killed_run_is_broken_by_itself(busy: Rich) -> None:
    first = held_up(busy)
    first.kill()
    ended(first)
    assert lock_of(busy).exists()

    ran = busy.go("--no-wait").expect(4)

    assert ran.ends["waiting"] == 1
    assert ran.summary["uploads"] == 0
    assert not lock_of(busy).exists()


def test_a_lock_of_another_host_is_broken_only_on_demand(busy: Rich) -> None:
    held_up_run = held_up(busy)
    held_up_run.kill()
    ended(held_up_run)
    holder = json.loads(lock_of(busy).read_text()) | {"host": "node17"}
    holder["machine"] |= {"host": "node17", "id": "another"}
    lock_of(busy).write_text(json.dumps(holder))

    ran = refused(busy.go("--no-wait"))
    assert f"on node17, pid {holder['pid']}" in ran.err

    busy.go("--no-wait", "--take-over").expect(4)
    assert not lock_of(busy).exists()
    assert len(busy.items()) == 1


@pytest.mark.parametrize("when", ["locking", "before"])
def test_a_run_killed_around_its_taking_the_lock_does_not_keep_the_next_out(
    busy: Rich, when: Any
) -> None:
    """A lock is whole or not there, whenever its maker died."""
    busy.go("--no-wait", kill=Kill(when, 1)).expect(-9)
    assert lock_of(busy).exists() == (when == "before")

    busy.go("--no-wait").expect(4)

    assert len(busy.items()) == 1
    assert not lock_of(busy).exists()


def test_a_lock_that_says_nothing_is_broken_on_demand_only(busy: Rich) -> None:
    lock_of(busy).write_bytes(b"")

    ran = refused(busy.go("--no-wait"))
    assert "does not say whose it is" in ran.err
    busy.go("--no-wait", "--take-over").expect(4)
    assert not lock_of(busy).exists()
