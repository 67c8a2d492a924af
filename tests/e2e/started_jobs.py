"""Starts the jobs of a manifest with plain requests, and writes down which case has which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.sandbox.job_states import FINAL
from manifest_uploader.state.events import Done
from manifest_uploader.state.file import Binding
from manifest_uploader.state.ledger import Ledger
from manifest_uploader.state.steps import StepId
from tests.e2e.helpers import Box, Entry, items_of, wait_for
from tests.sandbox.helpers import Client


def start_jobs(box: Box, entries: list[Entry]) -> dict[str, str]:
    """Case → pk of the job that was started for it."""
    assert box.served is not None
    assert box.served.running is not None
    with Client(box.served.running) as client:
        [target] = client.get("algorithms/", params={"slug": box.slug}).json()["results"]
        started = {one["name"]: _start(client, target["api_url"], box, one) for one in entries}
        platform = f"sandbox {client.get('gcapi/').json()['sandbox_id']}"
    ledger = Ledger([])
    binding = Binding(platform, TargetKind.ALGORITHM, box.slug, target["pk"])
    ledger.open(box.state, binding, is_new=not box.state.exists())
    ledger.record(
        [Done(case=case, step=StepId.create(case), pk=pk) for case, pk in started.items()]
    )
    ledger.close()
    return started


def _start(client: Client, algorithm: str, box: Box, entry: Entry) -> str:
    inputs = [_input(client, box, slug, value) for slug, value in entry["sockets"].items()]
    answer = client.post("algorithms/jobs/", json={"algorithm": algorithm, "inputs": inputs})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["pk"])


def _input(client: Client, box: Box, slug: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {"interface": slug, "value": value}
    path = box.data / value["file"]
    upload = client.upload(path.name, path.read_bytes())
    if path.suffix == ".mha":
        return {"interface": slug, "user_uploads": [upload]}
    return {"interface": slug, "user_upload": upload}


def wait_for_jobs(box: Box) -> dict[str, Entry]:
    """The jobs by pk, once all have ended."""
    assert box.served is not None
    folder = box.served.dir

    def ended() -> list[Entry]:
        jobs = [one for one in items_of(folder) if one["kind"] == "algorithm"]
        return jobs if all(one["status"] in FINAL for one in jobs) else []

    return {str(one["pk"]): one for one in wait_for(ended)}
