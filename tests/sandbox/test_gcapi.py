"""The official client works with the sandbox."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.sandbox import Judge, Running, start
from manifest_uploader.sandbox.show import read_items
from manifest_uploader.sandbox.store import Store
from tests.others import GCAPI, python_with
from tests.sandbox.contents import dicom, mhd
from tests.sandbox.helpers import Client, options, wait_for_imports

SCRIPT = Path(__file__).with_name("gcapi_script.py")


@pytest.fixture(scope="session")
def python() -> Path:
    """Return the Python interpreter of an environment with the official client."""
    return python_with(GCAPI)


@pytest.fixture(scope="module")
def seen(python: Path, judge: Judge, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the official client sees when its users' usual calls are made; `shown`: by `show`."""
    folder = tmp_path_factory.mktemp("gcapi")
    (folder / "a.mhd").write_bytes(mhd())
    (folder / "a.raw").write_bytes(bytes(4))
    (folder / "a.pdf").write_bytes(b"%PDF")
    (folder / "a.dcm").write_bytes(dicom("1.9"))
    algorithms = (
        "nodules=ct-image+age-float->results-json-file+report-pdf",
        "nodules=dicom-set->results-json-file",
    )
    given: dict[str, Any] = {
        "keep_bytes": True,
        "judge": judge,
        "algorithms": algorithms,
        "job_delay_s": 0.01,
    }
    with start(options(folder, **given)) as running, Client(running) as client:
        item = client.create()
        assert client.answer(item, "foo").is_success
    with start(options(folder, **given, tls=True)) as running:
        found = run_script(python, running, folder)
        wait_for_imports(folder)
    store = Store(folder / "memory")
    found["shown"] = {row["pk"]: row for row in read_items(store)}
    store.close()
    return found


def run_script(python: Path, running: Running, folder: Path) -> dict[str, Any]:
    inherited = {key: value for key, value in os.environ.items() if "PROXY" not in key.upper()}
    ended = subprocess.run(
        [str(python), str(SCRIPT), running.url, running.token, str(folder)],
        env={**inherited, "SSL_CERT_FILE": str(running.ca)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_cases_of_the_official_client_are_stored(seen: dict[str, Any]) -> None:
    item = seen["shown"][seen["items"]["item"]]

    assert (item["title"], item["order"]) == ("by the official client", 4)
    assert set(item["values"]) == {"ct-image", "age-float", "any-file", "report-pdf"}
    assert item["values"]["age-float"] == {"value": 3.5}
    assert [file["name"] for file in item["values"]["ct-image"]["files"]] == ["a.mhd", "a.raw"]
    [slices] = seen["shown"][seen["items"]["slices"]]["values"].values()
    assert [file["name"] for file in slices["files"]] == ["dicom_image_0.dcm"]
    assert seen["shown"][seen["items"]["archived"]]["values"] == {"age-float": {"value": 2.5}}
    assert seen["archived"] == 2.5


def test_the_official_client_reads_values_and_downloads_them(seen: dict[str, Any]) -> None:
    name, start_of_it = seen["image"]
    [image] = [one for one in seen["downloads"] if one.startswith("images/")]

    assert seen["order of values"] == ["age-float", "any-file", "report-pdf", "ct-image"]
    assert (name, start_of_it) == ("image.mha", "ObjectType = Image\nN")
    assert image.startswith("images/ct-image/")
    assert seen["downloads"] == sorted(["age-float.json", "any-file.json", image, "report-pdf.pdf"])
    assert seen["used again"] == [1, 4]


def test_the_official_client_changes_titles_and_orders(seen: dict[str, Any]) -> None:
    _, *changed, [title, order] = seen["changes"]

    assert changed == [["new", 10]] * 2
    assert title == ""
    assert order not in (None, 10)
    assert seen["archive changes"] == ["other", "other", ""]


def test_the_official_client_reads_lists_and_details(seen: dict[str, Any]) -> None:
    assert seen["studies"] == ["rs", "rs2"]
    assert seen["page"] == [1, 0, 123, 1]
    assert seen["answers"] == ["foo"]
    assert (seen["algorithms"], seen["interfaces"]) == (1, 2)


def test_the_official_client_starts_jobs_and_reads_their_outputs(seen: dict[str, Any]) -> None:
    shown = [one for one in seen["shown"].values() if one["kind"] == "algorithm"]

    assert seen["started"] == [["JobPost", "Validating inputs"]] * 4
    assert seen["jobs"] == [["age-float", "ct-image"]] * 2 + [["dicom-set"]] * 2
    assert seen["outputs"] == ["report-pdf.pdf", "results.json"]
    assert [job["status"] for job in shown] == ["Succeeded"] * 4
    assert seen["number of jobs"] == 4
    assert seen["set"] == "a set"


def test_the_official_client_raises_what_it_documents(seen: dict[str, Any]) -> None:
    kinds = {name: error and error[0] for name, error in seen["errors"].items()}

    assert kinds == {
        **dict.fromkeys(("slug", "pk", "address"), "ObjectNotFound"),
        "several": "MultipleObjectsReturned",
        "socket": "ValueError",
        "token": "HTTPStatusError",
    }
    assert "no-socket is not an existing socket" in seen["errors"]["socket"][1]
    assert "401" in seen["errors"]["token"][1]
