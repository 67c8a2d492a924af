from __future__ import annotations

from pathlib import Path

from tests.crash.matrix import try_all


def test_a_run_killed_around_any_line_ends_with_every_case_once(tmp_path: Path) -> None:
    report = try_all(tmp_path, every=19)

    print(report)
    assert report.kills >= report.points > 10
    assert report.wrong == ()


def test_it_does_so_on_a_platform_without_upload_sessions(tmp_path: Path) -> None:
    report = try_all(tmp_path, every=37, first=5, has_sessions=False)

    print(report)
    assert report.kills >= report.points > 4
    assert report.wrong == ()
