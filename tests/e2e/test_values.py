"""Everything that a manifest may name arrives as it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.e2e.data import mask, mha, sha256, write_large, write_series
from tests.e2e.helpers import ARCHIVE, STUDY, Box, served
from tests.faults import Script

IMAGE = "6cae04d9-f29e-43bf-8b4f-414a1712c245"
MIB = 1024 * 1024


def add_files(box: Box) -> None:
    """Cases of images in one file, in several, and of files of odd names and sizes."""
    write_series(box.data / "series", 1, 5)
    box.write(
        "NDims = 2\nDimSize = 2 2\nElementType = MET_UCHAR\nElementDataFile = a.raw\n", "a.mhd"
    )
    box.write(bytes(4), "a.raw")
    box.write(mha("ü"), "Größe und Lage (1)", "CT #1 & 患者.mha")
    box.write(mask("m"), "m.mha")
    box.write(b"", "empty.csv")
    box.write(b"%PDF-1.7 x", "r é.pdf")
    box.add("series", {"ct-image": {"files": "series/*.dcm"}, "mr-image": {"image": IMAGE}})
    several = {"ct-image": {"files": ["a.mhd", "a.raw"]}, "airway-segmentation": {"file": "m.mha"}}
    box.add("several", several, title="A header & its data: two files / one image")
    odd = {
        "ct-image": {"file": "Größe und Lage (1)/CT #1 & 患者.mha"},
        "report": {"file": "r é.pdf"},
        "table": {"file": "empty.csv"},
    }
    box.add("odd", odd, title="患者 1")
    box.add("folder", {"ct-image": {"files": "series"}})


def add_values(box: Box) -> dict[str, dict[str, object]]:
    """Cases of values, from the manifest and from files; what cannot be told from it."""
    box.write('{"from": ["a", "file", 1.5]}', "findings.json")
    box.write("7.25", "score.json")
    details = box.write('{"kept": "as it is written"  }', "details.json")
    deep = {"é": [None, True, {"deep": '\U0001f9e0 \\ " \t'}], "": 1e-300}
    plain = {"some-score": 0.1, "count": 10**15, "is-good": False, "remark": "007"}
    box.add("values", {**plain, "findings": {"value": deep}}, title="  blanks around  ")
    box.add("untitled", {"remark": ""}, title="")
    names = {"some-score": "score.json", "findings": "findings.json", "details": "details.json"}
    box.add("from-files", {slug: {"file": name} for slug, name in names.items()})
    box.add("to-file", {"details": {"value": {"ä": [1, "b", False]}}})
    written = {"some-score": 7.25, "findings": {"from": ["a", "file", 1.5]}}
    return {"from-files": {**written, "details": [sha256(details)]}}


@pytest.mark.parametrize(("kind", "slug"), [("reader-study", STUDY), ("archive", ARCHIVE)])
def test_files_and_values_of_every_sort_arrive(tmp_path: Path, kind: str, slug: str) -> None:
    with served(tmp_path / "sandbox", images=(IMAGE,), keep_bytes=True) as sandbox:
        box = Box(tmp_path, sandbox, kind=kind, slug=slug)
        add_files(box)
        special = add_values(box)
        box.save()

        ran = box.run().expect(0)

        [file] = [item for item in box.items() if item["title"] == "to-file"]
        found = file["values"]["details"]["file"]["sha256"]
        kept = (sandbox.dir / "kept" / found).read_bytes()
        assert json.loads(kept) == {"ä": [1, "b", False]}
        box.check({**special, "to-file": {"details": [found]}})
        assert ran.ends["done"] == len(box.entries)
        orders = [item["order"] for item in box.items()]
        assert orders == ([None] * 8 if kind == "archive" else [1000 * n for n in range(1, 9)])
        again = box.run().expect(0)
        assert (again.summary["bytes_sent"], again.ends["unchanged"]) == (0, 8)


def test_a_large_file_goes_in_parts_and_arrives_as_it_is(tmp_path: Path) -> None:
    seen = Script(())
    with served(tmp_path / "sandbox", hook=seen) as sandbox:
        box = Box(tmp_path, sandbox)
        large = write_large(box.data / "large.pdf", 20 * MIB + 1)
        box.add("large", {"report": {"file": "large.pdf"}})
        exact = write_large(box.data / "exact.pdf", 16 * MIB, seed=1)
        box.add("exact", {"report": {"file": "exact.pdf"}})
        box.save()

        ran = box.run("--receipts").expect(0)

        assert sum(request.kind == "part" for request in seen.seen) == 3 + 2
        assert ran.summary["bytes_sent"] == 36 * MIB + 1
        box.check()
        receipts = (box.folder / "lung.receipts.jsonl").read_text()
        for file in (large, exact):
            assert hashlib.sha256(file.read_bytes()).hexdigest() in receipts


def test_a_bundle_in_parts_is_the_series_that_it_was_made_of(tmp_path: Path) -> None:
    seen = Script(())
    with served(tmp_path / "sandbox", hook=seen) as sandbox:
        box = Box(tmp_path, sandbox)
        write_series(box.data / "ct", 1, 40, side=512)
        box.add("series", {"ct-image": {"files": "ct"}})
        box.save()

        ran = box.run().expect(0)

        assert sum(request.kind == "part" for request in seen.seen) == 3
        assert ran.summary["uploads"] == 1
        box.check()
