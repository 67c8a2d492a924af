"""Results that are fetched are complete, however often the fetch is killed.

python -m tests.e2e.fetching [--jobs 30] [--answers 200] [--kills 5] [--seed N] [--no-pandas]

pandas is installed into an environment of its own, and reads the tables there.
"""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

from tests.e2e.helpers import Box, Entry, items_of


def jobs_table(box: Box, folder: str) -> list[Entry]:
    """The table of jobs, as the csv module reads it."""
    with (box.folder / folder / "jobs.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def check_jobs(box: Box, folder: str, *, is_whole: bool = True) -> None:
    """Fail unless the files and the table hold what the sandbox does.

    Without `is_whole`, files may be missing, and so may the table.
    """
    assert box.served is not None
    jobs = [one for one in items_of(box.served.dir) if one["slug"] == box.slug]
    out = box.folder / folder
    cases = dict(zip((entry["name"] for entry in box.entries), jobs, strict=True))
    wanted = {
        (case, slug): value for case, job in cases.items() for slug, value in job["outputs"].items()
    }
    found = {}
    for path in out.rglob("*"):
        if not path.is_file() or path.parent == out or path.name.endswith(".part"):
            continue
        case, *inner = path.relative_to(out).parts
        if inner[0] != "inputs":
            assert (case, inner[0]) not in found, path
            found[case, inner[0]] = path
    for key, path in found.items():
        _check(path, wanted[key])
    if not is_whole:
        return
    assert found.keys() == wanted.keys()
    assert not list(out.rglob("*.part"))
    for row in jobs_table(box, folder):
        job = cases[row["case"]]
        assert (row["job"], row["status"]) == (job["pk"], "Succeeded")
        for slug, value in job["outputs"].items():
            _check_cell(row[slug], value, found[row["case"], slug].relative_to(out).as_posix())


def _check(path: Path, value: Entry) -> None:
    """Fail unless a file holds an output."""
    content = path.read_bytes()
    if "value" in value:
        assert json.loads(content) == value["value"], path
        return
    [file] = [value["file"]] if "file" in value else value["files"]
    assert hashlib.sha256(content).hexdigest() == file["sha256"], path
    assert len(content) == file["size"]


def _check_cell(cell: str, value: Entry, name: str) -> None:
    inner: Any = value.get("value")
    if isinstance(inner, str):
        assert cell == inner
    elif isinstance(inner, int | float):
        assert float(cell) == inner
    else:
        assert cell == name
