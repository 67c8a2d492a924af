from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.engine.progress import Importing, Progress, Sending
from manifest_uploader.output.live_view import TYPED, Size, clock_words, live_view, share_done
from manifest_uploader.output.paint import painted
from manifest_uploader.text import Tone, line
from tests.helpers import few_examples
from tests.output.records import progress_of

MIB = 2**20


def busy() -> Progress:
    """A run that sends and imports several values at a time."""
    return progress_of(
        cases=13,
        ended=7,
        waiting=3,
        total_bytes=3400 * MIB,
        sent_bytes=1200 * MIB,
        speed=38.2 * MIB,
        sending=(
            Sending("patient-007", "ct-image", "ct.zip", 512 * MIB, 312 * MIB),
            Sending("a-name-of-a-case-from-the-PACS-2024-01-01", "seg", "airways.nii.gz", 9, 3),
            Sending("patient-009", "dicom-set", "0001.dcm", 16 * MIB, 8 * MIB, uploads=8),
        ),
        importing=(Importing("patient-005", "ct-image", 12.0), Importing("p-006", "ct-image", 3.0)),
    )


def test_at_80_columns() -> None:
    found = live_view(busy(), Size(80, 24), elapsed_s=42.0, notes=[line("trouble")], signs=TYPED)

    assert found == [
        "######------- 7 of 13 cases  1.2 of 3.3 GiB  38.2 MiB/s  3 importing  0:58 left",
        "  > patient-007/ct-image                     ct.zip          312.0 of 512.0 MiB",
        "  > a-name-of-a-case-f...ACS-2024-01-01/seg  airways.nii.gz            3 of 9 B",
        "  > patient-009/dicom-set                    8 files            8.0 of 16.0 MiB",
        "  ~ patient-005/ct-image                                        importing, 12 s",
        "  ~ p-006/ct-image                                             importing, 3.0 s",
        "  ~ 1 more importing",
        "trouble",
    ]


def test_at_120_columns() -> None:
    head, first, *_ = live_view(busy(), Size(120, 24), elapsed_s=42.0, signs=TYPED)

    assert head == (
        "##################---------------------- 7 of 13 cases  1.2 of 3.3 GiB  38.2 MiB/s  "
        "3 importing  0:42  0:58 left"
    )
    assert first == (
        "  > patient-007/ct-image                           ct.zip          312.0 of 512.0 MiB"
    )


@few_examples
@given(st.integers(16, 200), st.integers(1, 60), st.integers(0, 4))
def test_no_line_is_longer_than_the_terminal_and_none_too_many(
    width: int, height: int, notes: int
) -> None:
    found = live_view(busy(), Size(width, height), elapsed_s=99999.0, notes=[line("note")] * notes)

    assert len(found) <= max(1 + notes, height)
    assert all(len(one) < max(width, 40) for one in found)
    assert "7 of 13 cases" in found[0]


def test_names_cannot_move_the_cursor() -> None:
    progress = progress_of(sending=(Sending("a\x1b[2J", "x", "b\nc", 9, 0),))

    [_, found] = live_view(progress, Size(80, 24), elapsed_s=0.0)

    assert "\x1b" not in found
    assert "\n" not in found


def test_what_is_done_is_green_and_what_waits_is_dim() -> None:
    [head, *_] = live_view(progress_of(waiting=1), Size(80, 24), elapsed_s=0.0)

    assert {one.tone for one in head.tones} == {Tone.GOOD, Tone.QUIET}
    assert painted(head).count("\x1b[32m") == 1


def test_a_pause_has_no_time_left() -> None:
    progress = progress_of(total_bytes=MIB, speed=1.0)
    paused = progress_of(total_bytes=MIB, speed=1.0, paused="too many uploads")

    assert "left" in live_view(progress, Size(120, 24), elapsed_s=1.0)[0]
    assert "left" not in live_view(paused, Size(120, 24), elapsed_s=1.0)[0]


@few_examples
@given(st.integers(0, 9), st.integers(0, 2000), st.integers(0, 1000))
def test_the_share_that_is_done_lies_between_none_and_all(
    ended: int, sent: int, total: int
) -> None:
    found = share_done(progress_of(ended=ended, total_bytes=total, sent_bytes=sent))

    assert 0.0 <= found <= 1.0


def test_an_empty_run_is_done() -> None:
    assert share_done(progress_of(cases=0, ended=0)) == 1.0


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0:00"), (42, "0:42"), (61, "1:01"), (3723, "1:02:03")]
)
def test_times_are_as_on_a_clock(seconds: float, words: str) -> None:
    assert clock_words(seconds) == words
