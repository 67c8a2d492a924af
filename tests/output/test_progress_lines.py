from __future__ import annotations

from typing import Any

import pytest

from manifest_uploader.output import progress_lines
from tests.output.records import progress_of


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({}, "4 of 10 cases finished"),
        ({"cases": 1, "ended": 0}, "0 of 1 case finished"),
        ({"waiting": 3}, "4 of 10 cases finished, 3 importing"),
        ({"eased": True}, "4 of 10 cases finished, slower: the platform is busy"),
        (
            {"total_bytes": 100 * 2**20, "sent_bytes": 20 * 2**20, "speed": 2.0 * 2**20},
            "4 of 10 cases finished, 20.0 MiB of 100.0 MiB, 2.0 MiB/s, 40 s left",
        ),
        (
            {"total_bytes": 1024, "sent_bytes": 4096, "speed": 409.6},
            "4 of 10 cases finished, 1.0 KiB of 1.0 KiB, 410 B/s",
        ),
        ({"total_bytes": 1024}, "4 of 10 cases finished, 0 B of 1.0 KiB"),
        (
            {"is_sending": False, "doubted": 2},
            (
                "4 of 10 cases finished, nothing left to send now, "
                "looking for 2 jobs whose start was not answered"
            ),
        ),
        (
            {
                "total_bytes": 1024,
                "sent_bytes": 1024,
                "speed": 99.0,
                "is_sending": False,
                "waiting": 3,
            },
            "4 of 10 cases finished, 1.0 KiB of 1.0 KiB, nothing left to send now, 3 importing",
        ),
    ],
)
def test_where_a_run_is_in_one_line(more: dict[str, Any], line: str) -> None:
    assert progress_lines.progress_line(progress_of(**more)) == line


def test_nobody_knows_how_long_a_pause_takes() -> None:
    progress = progress_of(total_bytes=1024, speed=1.0)

    assert "17 min left" in progress_lines.progress_line(progress)
    assert "left" not in progress_lines.progress_line(progress, is_paused=True)


def test_an_answer_that_is_waited_for_is_told_after_three_seconds() -> None:
    assert "answer" not in progress_lines.progress_line(progress_of(silent_s=2.0))
    assert progress_lines.progress_line(progress_of(silent_s=12.0)).endswith(
        "waiting for an answer (12 s)"
    )


def test_why_uploads_pause_and_since_when() -> None:
    paused = progress_lines.pause_line("too many uploads", 90.0)

    assert paused.startswith("uploads paused for 2 min: too many uploads")
    assert "uploads resume by themselves" in paused
    assert progress_lines.pause_line(None, 0.0) == "uploads continue"
