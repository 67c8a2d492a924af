"""Large uploads killed when half their parts are stored: the next run sends the other half.

python -m tests.crash.parts [--mib 1024]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from manifest_uploader.sandbox import Fault, Seen
from tests.crash.helpers import Rich, platform, store_change, store_number
from tests.e2e.data import write_large
from tests.e2e.helpers import ended

MIB = 2**20
PART = 8 * MIB
CASE = "patient-1"


class HalfStored:
    """A hook that lets so many parts be stored, and holds the others until the run was killed."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self.begun = self.stored = 0
        self.reached = threading.Event()
        self.killed = False
        self._lock = threading.Lock()

    def before(self, request: Seen) -> Fault | None:
        if request.kind != "part" or self.killed:
            return None
        with self._lock:
            self.begun += 1
            return Fault.stall(600.0) if self.begun > self.parts else None

    def after(self, request: Seen, status: int) -> Fault | None:
        with self._lock:
            self.stored += request.kind == "part"
            if self.stored == self.parts:
                self.reached.set()
        return None


@dataclass(frozen=True)
class Found:
    """What the second run did."""

    what: str
    size: int
    """Bytes of the files."""
    stored: int
    """Bytes that storage held for certain when the first run was killed."""
    sent: int
    """By the second run."""
    anew: bool
    """Whether it is right to send all of it again."""
    seconds: float

    @property
    def is_right(self) -> bool:
        """All of it again, or no byte that storage held."""
        if self.anew:
            return self.size <= self.sent <= 2 * self.size
        return self.sent <= self.size - self.stored + MIB

    def __str__(self) -> str:
        wanted = "all of it" if self.anew else f"at most {(self.size - self.stored) / MIB:.0f} MiB"
        return (
            f"{self.what}: {self.size / MIB:.0f} MiB, killed with {self.stored / MIB:.0f} stored; "
            f"then sent {self.sent / MIB:.1f} MiB ({wanted}), {self.seconds:.1f} s: "
            + ("ok" if self.is_right else "WRONG")
        )


def _nothing(box: Rich) -> None:
    """Between the runs nothing happens."""


def clean_up(box: Rich) -> None:
    """The platform cleans the upload's row up."""
    assert box.served is not None
    assert store_change(box.served, "DELETE FROM uploads") == 1
    store_change(box.served, "DELETE FROM parts")


def spoil(box: Rich) -> None:
    """Storage holds something else as one of the parts."""
    assert box.served is not None
    query = "UPDATE parts SET etag = ? WHERE number = (SELECT MIN(number) FROM parts)"
    assert store_change(box.served, query, "0" * 32) == 1


def change(box: Rich) -> None:
    """One byte of the content is another, as many as before."""
    path = max(box.data.iterdir(), key=lambda one: one.stat().st_size)
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime + 5))


BETWEEN: dict[str, tuple[Callable[[Rich], None], bool]] = {
    "the rest": (_nothing, False),
    "row cleaned up": (clean_up, True),
    "a stored part differs": (spoil, True),
    "content changed": (change, True),
}


def resume(folder: Path, *, kind: str, mib: int, between: str) -> Found:
    """Kill an upload in the middle, let something happen, run again."""
    act, anew = BETWEEN[between]
    folder.mkdir(parents=True)
    box = Rich(folder, root=folder / "data")
    size = _make_file(box, mib) if kind == "file" else _make_bundle(box, mib)
    half = max(1, size // PART // 2)
    hook = HalfStored(half)
    with platform(folder, hook=hook) as box.served:
        _run_until_half(box, hook)
        act(box)
        started = time.monotonic()
        ran = box.go("--checksum", seconds=600).expect(0)
        took = time.monotonic() - started
        box.check()
    sent = ran.summary["bytes_sent"]
    return Found(f"{kind}, {between}", size, half * PART, sent, anew, took)


def _run_until_half(box: Rich, hook: HalfStored) -> None:
    process = box.spawn("run", "--root", str(box.root))
    end = time.monotonic() + 300
    while not hook.reached.wait(0.05):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "the first run did not come half the way"
    process.kill()
    ended(process)
    hook.killed = True
    assert box.served is not None
    assert store_number(box.served, "SELECT COUNT(*) FROM uploads") == 1


def _make_file(box: Rich, mib: int) -> int:
    path = write_large(box.data / "large.pdf", mib * MIB)
    box.add(CASE, {"report": {"file": "large.pdf"}})
    box.save()
    return path.stat().st_size


def _make_bundle(box: Rich, mib: int) -> int:
    head = (
        f"ObjectType = Image\nNDims = 3\nDimSize = 1024 1024 {mib}\n"
        "ElementType = MET_UCHAR\nElementDataFile = ct.raw\n"
    )
    box.write(head, "ct.mhd")
    write_large(box.data / "ct.raw", mib * MIB)
    box.add(CASE, {"ct-image": {"files": ["ct.mhd", "ct.raw"]}})
    box.save()
    return len(head) + mib * MIB


def main() -> int:
    """The bar at its full size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mib", type=int, default=1024)
    given = parser.parse_args()
    right = True
    for kind in ("file", "bundle"):
        for between in BETWEEN:
            with tempfile.TemporaryDirectory() as folder:
                found = resume(Path(folder) / "one", kind=kind, mib=given.mib, between=between)
            sys.stdout.write(f"{found}\n")
            sys.stdout.flush()
            right &= found.is_right
    sys.stdout.write("ok\n" if right else "FAILED\n")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
