"""Outputs of algorithm jobs come back by case and socket, with a table of the jobs."""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.sandbox import Fault, Seen
from tests.e2e.data import mha, write
from tests.e2e.fetching import check_jobs, jobs_by_case, jobs_table, run_jobs
from tests.e2e.helpers import Box, Served, served
from tests.e2e.test_fetch import die_after, killed

SEGMENT, QUICK = "segment", "quick"
ALGORITHMS = (
    f"{SEGMENT}=ct-image+some-score->mr-image+report+some-score+findings+remark+details",
    f"{QUICK}=count->count+remark",
    f"{QUICK}=remark->findings+status",
)
FAILS, LOST = 8, 9
"""The counts of jobs that fail, and that nobody started."""


class Hook:
    """Lets jobs of certain counts fail, and counts downloads."""

    def __init__(self) -> None:
        self.stored = 0
        self.lock = threading.Lock()

    def before(self, request: Seen) -> Fault | None:
        with self.lock:
            self.stored += request.kind == "stored"
        return None

    def after(self, _: Seen, __: int) -> Fault | None:
        return None

    def on_job(self, _: str, inputs: dict[str, Any]) -> bool:
        return inputs.get("count") == FAILS


@pytest.fixture(scope="module")
def hook() -> Hook:
    return Hook()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, hook: Hook) -> Iterator[Served]:
    """A platform with algorithms whose jobs end at once."""
    folder = tmp_path_factory.mktemp("platform")
    more = {"algorithms": ALGORITHMS, "job_delay_s": 0.0, "job_limit": 100, "hook": hook}
    with served(folder, keep_bytes=True, guessed_sockets=("status=String",), **more) as found:
        yield found


def algorithm(folder: Path, sandbox: Served, slug: str) -> Box:
    return Box(folder, sandbox, kind="algorithm", slug=slug)


@pytest.fixture(scope="module")
def segmented(tmp_path_factory: pytest.TempPathFactory, sandbox: Served) -> Box:
    """Jobs with outputs of all kinds, one of which is large."""
    box = algorithm(tmp_path_factory.mktemp("segmented"), sandbox, SEGMENT)
    for number in range(4):
        box.write(mha(number, side=256), f"{number}.mha")
        scan = {"file": f"{number}.mha"}
        box.add(f"patient-{number}", {"ct-image": scan, "some-score": number - 1.5})
    box.save()
    run_jobs(box)
    return box


def test_outputs_come_by_case_and_socket_with_a_table(segmented: Box, hook: Hook) -> None:
    box = segmented
    ran = box("fetch", "out").expect(0)

    assert "4 jobs: 4 succeeded" in ran.out
    check_jobs(box, "out")
    rows = jobs_table(box, "out")
    outputs = ["mr-image", "report", "some-score", "findings", "remark", "details"]
    assert list(rows[0]) == ["case", "job", "status", "page", *outputs]
    assert [row["case"] for row in rows] == [entry["name"] for entry in box.entries]
    assert [float(row["some-score"]) for row in rows] == [-1.5, -0.5, 0.5, 1.5]
    assert {row["status"] for row in rows} == {"Succeeded"}
    assert box.served is not None
    site = box.served.url.removesuffix("api/v1/")
    assert rows[0]["page"] == f"{site}algorithms/{SEGMENT}/jobs/{rows[0]['job']}/"
    image = "patient-0/mr-image/mr-image.mha"
    assert rows[0]["mr-image"] == image
    assert rows[0]["findings"] == "patient-0/findings/findings.json"
    assert rows[0]["remark"] == f"made by job {rows[0]['job']}"
    assert not (box.folder / "out" / "items.csv").exists()

    before = hook.stored
    ran = box("fetch", "out", "--json").expect(0)
    assert ran.summary["files"]["there"] == 4 * len(outputs)
    assert ran.summary["tables"] == {"jobs.csv": "unchanged"}
    assert ran.events("job")[1]["outputs"]["some-score"] == -0.5
    assert hook.stored == before


def test_with_items_the_inputs_come_too(segmented: Box) -> None:
    box = segmented
    box("fetch", "all", "--items").expect(0)

    check_jobs(box, "all")
    with (box.folder / "all" / "items.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [
        f"patient-{n}/inputs/ct-image/{n}.mha" for n in range(4)
    ]
    assert box.served is not None
    jobs = jobs_by_case(box)
    for row in rows:
        content = (box.folder / "all" / row["file"]).read_bytes()
        kept = box.served.dir / "kept" / jobs[row["case"]]["values"]["ct-image"]["image"]
        assert content == kept.read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]


def test_what_was_changed_is_kept_whatever_kind_it_is(segmented: Box) -> None:
    box = segmented
    box("fetch", "kept").expect(0)
    out = box.folder / "kept"
    names = [f"patient-0/{one}" for one in ("findings/findings.json", "report/report.pdf")]
    for name in names:
        write(out / name, b"mine")

    ran = box("fetch", "kept").expect(1)

    words = "differs from the platform's file; --force replaces it"
    told = [line for line in ran.out.splitlines() if line.startswith("kept: ")]
    assert sorted(told) == [f"kept: {name}: {words}" for name in names]
    assert {(out / name).read_bytes() for name in names} == {b"mine"}
    box("fetch", "kept", "--force").expect(0)
    check_jobs(box, "kept")


def test_a_fetch_of_jobs_that_is_killed_goes_on(segmented: Box) -> None:
    box = segmented
    for _ in range(2):
        killed(box, "ended", "--jobs", "2", prepare=functools.partial(die_after, 300_000))
        assert not (box.folder / "ended" / "jobs.csv").exists()
        check_jobs(box, "ended", is_whole=False)

    box("fetch", "ended").expect(0)
    check_jobs(box, "ended")


def test_jobs_that_have_not_succeeded_are_told(tmp_path: Path, sandbox: Served) -> None:
    box = algorithm(tmp_path, sandbox, QUICK)
    for count in (6, FAILS, LOST):
        box.add(f"case-{count}", {"count": count})
    box.add("odd", {"remark": "-1; =2"})
    box.save()
    box.run("--only", "case-[68]", "--only", "odd").expect(1)

    ran = box("fetch", "out").expect(1)

    rows = {row["case"]: row for row in jobs_table(box, "out")}
    page = rows["case-8"]["page"]
    assert (
        f"3 jobs: 2 succeeded, 1 failed\nfailed: case-8: the job's status is 'Failed'; see {page}\n"
        in ran.out
    )
    assert "1 case has no job on the platform: case-9" in ran.out
    assert rows["case-9"] == {**dict.fromkeys(rows["odd"], ""), "case": "case-9"}
    columns = ["case", "job", "status", "page", "count", "remark", "findings", "status (output)"]
    assert list(rows["odd"]) == columns
    assert rows["odd"]["status (output)"] == f"made by job {rows['odd']['job']}"
    assert json.loads((tmp_path / "out" / "odd" / "findings" / "findings.json").read_text())

    ran = box("fetch", "some", "--json", "--only", "case-6").expect(0)
    assert ran.summary["jobs"] == {"succeeded": 1, "failed": 0, "running": 0, "absent": 0}


def test_jobs_that_run_are_told_and_come_later(tmp_path: Path) -> None:
    more = {"algorithms": (f"{QUICK}=count->count",)}
    with served(tmp_path / "platform", job_delay_s=float("inf"), **more) as sandbox:
        box = algorithm(tmp_path, sandbox, QUICK)
        box.add("case", {"count": 1})
        box.save()
        box.run("--no-wait").expect(4)

        ran = box("fetch", "out").expect(4)

        [row] = jobs_table(box, "out")
        told = f"the job's status is '{row['status']}'; see {row['page']}"
        assert f"1 job: 1 running\nrunning: case: {told}\n" in ran.out
        assert row["count"] == ""
    with served(tmp_path / "platform", job_delay_s=0.0, **more) as box.served:
        box.run().expect(0)

        box("fetch", "out").expect(0)

        assert [row["count"] for row in jobs_table(box, "out")] == ["1"]


def test_without_a_state_file_no_job_is_known(tmp_path: Path, sandbox: Served) -> None:
    box = algorithm(tmp_path, sandbox, QUICK)
    box.add("case", {"count": 100})
    box.save()

    ran = box("fetch", "out").expect(1)
    assert "there is no state file, so it is unknown which jobs belong to the cases" in ran.out
    assert [row["job"] for row in jobs_table(box, "out")] == [""]
