"""What `plan` names of a case that changes."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.helpers import Box, served


def test_a_new_title_is_named_among_what_changes(tmp_path: Path) -> None:
    with served(tmp_path / "sandbox") as running:
        box = Box(tmp_path, running)
        for name in "abcd":
            box.add_score(name)
        box.save()
        box.run().expect(0)
        for number, more in enumerate(({"title": "A"}, {"title": "B", "order": 7}, {})):
            box.entries[number] |= more
        box.entries[0]["sockets"]["some-score"] = 2.5
        box.entries[2]["sockets"]["some-score"] = 2.5
        box.entries[3]["title"] = "D"
        box.save()

        plain = box("plan").expect(0).out
        lines = box("plan", "--json").expect(0).plan

    assert plain.splitlines()[:4] == [
        "a: update, titled 'A': title, some-score",
        "b: update, titled 'B': title, order number 7",
        "c: update, titled 'c': some-score",
        "d: update, titled 'D': title",
    ]
    changes = {name: line["title_changes"] for name, line in lines.items()}
    assert changes == {"a": True, "b": True, "c": False, "d": True}
