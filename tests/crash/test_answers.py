from __future__ import annotations

from pathlib import Path

from manifest_uploader.sandbox import Fault
from tests.crash.answers import trials, try_all
from tests.crash.helpers import platform, rich_box
from tests.faults import Script, Step


def test_answers_lost_twice_in_a_row_leave_every_case_once(tmp_path: Path) -> None:
    found = [
        trial
        for trial in trials(tmp_path, each_kind=False, times=(2,))
        if trial.road != "update" and trial.loss in {"502, never seen", "acted, then reset"}
    ]
    without_sessions = [
        trial
        for trial in trials(tmp_path / "old", each_kind=False, times=(2,), has_sessions=False)
        if trial.road in {"first", "slow update"} and trial.loss == "acted, then reset"
    ]

    report = try_all([*found, *without_sessions], at_once=8)

    print(report)
    assert (report.trials, report.wrong) == (6 + 2, ())
    assert report.lost > 8 * 15


def test_a_fill_refused_because_it_has_acted_before_is_done(tmp_path: Path) -> None:
    """Something between us and the platform sent it on, said 429, and we tried again."""
    hook = Script([Step("item-fill", Fault.answer(429, (("Retry-After", "1"),)), when="after")])
    with platform(tmp_path, hook=hook) as served:
        box = rich_box(tmp_path, served, 1, root=tmp_path / "data")

        box.go().expect(0)

        box.check()
