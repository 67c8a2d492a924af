"""A clock that is set while imports are waited for is no reason to give them up."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path

import pytest

from tests import forked
from tests.e2e.helpers import Box, Ran, served, wait_for

DAYS = 3 * 86_400.0


def _set_clock(by: float, flag: Path, _: Path) -> None:
    """Set the clock on the wall as soon as there is a flag."""
    real = time.time
    pytest.MonkeyPatch().setattr(time, "time", lambda: real() + by * flag.exists())


def _raise_flag(state: Path, flag: Path) -> None:
    """Raise it once the item is being filled."""
    wait_for(lambda: state.exists() and b":fill" in state.read_bytes())
    flag.touch()


@pytest.mark.parametrize("by", [DAYS, -DAYS], ids=["forwards", "back"])
def test_a_jump_of_the_clock_does_not_end_a_wait(tmp_path: Path, by: float) -> None:
    with served(tmp_path / "platform", import_delay_s=0.5) as platform:
        box = Box(tmp_path / "study", platform)
        box.write("%PDF-1.4", "a.pdf")
        box.add("a", {"report": {"file": "a.pdf"}})
        box.save()
        flag = tmp_path / "flag"
        flagging = threading.Thread(target=_raise_flag, args=(box.state, flag))
        flagging.start()

        found = forked.run(
            ["run", "--json", box.manifest.name],
            cwd=box.folder,
            environment=box.environment(),
            seconds=60,
            prepare=partial(_set_clock, by, flag),
        )
        flagging.join()
        Ran(found.code, found.out, found.err).expect(0)
        again = box("run").expect(0)

    assert "Finished: 1 case uploaded and verified (1 up to date); sent 0 B" in again.out
