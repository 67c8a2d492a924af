"""DICOM image sets: sent once, the same bytes each time, in little memory, and without names.

python -m tests.e2e.image_sets [--files 300] [--rows 512] [--kills 10] [--seed N]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import httpx
import pydicom

from manifest_uploader.files.copies import CopyMaker
from manifest_uploader.files.local_file import LocalFile
from manifest_uploader.files.uid_key import KeyedUids, read_key
from manifest_uploader.sandbox.store import Store
from tests.benchmark import measure
from tests.benchmark.measure import Figure
from tests.benchmark.places import STUDY, Server, sandbox
from tests.e2e.helpers import ROOT, UPLOADER, Box, Served, ended, served_apart
from tests.e2e.slices import NAME, write_set
from tests.others import GCAPI, python_with

SOCKET: Final = "dicom-set"
_NAMES: Final = (*NAME.encode().split(b"^"), b"P4711X", b"HOSPITAL", b"Roe", b"General")
"""Of the patient, the physician and the hospital: none of them may be in a copy."""
_SHARE: Final = 1.7 / 2
_LATENCY_MS: Final = 30
"""Of a platform in another town."""
_UIDS: Final = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")


# ── what is on the platform ─────────────────────────────────────────────────────────────────


def copies_of(served: Served | Server, name: str) -> Iterator[bytes]:
    """What the image of a name holds, file by file."""
    headers = {"Authorization": f"Bearer {served.token}"}
    with httpx.Client(headers=headers, verify=served.ca or True, trust_env=False) as client:
        listed = client.get(f"{served.url}cases/images/", params={"name": name}).json()
        [image] = listed["results"]
        answer = client.get(f"{image['api_url']}dicom/instances/").json()
    with httpx.Client(verify=served.ca or True, trust_env=False) as storage:
        for one in answer["instances"]:
            asked = one["get_instance"]
            yield storage.get(asked["url"], headers=asked["headers"]).content


def digests(copies: Iterable[bytes]) -> list[str]:
    """Their SHA-256."""
    return [sha256(copy).hexdigest() for copy in copies]


def check_copies(copies: Iterable[bytes], originals: list[Path], key: str) -> None:
    """Fail unless the copies are what the platform's procedure makes of the originals."""
    package: Any = import_module("grand_challenge_dicom_de_identifier.deidentifier")
    procedure = package.DicomDeidentifier()
    procedure.uid_map = KeyedUids(key)
    uids: dict[str, set[str]] = {}
    for copy, path in zip(copies, originals, strict=True):
        wanted = pydicom.dcmread(path)
        pixels = wanted.PixelData
        procedure.deidentify_dataset(wanted)
        found = pydicom.dcmread(io.BytesIO(copy))
        assert found == wanted, path
        assert found.PixelData == pixels, path
        assert not any(copy[:128]), path
        head = copy.removesuffix(pixels).lower()
        assert not [name for name in _NAMES if name.lower() in head], path
        assert "SourceApplicationEntityTitle" not in found.file_meta
        assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID
        for keyword in (*_UIDS, "SOPInstanceUID"):
            uids.setdefault(keyword, set()).add(found[keyword].value)
    numbers = {keyword: len(found) for keyword, found in uids.items()}
    assert numbers == {**dict.fromkeys(_UIDS, 1), "SOPInstanceUID": len(originals)}


# ── killed ──────────────────────────────────────────────────────────────────────────────────


def make_box(folder: Path, served: Served, *, files: int, rows: int) -> Box:
    """A case of one image set and a score."""
    box = Box(folder, served)
    write_set(box.data / "patient-001", files, rows=rows)
    sockets = {SOCKET: {"files": "patient-001/*.dcm", "name": "CT of patient 1"}}
    box.add("patient-001", {**sockets, "some-score": 1.5})
    box.save()
    return box


def killed_often(folder: Path, *, files: int, rows: int, kills: int, seed: int) -> str:
    """Kill a run at random moments, then let it end; a report in one line."""
    with served_apart(folder / "sandbox", "--keep-bytes", "--import-delay", "0.05") as served:
        box = make_box(folder / "lung", served, files=files, rows=rows)
        before = {path: path.stat().st_mtime_ns for path in _originals(box)}
        completed = _kill(box, kills, random.Random(seed), lines=2 * files)
        last = box.run(seconds=300).expect(0)
        completed += last.summary["uploads"]
        [item] = box.items()
        left = _rows(served.dir)
        again = box.run().expect(0).summary
        key = read_key(box.folder / "lung.uid-key")
        assert key is not None
        check_copies(copies_of(served, "CT of patient 1"), _originals(box), key)
    names = [one["name"] for one in item["values"][SOCKET]["files"]]
    assert names == [f"{number:04}.dcm" for number in range(1, files + 1)], names
    assert (again["bytes_sent"], again["uploads"], again["cases"]["unchanged"]) == (0, 0, 1)
    assert key not in box.state.read_text()
    assert before == {path: path.stat().st_mtime_ns for path in _originals(box)}
    return (
        f"seed {seed}: {kills} kills; then exit 0, {files} files in the set, each once and as the "
        f"procedure makes it; {completed} uploads told of, {left} rows left over; one more run "
        "sent nothing"
    )


def _rows(folder: Path) -> int:
    """How many uploads no import has used."""
    store = Store(folder)
    try:
        return store.number("SELECT count(*) FROM uploads")
    finally:
        store.close()


def _originals(box: Box) -> list[Path]:
    return sorted((box.data / "patient-001").iterdir())


def _kill(box: Box, kills: int, chance: random.Random, *, lines: int) -> int:
    """Kill a run each time after a random number of its lines; how many uploads it told of."""
    completed = 0
    most = max(2, 2 * lines // (kills + 1))
    for _ in range(kills):
        process = box.spawn("run", "--json", "--jobs", "4", stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        for _ in range(chance.randrange(1, most)):
            line = process.stdout.readline()
            event = json.loads(line) if line else {"event": "summary"}
            if event["event"] == "summary":
                break
            completed += event["event"] == "done" and event["step"].count("/") == 2
        process.kill()
        ended(process)
    return completed


def sent_again(folder: Path, *, files: int, rows: int) -> str:
    """Send a set twice, to two platforms, with one key: it has the same bytes."""
    found = []
    for number in (1, 2):
        with served_apart(folder / f"sandbox-{number}", "--keep-bytes") as served:
            box = make_box(folder / f"lung-{number}", served, files=files, rows=rows)
            if number > 1:
                shutil.copy(folder / "lung-1" / "lung.uid-key", box.folder)
            box.run(seconds=300).expect(0)
            found.append(digests(copies_of(served, "CT of patient 1")))
    assert found[0] == found[1]
    assert len(set(found[0])) == files
    return f"identical bytes twice: {files} files"


# ── how fast ────────────────────────────────────────────────────────────────────────────────


def scaling(folder: Path, *, files: int, rows: int, runs: int = 10) -> tuple[float, str]:
    """How many times as fast two processes make copies as one.

    Each takes its turn: one process and two of ours, and one and two that know nothing of each
    other, which is what this computer allows. The best of their turns count, so that what else it
    does matters less.
    """
    write_set(folder, files, rows=rows)
    known = [_local_file(path) for path in sorted(folder.iterdir())]
    with (
        contextlib.closing(CopyMaker("ab" * 32, processes=1)) as alone,
        contextlib.closing(CopyMaker("ab" * 32, processes=2)) as both,
        _strangers(folder) as strangers,
        ThreadPoolExecutor(4) as pool,
    ):

        def ours(maker: CopyMaker) -> None:
            list(pool.map(maker.copy, known))

        ours(alone)
        ours(both)  # their processes are there
        acts = (
            lambda: ours(alone),
            lambda: ours(both),
            lambda: _work(strangers[:1]),
            lambda: _work(strangers),
        )
        turns = [[_timed(act) for act in acts] for _ in range(runs)]
    one, two, stranger, both_strangers = (min(times) for times in zip(*turns, strict=True))
    factor, possible = one / two, 2 * stranger / both_strangers
    return factor, (
        f"de-identification: {files / one:.0f} files/s in one process, {files / two:.0f} in two: "
        f"{factor:.2f} times; two that know nothing of each other: {possible:.2f} times"
    )


@contextlib.contextmanager
def _strangers(folder: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes that each do all of the work whenever they get a line."""
    command = [sys.executable, "-m", "tests.e2e.copying_alone", str(folder)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(2)]
    try:
        _work(processes)
        yield processes
    finally:
        for process in processes:
            process.communicate(timeout=60)


def _work(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"


def _timed(act: Callable[[], None]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _local_file(path: Path) -> LocalFile:
    facts = path.stat()
    return LocalFile(os.fspath(path), path.name, facts.st_size, facts.st_mtime_ns)


def against_gcapi(
    folder: Path, *, files: int, rows: int, latency_ms: int = 0, runs: int = 3
) -> tuple[float, str]:
    """How many times as fast as the official client a set is sent, over TLS; the best of runs."""
    box = Box(folder / "lung", slug=STUDY)
    write_set(box.data / "patient-001", files, rows=rows)
    box.add("ours", {SOCKET: {"files": "patient-001/*.dcm", "name": "ours"}})
    box.save()
    pairs = [_both(box, folder / f"memory-{run}", files, latency_ms) for run in range(runs)]
    ours = min((pair[0] for pair in pairs), key=lambda one: one.sent_s)
    theirs = min((pair[1] for pair in pairs), key=lambda one: one.wall_s)
    assert ours.memory_mib <= 200, ours
    factor = theirs.wall_s / ours.sent_s
    return factor, (
        f"{files} slices of {rows} x {rows}, answers {latency_ms} ms late: sent in "
        f"{ours.sent_s:.1f} s, seen in {ours.wall_s:.1f} s, at most {ours.memory_mib:.0f} MiB in a "
        f"process; gcapi sent in {theirs.wall_s:.1f} s ({factor:.1f} times as long), "
        f"{theirs.memory_mib:.0f} MiB; equal content"
    )


def _both(box: Box, memory: Path, files: int, latency_ms: int) -> tuple[Figure, Figure]:
    """Our figures and the official client's, of a set that is sent to one platform."""
    python = python_with(GCAPI)
    client = Path(__file__).with_name("client_gcapi_set.py")
    sockets = ("dicom-set=DICOM Image Set", "some-score=Float")
    more = ("--keep-bytes", "--latency-ms", str(latency_ms))
    with sandbox(memory, *more, sockets=sockets) as server:
        env = {**server.env, "PYTHONPATH": str(ROOT)}
        theirs = measure.run([python, client, box.data / "patient-001"], cwd=box.folder, env=env)
        _await(server, "theirs", files)
        box.state.unlink(missing_ok=True)
        started = time.time()
        ours = measure.run([*UPLOADER, "run", "lung.yaml"], cwd=box.folder, env=env)
        [filled] = [
            line["time"]
            for line in map(json.loads, box.state.read_text().splitlines()[1:])
            if line["event"] == "done" and line["step"].endswith(":fill")
        ]
        pairs = zip(copies_of(server, "ours"), copies_of(server, "theirs"), strict=True)
        for one, other in pairs:
            _check_equal(one, other)
    return replace(ours, sent_s=filled - started), theirs


def _await(server: Server, name: str, files: int) -> None:
    for _ in range(600):
        with contextlib.suppress(ValueError):  # there is no such image yet
            assert sum(1 for _ in copies_of(server, name)) == files
            return
        time.sleep(0.05)
    raise AssertionError("the image did not come")


def _check_equal(one: bytes, other: bytes) -> None:
    """Fail unless two copies differ in nothing but their UIDs."""
    first, second = (pydicom.dcmread(io.BytesIO(copy)) for copy in (one, other))
    assert _without_uids(first) == _without_uids(second)


def _without_uids(data: pydicom.Dataset) -> dict[int, Any]:
    return {int(one.tag): one.value for one in data if one.VR != "UI"}


# ── the bar ─────────────────────────────────────────────────────────────────────────────────


def reports(folder: Path, *, files: int, rows: int, kills: int, seed: int) -> Iterator[str]:
    """All of it, one report a line."""
    yield sent_again(folder / "twice", files=files, rows=rows)
    yield killed_often(folder / "killed", files=files, rows=rows, kills=kills, seed=seed)
    factor, report = scaling(folder / "scaling", files=min(files, 100), rows=rows)
    yield report
    assert factor >= 1.7, "two processes are to be 1.7 times as fast as one"
    _, report = against_gcapi(folder / "gcapi", files=files, rows=rows)
    yield report
    slow = {"latency_ms": _LATENCY_MS, "runs": 1}
    factor, report = against_gcapi(folder / "gcapi-far", files=files, rows=rows, **slow)
    yield report
    assert factor > 1, "ours is to be faster"


def main(tell: Callable[[str], Any] = sys.stdout.write) -> None:
    """The bar at its full size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    given = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as folder:
        for report in reports(Path(folder), **given):
            tell(report + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
