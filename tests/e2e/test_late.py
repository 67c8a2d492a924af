"""Requests that take effect after their senders gave up, or were killed."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.helpers import Box, served, side_by_side
from tests.late import CASES, Lateness, Try, act, strays

LATE = {
    "a creation, told": Try("item-create", 1, False, "after", 1, False, (), True),
    "a killed run's creation": Try("item-create", 1, True, "between", 2, False, (), True),
    "values of a run that gave up": Try(
        "item-fill", 2, False, "after", 1, True, ("only-values",), True
    ),
    "an image that was replaced": Try(
        "item-fill", 1, True, "between", 3, True, ("all-kinds",), True
    ),
    "a first fill": Try("item-fill", 1, True, "between", 8, False, CASES, True),
    "a first fill with values": Try(
        "item-fill", 1, True, "after", 1, False, ("only-values", "only-files"), False
    ),
    "a ticket": Try("session-create", 1, True, "between", 3, False, ("all-kinds",), True),
    "files of a run that was killed": Try(
        "item-fill", 3, True, "between", 2, True, ("only-files",), False
    ),
    "an image, without tickets": Try("item-fill", 1, True, "after", 1, True, ("all-kinds",), False),
    "a creation, without tickets": Try("item-create", 2, True, "before", 1, False, (), False),
    "a completion": Try("complete", 1, True, "between", 2, False, ("all-kinds",), False),
    "addresses": Try("presign", 2, True, "before", 1, True, (), True),
    "an upload row": Try("upload-create", 2, False, "after", 1, False, (), True),
}


def test_late_requests_leave_each_case_once_and_as_it_is_wanted(tmp_path: Path) -> None:
    left: dict[str, bool] = {}

    def scenario(name: str, one: Try) -> None:
        folder = tmp_path / str(len(name)) / name.replace(" ", "-")
        folder.mkdir(parents=True)
        left[name] = act(folder, one)

    side_by_side({name: lambda n=name, o=one: scenario(n, o) for name, one in LATE.items()})

    assert [name for name, item in left.items() if item] == ["a creation, told"]


def test_an_empty_item_is_told_until_a_new_case_takes_it(tmp_path: Path) -> None:
    hook = Lateness()
    with served(tmp_path / "sandbox", hook=hook) as sandbox:
        box = Box(tmp_path, sandbox)
        box.add_score("a")
        box.save()
        hook.wanted = ("item-create", 1)
        box.run().expect(0)
        hook.let_go()
        [left] = strays(box)

        told = [box("run"), box("run")]
        box.add_score("b")
        box.add_score("c")
        box.save()
        taken = box.run().expect(0)

        page = f"display-sets/{left}/"
        assert [(ran.code, page in ran.out) for ran in told] == [(1, True)] * 2
        assert "Finished: 1 case uploaded and verified" in told[0].out
        assert box.by_title()["b"]["pk"] == left
        assert len(taken.events("started")) == 5, "one creation, two fills, and two more titles"
        box.check()
