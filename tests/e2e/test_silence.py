"""A person sees within three seconds (here: sooner) what a command waits for."""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.sandbox import Fault, Seen
from tests import forked
from tests.e2e.helpers import Box, served, wait_for

SOON_S = 0.15


class Holding:
    """Holds back requests of one kind, or refuses them, until it is told to go on."""

    def __init__(self, kind: str, fault: Fault | None = None) -> None:
        self.kind, self.fault = kind, fault
        self.go = threading.Event()

    def before(self, request: Seen) -> Fault | None:
        if request.kind != self.kind or self.go.is_set():
            return None
        if self.fault is None:
            self.go.wait(30)
        return self.fault

    def after(self, request: Seen, status: int) -> Fault | None:
        return None


def hurry(_: Path) -> None:
    """Let silence be explained after a moment, and pauses between two tries be short."""
    from manifest_uploader.engine import local_files
    from manifest_uploader.output import live_view, progress_lines, screen
    from manifest_uploader.platform import lists
    from manifest_uploader.platform.targets import base

    for module, name, value in (
        *((one, "SILENCE_S", SOON_S) for one in (live_view, progress_lines, screen)),
        (lists, "_AT_ONCE", 1),
        (base.TargetType, "page_size", 2),
        (local_files, "_LARGE", 1),
    ):
        assert name in vars(module), "what is changed in the program has to be there"
        setattr(module, name, value)
    forked.shorten_pauses(0.05)


def said(
    box: Box, hook: Any, command: str, line: str, *more: str, prepare: Any = hurry
) -> list[str]:
    """What a command says, which goes on once it has said a line."""
    with forked.begun(
        [command, box.manifest.name, *more],
        cwd=box.folder,
        environment=box.environment(),
        prepare=prepare,
    ) as running:
        wait_for(lambda: line in running.err)
        hook.go.set()
        ended = running.end(20)
    assert ended.code == 0, ended.err
    return ended.err.splitlines()


def box_of(folder: Path, running: Any) -> Box:
    box = Box(folder, running)
    for number in range(2):
        box.add_usual(f"patient-{number}")
    box.save()
    return box


@pytest.mark.parametrize("command", ["plan", "validate", "run"])
def test_an_answer_that_is_waited_for_is_told_once(tmp_path: Path, command: str) -> None:
    hook = Holding("target")
    with served(tmp_path / "sandbox", hook=hook) as running:
        lines = said(box_of(tmp_path, running), hook, command, "waiting for the platform to answer")

    assert len([line for line in lines if line.startswith("waiting for the platform")]) == 1


def test_refusals_that_are_tried_again_are_told(tmp_path: Path) -> None:
    hook = Holding("target", Fault.answer(503))
    words = "trouble: the platform is busy (503); trying again"
    with served(tmp_path / "sandbox", hook=hook) as running:
        assert said(box_of(tmp_path, running), hook, "plan", words).count(words) == 1


class SecondPage(Holding):
    """Holds back all lists of items but the first two: the count, and the first page."""

    seen = 0

    def before(self, request: Seen) -> Fault | None:
        if request.kind != self.kind or self.go.is_set():
            return None
        self.seen += 1
        return super().before(request) if self.seen > 2 else None


def test_a_long_list_is_told(tmp_path: Path) -> None:
    hook = SecondPage("item-list")
    hook.go.set()
    with served(tmp_path / "sandbox", hook=hook) as running:
        others = Box(tmp_path, running, name="others")
        for number in range(5):
            others.add_score(f"other-{number}")
        others.save()
        others.run().expect(0)
        hook.go.clear()
        lines = said(box_of(tmp_path, running), hook, "plan", "listing display sets: ")

    found = [line.split(";")[0] for line in lines if "display sets" in line]
    assert found == ["listing display sets: 2 of 5"]


def hash_slowly(mark: Path, folder: Path) -> None:
    """Let the hashing of files wait until there is a file."""
    hurry(folder)
    from manifest_uploader.engine import local_files

    fast = local_files.content

    def slow(source: Any) -> str:
        wait_for(mark.exists)
        return fast(source)

    vars(local_files)["content"] = slow


def test_a_large_file_that_is_hashed_is_told(tmp_path: Path) -> None:
    mark = tmp_path / "go-on"

    class Touching(threading.Event):
        def set(self) -> None:
            mark.touch()

    hook = Holding("")
    hook.go = Touching()
    with served(tmp_path / "sandbox", hook=hook) as running:
        box = box_of(tmp_path, running)
        lines = said(
            box,
            hook,
            "plan",
            "hashing 'ct.mha'",
            "--checksum",
            prepare=functools.partial(hash_slowly, mark),
        )

    assert "checking files: 1 value, 1 file; hashing 'ct.mha'" in "".join(lines)
