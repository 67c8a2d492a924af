"""Requests that take effect late: after their sender was killed or gave up.

    python -m tests.late [--tries 300] [--first-try 1]

Each try holds one request of a run, perhaps kills the run, perhaps changes the manifest, and lets
the request go before, during or after the next run. After at most one more run each case must be
there exactly once, with the values and files of the manifest; an empty item that cannot be repaired
must be told with its address, with exit code 1, until it is gone. Half of the tries are made
against a platform without upload sessions.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from manifest_uploader.sandbox import Fault, Held, Seen
from manifest_uploader.sandbox.show import delete_object
from manifest_uploader.sandbox.store import Store
from tests import forked
from tests.e2e.data import mask, mha
from tests.e2e.helpers import Box, Entry, Ran, served

Kind = Literal["item-create", "item-fill", "session-create", "complete", "presign", "upload-create"]
When = Literal["before", "between", "after"]
KINDS: Final[tuple[Kind, ...]] = (
    *("item-create", "item-create", "item-fill", "item-fill", "item-fill", "item-fill"),
    *("session-create", "complete", "presign", "upload-create"),
)
"""What is late; the more dangerous, the more often."""
CASES: Final = ("all-kinds", "only-values", "only-files")


@dataclass(frozen=True)
class Try:
    """What happens in one try."""

    kind: Kind
    number: int
    """Which request of the kind is late, from 1."""
    killed: bool
    """Its run is killed when it has been sent; otherwise its connection is lost."""
    when: When
    """When it takes effect: before, during or after the next run."""
    turn: int
    """During the next run: before so many of its changing requests."""
    update: bool
    """Everything was uploaded before, and is changed."""
    changed: tuple[str, ...]
    """The cases that are changed before the next run."""
    sessions: bool

    def __str__(self) -> str:
        what = f"{self.kind} {self.number} of {'an update' if self.update else 'a first run'}"
        end = "killed" if self.killed else "lost"
        when = f"{self.when} {self.turn}" if self.when == "between" else self.when
        changed = f", changed {', '.join(self.changed)}" if self.changed else ""
        return f"{what}, {end}, {when}{changed}{'' if self.sessions else ', no sessions'}"


def made_up(seed: int) -> Try:
    """The try of a seed."""
    chance = random.Random(seed)
    kind = chance.choice(KINDS)
    update = chance.random() < 0.5 and kind != "item-create"
    return Try(
        kind,
        number=chance.randint(1, 3),
        killed=chance.random() < 0.6,
        when=chance.choice(("before", "between", "after")),
        turn=chance.randint(1, 12),
        update=update,
        changed=tuple(case for case in CASES if chance.random() < 0.6),
        sessions=chance.random() < 0.5,
    )


class Lateness:
    """Holds one request, and lets it go before a changing request of a later run."""

    def __init__(self) -> None:
        self.wanted: tuple[str, int] | None = None
        self.turn: int | None = None
        self.killing: Path | None = None
        """Holds the id of the process to kill when the request has come."""
        self.held: Held | None = None
        self._seen = 0
        self._turns = 0
        self._lock = threading.Lock()

    def before(self, request: Seen) -> Fault | None:
        with self._lock:
            if self.wanted is None:
                return self._let_go_in_turn(request)
            kind, number = self.wanted
            self._seen += request.kind == kind and not _is_probe(request)
            if self._seen < number:
                return None
            self.wanted, self._seen, self.held = None, 0, Held()
            if self.killing is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(self.killing.read_text()), signal.SIGKILL)
            return Fault.late(held=self.held)

    def after(self, request: Seen, status: int) -> Fault | None:
        return None

    def let_go(self) -> None:
        """Let the request take effect now, if it came and did not yet."""
        self.turn = None
        if self.held is not None:
            assert self.held.let_go(), "it did not take effect"

    def _let_go_in_turn(self, request: Seen) -> None:
        if self.turn is None or request.method == "GET" or request.kind == "part":
            return
        self._turns += 1
        if self._turns >= self.turn:
            self._turns = 0
            self.let_go()


def _is_probe(request: Seen) -> bool:
    """The first creation of each run only asks for rights."""
    return request.kind == "item-create" and request.number == 1


@contextlib.contextmanager
def _box(folder: Path, one: Try) -> Iterator[tuple[Box, Lateness]]:
    hook = Lateness()
    more = {"hook": hook, "upload_sessions": one.sessions, "import_delay_s": 0.05}
    with served(folder / "sandbox", **more) as sandbox:
        box = Box(folder, sandbox)
        for name in CASES:
            _write(box, name, 0)
            box.add(name, _sockets(name, 0))
        box.save()
        yield box, hook


def _write(box: Box, name: str, version: int) -> None:
    tag = f"{name}-{version}"
    if name != "only-values":
        box.write(b"%PDF-1.4 " + tag.encode(), name, "report.pdf")
        box.write(json.dumps([tag]), name, "details.json")
    if name == "all-kinds":
        box.write(mha(tag), name, "ct.mha")
        box.write(mask(tag), name, "airways.mha")


def _sockets(name: str, version: int) -> Entry:
    values = {"some-score": version + 0.5, "remark": "", "findings": {"value": [name, version]}}
    files = {
        "report": {"file": f"{name}/report.pdf"},
        "details": {"file": f"{name}/details.json"},
    }
    images = {
        "ct-image": {"file": f"{name}/ct.mha"},
        "airway-segmentation": {"file": f"{name}/airways.mha"},
    }
    match name:
        case "only-values":
            return values
        case "only-files":
            return files
        case _:
            return {**images, **files, **values}


def change(box: Box, names: tuple[str, ...], version: int) -> None:
    """Give cases other values and files."""
    for entry in box.entries:
        if entry["name"] in names:
            _write(box, entry["name"], version)
            entry["sockets"] = _sockets(entry["name"], version)
    box.save()


def act(folder: Path, one: Try) -> bool:
    """Act out a try; raise AssertionError if it ends wrong; return whether an item was left."""
    with _box(folder, one) as (box, hook):
        if one.update:
            _run(box).expect(0)
            change(box, CASES, 1)
        pid = folder / "pid"
        hook.killing = pid if one.killed else None
        hook.wanted = (one.kind, one.number)
        _run(box, pid)
        change(box, one.changed, 2)
        if one.when == "before":
            hook.let_go()
        hook.turn = one.turn if one.when == "between" else None
        second = _run(box)
        assert second.code in {0, 1, 4}, second.err
        hook.let_go()
        third = _run(box)
        left = strays(box)
        if left:
            check_told(box, third, left)
            third = _run(box)
        third.expect(0)
        box.check()
        again = _run(box).expect(0).summary
        assert (again["bytes_sent"], again["cases"]["unchanged"]) == (0, len(CASES)), again
        return bool(left)


def _run(box: Box, pid: Path | None = None) -> Ran:
    found = forked.run(
        ["run", "--json", box.manifest.name],
        cwd=box.folder,
        environment=box.environment(),
        seconds=120,
        prepare=functools.partial(_prepare, pid),
    )
    return Ran(found.code, found.out, found.err)


def _prepare(pid: Path | None, _: Path) -> None:
    forked.shorten_pauses(0.03)
    if pid is not None:
        pid.write_text(str(os.getpid()))


def strays(box: Box) -> list[str]:
    """The pks of empty items that no case has."""
    own = {entry["name"] for entry in box.entries}
    found = [item for item in box.items() if item["title"] not in own]
    assert all(one["title"].startswith("uploading-") and not one["values"] for one in found)
    return [str(one["pk"]) for one in found]


def check_told(box: Box, ran: Ran, left: list[str]) -> None:
    """Every empty item is told with its address until it is gone; delete them."""
    assert ran.code == 1, ran.err
    assert all(f"display-sets/{pk}/" in ran.err for pk in left), ran.err
    assert box.served is not None
    store = Store(box.served.dir)
    try:
        assert all(map(functools.partial(delete_object, store), left))
    finally:
        store.close()


def main() -> int:
    """The bar at its full size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tries", type=int, default=300)
    parser.add_argument("--first-try", type=int, default=1)
    given = parser.parse_args()
    began, failed, left = time.monotonic(), [], 0
    for seed in range(given.first_try, given.first_try + given.tries):
        one = made_up(seed)
        with tempfile.TemporaryDirectory() as folder:
            try:
                left += act(Path(folder), one)
            except AssertionError as error:
                failed.append(seed)
                sys.stdout.write(f"try {seed} ({one}): WRONG: {error}\n")
                sys.stdout.flush()
    took = time.monotonic() - began
    verdict = f"FAILED: {failed}" if failed else "ok"
    told = f"an item was left over, and told, in {left}"
    sys.stdout.write(f"{given.tries} tries in {took:.0f} s; {told}: {verdict}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
