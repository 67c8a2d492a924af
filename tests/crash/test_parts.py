from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.parts import resume


@pytest.mark.parametrize("kind", ["file", "bundle"])
def test_an_upload_killed_in_the_middle_goes_on_with_the_parts_that_are_missing(
    tmp_path: Path, kind: str
) -> None:
    found = resume(tmp_path / "one", kind=kind, mib=40, between="the rest")

    print(found)
    assert found.is_right


@pytest.mark.parametrize(
    ("kind", "between"),
    [("file", "row cleaned up"), ("file", "content changed"), ("bundle", "a stored part differs")],
)
def test_an_upload_that_cannot_go_on_is_sent_anew(tmp_path: Path, kind: str, between: str) -> None:
    found = resume(tmp_path / "one", kind=kind, mib=24, between=between)

    print(found)
    assert found.is_right
