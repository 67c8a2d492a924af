"""Cases whose items a late duplicate may change: they end once they were looked at again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from manifest_uploader.sandbox import Fault, Seen
from tests.e2e.helpers import Box, served
from tests.late import Lateness

PDF = b"%PDF-1.4 "


class Refusing:
    """Refuses some fills, and lists from a moment on."""

    def __init__(self) -> None:
        self.fills = 0
        self.lists_after_fill = False
        self._filled = False

    def before(self, request: Seen) -> Fault | None:
        if request.kind == "item-fill":
            self._filled = True
            self.fills -= 1
            return (
                Fault.answer(400, body=b'["No."]', content_type=JSON) if self.fills >= 0 else None
            )
        if request.kind == "item-list" and self.lists_after_fill and self._filled:
            return Fault.answer(403, body=b'{"detail": "No."}', content_type=JSON)
        return None

    def after(self, request: Seen, status: int) -> Fault | None:
        return None


JSON = "application/json"


@pytest.fixture
def hook() -> Refusing:
    return Refusing()


@pytest.fixture
def box(tmp_path: Path, hook: Refusing) -> Iterator[Box]:
    """A case that is done, whose fill is in doubt, and that is changed."""
    with served(tmp_path / "sandbox", hook=hook) as sandbox:
        found = Box(tmp_path, sandbox)
        found.write(PDF, "a.pdf")
        found.add("a", {"report": {"file": "a.pdf"}, "some-score": 1.5})
        found.save()
        found.run().expect(0)
        doubt(found, "a")
        found.write(PDF + b"changed", "a.pdf")
        found.entries[0]["sockets"]["some-score"] = 2.5
        found.save()
        yield found


def doubt(box: Box, case: str) -> None:
    """Note that the last fill of a case may have been sent twice."""
    item = box.by_title()[case]["pk"]
    event = {"event": "done", "case": case, "step": f"{case}:fill", "pk": item, "again": True}
    with box.state.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"time": time.time(), **event}) + "\n")


def test_a_changed_case_in_doubt_has_not_needed_nothing(box: Box) -> None:
    ran = box("run", "--json").expect(0)

    assert ran.ends["done"] == 1
    assert ran.ends["unchanged"] == 0
    assert "a: done" in ran.err
    box.check()


def test_a_case_in_doubt_that_was_refused_is_not_sent_again_in_the_same_run(
    box: Box, hook: Refusing
) -> None:
    hook.fills = 1

    ran = box.run().expect(1)

    assert (ran.ends["failed"], ran.summary["uploads"]) == (1, 1)
    box.run().expect(0)
    box.check()


def test_a_run_that_cannot_look_for_leftovers_says_so(tmp_path: Path) -> None:
    late, hook = Lateness(), Refusing()
    with served(tmp_path / "sandbox", hook=late) as sandbox:
        box = Box(tmp_path, sandbox)
        box.add_score("a")
        box.save()
        late.wanted = ("item-create", 1)
        box.run().expect(0)
    with served(tmp_path / "sandbox", hook=hook) as sandbox:
        box.served = sandbox
        box.entries[0]["sockets"]["some-score"] = 3
        box.save()
        hook.lists_after_fill = True

        ran = box("run").expect(0)

    assert "could not look for empty items that late requests may have left" in ran.out


def test_titles_that_are_swapped_in_the_manifest_are_swapped(tmp_path: Path) -> None:
    with served(tmp_path / "sandbox") as sandbox:
        box = Box(tmp_path, sandbox)
        for name in ("a", "b", "c"):
            box.add(name, {"some-score": 1}, title=f"Title {name}")
        box.save()
        box.run().expect(0)
        titles = ["Title b", "Title c", "Title a"]
        for entry, title in zip(box.entries, titles, strict=True):
            entry["title"] = title
        box.save()

        box.run().expect(0)

        assert [item["title"] for item in box.items()] == titles


def test_a_title_in_another_spelling_is_the_same(tmp_path: Path) -> None:
    with served(tmp_path / "sandbox") as sandbox:
        box = Box(tmp_path, sandbox)
        box.add("a", {"some-score": 1}, title="Zo\u00eb")
        box.save()
        box.run().expect(0)
        box.entries[0]["title"] = "Zoe\u0308"
        box.save()

        assert box.run().expect(0).ends["unchanged"] == 1
        box("verify").expect(0)
