"""`status --watch` beside a run."""

from __future__ import annotations

from pathlib import Path

from tests import forked
from tests.e2e.helpers import Box, served, wait_for


def look_often(_: Path) -> None:
    from manifest_uploader.commands import watch

    assert "LOOK_EVERY_S" in vars(watch), "what is changed in the program has to be there"
    vars(watch)["LOOK_EVERY_S"] = 0.05


def test_it_tells_what_is_importing_and_ends_with_the_run(tmp_path: Path) -> None:
    with served(tmp_path / "sandbox", import_delay_s=0.3) as running:
        box = Box(tmp_path, running)
        for number in range(3):
            box.add_usual(f"patient-{number}")
        box.save()
        watching = forked.begun(
            ["status", box.manifest.name, "--watch"],
            cwd=box.folder,
            environment=box.environment(),
            prepare=look_often,
        )
        with watching as watch:
            wait_for(lambda: "waiting for one" in watch.out)
            box.run().expect(0)
            ended = watch.end(10)

    assert (ended.code, ended.err) == (0, "")
    counts = [line.split("; ")[1] for line in ended.out.splitlines() if " ended; " in line]
    assert any("3 importing" in line for line in counts)
    assert not any("unsure" in line for line in counts)
    assert ended.out.endswith("the run is over: 3 of 3 cases done\n")
