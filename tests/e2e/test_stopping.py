"""Signals end a command soon, whatever it waits for, and the same command goes on."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.sandbox import Fault, Seen
from tests import forked
from tests.e2e.data import mha
from tests.e2e.helpers import Box, Ran, served, wait_for

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no process can be sent such signals there")
STALLS_S = 600.0
SOON_S = 15.0
"""Far less than what is waited for."""
AT_ONCE_S = 1.0


class Stalling:
    """Lets requests of one kind stall, or get another fault; tells when the first one came."""

    def __init__(self, kind: str, fault: Fault | None = None) -> None:
        self.kind = kind
        self.fault: Fault | None = fault or Fault.stall(STALLS_S)
        self.came = threading.Event()

    def before(self, request: Seen) -> Fault | None:
        if request.kind != self.kind:
            return None
        self.came.set()
        return self.fault

    def after(self, request: Seen, status: int) -> Fault | None:
        return None


@contextlib.contextmanager
def sandboxed(folder: Path, hook: Any = None, **more: Any) -> Iterator[Box]:
    with served(folder / "sandbox", hook=hook, **more) as running:
        box = Box(folder, running)
        for number in range(2):
            box.add_usual(f"patient-{number}")
        box.save()
        yield box


@contextlib.contextmanager
def begun(
    box: Box, command: str, *more: str, prepare: Any = None, **environment: str
) -> Iterator[forked.Running]:
    with forked.begun(
        [command, box.manifest.name, *more],
        cwd=box.folder,
        environment=box.environment(**environment),
        prepare=prepare,
    ) as running:
        yield running


def hurry(_: Path) -> None:
    """Let what is under way end within half a second instead of fifteen, a look sooner yet."""
    from manifest_uploader.commands import signals
    from manifest_uploader.engine import pool, run

    for module, name in ((pool, "_LET_END_S"), *((m, "_LET_LOOK_END_S") for m in (run, signals))):
        assert name in vars(module), "what is changed in the program has to be there"
        vars(module)[name] = 0.5 if module is pool else 0.3


def ended(running: forked.Running, seconds: float = SOON_S) -> Ran:
    found = running.end(seconds)
    return Ran(found.code, found.out, found.err)


def last_line(ran: Ran) -> str:
    return ran.err.splitlines()[-1]


def check_next_run(box: Box, hook: Stalling) -> None:
    """The next run does what is left, and nothing twice."""
    hook.fault = None
    box.run().expect(0)
    box.check()
    box.check_state()


# ── storage stalls ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_ends_in_time_while_storage_stalls(tmp_path: Path, number: int) -> None:
    hook = Stalling("part")
    with sandboxed(tmp_path, hook) as box:
        with begun(box, "run", "--json", prepare=hurry) as running:
            assert hook.came.wait(30)
            running.send(number)
            ran = ended(running).expect(128 + number)

        assert "Stopping after current uploads." in ran.err
        assert last_line(ran) == "stopped; the same command continues where this ended"
        assert ran.ends["pending"] == 2
        assert not list(tmp_path.glob("*.lock"))
        check_next_run(box, hook)


def test_a_case_is_changed_until_the_whole_of_a_change_is_sent(tmp_path: Path) -> None:
    hook = Stalling("part")
    hook.fault = None
    with sandboxed(tmp_path, hook) as box:
        box.run().expect(0)
        before = (box.data / "patient-0" / "ct.mha").read_bytes()
        box.write(mha("another"), "patient-0", "ct.mha")
        hook.fault = Fault.stall(STALLS_S)
        hook.came.clear()

        with begun(box, "run", "--json") as running:
            assert hook.came.wait(30)
            running.send(signal.SIGKILL)
            ended(running)

        killed = box("status", "--json").expect(0)
        assert states(killed) == {"patient-0": "changed", "patient-1": "done"}
        assert killed.ends == {"total": 2, "changed": 1, "done": 1}
        hook.fault = None
        box.write(before, "patient-0", "ct.mha")
        reverted = box.run().expect(0)
        assert (reverted.summary["bytes_sent"], reverted.ends["unchanged"]) == (0, 2)
        assert set(states(box("status", "--json").expect(0)).values()) == {"done"}
        box.check()
        box.check_state()


def states(ran: Ran) -> dict[str, str]:
    """Case → where it stands, as `status --json` says."""
    return {name: line["state"] for name, line in ran.plan.items()}


def test_a_second_signal_ends_a_run_at_once(tmp_path: Path) -> None:
    hook = Stalling("part")
    with sandboxed(tmp_path, hook) as box:
        with begun(box, "run") as running:
            assert hook.came.wait(30)
            running.send(signal.SIGINT)
            wait_for(lambda: "Stopping" in running.err)
            began = time.monotonic()
            running.send(signal.SIGINT)
            ran = ended(running).expect(130)
            took_s = time.monotonic() - began

        assert took_s < AT_ONCE_S
        assert last_line(ran) == (
            "stopped at once; the same command continues where this ended, "
            "and finds out what became of requests that were under way"
        )
        check_next_run(box, hook)


def test_what_ends_in_time_is_recorded(tmp_path: Path) -> None:
    hook = Stalling("part", Fault.delay(0.4))
    with sandboxed(tmp_path, hook) as box:
        with begun(box, "run", "--json") as running:
            assert hook.came.wait(30)
            running.send(signal.SIGINT)
            ran = ended(running).expect(130)

        assert ran.summary["uploads"] == len(ran.events("done")) > 0
        check_next_run(box, hook)


def work_that_hangs(_: Path) -> None:
    """Let nothing that the run does on its way out end."""
    from manifest_uploader.commands import signals
    from manifest_uploader.engine import execution

    vars(signals)["_LET_END_S"] = 0.5
    execution.Execution.run = lambda *_, **__: time.sleep(STALLS_S)  # type: ignore[method-assign]


def test_a_run_that_hangs_itself_is_left_behind(tmp_path: Path) -> None:
    with sandboxed(tmp_path) as box:
        with begun(box, "run", prepare=work_that_hangs) as running:
            wait_for(lambda: " new; " in running.err)
            running.send(signal.SIGINT)
            ran = ended(running).expect(130)

        assert last_line(ran).startswith("stopped at once; the same command continues")
        check_next_run(box, Stalling(""))


# ── before anything is sent ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("command", "number", "kind"),
    [
        ("run", signal.SIGINT, "item-list"),
        ("run", signal.SIGTERM, "target"),
        ("plan", signal.SIGINT, "target"),
        ("plan", signal.SIGTERM, "item-list"),
        ("validate", signal.SIGTERM, "target"),
    ],
)
def test_a_look_at_the_platform_ends_with_one_line(
    tmp_path: Path, command: str, number: int, kind: str
) -> None:
    hook = Stalling(kind)
    with sandboxed(tmp_path, hook) as box, begun(box, command, prepare=hurry) as running:
        assert hook.came.wait(30)
        running.send(number)
        check_stopped(box, command, ended(running).expect(128 + number))


def check_stopped(box: Box, command: str, ran: Ran) -> None:
    """It was stopped before it sent anything, and said so in a line (two, if it sends)."""
    stopped = {
        "run": [
            "Stopping after current uploads. Press Ctrl-C again to stop now.",
            "stopped; the same command continues where this ended",
        ]
    }
    said = [line for line in ran.err.splitlines() if line.lower().startswith("stop")]
    assert said == stopped.get(command, ["stopped; nothing was sent"])
    assert ran.out == ""
    assert not box.state.exists()
    assert not list(box.folder.glob("*.lock"))


def block(what: str, then: Callable[[], None], folder: Path) -> None:
    """Let name lookups, or the hashing of files, take forever; `then` tells that it began."""
    hurry(folder)
    from manifest_uploader.engine import local_files

    def blocked(*_: Any, **__: Any) -> Any:
        then()
        time.sleep(STALLS_S)

    if what == "hashing":
        assert "content" in vars(local_files), "what is broken in the program has to be there"
        vars(local_files)["content"] = blocked
    else:
        vars(socket)["getaddrinfo"] = blocked


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize("what", ["lookup", "hashing"])
def test_what_cannot_be_interrupted_is_left_behind(tmp_path: Path, command: str, what: str) -> None:
    mark = tmp_path / "began"
    address = {"GRAND_CHALLENGE_API_URL": "https://platform.example/api/v1/"}
    with (
        sandboxed(tmp_path) as box,
        begun(
            box,
            *(command, "--checksum"),
            prepare=functools.partial(block, what, mark.touch),
            **(address if what == "lookup" else {}),
        ) as running,
    ):
        wait_for(mark.exists)
        running.send(signal.SIGTERM)
        check_stopped(box, command, ended(running).expect(143))


# ── while it waits ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["target", "item-create"])
def test_pauses_between_tries_end(tmp_path: Path, kind: str) -> None:
    hook = Stalling(kind, Fault.answer(503, (("Retry-After", "600"),)))
    with sandboxed(tmp_path, hook) as box:
        with begun(box, "run") as running:
            assert hook.came.wait(30)
            running.send(signal.SIGINT)
            ran = ended(running).expect(130)

        assert last_line(ran) == "stopped; the same command continues where this ended"
        check_next_run(box, hook)


def test_waiting_for_imports_ends(tmp_path: Path) -> None:
    with sandboxed(tmp_path, import_delay_s=60.0) as box:
        with begun(box, "run", "--json") as running:
            wait_for(lambda: box.state.exists() and box.state.read_text().count(":fill") >= 6)
            running.send(signal.SIGINT)
            ran = ended(running).expect(130)

        assert ran.ends["waiting"] == 2
        assert last_line(ran) == "stopped; the same command continues where this ended"
