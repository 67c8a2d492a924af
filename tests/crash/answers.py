"""Answers that are lost, of every kind of request, on every road: every case once all the same.

python -m tests.crash.answers [--kinds] [--no-upload-sessions]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from manifest_uploader.sandbox import Fault
from tests.crash.driver import Kill
from tests.crash.helpers import Rich, mask, mha, platform, rich_box, side_by_side
from tests.faults import Script, Step

KINDS = (
    *("upload-create", "presign", "part", "complete", "list-parts", "upload-get", "upload-list"),
    *("item-create", "item-fill", "item-get", "item-list", "sockets", "target", "sessions"),
    *("session-create", "session-get", "image-get", "image-list", "gcapi"),
)
NEVER_SEEN, ACTED = "before", "after"
LOSSES = {
    "never seen": (NEVER_SEEN, Fault.reset()),
    "502, never seen": (NEVER_SEEN, Fault.answer(502)),
    "acted, then reset": (ACTED, Fault.reset()),
    "acted, then cut short": (ACTED, Fault.truncate()),
    "acted, then 502": (ACTED, Fault.answer(502)),
    "acted, then 500": (ACTED, Fault.answer(500, body=b"<html>", content_type="text/html")),
}
ROADS = ("first", "resumed", "update", "slow update")


class Switch:
    """A hook that can be put in while the sandbox runs."""

    def __init__(self) -> None:
        self.script = Script(())
        self.numbers: dict[str, int] = {}

    def lose(self, kinds: Iterable[str], loss: str, times: int) -> None:
        """From now on lose the next so many answers of each kind."""
        when, fault = LOSSES[loss]
        self.script = Script(
            Step(kind, fault, self.numbers.get(kind, 0) + number, when)
            for kind in kinds
            for number in _numbers(kind, times)
        )

    def before(self, request):  # type: ignore[no-untyped-def]
        self.numbers[request.kind] = request.number
        return self.script.before(request)

    def after(self, request, status):  # type: ignore[no-untyped-def]
        return self.script.after(request, status)

    @property
    def met(self) -> int:
        """How many of the requests that were to fail have come."""
        came = {(one.kind, one.number) for one in self.script.seen}
        return sum((step.kind, step.number) in came for step in self.script.steps)


def _numbers(kind: str, times: int) -> list[int]:
    """Which of the next requests fail; a creation comes after one that only asks for rights."""
    first = list(range(1, times + 1))
    return first if kind != "item-create" else [*first, *range(times + 2, 2 * times + 2)]


@dataclass(frozen=True)
class Trial:
    """One run in which answers are lost."""

    folder: Path
    road: str
    kinds: tuple[str, ...]
    loss: str
    times: int
    has_sessions: bool = True
    """The platform makes upload sessions."""

    def __str__(self) -> str:
        what = self.kinds[0] if len(self.kinds) == 1 else "every kind"
        return f"{self.road}: {what}, {self.loss}, {self.times} in a row"


@dataclass(frozen=True)
class Report:
    """What was tried."""

    trials: int
    lost: int
    """Answers that were lost."""
    wrong: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        verdict = "every case once, all values" if not self.wrong else "\n".join(self.wrong)
        return f"{self.trials} runs, {self.lost} answers lost, {self.seconds:.0f} s: {verdict}"


def trials(
    folder: Path, *, each_kind: bool, times: tuple[int, ...] = (1, 2), has_sessions: bool = True
) -> Iterator[Trial]:
    """Every road with every loss, of all kinds at once or one after the other."""
    groups = [(kind,) for kind in KINDS] if each_kind else [KINDS]
    number = 0
    for road in ROADS:
        for loss in LOSSES:
            for count in times:
                for group in groups:
                    number += 1
                    place = folder / f"{number:04}"
                    yield Trial(place, road, group, loss, count, has_sessions)


def try_all(found: Iterable[Trial], *, at_once: int = 4) -> Report:
    """What comes of all trials, several at a time: they wait most of their time."""
    started = time.monotonic()
    all_of_it = list(found)
    came = side_by_side(_try, all_of_it, at_once=at_once)
    wrong = [f"{trial}: {why}" for trial, (_, why) in zip(all_of_it, came, strict=True) if why]
    lost = sum(met for met, _ in came)
    return Report(len(all_of_it), lost, tuple(wrong), time.monotonic() - started)


def _try(trial: Trial) -> tuple[int, str | None]:
    """How many answers were lost, and what was wrong in the end."""
    trial.folder.mkdir(parents=True)
    switch = Switch()
    delay = 0.4 if trial.road == "slow update" else 0.01
    more = {"hook": switch, "import_delay_s": delay, "upload_sessions": trial.has_sessions}
    with platform(trial.folder, **more) as served:
        box = rich_box(trial.folder, served, 1, root=trial.folder / "data")
        try:
            _prepare(box, trial.road)
            switch.lose(trial.kinds, trial.loss, trial.times)
            box.go("--jobs", "1").expect(0)
            box.check()
        except AssertionError as error:
            return switch.met, str(error) or "not as wanted"
    return switch.met, None


def _prepare(box: Rich, road: str) -> None:
    """Go the road as far as to where answers begin to be lost."""
    if road == "resumed":
        box.go("--jobs", "1", kill=Kill("after", 9)).expect(-9)
    if "update" in road:
        box.go().expect(0)
        _change(box)


def _change(box: Rich) -> None:
    """Change a value of every kind, and leave some as they are."""
    name = box.entries[0]["name"]
    box.write(mha("other"), name, "ct.mha")
    box.write(mask("other"), name, "airways.mha")
    box.write(b"%PDF-1.4 other", name, "report.pdf")
    box.write(b'["other", false]', name, "protocol.json")
    box.entries[0]["title"] = "another title"
    box.entries[0]["sockets"] |= {
        "details": {"value": {"side": "rechts"}},
        "some-score": 17.5,
        "is-good": True,
        "remark": "no longer empty",
        "grade": "",
        "findings": {"value": []},
    }
    box.save()


def main() -> int:
    """The bar at its full size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kinds", action="store_true", help="one kind a run, too")
    parser.add_argument("--no-upload-sessions", action="store_true")
    given = parser.parse_args()
    has_sessions = not given.no_upload_sessions
    with tempfile.TemporaryDirectory() as folder:
        found = list(trials(Path(folder) / "all", each_kind=False, has_sessions=has_sessions))
        if given.kinds:
            found += trials(Path(folder) / "each", each_kind=True, has_sessions=has_sessions)
        report = try_all(found)
    sys.stdout.write(f"{report}\n{'FAILED' if report.wrong else 'ok'}\n")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
