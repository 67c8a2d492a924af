"""Where few files may be open, fewer jobs run, and no case fails."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from manifest_uploader.api import handles
from tests import forked
from tests.e2e.helpers import Box, Ran, served


@pytest.mark.parametrize(
    ("wanted", "limit", "sandbox", "jobs"),
    [(8, None, False, 8), (8, 256, False, 8), (32, 256, False, 32), (32, 128, False, 14),
     (32, 64, False, 4), (32, 64, True, 2), (8, 20, False, 1)],
)  # fmt: skip
def test_jobs_fit_into_what_may_be_open(
    wanted: int, limit: int | None, sandbox: bool, jobs: int
) -> None:
    assert handles.usable_jobs(wanted, limit=limit, sandbox=sandbox) == jobs


class Resource(SimpleNamespace):
    """The limits of another system."""

    RLIMIT_NOFILE, RLIM_INFINITY = 7, -1

    def getrlimit(self, _: int) -> tuple[int, int]:
        return self.soft, self.hard

    def setrlimit(self, _: int, limits: tuple[int, int]) -> None:
        if limits[0] > self.allowed:
            raise ValueError("not allowed")
        self.soft = limits[0]


@pytest.mark.parametrize(
    ("soft", "hard", "allowed", "limit"),
    [(256, -1, 10**6, 4096), (256, -1, 0, 256), (1024, 2048, 10**6, 2048), (64, 64, 64, 64),
     (-1, -1, 0, None), (8192, 8192, 0, 8192)],
)  # fmt: skip
def test_more_is_asked_for_first(soft: int, hard: int, allowed: int, limit: int | None) -> None:
    system: Any = Resource(soft=soft, hard=hard, allowed=allowed)

    assert handles._raised(system) == limit


def _lower(limit: int, _: Path) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def test_a_run_gets_by_with_few_open_files(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    with served(tmp_path / "platform") as platform:
        box = Box(tmp_path / "study", platform)
        for number in range(6):
            box.write(f"%PDF-1.4 {number}", f"{number}.pdf")
            box.add(f"case-{number}", {"report": {"file": f"{number}.pdf"}})
        box.save()

        found = forked.run(
            ["run", "--jobs", "32", box.manifest.name],
            cwd=box.folder,
            environment=box.environment(),
            seconds=60,
            prepare=partial(_lower, 64),
        )

    Ran(found.code, found.out, found.err).expect(0)
    assert "4 steps at a time instead of 32: only 64 files may be open (ulimit -n)" in found.err
    assert "Finished: all 6 cases uploaded and verified; " in found.out
