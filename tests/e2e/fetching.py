"""Results that are fetched are complete, however often the fetch is killed.

python -m tests.e2e.fetching [--jobs 30] [--answers 200] [--kills 5] [--seed N] [--no-pandas]

pandas is installed into an environment of its own, and reads the tables there.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import venv
from pathlib import Path
from typing import Any

from manifest_uploader.sandbox import Fault, Seen
from manifest_uploader.sandbox.job_states import FINAL
from manifest_uploader.sandbox.reader_answers import plant_for
from manifest_uploader.sandbox.store import Store
from manifest_uploader.state.file import read
from manifest_uploader.state.history import fold
from tests.e2e.data import mha
from tests.e2e.helpers import STUDY, Box, Entry, ended, served, wait_for

ALGORITHM = "segment"
INTERFACE = f"{ALGORITHM}=ct-image+some-score->mr-image+report+some-score+findings+remark+details"
QUESTIONS = ("How many?", "Remarks")
READERS = 10


class Killer:
    """Kills a process as soon as it has sent a number of requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._victim: subprocess.Popen[str] | None = None
        self._kind: str | None = None
        self._left = 0
        self.stored = 0
        """Requests for files."""
        self.asked = 0

    def aim(self, victim: subprocess.Popen[str], count: int, kind: str | None = None) -> None:
        """Kill a process before its request with this number, counting those of one kind."""
        with self._lock:
            self._victim, self._left, self._kind = victim, count, kind

    def before(self, request: Seen) -> Fault | None:
        with self._lock:
            self.asked += 1
            self.stored += request.kind == "stored"
            if self._victim is None or self._kind not in {None, request.kind}:
                return None
            self._left -= 1
            if self._left <= 0:
                self._victim.kill()
                self._victim = None
        return None

    def after(self, _: Seen, __: int) -> Fault | None:
        return None


def killed_often(folder: Path, *, jobs: int, answers: int, kills: int, seed: int) -> str:
    """Kill fetches at random moments, then let them end; a report."""
    killer, chance = Killer(), random.Random(seed)
    with served(
        folder / "sandbox",
        keep_bytes=True,
        algorithms=(INTERFACE,),
        job_delay_s=0.0,
        job_limit=jobs,
        credits=20 * jobs,
        questions=(f"{STUDY}=Number:{QUESTIONS[0]}", f"{STUDY}=Text:{QUESTIONS[1]}"),
        hook=killer,
    ) as platform:
        box = Box(folder / "jobs", platform, kind="algorithm", slug=ALGORITHM)
        study = Box(folder / "study", platform)
        told = [
            f"seed {seed}",
            _of_jobs(box, killer, chance, jobs=jobs, kills=kills),
            _of_answers(study, killer, chance, answers=answers, kills=kills),
        ]
    return "; ".join(told)


def _of_jobs(box: Box, killer: Killer, chance: random.Random, *, jobs: int, kills: int) -> str:
    for number in range(jobs):
        box.write(mha(number, side=128), f"{number}.mha")
        scan = {"file": f"{number}.mha"}
        box.add(f"patient-{number:03}", {"ct-image": scan, "some-score": number - 1.5})
    box.save()
    run_jobs(box)
    files, killer.stored = 3 * jobs, 0
    for _ in range(kills):
        victim = box.spawn("fetch", "out", "--jobs", "4")
        killer.aim(victim, chance.randint(1, files // (kills + 1)), "stored")
        assert ended(victim).code not in {0, 1}, "it ended before it was killed"
        assert not (box.folder / "out" / "jobs.csv").exists()
        check_jobs(box, "out", is_whole=False)
    ran = box("fetch", "out").expect(0)
    asked = killer.stored
    check_jobs(box, "out")
    box("fetch", "out").expect(0)
    assert killer.stored == asked, "what was there was downloaded again"
    assert asked <= files + 4 * kills, "more was downloaded again than was under way"
    assert f"{jobs} jobs: {jobs} succeeded" in ran.out
    return f"{jobs} jobs: {kills} kills, {6 * jobs} files, {asked} downloads, every sha256"


def _of_answers(
    box: Box, killer: Killer, chance: random.Random, *, answers: int, kills: int
) -> str:
    for number in range(-(-answers // (READERS * len(QUESTIONS)))):
        box.add_score(f"case-{number:03}", number)
    box.save()
    box.run().expect(0)
    expected = _plant(box, answers)
    before = killer.asked
    box("fetch", "whole").expect(0)
    requests = killer.asked - before
    for _ in range(kills):
        victim = box.spawn("fetch", "out")
        killer.aim(victim, chance.randint(1, requests))
        assert ended(victim).code not in {0, 1}, "it ended before it was killed"
        assert not (box.folder / "out" / "answers.csv").exists()
    box("fetch", "out").expect(0)
    check_answers(box, "out", expected)
    return f"{answers} answers: {kills} kills, every row"


def _plant(box: Box, answers: int) -> dict[str, tuple[str, ...]]:
    """Pk of an answer → the cells of its row."""
    assert box.served is not None
    store = Store(box.served.dir)
    expected: dict[str, tuple[str, ...]] = {}
    try:
        for number in range(answers):
            case = str(box.entries[number // (READERS * len(QUESTIONS))]["name"])
            question = QUESTIONS[number % len(QUESTIONS)]
            reader = f"reader-{number // len(QUESTIONS) % READERS}"
            answer = number + 0.5 if question == QUESTIONS[0] else f'no. {number},\n"ünïcode"'
            pk = plant_for(store, case, question, answer, reader=reader)
            expected[pk] = (case, case, question, str(answer), reader)
    finally:
        store.close()
    return expected


def check_answers(box: Box, folder: str, expected: dict[str, tuple[str, ...]]) -> None:
    """Fail unless the table holds exactly these answers."""
    columns = ("case", "title", "question", "answer", "creator")
    with (box.folder / folder / "answers.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(expected)
    assert {row["pk"]: tuple(row[one] for one in columns) for row in rows} == expected


def jobs_table(box: Box, folder: str) -> list[Entry]:
    """The table of jobs, as the csv module reads it."""
    with (box.folder / folder / "jobs.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def run_jobs(box: Box, *arguments: str) -> None:
    """Start the jobs, and wait until all have ended; sooner than a run that looks now and then."""
    box.run("--no-wait", *arguments, seconds=300).expect(4)
    wait_for(lambda: all(job["status"] in FINAL for job in box.items()), seconds=300)


def jobs_by_case(box: Box) -> dict[str, Entry]:
    """The jobs in the sandbox, by the case for which they were started."""
    jobs = {one["pk"]: one for one in box.items()}
    past = fold(read(box.state).events).cases
    return {entry["name"]: jobs[past[entry["name"]].item] for entry in box.entries}


def check_jobs(box: Box, folder: str, *, is_whole: bool = True) -> None:
    """Fail unless the files and the table hold what the sandbox does.

    Without `is_whole`, files may be missing, and so may the table.
    """
    out, cases = box.folder / folder, jobs_by_case(box)
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


# ── pandas ──────────────────────────────────────────────────────────────────────────────────

_READ = """
import sys
import pandas

folder, jobs, answers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
found = pandas.read_csv(f"{folder}/jobs/out/jobs.csv")
assert len(found) == jobs and found["job"].is_unique
assert found["some-score"].dtype == float
assert found["some-score"].tolist() == [number - 1.5 for number in range(jobs)]
assert found["status"].eq("Succeeded").all()
told = pandas.read_csv(f"{folder}/study/out/answers.csv", parse_dates=["created", "modified"])
assert len(told) == answers and told["pk"].is_unique
numbers = pandas.to_numeric(told[told["question"] == "How many?"]["answer"])
assert sorted(numbers) == [number + 0.5 for number in range(0, answers, 2)]
assert told["created"].dt.year.notna().all() and told["ours"].dtype == bool
print(f"pandas {pandas.__version__} reads both tables")
"""


def read_with_pandas(folder: Path, *, jobs: int, answers: int) -> str:
    """What pandas, installed into an environment of its own, says about the tables."""
    venv.create(folder / "pandas", with_pip=True)
    python = folder / "pandas" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "pandas",
    ]
    subprocess.run(install, check=True)
    script = [str(python), "-c", _READ, str(folder), str(jobs), str(answers)]
    read = subprocess.run(script, check=True, stdout=subprocess.PIPE, text=True)
    return str(read.stdout).strip()


def main() -> None:
    """The bar at its full size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=30)
    parser.add_argument("--answers", type=int, default=200)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--no-pandas", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, sizes = Path(name), {"jobs": given.jobs, "answers": given.answers}
        report = killed_often(folder, **sizes, kills=given.kills, seed=given.seed)
        sys.stdout.write(report + "\n")
        if not given.no_pandas:
            sys.stdout.write(read_with_pandas(folder, **sizes) + "\n")


if __name__ == "__main__":
    main()
