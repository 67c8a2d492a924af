"""`status --watch`: what it shows of a state file that grows."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.commands import watch
from manifest_uploader.errors import StateDamaged, StateUnwritable
from manifest_uploader.manifest.model import Manifest
from manifest_uploader.manifest.parser import parse
from manifest_uploader.output import watch_screen
from manifest_uploader.output.live_view import TYPED, Size
from manifest_uploader.state import lock
from manifest_uploader.state.file import Tail
from manifest_uploader.state.standing import Standing
from tests.entry import ENTRY, environment
from tests.helpers import pk
from tests.report.helpers import NOON, Line, binding, entry, whole_case, write_manifest, write_state

RUN = lock.Holder("alice", "node17", 0, 1, 0.0, "10:32", "key")


class WatchEnded(Exception):
    """Ends a watch after the last step, as Ctrl-C would."""


def manifest_of(folder: Path, *names: str) -> Manifest:
    path = write_manifest(folder / "m.yaml", [entry(name) for name in names])
    return parse(path.read_bytes(), "m.yaml")


def append(path: Path, lines: list[Line]) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def lines_shown(manifest: Manifest, path: Path, *steps: Any) -> list[str]:
    """The lines that a watch shows, and `--` for each pause; one step is done in each pause."""
    said: list[str] = []
    left = iter(steps)

    def sleep(_: float) -> None:
        said.append("--")
        step = next(left, None)
        if step is None:
            raise WatchEnded
        step()

    with contextlib.suppress(WatchEnded):
        watch.watch(manifest, path, watch_screen.Lines(said.append), sleep=sleep)
    return said


# ── the file's end ──────────────────────────────────────────────────────────────────────────


def test_only_what_was_appended_is_read(tmp_path: Path) -> None:
    path = write_state(tmp_path / "s.jsonl", whole_case("a", NOON))
    tail = Tail(path)

    first = tail.look()
    append(path, whole_case("b", NOON))
    second, third = tail.look(), tail.look()

    assert ({"a"}, {"b"}, 0) == (
        {event.case for event in first.events},  # type: ignore[union-attr]
        {event.case for event in second.events},  # type: ignore[union-attr]
        len(third.events),
    )


def test_a_torn_line_waits_for_its_end(tmp_path: Path) -> None:
    path = write_state(tmp_path / "s.jsonl", [])
    tail = Tail(path)
    line = json.dumps(whole_case("a", NOON)[0])

    with path.open("a") as file:
        file.write(line[:20])
    torn = tail.look()
    with path.open("a") as file:
        file.write(line[20:] + "\n")

    assert (len(torn.events), len(tail.look().events)) == (0, 1)


def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "s.jsonl")

    before = tail.look()
    write_state(tmp_path / "s.jsonl", whole_case("a", NOON))

    assert before == type(before)((), replaced=False)
    assert tail.look().events


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("what", ["pipe", "folder", "/dev/zero"])
def test_only_a_file_is_watched(tmp_path: Path, what: str) -> None:
    path = tmp_path / "s.jsonl"
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to(what)

    with pytest.raises(StateUnwritable, match="is not a regular file"):
        Tail(path).look()


@pytest.mark.parametrize("how", ["replaced", "cut"])
def test_another_file_in_its_place_is_read_from_its_start(tmp_path: Path, how: str) -> None:
    path = write_state(tmp_path / "s.jsonl", whole_case("a", NOON))
    tail = Tail(path)
    tail.look()

    if how == "replaced":
        lines = [*whole_case("b", NOON), *whole_case("c", NOON)]
        write_state(tmp_path / "new", lines).replace(path)
    else:
        write_state(path, whole_case("b", NOON)[:2])
    found = tail.look()

    assert found.replaced
    assert found.events[0].case == "b"  # type: ignore[union-attr]


def test_a_damaged_line_is_told(tmp_path: Path) -> None:
    path = write_state(tmp_path / "s.jsonl", [])
    tail = Tail(path)
    tail.look()
    append(path, [{"time": 1, "event": "nonsense"}])

    with pytest.raises(StateDamaged, match=":2: damaged"):
        tail.look()


# ── what is shown ───────────────────────────────────────────────────────────────────────────


def test_lines_tell_what_changed_and_when_all_is_over(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"

    said = lines_shown(
        manifest_of(tmp_path, "a", "b"),
        path,
        lambda: write_state(path, whole_case("a", NOON)[:2]),
        lambda: append(path, whole_case("a", NOON)[2:]),
        lambda: None,
        lambda: append(path, whole_case("b", NOON, words="no image")),
    )

    assert [line.split(" (")[0] for line in said] == [
        "0 of 2 cases ended; 2 new; no run is in progress; waiting for one",
        "--",
        (
            "0 of 2 cases ended; 1 new, 1 uploading, 1.0 KiB sent; "
            "no run is in progress; waiting for one"
        ),
        "--",
        "a: done",
        "1 of 2 cases ended; 1 new, 1 done, 1.0 KiB sent; no run is in progress; waiting for one",
        "--",
        "--",
        "b: failed: ct-image: no image",
        "2 of 2 cases ended; 1 done, 1 failed, 2.0 KiB sent; no run is in progress",
        "the run is over: 1 of 2 cases done",
    ]


@pytest.mark.parametrize(
    ("term", "kind"), [("xterm", watch_screen.Live), ("dumb", watch_screen.Lines)]
)
def test_only_what_can_be_redrawn_is_redrawn(
    monkeypatch: pytest.MonkeyPatch, term: str, kind: type[watch_screen.Screen]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", term)

    with watch_screen.open_screen(json=False) as screen:
        assert type(screen) is kind


def test_what_was_done_before_is_one_line(tmp_path: Path) -> None:
    path = write_state(tmp_path / "s.jsonl", whole_case("a", NOON))

    said = lines_shown(manifest_of(tmp_path, "a", "b"), path)

    waiting = "no run is in progress; waiting for one"
    assert said == [f"1 of 2 cases ended; 1 new, 1 done, 1.0 KiB sent; {waiting}", "--"]


def held(path: Path) -> AbstractContextManager[None]:
    """A lock of this process, as a run takes it."""
    return lock.held(path, take_over=False, command="")


def test_it_ends_with_the_run(tmp_path: Path) -> None:
    path = write_state(tmp_path / "s.jsonl", whole_case("a", NOON)[:2])
    with ExitStack() as run:
        run.enter_context(held(path))
        said = lines_shown(
            manifest_of(tmp_path, "a", "b"),
            path,
            lambda: append(path, whole_case("a", NOON)[2:]),
            run.close,
        )

    assert [line.split("; run by")[0].split(" (")[0] for line in said] == [
        "0 of 2 cases ended; 1 new, 1 uploading, 1.0 KiB sent",
        "--",
        "a: done",
        "1 of 2 cases ended; 1 new, 1 done, 1.0 KiB sent",
        "--",
        "1 of 2 cases ended; 1 new, 1 done, 1.0 KiB sent; no run is in progress",
        "the run is over: 1 of 2 cases done; the same command continues where it ended",
    ]


def test_what_has_ended_before_is_not_waited_for(tmp_path: Path) -> None:
    path = write_state(tmp_path / "s.jsonl", whole_case("a", NOON))

    said = lines_shown(manifest_of(tmp_path, "a"), path)

    assert said == [
        "1 of 1 case ended; 1 done, 1.0 KiB sent; no run is in progress",
        "the run is over: 1 of 1 case done",
    ]


def test_a_fill_under_way_is_importing_and_unsure_only_without_its_run(tmp_path: Path) -> None:
    lines = whole_case("a", NOON)
    filling = next(n for n, line in enumerate(lines, 1) if "entries" in line)
    path = write_state(tmp_path / "s.jsonl", lines[:filling])
    with ExitStack() as run:
        run.enter_context(held(path))
        said = lines_shown(manifest_of(tmp_path, "a"), path, run.close)

    assert [line.split("; run by")[0].split(" (")[0] for line in said] == [
        "0 of 1 case ended; 1 importing, 1.0 KiB sent",
        "--",
        "a: unconfirmed",
        "1 of 1 case ended; 1 unconfirmed, 1.0 KiB sent; no run is in progress",
        "the run is over: 0 of 1 case done",
    ]


def test_a_pause_is_told_as_long_as_it_is_one(tmp_path: Path) -> None:
    follower = watch.Follower(manifest_of(tmp_path, "a"))
    paused = {"time": NOON, "event": "paused", "case": "a", "step": "a/ct-image",
              "socket": "ct-image", "why": "too many uploads"}  # fmt: skip
    path = write_state(tmp_path / "s.jsonl", [paused])

    follower.take(Tail(path).look().events, anew=False)

    assert follower.view((), now=NOON + 10, holder=RUN).paused == "too many uploads"
    assert follower.view((), now=NOON + 999, holder=RUN).paused is None
    assert follower.view((), now=NOON + 10, holder=None).paused is None


def test_a_pause_between_two_uploads_does_not_flicker(tmp_path: Path) -> None:
    follower = watch.Follower(manifest_of(tmp_path, "a"))
    paused = {"time": NOON, "event": "paused", "case": "a", "step": "a/ct-image",
              "socket": "ct-image", "why": "too many uploads"}  # fmt: skip
    sent = [line | {"time": NOON + 1} for line in whole_case("a", NOON)[:2]]
    path = write_state(tmp_path / "s.jsonl", [paused, *sent])

    follower.take(Tail(path).look().events, anew=False)

    assert follower.view((), now=NOON + 4, holder=RUN).paused == "too many uploads"
    assert follower.view((), now=NOON + 6, holder=RUN).paused is None


def test_a_pause_is_over_once_an_upload_was_opened(tmp_path: Path) -> None:
    follower = watch.Follower(manifest_of(tmp_path, "a"))
    paused = {"time": NOON, "event": "paused", "case": "a", "step": "a/ct-image",
              "socket": "ct-image", "why": "too many uploads"}  # fmt: skip
    opened = whole_case("a", NOON)[0] | {"time": NOON + 1}
    path = write_state(tmp_path / "s.jsonl", [paused, opened])

    follower.take(Tail(path).look().events, anew=False)

    assert opened["event"] == "opened"
    assert follower.view((), now=NOON + 6, holder=RUN).paused is None


def test_a_pause_of_jobs_is_over_once_a_job_was_started(tmp_path: Path) -> None:
    follower = watch.Follower(manifest_of(tmp_path, "a", "b"))
    paused = {"time": NOON, "event": "paused", "case": "a", "step": "a:create",
              "why": "too many jobs"}  # fmt: skip
    path = write_state(tmp_path / "s.jsonl", [paused])
    tail = Tail(path)

    follower.take(tail.look().events, anew=False)
    during = follower.view((), now=NOON + 1, holder=RUN)
    created = {"time": NOON + 1, "event": "done", "case": "b", "step": "b:create", "pk": pk(1)}
    append(path, [created])
    follower.take(tail.look().events, anew=False)
    after = follower.view((), now=NOON + 6, holder=RUN)

    assert (during.paused, during.paused_jobs, after.paused) == ("too many jobs", True, None)


def test_jobs_run_where_values_are_imported() -> None:
    counts = {Standing.IMPORTING: 3}
    view = watch_screen.View(counts, (), 0, "too many jobs", None, jobs=True, paused_jobs=True)

    assert watch_screen.view_parts(view)[1:3] == ["3 running", "no new job starts: too many jobs"]


def test_the_live_view_fits_and_names_who_runs_it(tmp_path: Path) -> None:
    counts = {Standing.DONE: 1, Standing.NEW: 3}
    view = watch_screen.View(counts, (), 2048, "too many uploads", "alice on node17 since 10:32")

    assert watch_screen.live_lines(view, Size(60, 24), [], TYPED) == [
        "##########------------------------------ 1 of 4 cases ended",
        "3 new, 1 done, 2.0 KiB sent",
        "waiting for room: too many uploads",
        "run by alice on node17 since 10:32",
        "Ctrl-C leaves; the run continues",
    ]


# ── the command ─────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def status_watch(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*ENTRY, "status", "m.yaml", "--watch", *arguments],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


@pytest.mark.skipif(os.name == "nt", reason="signals are sent differently on Windows")
@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_follows_a_run_through_the_state_file_until_it_is_stopped(
    tmp_path: Path, stop: signal.Signals, code: int
) -> None:
    manifest_of(tmp_path, "a", "b")
    with status_watch(tmp_path) as process:
        before = next_line(process)
        write_state(tmp_path / "m.state.jsonl", whole_case("a", NOON))
        after = [next_line(process), next_line(process)]
        process.send_signal(stop)
        assert code == process.wait(timeout=30)

    assert before == "0 of 2 cases ended; 2 new; no run is in progress; waiting for one"
    assert after[0].startswith("a: done (")
    assert after[1].startswith("1 of 2 cases ended; 1 new, 1 done")


def test_it_is_idle_between_two_looks(tmp_path: Path) -> None:
    import psutil

    manifest_of(tmp_path, "a")
    with status_watch(tmp_path) as process:
        next_line(process)
        before = psutil.Process(process.pid).cpu_times()
        time.sleep(2)
        after = psutil.Process(process.pid).cpu_times()

    assert (after.user - before.user) + (after.system - before.system) < 0.2


def test_json_lines_come_with_every_change(tmp_path: Path) -> None:
    manifest_of(tmp_path, "a")
    with status_watch(tmp_path, "--json") as process:
        first = json.loads(next_line(process))
        write_state(tmp_path / "m.state.jsonl", whole_case("a", NOON))
        case, summary = json.loads(next_line(process)), json.loads(next_line(process))

    assert first == {"event": "summary", "cases": {"total": 1, "new": 1}}
    assert (case["case"], case["state"]) == ("a", "done")
    assert summary["cases"] == {"total": 1, "done": 1}


def test_a_damaged_state_ends_it_with_its_place(tmp_path: Path) -> None:
    manifest_of(tmp_path, "a")
    (tmp_path / "m.state.jsonl").write_text(json.dumps(binding()) + "\n{}\n")

    with status_watch(tmp_path) as process:
        _, err = process.communicate(timeout=30)

    assert "m.state.jsonl:2: damaged" in err
    assert process.returncode == 3
