"""Values that Python takes for equal, and numbers that floats cannot hold, arrive as written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.driver import Kill, uploader
from tests.e2e.helpers import Box, Entry, served
from tests.faults import Instead

CHANGES: dict[str, tuple[Any, Any]] = {
    "one": (True, 1),
    "true": (1, True),
    "zero": (False, 0),
    "false": (0.0, False),
    "nested": ({"a": [1, {"b": True}]}, {"a": [1, {"b": 1}]}),
    "large": (2**53, 2**53 + 1),
    "larger": ([2**60], [2**60 + 1]),
    "same": (1, 1.0),
}


@pytest.fixture
def seen() -> Instead:
    """Records every request."""
    return Instead({})


@pytest.fixture
def box(tmp_path: Path, seen: Instead) -> Iterator[Box]:
    with served(tmp_path / "sandbox", hook=seen) as sandbox:
        yield Box(tmp_path, sandbox)


def findings(box: Box) -> Entry:
    """Title → what is in the socket, as JSON text, which tells true from 1."""
    return {
        title: json.dumps(item["values"]["findings"]["value"])
        for title, item in box.by_title().items()
    }


def declare(box: Box, which: int) -> None:
    """Declare the values before the change (0) or after it (1)."""
    box.entries = []
    for name, values in CHANGES.items():
        box.add(name, {"findings": {"value": values[which]}})
    box.save()


def test_changes_that_the_platform_takes_for_none_arrive(box: Box, seen: Instead) -> None:
    declare(box, 0)
    box.run().expect(0)
    declare(box, 1)

    ran = box.run().expect(0)

    assert findings(box) == {
        **{name: json.dumps(after) for name, (_, after) in CHANGES.items()},
        "same": "1",
    }
    assert ran.ends["unchanged"] == 1
    before = len(seen.seen)
    assert box.run().expect(0).ends["unchanged"] == len(CHANGES)
    assert "item-fill" not in {one.kind for one in seen.seen[before:]}


def test_changes_in_files_arrive_too(box: Box) -> None:
    box.write("[true]", "value.json")
    box.add("a", {"findings": {"file": "value.json"}})
    box.save()
    box.run().expect(0)
    box.write("[1] ", "value.json")

    box.run().expect(0)

    assert findings(box) == {"a": "[1]"}


@pytest.mark.parametrize(("line", "wanted"), [(2, True), (4, True), (2, 1)])
def test_a_value_in_between_does_not_stay_whatever_the_manifest_says_then(
    box: Box, line: int, wanted: Any
) -> None:
    declare_one(box, value=True)
    box.run().expect(0)
    declare_one(box, value=1)
    kill(box, line)
    assert findings(box) == {"a": "0"}
    declare_one(box, value=wanted)

    box.run().expect(0)

    assert findings(box) == {"a": json.dumps(wanted)}


def declare_one(box: Box, *, value: Any) -> None:
    """Declare one case with a value."""
    box.entries = []
    box.add("a", {"findings": {"value": value}})
    box.save()


def kill(box: Box, line: int) -> None:
    """Kill a run right after it has written so many lines."""
    uploader(
        ["run", box.manifest.name],
        cwd=box.folder,
        environment=box.environment(),
        kill=Kill("after", line),
    )


def test_a_change_that_the_platform_cannot_see_is_explained(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"enum": [true, 1]}')
    sockets = (f"findings=Anything,schema={tmp_path / 'schema.json'}",)
    with served(tmp_path / "sandbox", sockets=sockets) as sandbox:
        box = Box(tmp_path, sandbox)
        declare_one(box, value=True)
        box.run().expect(0)
        declare_one(box, value=1)

        ran = box.run().expect(1)

        [line] = ran.events("failed")
        assert line["words"].startswith(
            "the platform treats true as 1 and false as 0, so it ignores this change, and it "
            "refuses the value in between that would get around that; give the socket another "
            "value first "
            "(findings: JSON does not fulfill schema: "
        )
        assert findings(box) == {"a": "true"}
