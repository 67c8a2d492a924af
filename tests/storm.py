"""Runs in bad weather: a tenth of all requests goes wrong, and the process is killed five times.

    python -m tests.storm [--seeds 20] [--cases 60] [--first-seed 1] [--no-upload-sessions]
        [--dask local:2]

Some requests take effect late, when their sender has given up or was killed. Every seed has to end
with exit 0 after one more run in fair weather: each case on the platform once with the bytes of the
disk, no title left over but those of empty items that were told, and a last run that sends nothing.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from manifest_uploader.sandbox import Fault, Held, Seen
from tests.crash.driver import Kill
from tests.crash.helpers import Rich, platform
from tests.e2e.data import dicom_slice, mask, mha
from tests.e2e.helpers import Ran
from tests.late import check_told, strays

SHARE = 0.1
KILLS = 5
STALL_S = 2.0
LINES_A_CASE = 18
"""Of the state: three uploads of three lines, a creation and a fill of two, five values seen."""


def _storage(status: int, code: str) -> Fault:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message></Error>"
    return Fault.answer(status, body=body.encode(), content_type="application/xml")


ANY_TIME = {
    "reset": Fault.reset(),
    "stall": Fault.stall(STALL_S),
    "truncated": Fault.truncate(),
    "500": Fault.answer(500, body=b"<html>error</html>"),
    "502": Fault.answer(502),
    "503": Fault.answer(503, (("Retry-After", "1"),)),
    "504": Fault.answer(504),
}
LATEST_S = 5.0
"""A request that is late takes effect so many seconds later, at most."""
BEFORE = {
    "429": Fault.answer(429),
}
"""It says that nothing was done."""
CHANGES = ("item-create", "item-fill", "session-create", "upload-create", "complete", "presign")
"""Requests that may take effect when their sender is gone."""
BEFORE_A_PART = {
    "expired": Fault.expire(),
    "part lost": Fault.lose_part(),
    "part spoilt": Fault.lose_part(corrupt=True),
    "SlowDown": _storage(503, "SlowDown"),
    "InternalError": _storage(500, "InternalError"),
    "RequestTimeout": _storage(400, "RequestTimeout"),
    "NoSuchUpload": _storage(404, "NoSuchUpload"),
}


class Weather:
    """A hook that lets a share of requests go wrong, before or after they act."""

    def __init__(self, seed: int) -> None:
        self.fair = False
        self.requests = 0
        self.made: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._later: dict[int, Fault] = {}
        self._late: list[Held] = []
        self._lock = threading.Lock()

    def before(self, request: Seen) -> Fault | None:
        with self._lock:
            self.requests += 1
            if self.fair or self._random.random() >= SHARE:
                return None
            return self._choose(request)

    def after(self, request: Seen, status: int) -> Fault | None:
        return self._later.pop(request.total, None)

    def clear(self) -> None:
        """End the bad weather: what is late takes effect now."""
        self.fair = True
        for held in self._late:
            held.let_go(1.0)  # not if its sender was killed before it had sent the whole request

    def _choose(self, request: Seen) -> Fault | None:
        if request.kind == "part" and self._random.random() < 0.6:
            name, fault = self._random.choice(list(BEFORE_A_PART.items()))
            self.made[name] += 1
            return fault
        if request.kind in CHANGES and self._random.random() < 0.3:
            self.made["late"] += 1
            self._late.append(Held())
            return Fault.late(self._random.uniform(0.2, LATEST_S), self._late[-1])
        name, fault = self._random.choice([*ANY_TIME.items(), *BEFORE.items()])
        acted = name not in BEFORE and self._random.random() < 0.5
        self.made[f"{name} {'after' if acted else 'before'}"] += 1
        if acted:
            self._later[request.total] = fault
            return None
        return fault


@dataclass(frozen=True)
class Outcome:
    """How one seed ended."""

    seed: int
    wrong: str | None
    requests: int
    faults: int
    kinds: int
    kills: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.requests} requests, {self.faults} faults "
            f"({self.faults / max(1, self.requests):.1%}) of {self.kinds} kinds, "
            f"{self.kills} SIGKILLs, {self.seconds:.0f} s: "
            + ("every case once" if self.wrong is None else f"WRONG: {self.wrong}")
        )


def blow(
    folder: Path,
    *,
    seed: int,
    cases: int,
    pause_s: float = 0.5,
    has_sessions: bool = True,
    dask: str | None = None,
) -> Outcome:
    """One seed, from nothing to the end."""
    started = time.monotonic()
    weather = Weather(seed)
    folder.mkdir(parents=True, exist_ok=True)
    kills = 0
    wrong: str | None = None
    more = {"hook": weather, "import_delay_s": 0.05, "upload_sessions": has_sessions}
    with platform(folder, **more) as served:
        box = Stormy(folder, served, root=folder / "data", dask=dask)
        for number in range(cases):
            _add(box, number)
        box.save()
        try:
            for kill in _kills(cases, random.Random(seed)):
                kills += _run(box, pause_s, kill).code == -9
            last = _run(box, pause_s)
            assert last.code in {0, 1}, last.err
            weather.clear()
            after = _run(box, pause_s)
            if left := strays(box):
                check_told(box, after, left)
                after = _run(box, pause_s)
            after.expect(0)
            box.check()
            again = _run(box, pause_s).expect(0).summary
            assert (again["bytes_sent"], again["cases"]["unchanged"]) == (0, cases), again
        except AssertionError as error:
            wrong = str(error) or "not as wanted"
    took = time.monotonic() - started
    faults, kinds = weather.made.total(), len(weather.made)
    if wrong is None and kills < KILLS:
        wrong = "it ended before it was killed"
    return Outcome(seed, wrong, weather.requests, faults, kinds, kills, took)


@dataclass
class Stormy(Rich):
    """Cases that are sent by workers, if there are any."""

    dask: str | None = None


def _run(box: Stormy, pause_s: float, kill: Kill | None = None) -> Ran:
    workers = ("--dask", box.dask) if box.dask else ()
    return box.go("--stall-timeout", "1", *workers, kill=kill, pause_s=pause_s, seconds=600)


def _kills(cases: int, chance: random.Random) -> list[Kill]:
    """So many lines of each run are written before it is killed."""
    cuts = sorted(chance.sample(range(1, int(LINES_A_CASE * cases * 0.75)), KILLS))
    return [
        Kill(chance.choice(("before", "torn", "after")), cut - last)
        for last, cut in zip([0, *cuts], cuts, strict=False)
    ]


def _add(box: Rich, number: int) -> None:
    """A case of an image, a segmentation and a report, some a bundle, with small values."""
    name = f"patient-{number:03}"
    box.write(mask(name), name, "airways.mha")
    box.write(b"%PDF-1.4 " + name.encode(), name, "report.pdf")
    image = {"file": f"{name}/ct.mha"}
    if number % 3:
        box.write(mha(name), name, "ct.mha")
    else:
        image = {"files": f"{name}/ct/*.dcm"}
        for slice_ in range(3):
            box.write(dicom_slice(number, slice_, side=16), name, "ct", f"IM{slice_}.dcm")
    sockets = {
        "ct-image": image,
        "airway-segmentation": {"file": f"{name}/airways.mha"},
        "report": {"file": f"{name}/report.pdf"},
        "some-score": number + 0.5,
        "remark": "",
    }
    box.add(name, sockets)


def main() -> int:
    """The bar at its full size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--no-upload-sessions", action="store_true")
    parser.add_argument("--dask", metavar="ADDRESS", help="let these workers send the files")
    given = parser.parse_args()
    has_sessions = not given.no_upload_sessions
    failed = []
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        with tempfile.TemporaryDirectory() as folder:
            outcome = blow(
                Path(folder),
                seed=seed,
                cases=given.cases,
                has_sessions=has_sessions,
                dask=given.dask,
            )
        sys.stdout.write(f"{outcome}\n")
        sys.stdout.flush()
        failed += [seed] if outcome.wrong else []
    verdict = f"FAILED: seeds {failed}" if failed else "ok"
    sys.stdout.write(f"{given.seeds} seeds of {given.cases} cases: {verdict}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
