from __future__ import annotations

import pytest

from manifest_uploader.errors import StateLocked
from manifest_uploader.manifest.problems import Place, Problem
from manifest_uploader.output import formatting


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *[(0, "0.0 s"), (1.26, "1.3 s"), (9.9, "9.9 s"), (10, "10 s"), (59.4, "59 s")],
        *[(60, "1 min"), (150, "2 min"), (3569, "59 min"), (3600, "1 h 0 min")],
        *[(3599, "1 h 0 min"), (9000, "2 h 30 min"), (90_000, "25 h 0 min")],
    ],
)
def test_seconds_for_people(seconds: float, words: str) -> None:
    assert formatting.time_words(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [
        *[(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB")],
        *[
            (5 * 2**20, "5.0 MiB"),
            (3 * 2**30, "3.0 GiB"),
            (2**40, "1.0 TiB"),
            (2**50, "1024.0 TiB"),
        ],
    ],
)
def test_bytes_for_people(size: int, words: str) -> None:
    assert formatting.size_words(size) == words


def test_one_of_a_thing_is_singular() -> None:
    assert [formatting.cases_words(count) for count in (0, 1, 2)] == [
        "0 cases",
        "1 case",
        "2 cases",
    ]


def test_problems_are_told_with_their_number() -> None:
    one = Problem("unknown key 'titel'", Place("lung.yaml", 8, 5), "did you mean 'title'?")

    assert formatting.problem_lines([one]) == (
        "lung.yaml:8:5: unknown key 'titel'\n  hint: did you mean 'title'?\n"
        "1 problem; nothing was sent\n"
        "Next: fix it, then run the same command again"
    )
    assert formatting.problem_lines([one, one]).endswith(
        "2 problems; nothing was sent\nNext: fix them, then run the same command again"
    )


def test_an_error_is_told_with_what_to_do() -> None:
    assert formatting.error_lines(StateLocked("held by alice", hint="wait")) == (
        "uploader: held by alice\n  hint: wait"
    )
    assert formatting.error_lines(StateLocked("held by alice")) == "uploader: held by alice"
