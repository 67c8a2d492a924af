"""What tests change in a forked process is changed there."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests import forked
from tests.e2e.helpers import environment
from tests.has import needs_signals


def _pauses_become_short(_: Path) -> None:
    from manifest_uploader.platform.address import Patience, parse_platform
    from manifest_uploader.platform.client import Client

    forked.shorten_pauses(0.125)
    platform = parse_platform("https://localhost/", "0" * 64)
    client = Client(platform, patience=Patience(stall_s=7.0, give_up_s=8.0))

    used = client._connections._retries._patience
    assert used == Patience(stall_s=7.0, give_up_s=8.0, first_pause_s=0.125)


def test_pauses_between_tries_are_as_short_as_a_test_wants(tmp_path: Path) -> None:
    ended = forked.run(
        ["--version"],
        cwd=tmp_path,
        environment=environment(),
        seconds=30,
        prepare=_pauses_become_short,
    )

    assert (ended.code, ended.err) == (0, "")


def _wait_for_nothing(_: Path) -> None:
    threading.Event().wait(60)


@needs_signals
def test_a_process_that_hangs_tells_where(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"(?s)did not end within 1 s.*_wait_for_nothing"):
        forked.run(
            ["--version"],
            cwd=tmp_path,
            environment=environment(),
            seconds=1,
            prepare=_wait_for_nothing,
        )
