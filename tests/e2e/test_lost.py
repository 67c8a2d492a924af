"""An import that the platform lost is recognized by a later run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.helpers import store_change
from tests.e2e.helpers import Box, served


@pytest.fixture(params=["with sessions", "without sessions"])
def box(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Box]:
    """A case whose image the platform took in an hour ago, and then lost."""
    has_sessions = request.param == "with sessions"
    made = {"import_delay_s": float("inf"), "upload_sessions": has_sessions}
    with served(tmp_path / "sandbox", **made) as sandbox:
        box = Box(tmp_path, sandbox)
        box.add_usual("a")
        del box.entries[0]["sockets"]["airway-segmentation"]
        box.save()
        box.run("--no-wait").expect(4)
        lose_imports(box)
    with served(tmp_path / "sandbox", upload_sessions=has_sessions) as box.served:
        yield box


def lose_imports(box: Box) -> None:
    """Let the platform forget what it was importing, and let that be an hour ago."""
    assert box.served is not None
    store_change(box.served, "DELETE FROM jobs")
    store_change(box.served, "DELETE FROM uploads")
    store_change(box.served, "UPDATE sessions SET status = 'Succeeded', uploads = '[]'")
    lines = [json.loads(line) for line in box.state.read_text().splitlines()]
    for line in lines:
        if "time" in line:
            line["time"] -= 3600
    box.state.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_it_is_sent_again_on_demand(box: Box) -> None:
    plan = box("plan", "--json", "--retry-failed").plan
    assert (plan["a"]["action"], plan["a"]["uploads"]) == ("update", 1)

    ran = box.run("--retry-failed").expect(0)

    assert ran.summary["uploads"] == 1
    box.check()
