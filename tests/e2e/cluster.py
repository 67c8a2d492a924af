"""Workers of `--dask local:4`: three are killed, then the scheduler, then the run; and run again.

python -m tests.e2e.cluster [--cases 60] [--seed N]

In the end each case is on the platform once, with the bytes of the disk, and no more parts were
sent twice than were in flight: one for each kill and each worker that it hit.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

from manifest_uploader.sandbox import Fault, Seen
from tests.crash.helpers import Rich, platform
from tests.e2e.data import dicom_slice, mask, mha
from tests.e2e.helpers import Ran, ended

WORKERS: Final = 4
_LARGE_PARTS: Final = 3
"""Of a file that is larger than two parts."""
_PART_S: Final = 0.05
"""How long each part takes, so that there is something to interrupt."""


class Parts:
    """A hook that counts the parts that are sent, and lets each take some time."""

    def __init__(self) -> None:
        self.sent = 0
        self._lock = threading.Lock()

    def before(self, request: Seen) -> Fault | None:
        if request.kind == "part":
            with self._lock:
                self.sent += 1
            time.sleep(_PART_S)
        return None

    def after(self, request: Seen, status: int) -> Fault | None:
        return None

    def wait(self, count: int, process: subprocess.Popen[str]) -> None:
        """Wait until so many were sent, or the process has ended."""
        while self.sent < count and process.poll() is None:
            time.sleep(0.01)


def add_case(box: Rich, number: int, *, large: bool = False) -> int:
    """Add a case of an image or a series, a segmentation, a report and a score; its parts."""
    name = f"patient-{number:03}"
    box.write(mask(name), name, "airways.mha")
    box.write(b"%PDF-1.4 " + name.encode(), name, "report.pdf")
    image = {"file": f"{name}/ct.mha"}
    if large:
        box.write(_large(number), name, "ct.mha")
    elif number % 3:
        box.write(mha(name), name, "ct.mha")
    else:
        image = {"files": f"{name}/ct/*.dcm"}
        for slice_ in range(3):
            box.write(dicom_slice(number, slice_, side=16), name, "ct", f"IM{slice_}.dcm")
    box.add(
        name,
        {
            "ct-image": image,
            "airway-segmentation": {"file": f"{name}/airways.mha"},
            "report": {"file": f"{name}/report.pdf"},
            "some-score": number + 0.5,
        },
    )
    return 2 + (_LARGE_PARTS if large else 1)


def _large(seed: int) -> bytes:
    """A MetaImage of three parts."""
    head, _, _ = mha(seed, side=1).partition(b"LOCAL\n")
    head = head.replace(b"1 1 4", b"2200 2200 4") + b"LOCAL\n"
    return head + random.Random(seed).randbytes(2200 * 2200 * 4)


def children(process: subprocess.Popen[str], role: str) -> list[psutil.Process]:
    """The processes of a local cluster with a role: `scheduler` or `worker`."""
    with contextlib.suppress(psutil.Error):
        return [
            one
            for one in psutil.Process(process.pid).children()
            if one.cmdline()[-1:] and one.cmdline()[-1].startswith(role)
        ]
    return []


def begun(box: Rich) -> subprocess.Popen[str]:
    """A run with workers."""
    more = ("--dask", f"local:{WORKERS}", "--root", str(box.root))
    null = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return box.spawn("run", "--json", *more, **null)


def killed(folder: Path, *, cases: int, seed: int) -> str:
    """All of it; a report in one line."""
    parts, chance = Parts(), random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    with platform(folder, hook=parts) as served:
        box = Rich(folder, served, root=folder / "data")
        wanted = sum(
            add_case(box, number, large=number in {1, cases // 2}) for number in range(cases)
        )
        box.save()
        moments = sorted(chance.sample(range(2, int(0.8 * wanted)), 5))
        hit = _first_run(box, parts, moments, chance)
        last = _finished(box)
        again = _finished(box).expect(0).summary
        box.check()
    more = parts.sent - wanted
    assert (again["bytes_sent"], again["cases"]["unchanged"]) == (0, cases), again
    assert last.summary["cases"]["failed"] == 0, last.summary
    assert more <= hit, f"{more} parts were sent again, at most {hit} could be in flight"
    return (
        f"seed {seed}: 3 workers, the scheduler and the run killed; then {cases} cases, each once; "
        f"{wanted} parts, {max(0, more)} of them sent again, of at most {hit}; one more run sent "
        "nothing"
    )


def _first_run(box: Rich, parts: Parts, moments: list[int], chance: random.Random) -> int:
    """Kill three workers, the scheduler and the run; how many workers that hit."""
    process = begun(box)
    order = ["worker"] * 3 + ["scheduler"]
    chance.shuffle(order)
    for moment, role in zip(moments, order, strict=False):
        parts.wait(moment, process)
        if found := children(process, role):
            with contextlib.suppress(psutil.Error):
                chance.choice(found).kill()
    parts.wait(moments[-1], process)
    assert process.poll() is None, "it ended before it was killed"
    process.kill()
    ended(process)
    return 3 + WORKERS + WORKERS


def _finished(box: Rich) -> Ran:
    """A run with workers, to its end."""
    more = ("--dask", f"local:{WORKERS}", "--root", str(box.root))
    return ended(box.spawn("run", "--json", *more), seconds=300).expect(0)


def reports(folder: Path, *, cases: int, seed: int) -> Iterator[str]:
    """The report, in one line."""
    yield killed(folder / "killed", cases=cases, seed=seed)


def main() -> None:
    """The bar at its full size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    given = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as folder:
        for report in reports(Path(folder), **given):
            sys.stdout.write(report + "\n")


if __name__ == "__main__":
    main()
