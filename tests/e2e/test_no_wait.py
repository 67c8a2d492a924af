"""`--no-wait` never waits for an import."""

from __future__ import annotations

import math
from pathlib import Path

from tests.e2e.data import mha
from tests.e2e.helpers import Box, served

NOTE = (
    "note: a: the import of an earlier value has not ended, and a new one must not overtake it; "
    "a later run sends what changed (without --no-wait, the run waits for it)"
)


def test_a_change_of_what_is_being_imported_is_left_to_a_later_run(tmp_path: Path) -> None:
    with served(tmp_path / "sandbox", import_delay_s=math.inf) as sandbox:
        box = Box(tmp_path, sandbox)
        box.add_usual("a")
        box.save()
        box.run("--no-wait").expect(4)
        box.write(mha("changed"), "a", "ct.mha")

        ran = box.run("--no-wait", seconds=20).expect(4)

        assert (ran.ends["waiting"], ran.ends["pending"]) == (1, 0)
        assert ran.summary["uploads"] == 1
        assert NOTE in ran.err.splitlines()
    with served(tmp_path / "sandbox") as box.served:
        box.run().expect(0)
        box.check()
