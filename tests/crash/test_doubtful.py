"""Updates whose end nobody saw, of files that change once more before the next run."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from manifest_uploader.sandbox import Fault, Seen
from tests.e2e.data import mha
from tests.e2e.helpers import Box, served


@dataclass
class Killer:
    """Kills a process around the next fill, and holds imports back until newer files are there."""

    when: str = "after"
    process: subprocess.Popen[str] | None = None
    fills: list[Seen] = field(default_factory=list)
    importing: threading.Event = field(default_factory=threading.Event)

    def on_import(self, item: str, socket: str) -> None:
        assert self.importing.wait(60)

    def before(self, request: Seen) -> Fault | None:
        if request.kind == "item-fill":
            self.fills.append(request)
            return self._kill("before")
        return None

    def after(self, request: Seen, status: int) -> Fault | None:
        if self.process is None and request.kind in {"complete", "item-fill"}:
            self.importing.set()
        return self._kill("after") if request.kind == "item-fill" else None

    def _kill(self, when: str) -> Fault | None:
        if when != self.when or self.process is None:
            return None
        self.importing.clear()
        self.process.kill()
        self.process = None
        return Fault("reset")


@pytest.fixture
def killer() -> Killer:
    return Killer()


@pytest.fixture
def box(tmp_path: Path, killer: Killer) -> Iterator[Box]:
    """One case that is on the platform."""
    with served(tmp_path / "sandbox", hook=killer) as sandbox:
        box = Box(tmp_path, sandbox)
        box.write(mha("first"), "ct.mha")
        box.write(b"%PDF-1.4 first", "report.pdf")
        box.add("a", {"ct-image": {"file": "ct.mha"}, "report": {"file": "report.pdf"}})
        box.save()
        box.run().expect(0)
        yield box
        killer.importing.set()


def killed_at_its_fill(box: Box, killer: Killer) -> None:
    with box.spawn("run", "--json") as process:
        killer.process = process
        process.communicate(timeout=60)
    assert process.returncode == -9


@pytest.mark.parametrize(("when", "fills"), [("before", 4), ("after", 3)])
def test_an_update_of_unknown_fate_is_settled_before_newer_files_are_sent(
    box: Box, killer: Killer, when: str, fills: int
) -> None:
    """An import that comes late is not taken for that of newer files."""
    killer.when = when
    box.write(mha("second"), "ct.mha")
    box.write(b"%PDF-1.4 second", "report.pdf")
    killed_at_its_fill(box, killer)
    box.write(mha("third"), "ct.mha")
    box.write(b"%PDF-1.4 third", "report.pdf")

    summary = box.run().expect(0).summary

    box.check()
    assert summary["uploads"] == 2
    assert len(killer.fills) == fills, "the first, the second, again if it was lost, the third"
    assert box.run().expect(0).summary["uploads"] == 0


def test_an_update_of_unknown_fate_that_acted_is_not_uploaded_again(
    box: Box, killer: Killer
) -> None:
    box.write(b"%PDF-1.4 second", "report.pdf")
    killed_at_its_fill(box, killer)

    summary = box.run().expect(0).summary

    box.check()
    assert summary["uploads"] == 0


def test_a_plan_says_what_comes_and_sends_nothing(box: Box, killer: Killer) -> None:
    box.write(b"%PDF-1.4 second", "report.pdf")
    killed_at_its_fill(box, killer)
    fills = len(killer.fills)

    plan = box("plan", "--json").expect(0).plan

    assert plan["a"]["action"] == "update"
    assert len(killer.fills) == fills
