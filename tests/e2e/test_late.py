"""Requests that take effect after their senders gave up, or were killed."""

from __future__ import annotations

from pathlib import Path

from manifest_uploader.sandbox import Fault
from manifest_uploader.sandbox.show import delete_object
from manifest_uploader.sandbox.store import Store
from tests.crash.driver import Kill, uploader
from tests.e2e.helpers import Box, Ran, served, wait_for
from tests.faults import Script, Step

_FIRST_CREATION = 2
"""Among the requests of this kind: the one before it only asks for rights."""


def late(seconds: float) -> Script:
    return Script([Step("item-create", Fault.late(seconds), _FIRST_CREATION)])


def assert_told_until_it_is_gone(box: Box) -> None:
    """An empty item is there beside the case's own, and every run says so."""
    wait_for(lambda: len(box.items()) == 2)
    [stray] = [item["pk"] for item in box.items() if item["title"].startswith("uploading-")]
    assert box.served is not None
    page = f"display-sets/{stray}/"

    told = [box("run"), box("run")]

    assert [(ran.code, page in ran.err) for ran in told] == [(1, True)] * 2
    assert "all 1 case done" in told[0].err
    store = Store(box.served.dir)
    try:
        assert delete_object(store, stray)
    finally:
        store.close()
    box.run().expect(0)
    box.check()


def test_a_creation_that_acts_after_it_was_sent_again_is_told(tmp_path: Path) -> None:
    with served(tmp_path / "sandbox", hook=late(3.0)) as sandbox:
        box = Box(tmp_path, sandbox)
        box.add_score("a")
        box.save()

        assert box.run().code in {0, 1}

        assert_told_until_it_is_gone(box)


def test_a_creation_that_acts_after_its_run_was_killed_is_told(tmp_path: Path) -> None:
    with served(tmp_path / "sandbox", hook=late(4.0)) as sandbox:
        box = Box(tmp_path, sandbox)
        box.add_score("a")
        box.save()
        assert killed_at_its_creation(box).code == -9

        assert box.run().code in {0, 1}

        assert_told_until_it_is_gone(box)


def killed_at_its_creation(box: Box) -> Ran:
    """A run that dies before it can write down what became of its creation."""
    return uploader(
        ["run", "--json", box.manifest.name],
        cwd=box.folder,
        environment=box.environment(),
        kill=Kill("before", 3),
    )
