from __future__ import annotations

import pytest

from manifest_uploader.commands import sandbox
from manifest_uploader.commands.run import exit_code
from manifest_uploader.engine.results import CaseEnd, End, Summary
from manifest_uploader.platform.traffic import Traffic
from manifest_uploader.sandbox.judge import Judge, Panimg, Unread


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        *[([], 0), ([End.DONE], 0), ([End.DONE, End.WAITING], 4), ([End.WAITING, End.FAILED], 1)],
        *[([End.UNSURE], 1), ([End.PENDING, End.DONE], 1), ([End.WAITING, End.PENDING], 1)],
    ],
)
def test_the_worst_end_of_a_case_gives_the_exit_code(ends: list[End], code: int) -> None:
    summary = Summary(tuple(CaseEnd(str(n), end) for n, end in enumerate(ends)), 0, Traffic(), 0.0)

    assert code == exit_code(summary)


@pytest.mark.parametrize(
    ("judge", "uploads", "count"), [(Unread(), 1, 1), (Unread(), 0, 0), (Panimg("1.2"), 1, 0)]
)
def test_a_rehearsal_says_that_images_were_not_read(
    monkeypatch: pytest.MonkeyPatch, judge: Judge, uploads: int, count: int
) -> None:
    monkeypatch.setattr(sandbox, "find_judge", lambda: judge)

    notes = sandbox.rehearsal_notes(Summary((), uploads, Traffic(), 0.0))

    assert len(notes) == count
    assert all("without reading them" in note for note in notes)
