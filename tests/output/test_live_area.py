from __future__ import annotations

import errno
import io
import sys

import pytest

from manifest_uploader.output.live_area import LiveArea


class Gone(io.StringIO):
    """A terminal that was closed."""

    tries = 0

    def write(self, _: str) -> int:
        self.tries += 1
        raise OSError(errno.EIO, "Input/output error")


def test_a_terminal_that_has_gone_away_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    gone = Gone()
    monkeypatch.setattr(sys, "stderr", gone)
    area = LiveArea(stderr=True)

    area.start()
    tries = gone.tries
    area.show(["one"])
    area.print("two")
    area.stop()

    assert (tries, gone.tries) == (1, 1), "nothing more is written"
