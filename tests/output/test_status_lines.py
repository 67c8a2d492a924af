from __future__ import annotations

import pytest

from manifest_uploader.output import status_lines
from manifest_uploader.state.events import Failure
from manifest_uploader.state.standing import CaseStanding, Standing
from tests.helpers import pk


def test_where_a_case_stands() -> None:
    failed = CaseStanding("a", "A", Standing.FAILED, pk(1), (Failure(None, "No image."),))
    new = CaseStanding("b", "B", Standing.NEW, None, ())

    assert status_lines.stand_line(failed) == f"a: failed: No image. ({pk(1)})"
    assert status_lines.stand_line(new) == "b: new"
    counts = {Standing.FAILED: 1, Standing.IMPORTING: 4, Standing.NEW: 2}
    assert status_lines.status_line(counts) == "7 cases: 2 new, 4 importing, 1 failed"


@pytest.mark.parametrize(
    ("standings", "jobs", "following"),
    [
        ([Standing.DONE], False, None),
        ([Standing.DONE, Standing.IMPORTING], False, "Next: to wait for the imports: RUN"),
        ([Standing.IMPORTING], True, "Next: to wait for the jobs: RUN"),
        ([Standing.IMPORTING, Standing.NEW], True, "Next: to upload what is missing: RUN"),
        ([Standing.IMPORTING, Standing.FAILED], True, "Next: fix what failed, then: RUN"),
    ],
)
def test_what_is_next_depends_on_what_is_left(
    standings: list[Standing], jobs: bool, following: str | None
) -> None:
    counts = dict.fromkeys(standings, 1)

    assert status_lines.status_next(counts, "RUN", None, jobs=jobs) == following
