"""Values are looked into in the background: by threads, and by processes if there are many."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from manifest_uploader.engine.looks import pool as module
from manifest_uploader.engine.looks.looker import look_at_value
from manifest_uploader.engine.looks.pool import Pool
from manifest_uploader.files.crew import CannotStart, Crew
from manifest_uploader.files.local_file import FileChanged, Source
from manifest_uploader.files.root import Root
from manifest_uploader.files.search import resolve
from manifest_uploader.plan.value_look import ValueLook
from tests.box import Box, mha, wait_for
from tests.e2e.data import dicom_slice, write
from tests.files.dicom.samples import slice_bytes
from tests.helpers import file_value

ROOT = Path(__file__).parents[3]


def source(folder: Path, *paths: str) -> Source:
    found = resolve(file_value("ct-image", *paths), Root(folder.resolve(), follow_links=False))
    assert isinstance(found, Source)
    return found


def children() -> list[psutil.Process]:
    """The processes that look into files; the tests' sandboxes may have begun others."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "crew_member" in " ".join(child.cmdline()):
                found.append(child)
    return found


@pytest.fixture
def values(tmp_path: Path) -> list[tuple[Source, tuple[int, ...] | None]]:
    """Values of many sorts, and the voxel values that their sockets allow."""
    for number in range(5):
        write(tmp_path / f"ct/IM{number}", dicom_slice(1, number, side=4))
        write(tmp_path / f"named/IM{number}", slice_bytes(number, PatientName="Doe^Jane"))
    write(tmp_path / "named/IM3", b"")
    write(tmp_path / "mask.mha", mha(bytes([0, 1, 7, 9] * 8)))
    write(tmp_path / "cut.mha", mha()[:-1])
    write(tmp_path / "é.txt", "no image")
    return [
        (source(tmp_path, "ct"), None),
        (source(tmp_path, "named"), None),
        (source(tmp_path, "mask.mha"), (0, 1)),
        (source(tmp_path, "mask.mha"), None),
        (source(tmp_path, "cut.mha"), (0, 1)),
        (source(tmp_path, "é.txt"), None),
    ]


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes take over after the first files, whatever the machine has."""
    monkeypatch.setattr(module, "_WORTH_PROCESSES", 2)
    monkeypatch.setattr(module, "usable_cores", lambda: 2)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the values that this process looks into itself."""
    seen: list[str] = []

    def look(one: Source, allowed: Any, *, quick: bool) -> ValueLook:
        seen.append(one.name)
        return look_at_value(one, allowed, quick=quick)

    monkeypatch.setattr(module, "look_at_value", look)
    return seen


def looks(values: list[tuple[Source, Any]], *, quick: bool = False) -> list[ValueLook]:
    """What a pool shows, in the order given."""
    with closing(Pool(quick=quick)) as pool:
        return [future.result() for future in [pool.submit(*one) for one in values]]


@pytest.mark.parametrize("quick", [False, True])
def test_few_values_are_looked_into_by_threads(
    values: list[tuple[Source, Any]], here: list[str], quick: bool
) -> None:
    found = looks(values, quick=quick)

    assert found == [look_at_value(*one, quick=quick) for one in values]
    assert sorted(here) == sorted(one.name for one, _ in values)
    assert children() == []


@pytest.mark.usefixtures("processes")
def test_processes_take_over_and_show_the_same(
    values: list[tuple[Source, Any]], here: list[str]
) -> None:
    found = looks(values)

    assert found == [look_at_value(*one, quick=False) for one in values]
    assert here == [values[0][0].name], "the first one, before there were too many"


@pytest.mark.usefixtures("processes")
def test_what_is_counted_is_what_is_looked_into(
    values: list[tuple[Source, Any]], here: list[str]
) -> None:
    """With `--quick` that is one file of each value."""
    looks(values[:2], quick=True)

    assert len(here) == 2


def test_one_core_needs_no_processes(
    values: list[tuple[Source, Any]], here: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WORTH_PROCESSES", 2)
    monkeypatch.setattr(module, "usable_cores", lambda: 1)

    looks(values)

    assert len(here) == len(values)


@pytest.mark.parametrize("by", ["threads", "processes"])
def test_a_file_that_changed_is_told_by_its_name(
    values: list[tuple[Source, Any]], request: pytest.FixtureRequest, by: str
) -> None:
    if by == "processes":
        request.getfixturevalue("processes")
    [(mask, _)] = values[2:3]
    Path(mask.files[0].full).write_bytes(b"other")
    [(gone, _)] = values[5:]
    Path(gone.files[0].full).unlink()

    with closing(Pool(quick=False)) as pool:
        futures = [pool.submit(*one) for one in values]
        errors = [future.exception() for future in futures]

    assert [type(one) for one in errors] == [
        *(type(None), type(None), FileChanged, FileChanged, type(None), FileChanged)
    ]
    assert str(errors[2]) == "'mask.mha' changed while it was read"
    assert str(errors[5]) == "'é.txt' cannot be read: No such file or directory"


@pytest.mark.usefixtures("processes")
def test_a_process_that_is_killed_costs_nothing(values: list[tuple[Source, Any]]) -> None:
    """Memory may be short; then this process looks itself."""
    with closing(Pool(quick=False)) as pool:
        for one in values:
            pool.submit(*one).result()
        for child in children():
            child.kill()
        psutil.wait_procs(children(), timeout=10)

        found = [future.result() for future in [pool.submit(*one) for one in values * 3]]

    assert found == [look_at_value(*one, quick=False) for one in values * 3]


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("error", [CannotStart("ImportError"), CannotStart("OSError")])
def test_without_processes_this_one_looks_and_tries_no_more(
    values: list[tuple[Source, Any]],
    here: list[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    asked: list[Any] = []

    def ask(_: Crew, request: Any) -> Any:
        asked.append(request)
        raise error

    monkeypatch.setattr(Crew, "ask", ask)

    with closing(Pool(quick=False)) as pool:
        found = [pool.submit(*one).result() for one in values]

    assert found == [look_at_value(*one, quick=False) for one in values]
    assert (len(here), len(asked)) == (len(values), 1)


@pytest.mark.usefixtures("processes")
def test_no_process_outlives_its_pool(values: list[tuple[Source, Any]]) -> None:
    with closing(Pool(quick=False)) as pool:
        for future in [pool.submit(*one) for one in values]:
            future.result()
        begun = children()
        assert begun

    _, alive = psutil.wait_procs(begun, timeout=10)
    assert alive == []


def test_a_closed_pool_begins_no_more_looks(
    values: list[tuple[Source, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def look(one: Source, allowed: Any, *, quick: bool) -> ValueLook:
        begun.release()
        go_on.wait(10)
        return look_at_value(one, allowed, quick=quick)

    monkeypatch.setattr(module, "look_at_value", look)
    monkeypatch.setattr(module, "_THREADS", 1)
    pool = Pool(quick=False)
    futures = [pool.submit(*one) for one in values]
    begun.acquire()

    pool.close()
    go_on.set()

    assert futures[0].result() == look_at_value(*values[0], quick=False)
    assert all(future.cancelled() for future in futures[1:])


@pytest.mark.usefixtures("processes")
def test_what_a_closed_pools_processes_leave_is_not_begun_again_here(
    values: list[tuple[Source, Any]], here: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, ended = threading.Semaphore(0), threading.Event()

    def ask(_: Crew, __: Any) -> None:
        asked.release()
        ended.wait(10)

    monkeypatch.setattr(Crew, "ask", ask)
    monkeypatch.setattr(Crew, "end", lambda _, kill: ended.set())
    pool = Pool(quick=False)
    pool.submit(*values[0]).result()
    futures = [pool.submit(*one) for one in values[1:]]
    for _ in range(2):
        asked.acquire()

    pool.close()

    for future in futures:
        with pytest.raises(CancelledError):
            future.result(10)
    assert here == [values[0][0].name]


# ── Ctrl-C ──────────────────────────────────────────────────────────────────────────────────

INTERRUPTED = """
import os, signal, sys, time
import psutil
from manifest_uploader import cli
from manifest_uploader.engine.looks import pool

pool._WORTH_PROCESSES = 5
pool.usable_cores = lambda: 2
submit = pool.Pool.submit

def submit_and_interrupt(self, *given):
    future = submit(self, *given)
    if self._crew is not None and not told:
        while not (begun := psutil.Process().children()):
            time.sleep(0.01)
        told.extend(child.pid for child in begun)
        print(*told, flush=True)
        os.kill(os.getpid(), signal.SIGINT)
    return future

told = []
pool.Pool.submit = submit_and_interrupt
sys.exit(cli.command(["validate", "--offline", "m.yaml"]))
"""


@pytest.fixture
def interrupted(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`uploader validate` of many values, which gets Ctrl-C once there are processes."""
    lines = ["version: 1", "target: {kind: archive, slug: a}", "cases:"]
    for number in range(200):
        write(tmp_path / f"{number}.mha", mha())
        lines.append(f"- {{name: c{number}, sockets: {{ct: {{file: {number}.mha}}}}}}")
    write(tmp_path / "m.yaml", "\n".join(lines))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to the whole console")
def test_ctrl_c_leaves_no_process_and_no_folder(
    interrupted: subprocess.Popen[str], tmp_path: Path
) -> None:
    out, err = interrupted.communicate(timeout=60)

    assert interrupted.returncode == 128 + signal.SIGINT, err
    assert "Traceback" not in err
    pids = [int(pid) for pid in out.split()]
    assert pids
    end = time.monotonic() + 10
    while any(map(psutil.pid_exists, pids)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(map(psutil.pid_exists, pids))
    assert list((tmp_path / "scratch").iterdir()) == []


HANGING = """
import sys, time
from manifest_uploader import cli
from manifest_uploader.engine.looks import pool

def look(*_, **__):
    open("looking", "x").close()
    time.sleep(600)

by, *command = sys.argv[1:]
if by == "threads":
    pool._THREADS = 1
    pool.look_at_value = look
else:
    pool._WORTH_PROCESSES = 0
    pool.usable_cores = lambda: 2
    pool._TASK = "tests.files.crew_tasks:hanging"
sys.exit(cli.command(command))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to the whole console")
@pytest.mark.parametrize(
    ("command", "by", "number"),
    [
        ("run", "threads", signal.SIGINT),
        ("run", "threads", signal.SIGTERM),
        ("run", "processes", signal.SIGINT),
        ("plan", "threads", signal.SIGINT),
        ("validate", "processes", signal.SIGINT),
        ("validate", "threads", signal.SIGINT),
    ],
)
def test_a_signal_ends_a_look_that_takes_long(
    tmp_path: Path, box: Box, command: str, by: str, number: int
) -> None:
    lines = ["version: 1", "target: {kind: reader-study, slug: lung}", "cases:"]
    for case in range(4):
        write(tmp_path / f"{case}.mha", mha())
        lines.append(f"- {{name: c{case}, sockets: {{ct-image: {{file: {case}.mha}}}}}}")
    write(tmp_path / "m.yaml", "\n".join(lines))
    variables = {
        "GRAND_CHALLENGE_API_URL": box.running.url,
        "GRAND_CHALLENGE_AUTHORIZATION": box.running.token,
    }
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING, by, command, "m.yaml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: process.poll() is not None or (tmp_path / "looking").exists(), 60)
        process.send_signal(number)
        _, err = process.communicate(timeout=15)
    finally:
        process.kill()

    assert process.returncode == 128 + number, err
    assert "Traceback" not in err
    assert "bug" not in err
    if command == "run":
        assert "Stopping after current uploads." in err
        assert "stopped; the same command continues where this ended" in err
    assert not list(tmp_path.glob("*.lock"))
    assert box.sql("SELECT COUNT(*) FROM items") == [(0,)]
