"""One description and an entry for each case, both by `init`, lead to the same items.

python -m tests.e2e.both_forms [--cases 500]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.data import PDF, dicom_slice, mask, write
from tests.entry import uploader

OPTIONS = (
    *("--slug", "lung", "--each", "patient-*", "--socket", "ct-image=ct/*.dcm"),
    *("--socket", "airway-segmentation=airways.mha", "--socket", "report=report.pdf"),
    *("--title", "@label", "--order", "@rank"),
    *("--table", "scores.csv", "--key", "patient", "--socket", "some-score=@score"),
)
SEGMENTATION = ("--socket", "airway-segmentation=Segmentation,segments=0-1")


def patients(folder: Path, count: int) -> None:
    """Each a series, a segmentation and a row; every third a report, every fifth no score."""
    rows = ["patient,label,rank,score"]
    for number in range(1, count + 1):
        place = folder / "data" / f"patient-{number:03}"
        for at in range(3):
            write(place / "ct" / f"IM{at}.dcm", dicom_slice(number, at, side=8))
        write(place / "airways.mha", mask(number))
        if number % 3 == 0:
            write(place / "report.pdf", PDF)
        score = "" if number % 5 == 0 else number / 4
        rows.append(f"patient-{number:03},Patient {number},{number},{score}")
    (folder / "scores.csv").write_text("\n".join(rows), encoding="utf-8")


def items_of(folder: Path, form: str) -> list[dict[str, Any]]:
    """What the rehearsal of one form made, without what differs between platforms."""
    shown = uploader("sandbox", "show", "--json", "--dir", f"{form}.sandbox", cwd=folder)
    items = [json.loads(line) for line in shown.expect(0).out.splitlines()]
    for item in items:
        del item["pk"]
        for value in item["values"].values():
            value.pop("image", None)
    return sorted(items, key=lambda item: item["order"])


def compare(folder: Path, cases: int) -> str:
    """Write, expand and run both forms; a report in one line."""
    patients(folder, cases)
    for form, more in (("short", ()), ("explicit", ("--explicit",))):
        made = ("init", "data", *OPTIONS, "--output", f"{form}.yaml", *more)
        uploader(*made, cwd=folder).expect(0)
    lines = len((folder / "short.yaml").read_text(encoding="utf-8").splitlines())
    expanded = yaml.safe_load(uploader("expand", "short.yaml", cwd=folder).expect(0).out)
    explicit = yaml.safe_load((folder / "explicit.yaml").read_text(encoding="utf-8"))
    assert lines <= 30, f"{lines} lines"
    assert expanded["cases"] == explicit["cases"]
    begun = time.monotonic()
    for form in ("short", "explicit"):
        run = ("run", f"{form}.yaml", "--sandbox", *SEGMENTATION, "--jobs", "16", "--json")
        ended = uploader(*run, cwd=folder, seconds=1200).expect(0)
        assert json.loads(ended.out.splitlines()[-1])["cases"]["done"] == cases
    took_s = time.monotonic() - begun
    short, long = items_of(folder, "short"), items_of(folder, "explicit")
    assert len(short) == cases
    assert short == long
    return (
        f"{cases} patients: {lines} lines, which expand to what --explicit writes; both forms "
        f"make the same {cases} items (both runs together {took_s:.0f} s)"
    )


def main() -> int:
    """Compare, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=500)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(compare(Path(folder), given.cases))
    return 0


if __name__ == "__main__":
    sys.exit(main())
