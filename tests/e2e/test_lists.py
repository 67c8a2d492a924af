"""A command reads no list twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.by_hand import make_item
from tests.crash.driver import Kill, uploader
from tests.e2e.helpers import Box, served
from tests.faults import Script


@pytest.fixture
def seen() -> Script:
    """Records every request."""
    return Script(())


@pytest.fixture
def box(tmp_path: Path, seen: Script) -> Iterator[Box]:
    with served(tmp_path / "sandbox", hook=seen) as sandbox:
        box = Box(tmp_path, sandbox)
        box.add_score("a")
        box.save()
        yield box


def test_nothing_to_do_takes_seven_requests(box: Box, seen: Script) -> None:
    box.run().expect(0)
    seen.seen.clear()

    box.run().expect(0)

    assert sorted(one.kind for one in seen.seen) == [
        *["gcapi", "item-create", "item-list", "item-list", "sockets", "target", "upload-list"],
    ]


def test_what_recovery_lists_is_not_listed_again(box: Box, seen: Script) -> None:
    assert box.served is not None
    make_item(box.served, "of others")
    arguments, environment = ["run", box.manifest.name], box.environment()
    kill = Kill("after", 2)  # the creation is written down and not sent
    assert uploader(arguments, cwd=box.folder, environment=environment, kill=kill).code == -9
    seen.seen.clear()

    box("plan").expect(0)

    assert [one.kind for one in seen.seen].count("item-list") == 2  # their number, and the list
