from __future__ import annotations

import os
import signal

import pytest

from manifest_uploader.commands.signals import stopping_on_signals
from manifest_uploader.output.screen import Lines


@pytest.mark.skipif(os.name == "nt", reason="no process can send itself such a signal there")
def test_the_first_signal_asks_the_run_to_stop(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)

    with stopping_on_signals(Lines()) as (stop, caught):
        assert not stop.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(5)

    assert caught == [signal.SIGTERM]
    assert "once more stops at once" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before
