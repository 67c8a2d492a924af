"""`status --watch` beside a run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from manifest_uploader.state import lock
from tests import forked
from tests.e2e.helpers import Box, served, wait_for


def look_often(_: Path) -> None:
    from manifest_uploader.commands import watch

    assert "LOOK_EVERY_S" in vars(watch), "what is changed in the program has to be there"
    vars(watch)["LOOK_EVERY_S"] = 0.05


@contextlib.contextmanager
def watching(box: Box) -> Iterator[forked.Running]:
    """Watch a study from before its run begins."""
    with forked.begun(
        ["status", box.manifest.name, "--watch"],
        cwd=box.folder,
        environment=box.environment(),
        prepare=look_often,
    ) as watch:
        wait_for(lambda: "waiting for one" in watch.out)
        yield watch


def test_it_tells_what_is_importing_and_ends_with_the_run(tmp_path: Path) -> None:
    with served(tmp_path / "sandbox", import_delay_s=0.3) as running:
        box = Box(tmp_path, running)
        for number in range(3):
            box.add_usual(f"patient-{number}")
        box.save()
        with watching(box) as watch:
            box.run().expect(0)
            ended = watch.end(10)

    assert (ended.code, ended.err) == (0, "")
    counts = [line.split("; ")[1] for line in ended.out.splitlines() if " ended; " in line]
    assert any("3 importing" in line for line in counts)
    assert not any("unsure" in line for line in counts)
    assert ended.out.endswith("the run is over: 3 of 3 cases done\n")


def test_it_ends_with_a_run_that_is_killed(tmp_path: Path) -> None:
    with served(tmp_path / "sandbox", import_delay_s=float("inf")) as running:
        box = Box(tmp_path, running)
        box.add_usual("patient-0")
        box.save()
        with watching(box) as watch:
            run = box.spawn("run", "--quiet")
            wait_for(lambda: "1 importing" in watch.out)
            run.kill()
            run.communicate()
            ended = watch.end(10)
            status = box("status")

    last = ended.out.splitlines()[-2:]
    assert "; no run is in progress" in last[0]
    assert last[1] == (
        "the run ended without finishing: 0 of 1 case done; it was killed, or its computer "
        "stopped; the same command continues"
    )
    assert (ended.code, ended.err) == (status.code, "")


def test_a_run_that_is_killed_between_two_looks_has_ended(tmp_path: Path) -> None:

    from manifest_uploader.commands import watch
    from manifest_uploader.output import watch_screen
    from tests.commands.test_watch import manifest_of
    from tests.report.helpers import NOON, whole_case, write_state

    path = write_state(tmp_path / "s.jsonl", whole_case("a", NOON))
    said: list[str] = []

    def leave_a_lock(_: float) -> None:
        assert "--" not in said, "it goes on"
        said.append("--")
        with lock.held(path, take_over=False, command=""):
            held = json.loads((tmp_path / "s.jsonl.lock").read_text())
        dead = held | {"start": held["start"] - 1000, "boot": held["boot"] + 500}
        (tmp_path / "s.jsonl.lock").write_text(json.dumps(dead))

    manifest = manifest_of(tmp_path, "a", "b")
    watch.watch(manifest, path, watch_screen.Lines(said.append), sleep=leave_a_lock)

    assert said[-1].startswith("the run ended without finishing: 1 of 2 cases done")
