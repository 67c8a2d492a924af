from __future__ import annotations

import pytest

from manifest_uploader.output import screen


@pytest.fixture(autouse=True)
def _as_on_a_fast_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Explain no silence: how long it lasts depends on what else the machine does."""
    monkeypatch.setattr(screen, "SILENCE_S", float("inf"))
