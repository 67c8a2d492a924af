"""De-identified series by workers: how much of the CPU the machine of the run needs.

python -m tests.e2e.cluster_cpu [--files 60] [--frames 400] [--rows 512] [--most 5]

Each file of an image set is an upload of its own, with three requests to the platform, which the
run makes. So its share depends on how large the files are: of single slices, and of series in one
file each (`--frames`).
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pydicom

from tests.e2e.helpers import Box, ended, served_apart
from tests.e2e.slices import write_set

_LOOK_S = 0.05


def write_series(folder: Path, files: int, *, frames: int, rows: int) -> int:
    """Write files of a DICOM image set, each with so many frames; their bytes."""
    write_set(folder, files, rows=rows)
    for path in sorted(folder.iterdir()) if frames > 1 else ():
        data = pydicom.dcmread(path)
        data.NumberOfFrames = frames
        data.PixelData = data.PixelData * frames
        data.save_as(path)
    return sum(path.stat().st_size for path in folder.iterdir())


def shares(folder: Path, *, files: int, frames: int, rows: int) -> tuple[float, str]:
    """The share of the run's own process, in percent; and a report in one line."""
    with served_apart(folder / "sandbox") as served:
        box = Box(folder / "lung", served)
        size = write_series(box.data / "patient-001", files, frames=frames, rows=rows)
        box.add("patient-001", {"dicom-set": {"files": "patient-001/*.dcm", "name": "CT"}})
        box.save()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        run = box.spawn("run", "--dask", "local:2", **quiet)
        used: dict[int, float] = {}
        while run.poll() is None:
            with contextlib.suppress(psutil.Error):
                one = psutil.Process(run.pid)
                for process in (one, *one.children(recursive=True)):
                    times = process.cpu_times()
                    used[process.pid] = max(used.get(process.pid, 0.0), times.user + times.system)
            time.sleep(_LOOK_S)
        ended(run, seconds=300).expect(0)
        box.check_state()
    share = 100 * used[run.pid] / sum(used.values())
    return share, (
        f"{files} files of {frames} frames, {size / files / 2**20:.1f} MiB each: the run's process "
        f"used {used[run.pid]:.1f} of {sum(used.values()):.1f} s of CPU, {share:.0f} %"
    )


def main() -> None:
    """The bar at its full size, and single slices beside it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--most", type=float, default=5.0)
    given = parser.parse_args()
    for frames, most in ((1, 100.0), (given.frames, given.most)):
        with tempfile.TemporaryDirectory() as folder:
            share, report = shares(Path(folder), files=given.files, frames=frames, rows=given.rows)
        sys.stdout.write(report + "\n")
        sys.stdout.flush()
        assert share <= most, f"more than {most:.0f} %"


if __name__ == "__main__":
    main()
