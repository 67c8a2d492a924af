"""The sandbox answers recorded requests as the platform did."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from manifest_uploader.sandbox import Fault, Seen
from manifest_uploader.sandbox.show import delete_object
from manifest_uploader.sandbox.store import Store
from tests.sandbox.contents import dicom
from tests.sandbox.helpers import Client, mha, options, wait_for, wait_for_imports, zipped

FOLDER = Path(__file__).parent / "recorded"
FILES = sorted(FOLDER.glob("*.jsonl"))
MOVING = {
    *("created", "modified", "LastModified", "count", "next", "previous", "results", "logo"),
    *("description", "index", "image", "file", "files", "name", "creator", "voxel_width_mm"),
    *("voxel_height_mm", "voxel_depth_mm", "presigned_urls", "question", "width", "height"),
    *("depth", "shape", "shape_without_color", "overlay_segments", "question_text"),
    *("question_text_safe", "image_set", "user_uploads", "uploads", "segments"),
    *("exec_duration", "invoke_duration", "outputs", "image_set_id", "average_duration"),
}
NULLABLE = {"segments", "voxel_width_mm", "voxel_height_mm", "voxel_depth_mm", "next", "previous"}
CONTENTS = {
    "small.mha": mha(),
    "a.mha": mha(),
    "b.mha": mha(),
    "seg.mha": mha(bytes([0, 1] * 16)),
    "ct.mha": mha(bytes(64), kind="MET_FLOAT", size="4 4 1"),
    "report.pdf": b"%PDF-1.4",
    "table.csv": b"a,b\n1,2\n",
    "any.json": b'{"a": 1}',
    "notjson.json": b"{a",
    "schema_ok.json": b'{"score": 0.5}',
    "schema_bad.json": b'{"score": 5}',
    "bundle.zip": zipped({"a.txt": b"a"}),
    "one.zip": zipped({"a.mha": mha()}),
    "slice.dcm": b"DICM",
    "bad.mha": b"not an image",
    "empty.bin": b"",
    "seven.mha": mha(bytes([7] * 32)),
    "slice1.dcm": dicom("1.9"),
}
SOCKETS = {
    "airway-segmentation": "Segmentation",
    "some-score": "Float",
    "big-json": "Anything:file",
    "report": "PDF file",
    "note": "String",
    "flag": "Bool",
    "count": "Integer",
}
"""Sockets of the second recording, besides those of the first."""
ALGORITHMS = (
    "fx-multi=ct-image+some-score->results-json-file",
    "fx-multi=big-json->results-json-file",
    "fx-multi=count+dicom-set->results-json-file",
    "fx-multi=note->results-json-file",
    "fx-multi=flag->report",
    "fx-multi=report->results-json-file",
    "fx-multi=ct-image+note->results-json-file",
    "fx-multi=ct-image+airway-segmentation->results-json-file",
    "fx-noimage=note->results-json-file,not-ready",
    "fx-nocredit=note->results-json-file,credits=2000",
    "fx-general=note->results-json-file",
    "fx-public=note->results-json-file,view-only",
    "fx-out=ct-image+note+report->note+results-json-file+report+ct-image",
)
RECORDED_ALGORITHMS = {
    "fx-multi": "1d32d55a-69fe-42b9-9d4c-17f0e98892bd 7afc4ff2-e346-4912-990e-3da98fbf0b74",
    "fx-noimage": "458555b0-3a42-448b-b267-ed93c95f5f0d",
    "fx-nocredit": "6b498d40-6d99-40cb-8699-1114e8f708f5",
    "fx-general": "5e2978c2-e832-4f88-8718-5e8b59b92131",
    "fx-public": "28ded398-e904-4c9e-a0b6-8809c85ca878",
    "fx-out": "bd84c638-43ea-4679-8a4a-ef41fb20096b c7399021-0f33-48a2-83f9-b55e5a175de5",
}
"""By slug, the primary keys of an algorithm and of its image."""


class Replay:
    """Sends recorded requests with the recorded primary keys replaced by the sandbox's."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.stranger = client.stranger()
        study = client.get("reader-studies/?slug=rs").json()["results"][0]["pk"]
        archive = client.get("archives/?slug=ar").json()["results"][0]["pk"]
        self.ours = {
            "d64aecd9-db87-407b-bf61-98a6c0d15403": study,
            "c1688216-f01c-4695-bdf5-5de01d24fd92": archive,
            "16961bcb-587c-4f6b-8a49-2680a1cbe4b6": self.question_of(study),
            "fcd1a8fb-ed52-4608-abe8-9233a70643d5": self.question_of(study),
            "https://gc.localhost/api/v1/": client.running.url,
            "https://gc.localhost/": client.running.url.removesuffix("api/v1/"),
        }
        for algorithm in client.get("algorithms/").json()["results"]:
            keys = RECORDED_ALGORITHMS[algorithm["slug"]].split()
            self.ours |= zip(keys, (algorithm["pk"], self.image_of(algorithm)), strict=False)
        self.rows: dict[str, dict[str, Any]] = {}

    def question_of(self, study: str) -> str:
        found = self.client.get(f"reader-studies/{study}/").json()["questions"]
        return str(found[0]["pk"])

    def image_of(self, algorithm: dict[str, Any]) -> str:
        images = self.client.get("algorithms/images/").json()["results"]
        found = [one["pk"] for one in images if one["algorithm"] == algorithm["api_url"]]
        return found[0] if found else ""

    def translate(self, data: Any) -> Any:
        text = json.dumps(data)
        for recorded, own in self.ours.items():
            text = text.replace(recorded, own)
        return json.loads(text)

    def prepare(self, step: dict[str, Any]) -> None:
        if "make" in step:
            self.make_upload(step)
        elif "make_item" in step:
            path = self.client.create(title=step["title"])
            self.ours[step["make_item"]] = path.split("/")[-2]
        elif "put" in step:
            for number in step["numbers"]:
                self.client.put(self.rows[step["put"]], step["content"].encode(), number)
        elif "job" in step:
            job = self.client.get(f"algorithms/jobs/{self.ours[step['job']]}/").json()
            held = {one["interface"]["slug"]: one for one in job[step.get("of", "inputs")]}
            self.ours[step["learn"]] = held[step["socket"]]["image"].split("/")[-2]
        elif "learn" in step:
            held = self.client.values(f"reader-studies/display-sets/{self.ours[step['item']]}/")
            self.ours[step["learn"]] = held[step["socket"]]["image"].split("/")[-2]
        else:
            store = Store(self.folder / "memory")
            assert delete_object(store, self.ours[step["delete"]])
            store.close()

    def make_upload(self, step: dict[str, Any]) -> None:
        client = self.stranger if step.get("as") == "stranger" else self.client
        row = client.open_upload(step["filename"])
        if not step.get("open"):
            assert client.complete(row, client.put(row, CONTENTS[step["filename"]])).is_success
        self.learn_upload(step["make"], step.get("s3"), row)

    def learn_upload(self, pk: str, s3_id: str | None, row: dict[str, Any]) -> None:
        self.rows[pk] = row
        self.ours[pk] = row["pk"]
        if s3_id:
            self.ours[s3_id] = row["s3_upload_id"]

    def send(self, exchange: dict[str, Any]) -> httpx.Response:
        path = self.translate(exchange["path"])
        data = self.translate(exchange["data"]) if "data" in exchange else None
        headers = {"Authorization": self.authorization(exchange.get("as"))}
        content = None if data is None else json.dumps(data)
        if content:
            headers["Content-Type"] = "application/json"
        return self.client.request(exchange["method"], path, content=content, headers=headers)

    def authorization(self, who: str | None) -> str:
        token = self.client.running.token
        return {
            None: f"Bearer {token}",
            "stranger": f"Bearer {self.client.running.token_without_rights}",
            "nobody": "",
            "wrong": "Bearer " + "0" * 64,
            "short": "Bearer abc",
            "token": f"Token {token}",
            "lower": f"bearer {token}",
            "bare": "Bearer",
        }[who]

    def no_job_runs(self) -> bool:
        running = {"Queued", "Provisioned", "Executing", "Executed"}
        jobs = self.client.get("algorithms/jobs/").json()["results"]
        return all(
            job["status"] not in running
            and (job["status"] != "Validating inputs" or not has_all_inputs(job))
            for job in jobs
        )

    def learn(self, expected: Any, answer: httpx.Response) -> None:
        """Remember which of the sandbox's keys correspond to the recorded ones in an answer."""
        if answer.status_code != 201:
            return
        own = answer.json()
        if isinstance(expected, str):
            found = re.match(r'\{"pk":"([^"]+)"', expected)
            expected = {"pk": found[1]} if found else {}
        if "s3_upload_id" in expected:
            self.learn_upload(expected["pk"], expected["s3_upload_id"], own)
        elif "pk" in expected:
            self.ours[expected["pk"]] = own["pk"]


def has_all_inputs(job: dict[str, Any]) -> bool:
    """Return whether the inputs of a job are those of a recorded interface."""
    given = {one["interface"]["slug"] for one in job["inputs"]}
    return any(
        given == set(line.partition("=")[2].split("->")[0].split("+")) for line in ALGORITHMS
    )


def differences(expected: Any, own: Any, where: str = "", *, exact: bool = True) -> list[str]:
    """Return where an answer lacks a field or has another type or value than expected."""
    if isinstance(expected, dict) and isinstance(own, dict):
        return list(in_fields(expected, own, where, exact=exact))
    if isinstance(expected, list) and isinstance(own, list):
        if exact and len(expected) != len(own):
            return [f"{where}: {own} instead of {expected}"]
        pairs = zip(expected, own, strict=False)
        return [d for e, o in pairs for d in differences(e, o, f"{where}[]", exact=exact)]
    if isinstance(expected, int) and where.endswith(".pk"):
        exact = False
    same = expected == own if exact else type(expected) is type(own)
    return [] if same else [f"{where}: {own!r} instead of {expected!r}"]


def in_fields(
    expected: dict[str, Any], own: dict[str, Any], where: str, *, exact: bool
) -> Iterator[str]:
    for key, wanted in expected.items():
        if key not in own:
            yield f"{where}.{key} is missing"
        elif key not in NULLABLE or None not in (wanted, own[key]):
            same = exact and key not in MOVING
            yield from differences(wanted, own[key], f"{where}.{key}", exact=same)


def compare_answers(replay: Replay, exchange: dict[str, Any], answer: httpx.Response) -> list[str]:
    expected = exchange["answer"]
    found = []
    if answer.status_code != expected["status"]:
        found.append(f"{answer.status_code} instead of {expected['status']}: {answer.text[:200]}")
    if answer.headers["Content-Type"].partition(";")[0] != expected["type"]:
        found.append(f"Content-Type {answer.headers['Content-Type']}")
    found += [
        f"{name}: {answer.headers.get(name)}"
        for name in ("allow", "location", "www-authenticate")
        if name in expected and answer.headers.get(name) != expected[name]
    ]
    if found:
        return found
    replay.learn(expected.get("json", expected.get("cut")), answer)
    if "json" in expected:
        wanted = replay.translate(expected["json"])
        if exchange.get("any_order") and isinstance(wanted, dict):
            wanted.pop("order", None)
        return differences(wanted, answer.json())
    names = re.findall(r'"(\w+)":', expected.get("cut", ""))
    return [f"{name} is missing" for name in names if f'"{name}":' not in answer.text]


def test_there_are_recordings() -> None:
    assert len(FILES) == 13


class FlagFails:
    """Lets the jobs with a flag fail, as those of the recording whose output did not come."""

    def before(self, request: Seen) -> Fault | None:
        return None

    def after(self, request: Seen, status: int) -> Fault | None:
        return None

    def on_job(self, job: str, inputs: dict[str, Any]) -> bool:
        return "flag" in inputs


def start_recorded(start_sandbox: Callable[..., Client], folder: Path, delay_s: float) -> Client:
    """Start a sandbox with the recorded algorithms, and sockets with their recorded titles."""
    sockets = (*options(folder).sockets, *(f"{slug}={kind}" for slug, kind in SOCKETS.items()))
    delays = {"import_delay_s": delay_s, "job_delay_s": delay_s}
    given = {"sockets": sockets, "algorithms": ALGORITHMS, "hook": FlagFails(), **delays}
    start_sandbox(**given).running.close()
    store = Store(folder / "memory")
    for slug in (*SOCKETS, "ct-image", "dicom-set"):
        store.run("UPDATE sockets SET title = slug WHERE slug = ?", slug)
    store.run("UPDATE sockets SET path = 'big.json' WHERE slug = 'big-json'")
    store.close()
    return start_sandbox(**{**given, "sockets": ()})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_answers_equal_those_of_the_platform(
    file: Path, start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    queued = "queued" in file.stem
    delay_s = float("inf") if queued else 0
    replay = Replay(start_recorded(start_sandbox, tmp_path, delay_s), tmp_path)
    found: list[str] = []
    for line in file.read_text("utf-8").splitlines():
        exchange = json.loads(line)
        if "path" not in exchange:
            replay.prepare(exchange)
            continue
        answer = replay.send(exchange)
        found += [
            f"{exchange['title']}: {what}" for what in compare_answers(replay, exchange, answer)
        ]
        if not queued:
            wait_for_imports(tmp_path)
            wait_for(replay.no_job_runs)

    assert found == []
