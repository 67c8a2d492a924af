"""What the tests of the engine share."""

from __future__ import annotations

import pytest

from manifest_uploader.engine.looks import pool
from manifest_uploader.files.local_file import Source
from manifest_uploader.files.looks import Format
from manifest_uploader.plan.value_look import FormatSeen, ValueLook


@pytest.fixture
def unlooked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any files pass for one whole image, unread.

    For tests that need files of which the platform makes no image; each names this fixture.
    """

    def look(source: Source, allowed: tuple[int, ...] | None, *, quick: bool) -> ValueLook:
        count = len(source.files)
        seen = FormatSeen(Format.METAIMAGE, count, source.files[0].name)
        return ValueLook(count, count, formats=(seen,), images=1)

    monkeypatch.setattr(pool, "look_at_value", look)
