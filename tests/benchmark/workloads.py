"""The workloads: each gives rows of a table, its ratios within the same run."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

from tests.benchmark import data
from tests.benchmark.measure import Figure, middle, run
from tests.benchmark.places import HERE, Server, sandbox, storage
from tests.others import BOTO3, GCAPI, python_with

LATENCY_MS = 60
MBIT = 160.0
SOCKETS = ("ct-image=Image", "report=PDF file", "table=CSV file", "score=Float")
PYTHON = Path(sys.executable)
UPLOADER = Path(shutil.which("uploader", path=PYTHON.parent) or "uploader")
"""As people type it; `python -m` lists the folder that it is called in, to import from there."""


@dataclass(frozen=True)
class Size:
    """How much of everything; the bars are at 1."""

    share: float = 1.0
    runs: int = 3

    def of(self, count: int) -> int:
        """This share of a count, at least 2."""
        return max(2, round(count * self.share))


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    workload: str
    client: str
    figure: Figure
    note: str = ""


Runs = dict[str, Callable[[], Figure]]


def interleaved(runs: Runs, times: int) -> dict[str, Figure]:
    """Every client once, then again: the machine's moods are shared."""
    found: dict[str, list[Figure]] = {name: [] for name in runs}
    for _ in range(times):
        for name, one in runs.items():
            found[name].append(one())
            print(f"  {name}: {found[name][-1].wall_s:.1f} s", file=sys.stderr, flush=True)
    return {name: middle(figures) for name, figures in found.items()}


# ── clients ─────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def _fresh(folder: Path, *arguments: str) -> Iterator[Server]:
    """A sandbox that knows nothing, as all clients get."""
    place = folder / f"sandbox-{time.monotonic_ns()}"
    with sandbox(place, *arguments, sockets=SOCKETS) as server:
        yield server


def uploader(folder: Path, jobs: int, *arguments: str, state: Path | None = None) -> Figure:
    """Our own run of the manifest, with everything it does switched on."""
    state = state or folder / f"state-{time.monotonic_ns()}.jsonl"
    with _fresh(folder, *arguments) as server:
        command = [UPLOADER, "run", "manifest.yaml", "--json"]
        command += ["--jobs", str(jobs), "--state", state]
        started = time.time()
        figure = run(command, cwd=folder, env=server.env)
    return replace(_with_requests(figure), sent_s=_fills(state)[-1] - started)


def _fills(state: Path) -> tuple[float, ...]:
    """When each case was filled, in seconds since 1970, by a state file."""
    records = (json.loads(line) for line in state.read_text().splitlines()[1:])
    return tuple(
        record["time"]
        for record in records
        if record["event"] == "done" and record["step"].endswith(":fill")
    )


def _with_requests(figure: Figure) -> Figure:
    lines = [line for line in figure.output.splitlines() if line.startswith('{"event": "summary"')]
    summary = json.loads(lines[-1])
    assert summary["cases"]["done"] == summary["cases"]["total"], summary
    return replace(figure, requests=summary["requests"])


def gcapi(folder: Path, threads: int, part: int, whole: int, *arguments: str) -> Figure:
    """The official client, on a part of the cases, scaled."""
    data.keep_first(folder, part)
    python = python_with(GCAPI)
    with _fresh(folder, *arguments) as server:
        command = [python, HERE / "client_gcapi.py", str(threads), folder]
        figure = run(command, cwd=folder, env=server.env)
    return replace(figure, scale=whole / part).scaled()


def boto3(folder: Path, latency_ms: int, mbit: float, *, checksum: str = "when_required") -> Figure:
    """boto3's transfer manager against bare storage."""
    python = python_with(BOTO3)
    with _fresh(folder) as lender:
        certificates = Path(lender.ca or "").parent
        with storage(folder, certificates=certificates, latency_ms=latency_ms, mbit=mbit) as server:
            command = [python, HERE / "client_boto3.py", folder / "a.pdf", "8", "8", checksum]
            return run(command, cwd=folder, env=server.env)


# ── workloads ───────────────────────────────────────────────────────────────────────────────


def many_small(folder: Path, size: Size) -> Iterator[Row]:
    """Cases of a 1 MB image, a 200 kB PDF and a float, at 60 ms."""
    count = size.of(200)
    data.many_small(folder, count)
    slow = ("--latency-ms", str(LATENCY_MS))
    loop = gcapi(folder, 1, min(count, 10), count, *slow)
    data.many_small(folder, count)
    threads = gcapi(folder, 8, min(count, 40), count, *slow)
    data.many_small(folder, count)
    yield Row("many-small", "gcapi, a loop", loop, "10 cases, scaled")
    yield Row("many-small", "gcapi, 8 threads", threads, "40 cases, scaled")
    runs: Runs = {
        f"--jobs {jobs}": (lambda jobs=jobs: uploader(folder, jobs, *slow))  # type: ignore[misc]
        for jobs in (8, 16, 32)
    }
    for name, figure in interleaved(runs, size.runs).items():
        jobs = int(name.split()[1])
        bound = figure.requests * LATENCY_MS / 1000 / jobs
        yield Row(
            "many-small",
            f"uploader {name}",
            figure,
            f"{loop.wall_s / figure.sent_s:.1f} × the loop, "
            f"{threads.wall_s / figure.sent_s:.1f} × 8 threads, "
            f"{100 * bound / figure.sent_s:.0f} % of the bound",
        )


def series(folder: Path, size: Size) -> Iterator[Row]:
    """Cases of 300 DICOM slices of 50 kB, at 60 ms."""
    count, slices = size.of(10), size.of(300)
    data.series(folder, count, slices)
    slow = ("--latency-ms", str(LATENCY_MS))
    loop = gcapi(folder, 1, 1, count, *slow)
    data.series(folder, count, slices)
    threads = gcapi(folder, 8, count, count, *slow, "--upload-limit", "100000")
    yield Row("series", "gcapi, a loop", loop, "1 case, scaled")
    yield Row("series", "gcapi, 8 threads", threads, "without the limit of 1,000 upload rows")
    runs: Runs = {"--jobs 8": lambda: uploader(folder, 8, *slow)}
    for name, figure in interleaved(runs, size.runs).items():
        yield Row(
            "series",
            f"uploader {name}",
            figure,
            f"{loop.wall_s / figure.sent_s:.1f} × the loop, "
            f"{threads.wall_s / figure.sent_s:.1f} × 8 threads, "
            f"{figure.requests / count:.1f} requests a case",
        )


def huge(folder: Path, size: Size) -> Iterator[Row]:
    """One file of 1 GiB at 160 Mbit/s a connection and 60 ms."""
    mib = size.of(1024)
    slow = ("--latency-ms", str(LATENCY_MS), "--connection-mbit", str(MBIT))
    data.huge(folder, max(8, mib // 8))
    loop = gcapi(folder, 1, 1, 8, *slow)
    yield Row("huge", "gcapi", loop, "an eighth, scaled")
    data.huge(folder, mib)
    runs: Runs = {
        "uploader --jobs 8": lambda: uploader(folder, 8, *slow),
        "boto3, 8 connections": lambda: boto3(folder, LATENCY_MS, MBIT),
    }
    found = interleaved(runs, size.runs)
    ours, theirs = found["uploader --jobs 8"], found["boto3, 8 connections"]
    yield Row("huge", "boto3, 8 connections", theirs)
    note = (
        f"{loop.wall_s / ours.sent_s:.1f} × gcapi, {100 * theirs.wall_s / ours.sent_s:.0f} % "
        "of boto3's speed"
    )
    yield Row("huge", "uploader --jobs 8", ours, note)


def raw(folder: Path, size: Size) -> Iterator[Row]:
    """One file of 1 GiB as fast as it goes."""
    mib = size.of(1024)
    data.huge(folder, mib)
    hashing_s = _hashing_s(folder / "a.pdf")
    runs: Runs = {
        "uploader --jobs 8": lambda: uploader(folder, 8),
        "boto3, no checksums": lambda: boto3(folder, 0, 0.0),
    }
    found = interleaved(runs, size.runs)
    ours, theirs = found["uploader --jobs 8"], found["boto3, no checksums"]
    yield Row("raw", "boto3, no checksums", theirs)
    rest_s = ours.cpu_s - hashing_s
    note = f"CPU beside {hashing_s:.1f} s of hashing: {rest_s / theirs.cpu_s:.2f} × boto3's"
    yield Row("raw", "uploader --jobs 8", ours, note)


def _hashing_s(path: Path) -> float:
    """CPU seconds of MD5 and SHA-256 over a file, in this run, on this machine."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    started = time.process_time()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(256 * 1024):
            md5.update(piece)
            sha256.update(piece)
    return time.process_time() - started


def nothing_to_do(folder: Path, size: Size) -> Iterator[Row]:
    """10,000 cases that are done already."""
    count = size.of(10_000)
    data.two_files(folder, count)
    with _fresh(folder) as server:
        command = [UPLOADER, "run", "manifest.yaml", "--json"]
        run([*command, "--jobs", "16"], cwd=folder, env=server.env, timeout_s=3600)
        load = "import yaml; yaml.load(open('manifest.yaml', 'rb'), yaml.CSafeLoader)"
        runs: Runs = {
            "uploader": lambda: _with_requests(run(command, cwd=folder, env=server.env)),
            "yaml.load": lambda: run([PYTHON, "-c", load], cwd=folder, env={}),
        }
        found = interleaved(runs, size.runs)
    ours, theirs = found["uploader"], found["yaml.load"]
    yield Row("nothing-to-do", "yaml.load", theirs)
    note = f"{ours.cpu_s / theirs.cpu_s:.2f} × the CPU of yaml.load, {ours.requests} requests"
    yield Row("nothing-to-do", "uploader run", ours, note)


def plan_large(folder: Path, size: Size) -> Iterator[Row]:
    """Plans of 1,000, 10,000 and 50,000 cases of two files, and of long series.

    The median is of plans that know the files; of the series, the first look is shown, too.
    """
    cases = (size.of(1000), size.of(10_000), size.of(50_000))
    count, slices = size.of(2000), 300
    for number in (1, *cases):
        (folder / str(number)).mkdir()
        data.two_files(folder / str(number), number)
    (folder / "series").mkdir()
    data.same_series(folder / "series", count, slices)
    with _fresh(folder) as server:
        first = _plan(folder / "series", server)
        places = [folder / name for name in ("1", *map(str, cases), "series")]
        runs: Runs = {place.name: partial(_plan, place, server) for place in places}
        small = {name: runs.pop(name) for name in ("1", str(cases[0]))}
        found = interleaved(small, max(9, size.runs))  # their difference is a fraction of a second
        found |= interleaved(runs, size.runs)
    start = found["1"]
    yield Row("plan-large", "the start: 1 case", start)
    for number in cases:
        each = 1e6 * (found[str(number)].cpu_s - start.cpu_s) / number
        note = f"{each:.0f} µs of CPU a case beside the start"
        yield Row("plan-large", f"{number:,} cases of two files", found[str(number)], note)
    for name, figure in (("looked into", first), ("known", found["series"])):
        each = 1e6 * (figure.cpu_s - start.cpu_s) / count / slices
        note = f"{each:.0f} µs of CPU a file beside the start"
        yield Row("plan-large", f"{count:,} cases of {slices} slices, {name}", figure, note)


def _plan(place: Path, server: Server) -> Figure:
    return run([UPLOADER, "plan", "manifest.yaml", "--quiet"], cwd=place, env=server.env)


def bundle(folder: Path, size: Size) -> Iterator[Row]:
    """One series of 2,000 slices of 512 kB as one bundle: what it takes of memory."""
    slices = size.of(2000)
    data.series(folder, 1, slices, side=512)
    yield Row("bundle", "uploader --jobs 8", uploader(folder, 8), f"{slices:,} slices")


def trouble(folder: Path, size: Size) -> Iterator[Row]:
    """Small cases; every tenth request is answered 503 for 10 s in the middle."""
    data.two_files(folder, size.of(1400))  # so many that some are left 48 s after the trouble
    calm, notes = ("--latency-ms", "20"), folder / "requests"
    begin_s = 15.0
    pairs = [
        (
            _run_paced(folder, notes, calm, (1e9, 0.0)),
            _run_paced(folder, notes, calm, (begin_s, _TROUBLE_S)),
        )
        for _ in range(size.runs)
    ]
    rate = median(pace.rate for pace, _ in pairs)
    undisturbed = middle([pace.figure for pace, _ in pairs])
    yield Row("trouble", "undisturbed", undisturbed, f"{rate:.1f} cases a second")
    courses = [_course(pace, storm, begin_s) for pace, storm in pairs]
    fell, back = (100 * median(values) for values in zip(*courses, strict=True))
    note = (
        f"every case done; while it lasts {fell:.0f} % of the requests a second; "
        f"{back:.0f} % of the undisturbed cases a second 40 s later"
    )
    yield Row("trouble", "10 s of 503s", middle([storm.figure for _, storm in pairs]), note)


def _course(pace: Paced, storm: Paced, begin_s: float) -> tuple[float, float]:
    """As shares of an undisturbed run: requests while it lasts, cases 40 s later (a second)."""
    begin, end = storm.first + begin_s, storm.first + begin_s + _TROUBLE_S
    usual = pace.requests_a_second(pace.first + begin_s, pace.first + begin_s + _TROUBLE_S)
    while_it_lasts = storm.requests_a_second(begin, end) / usual
    return while_it_lasts, storm.fills_a_second(end + 38, end + 48) / pace.rate


_TROUBLE_S = 10.0


@dataclass(frozen=True)
class Paced:
    """A run, and when it did what."""

    figure: Figure
    requests: tuple[float, ...]
    """When each came, in seconds since 1970."""
    fills: tuple[float, ...]
    """When each case was filled."""

    @property
    def first(self) -> float:
        """When the first request came."""
        return self.requests[0]

    @property
    def rate(self) -> float:
        """Cases filled a second, between the first and the last."""
        return (len(self.fills) - 1) / (self.fills[-1] - self.fills[0])

    def requests_a_second(self, begin: float, end: float) -> float:
        """Of a stretch of time."""
        return sum(begin <= one < end for one in self.requests) / (end - begin)

    def fills_a_second(self, begin: float, end: float) -> float:
        """Of a stretch of time, as far as there was something left to do."""
        end = min(end, self.fills[-1])
        return sum(begin <= one < end for one in self.fills) / max(end - begin, 0.1)


def _run_paced(
    folder: Path, notes: Path, arguments: Sequence[str], when: tuple[float, float]
) -> Paced:
    begin_s, length_s = when
    hook = f"tests.benchmark.hooks:Trouble:{begin_s}/{length_s}/10/{notes}"
    state = folder / f"state-{time.monotonic_ns()}.jsonl"
    figure = uploader(folder, 8, *arguments, "--hook", hook, state=state)
    requests = tuple(float(line) for line in notes.read_text().split())
    return Paced(figure, requests, _fills(state))


def start(folder: Path, size: Size) -> Iterator[Row]:
    """What the smallest commands cost."""
    data.two_files(folder, 3)
    runs: Runs = {
        "uploader --version": lambda: run([UPLOADER, "--version"], cwd=folder, env={}),
        "import argparse": lambda: run([PYTHON, "-c", "import argparse"], cwd=folder, env={}),
        "validate --offline": lambda: run(
            [UPLOADER, "validate", "--offline", "manifest.yaml"], cwd=folder, env={}
        ),
    }
    found = interleaved(runs, max(5, size.runs))
    base = found["import argparse"].cpu_s
    for name, figure in found.items():
        yield Row("start", name, figure, f"{figure.cpu_s / base:.1f} × import argparse")


WORKLOADS: dict[str, Callable[[Path, Size], Iterator[Row]]] = {
    "many-small": many_small,
    "series": series,
    "huge": huge,
    "raw": raw,
    "bundle": bundle,
    "nothing-to-do": nothing_to_do,
    "plan-large": plan_large,
    "trouble": trouble,
    "start": start,
}
NAMES: Sequence[str] = tuple(WORKLOADS)
