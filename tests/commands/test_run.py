from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from manifest_uploader.api import sandboxes
from manifest_uploader.api.results import Result
from manifest_uploader.engine.results import CaseEnd, End, Summary
from manifest_uploader.platform.traffic import Traffic
from manifest_uploader.sandbox.judge import Judge, Panimg, Unread
from tests.entry import uploader
from tests.files.importing import write_image


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        *[([], 0), ([End.DONE], 0), ([End.DONE, End.WAITING], 4), ([End.WAITING, End.FAILED], 1)],
        *[([End.UNSURE], 1), ([End.PENDING, End.DONE], 1), ([End.WAITING, End.PENDING], 1)],
    ],
)
def test_the_worst_end_of_a_case_gives_the_exit_code(ends: list[End], code: int) -> None:
    summary = Summary(tuple(CaseEnd(str(n), end) for n, end in enumerate(ends)), 0, Traffic(), 0.0)

    assert code == Result.of(summary).exit_code


@pytest.mark.parametrize(
    ("judge", "uploads", "count"), [(Unread(), 1, 1), (Unread(), 0, 0), (Panimg("1.2"), 1, 0)]
)
def test_a_rehearsal_says_that_images_were_not_read(
    monkeypatch: pytest.MonkeyPatch, judge: Judge, uploads: int, count: int
) -> None:
    monkeypatch.setattr(sandboxes, "find_judge", lambda: judge)

    notes = sandboxes.rehearsal_notes(Summary((), uploads, Traffic(), 0.0))

    assert len(notes) == count
    assert all("without reading them" in note for note in notes)


def test_a_run_looks_into_every_file(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("version: 1\n")

    ran = uploader("run", "--sandbox", "--quick", "m.yaml", cwd=tmp_path)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("uploader: --quick is for 'validate' and 'plan'")


def test_what_was_asked_counts_for_a_rehearsal_too(tmp_path: Path) -> None:
    write_image(tmp_path / "a.mha", np.zeros((2, 3, 4), np.int16))
    os.utime(tmp_path / "a.mha", (1e9, 1e9))
    (tmp_path / "m.yaml").write_text(
        "version: 1\ntarget: {kind: reader-study, slug: s}\nimport-check: required\n"
        "cases:\n- {name: a, sockets: {ct: {file: a.mha}}}\n"
    )
    assert uploader("run", "--sandbox", "m.yaml", cwd=tmp_path).code == 2

    assert uploader("validate", "--import", "--offline", "m.yaml", cwd=tmp_path).code == 0

    assert uploader("run", "--sandbox", "m.yaml", cwd=tmp_path).code == 0
