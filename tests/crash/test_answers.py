from __future__ import annotations

from pathlib import Path

from tests.crash.answers import trials, try_all


def test_answers_lost_twice_in_a_row_leave_every_case_once(tmp_path: Path) -> None:
    found = [
        trial
        for trial in trials(tmp_path, each_kind=False, times=(2,))
        if trial.loss in {"502, never seen", "acted, then reset", "acted, then cut short"}
    ]

    report = try_all(found)

    print(report)
    assert (report.trials, report.wrong) == (12, ())
    assert report.lost > 12 * 15
