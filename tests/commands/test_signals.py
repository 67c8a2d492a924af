from __future__ import annotations

import os
import signal

import pytest

from manifest_uploader.commands.signals import stopping_on_signals
from manifest_uploader.output.screen import Lines


@pytest.mark.skipif(os.name == "nt", reason="no process can send itself such a signal there")
def test_the_first_signal_asks_the_run_to_stop(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)

    with stopping_on_signals(Lines()) as stop:
        assert not stop.event.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.event.wait(5)

    assert (stop.caught, stop.code) == ([signal.SIGTERM], 143)
    assert "Press Ctrl-C again to stop now." in capfd.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no such signal")
def test_a_run_that_nohup_started_outlives_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping_on_signals(Lines()) as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert not stop.event.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)
