"""A job is found by what only it can hold, and never guessed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from manifest_uploader.digests import json_digest
from manifest_uploader.engine.jobs.finder import (
    CancelledJob,
    Found,
    NotStarted,
    StartedSomewhere,
    find_job,
)
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.model import Entry
from manifest_uploader.state.events import Started
from tests.helpers import ALGORITHM, pk, step_id
from tests.platform.servers import Reply, reply, scripted

SCORE = Entry("some-score", digest=json_digest(2))
REPORT = Entry("report", upload=pk(7), token="0abc")
IMAGE = Entry("ct-image", upload=pk(7), ticket=pk(8))


def find(connect: Callable[..., Client], started: Started, *replies: Reply, owned: Any = ()) -> Any:
    with scripted(*replies) as server:
        return find_job(connect(server.url), ALGORITHM, started, owned)


def begun(*entries: Entry, jobs: int = 0, equal: tuple[str, ...] = ()) -> Started:
    return Started("a", step_id("a:create"), entries=entries, job=True, jobs=jobs, equal=equal)


def job(number: int, **inputs: Any) -> dict[str, Any]:
    shown = [
        {"interface": {"slug": slug.replace("_", "-")}, "pk": 1, **held}
        for slug, held in inputs.items()
    ]
    return {"pk": pk(number), "status": "Validating inputs", "inputs": shown}


def listed(*jobs: dict[str, Any]) -> Reply:
    return reply(200, {"count": len(jobs), "results": list(jobs)})


def session(status: str, **more: Any) -> Reply:
    return reply(200, {"status": status, "error_message": "", "image_set": [], **more})


def test_values_are_compared_and_jobs_that_were_there_before_do_not_count(
    connect: Callable[..., Client],
) -> None:
    jobs = listed(job(1, some_score={"value": 2}), job(2, some_score={"value": 2}))

    assert find(connect, begun(SCORE, equal=(pk(1),)), jobs) == Found(pk(2))
    assert find(connect, begun(SCORE, equal=(pk(1), pk(2))), jobs) == NotStarted()
    assert find(connect, begun(SCORE), jobs, owned={pk(1)}) == Found(pk(2))


def test_a_file_is_recognized_by_the_random_part_of_its_name(
    connect: Callable[..., Client],
) -> None:
    ours = job(2, report={"file": "https://x.org/media/a/b/report-0abc.pdf"})
    other = job(1, report={"file": "https://x.org/media/0abc/b/report-0abd.pdf"})

    assert find(connect, begun(REPORT), listed(other, ours)) == Found(pk(2))
    row = reply(200, {"pk": pk(7), "status": "Completed"})
    assert find(connect, begun(REPORT), listed(other), row) == NotStarted()


def test_a_job_that_shows_no_file_yet_may_be_ours(connect: Callable[..., Client]) -> None:
    row = reply(200, {"pk": pk(7), "status": "Completed"})

    found = find(connect, begun(REPORT), listed(job(1)), row)
    before = find(connect, begun(REPORT, jobs=1), listed(job(1)), row)
    of_others = find(connect, begun(REPORT), listed(job(1)), row, owned={pk(1)})
    other_value = find(connect, begun(REPORT, SCORE), listed(job(1, some_score={"value": 3})), row)

    assert isinstance(found, StartedSomewhere)
    assert before == of_others == other_value == NotStarted()


def test_a_file_that_was_read_was_read_for_a_job(connect: Callable[..., Client]) -> None:
    found = find(connect, begun(REPORT), listed(), reply(404, {"detail": "No UserUpload matches"}))

    assert isinstance(found, StartedSomewhere)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (session("Queued"), NotStarted),
        (session("Re-Queued"), StartedSomewhere),
        (session("Failed", error_message="no image"), CancelledJob),
    ],
)
def test_a_session_tells_whether_a_job_was_started(
    connect: Callable[..., Client], shown: Reply, expected: type
) -> None:
    found = find(connect, begun(IMAGE), shown)

    assert isinstance(found, expected)
    if isinstance(found, CancelledJob):
        assert [(one.socket, one.message) for one in found.failures] == [("ct-image", "no image")]


def test_the_image_of_a_session_leads_to_its_job(connect: Callable[..., Client]) -> None:
    image = f"https://x.org/api/v1/cases/images/{pk(9)}/"
    with scripted(session("Succeeded", image_set=[image]), listed(job(3))) as server:
        found = find_job(connect(server.url), ALGORITHM, begun(IMAGE), ())

    assert found == Found(pk(3))
    assert f"input_image={pk(9)}" in server.asked[1].path
    assert f"algorithm_image__algorithm={ALGORITHM.pk}" in server.asked[1].path
