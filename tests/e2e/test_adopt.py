"""What is adopted without its state is compared, and what was not compared is said."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.data import PDF, mha
from tests.e2e.helpers import Box, held, served

NOTE = "note: adopted, content not checked: image-same/ct-image; --resend-unchecked sends them"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """Cases that are on the platform, whose state was lost and whose files were changed."""
    with served(tmp_path / "sandbox", keep_bytes=True) as sandbox:
        box = Box(tmp_path, sandbox)
        for name in ("same", "changed"):
            box.write(PDF + b"a", f"{name}.pdf")
            box.write(mha(name), f"{name}.mha")
            report = {"report": {"file": f"{name}.pdf"}, "details": {"value": {"number": 1}}}
            box.add(f"file-{name}", report)
            box.add(f"image-{name}", {"ct-image": {"file": f"{name}.mha"}})
        box.save()
        box.run().expect(0)
        box.state.unlink()
        box.write(PDF + b"b", "changed.pdf")
        box.write(mha("changed").replace(b"8 8 4\n", b"8 16 2\n"), "changed.mha")
        box.entries[2]["sockets"]["details"] = {"value": {"number": 2}}
        box.save()
        yield box


def test_adopting_compares_files_and_what_images_look_like(box: Box) -> None:
    planned = box("plan", "--json", "--adopt").expect(0)
    ran = box.run("--adopt").expect(0)
    told = box("status").expect(0)
    told_json = box("status", "--json").expect(0)
    again = box.run().expect(0)

    assert {name: line["sockets"] for name, line in planned.plan.items()} == {
        "file-same": [],
        "image-same": [],
        "file-changed": ["report", "details"],
        "image-changed": ["ct-image"],
    }
    assert planned.plan["image-same"]["unchecked"] == ["ct-image"]
    assert [NOTE in one.err for one in (planned, ran, again)] == [True] * 3
    assert ran.summary["uploads"] == 3
    assert again.ends["unchanged"] == 4
    assert "image-same: done; adopted, content not checked: ct-image (" in told.out
    assert told_json.plan["image-same"]["unchecked"] == ["ct-image"]
    assert told_json.plan["file-same"]["unchecked"] == []
    box("verify", "--content").expect(0)
    check(box)


def test_receipts_and_report_mark_what_was_not_checked_until_it_is_sent_again(box: Box) -> None:
    box.run("--adopt", "--receipts").expect(0)
    box("report", "--csv", "lung.csv").expect(0)
    ran = box.run("--resend-unchecked").expect(0)
    after = box.run("--resend-unchecked").expect(0)

    receipts = [
        json.loads(line) for line in (box.folder / "lung.receipts.jsonl").read_text().splitlines()
    ]
    adopted = {
        (one["case"], one["socket"]): (one["content"], "sha256" in one)
        for one in receipts
        if "adopted" in one
    }
    with (box.folder / "lung.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {(row["case"], row["socket"]): row for row in csv.DictReader(file)}
    assert adopted == {
        ("file-same", "report"): ("checked", True),
        ("file-same", "details"): ("checked", True),
        ("image-same", "ct-image"): ("not checked", False),
    }
    assert sum("upload" in one for one in receipts) == 3
    unchecked = {key for key, row in rows.items() if "content not checked" in str(row)}
    assert unchecked == {("image-same", "ct-image")}
    assert {line["case"] for line in ran.events("started")} == {"image-same"}
    assert "not checked" not in ran.err
    assert (after.summary["uploads"], after.ends["unchanged"]) == (0, 4)
    check(box)


def check(box: Box) -> None:
    """Fail unless the platform holds what the manifest wants, and the JSON values differ."""
    details = {
        title: {"details": held(item)["details"]}
        for title, item in box.by_title().items()
        if "details" in item["values"]
    }
    assert len(details) == 2
    assert details["file-same"] != details["file-changed"]
    box.check(details)
