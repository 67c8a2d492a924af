"""Jobs are found among those of others, with their outputs."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.errors import PlatformRefused
from manifest_uploader.platform.address import Patience, Platform
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.jobs import JobSeen, OutputValue, jobs_of, read_job_seen
from tests.helpers import ALGORITHM, TOKEN, pk
from tests.platform.servers import Reply, Scripted, reply, scripted

RECORDED = Path(__file__).parents[1] / "sandbox" / "recorded" / "job_runs.jsonl"
PATIENCE = Patience(5.0, 5.0, first_pause_s=0.001)


def value(slug: str, path: str | None = None, **held: Any) -> dict[str, Any]:
    socket = {"slug": slug, "relative_path": path}
    return {"interface": socket, "value": None, "file": None, "image": None, "pk": 1, **held}


def job(number: int, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {"pk": pk(number), "status": "Succeeded", "inputs": [], "outputs": list(outputs)}


def listed(count: int, *jobs: dict[str, Any]) -> Reply:
    return reply(200, {"count": count, "next": None, "results": list(jobs)})


def ask(server: Scripted, *numbers: int) -> dict[str, JobSeen]:
    with closing(Client(Platform(f"{server.url}/api/v1/", TOKEN), patience=PATIENCE)) as client:
        return jobs_of(client, ALGORITHM, {pk(number) for number in numbers})


def test_jobs_are_listed_if_the_list_is_not_much_longer() -> None:
    with scripted(listed(10), listed(10, job(1), job(2), job(3))) as server:
        assert ask(server, 1, 3).keys() == {pk(1), pk(3)}

    assert len(server.asked) == 2
    assert f"algorithm_image__algorithm={ALGORITHM.pk}" in server.asked[1].path


def test_few_jobs_among_very_many_are_asked_for_one_by_one() -> None:
    with scripted(listed(1000), reply(404)) as server:
        assert ask(server, 1, 2) == {}

    paths = {asked.path for asked in server.asked[1:]}
    assert paths == {f"/api/v1/algorithms/jobs/{pk(number)}/" for number in (1, 2)}


def test_one_job_takes_one_request_and_must_be_shown_or_not_be_there() -> None:
    with scripted(reply(200, job(1))) as server:
        assert ask(server, 1)[pk(1)].item.status == "Succeeded"
        assert len(server.asked) == 1
    with (
        scripted(reply(403, {"detail": "no"})) as server,
        pytest.raises(PlatformRefused, match="does not show the job"),
    ):
        ask(server, 1)


def test_values_are_whole_and_named_as_the_algorithm_named_their_files() -> None:
    findings = {"nodules": list(range(1000))}
    image = f"https://host/api/v1/cases/images/{pk(9)}/"
    seen = read_job_seen(
        job(
            1,
            value("findings", "results.json", value=findings),
            value("score", value=0),
            value("scan", image=image),
            value("report", file="https://host/media/7/report.pdf"),
            value("empty"),
        )
    )

    assert seen is not None
    assert seen.values == {
        "findings": OutputValue(findings, "results.json"),
        "score": OutputValue(0, "score.json"),
    }
    assert seen.item.outputs["scan"].image == pk(9)
    assert read_job_seen({"pk": 7}) is None


def test_a_job_is_read_from_what_the_platform_answered() -> None:
    lines = RECORDED.read_text(encoding="utf-8").splitlines()
    exchanges = [json.loads(line) for line in lines]
    (recorded,) = (one for one in exchanges if one.get("title") == "A outputs its outputs")

    seen = read_job_seen(recorded["answer"]["json"])

    assert seen is not None
    assert seen.item.status == "Succeeded"
    assert seen.values["note"] == OutputValue("o 1795809243", "note.json")
    found = {"acc": 0.5, "score": 1, "invocation_json": []}
    assert seen.values["results-json-file"] == OutputValue(found, "results.json")
    assert {slug for slug, held in seen.item.outputs.items() if held.file} == {"report"}
    assert {slug for slug, held in seen.item.outputs.items() if held.image} == {"ct-image"}
