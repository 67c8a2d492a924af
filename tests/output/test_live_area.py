from __future__ import annotations

import errno
import io
import sys

import pytest

from manifest_uploader.output.live_area import LiveArea
from manifest_uploader.output.paint import painted
from manifest_uploader.text import Tone, line


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


def test_what_a_terminal_cannot_draw_is_escaped_and_moves_no_colour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    sent = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(sent, encoding="ascii", newline="\n"))
    text = line("山: ", ("done", Tone.GOOD))

    LiveArea(stderr=True).print(text)

    sys.stderr.flush()
    assert sent.getvalue().decode() == painted(line(r"\u5c71: ", ("done", Tone.GOOD))) + "\n"
