"""Upload sessions that wait for a fill, and what becomes of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sandbox.helpers import Client, mha, wait_for_imports

FOREVER = float("inf")
SESSIONS = "cases/upload-sessions/"
SEVEN = (
    "The valid voxel values for this segmentation are: {0, 1}. This segmentation is invalid as it "
    "contains the voxel values: {7}.."
)
USED = {"values": [{"upload_session": ["Invalid hyperlink - Object does not exist."]}]}


def post(client: Client, *uploads: str, **more: str) -> httpx.Response:
    return client.post(SESSIONS, json={"uploads": list(uploads), **more})


def ticket(client: Client, *uploads: str) -> dict[str, Any]:
    """A waiting session of these uploads, or of a new one."""
    answer = post(client, *(uploads or (client.upload(),)))
    assert answer.status_code == 201, answer.text
    row: dict[str, Any] = answer.json()
    return row


def value_of(session: dict[str, Any], socket: str = "ct-image") -> dict[str, Any]:
    return {"interface": socket, "upload_session": session["api_url"]}


def status(client: Client, session: dict[str, Any]) -> str:
    return str(client.get(session["api_url"]).json()["status"])


def test_a_session_without_a_target_waits(client: Client, tmp_path: Path) -> None:
    upload = client.upload()

    session = ticket(client, upload)
    wait_for_imports(tmp_path)

    shown = client.get(session["api_url"]).json()
    assert shown == session
    assert {key: shown[key] for key in ("status", "error_message", "image_set", "uploads")} == {
        "status": "Queued",
        "error_message": "",
        "image_set": [],
        "uploads": [upload],
    }
    assert client.get(upload).json()["status"] == "Completed"


def test_a_fill_consumes_its_session_at_once(start_sandbox: Callable[..., Client]) -> None:
    client = start_sandbox(import_delay_s=FOREVER)
    session, item = ticket(client), client.create()

    answer = client.fill(item, value_of(session))

    assert (answer.status_code, answer.json()["values"]) == (200, [])
    assert status(client, session) == "Re-Queued"
    again = client.fill(item, value_of(session))
    assert (again.status_code, again.json()) == (400, USED)


def test_a_refused_fill_leaves_its_session_waiting(client: Client) -> None:
    session, item = ticket(client), client.create(title="old")
    wrong = {"interface": "age-float", "value": "abc"}

    answer = client.patch(item, json={"title": "new", "values": [value_of(session), wrong]})

    assert answer.status_code == 400
    assert answer.json()["values"][0] == {}
    assert status(client, session) == "Queued"
    assert client.fill(item, value_of(session)).status_code == 200


def test_a_session_names_the_image_that_the_value_gets(client: Client, tmp_path: Path) -> None:
    session, item = ticket(client), client.create()
    client.fill(item, value_of(session))
    wait_for_imports(tmp_path)

    shown = client.get(session["api_url"]).json()

    assert (shown["status"], shown["error_message"], shown["uploads"]) == ("Succeeded", "", [])
    assert shown["image_set"] == [client.values(item)["ct-image"]["image"]]
    assert client.fill(item, value_of(session)).json() == USED


@pytest.mark.parametrize(
    ("socket", "files", "words", "rows_left"),
    [
        ("ct-image", {"a.mha": b"no image"}, "1 file could not be imported.", 1),
        (
            "ct-image",
            {"a.mha": mha(), "b.mha": mha()},
            "Image imports should result in a single image.",
            0,
        ),
        (
            "lesion-seg",
            {"a.mha": mha(bytes([7] * 32))},
            SEVEN,
            0,
        ),
    ],
)
def test_a_session_says_why_either_task_failed(
    client: Client,
    tmp_path: Path,
    socket: str,
    files: dict[str, bytes],
    words: str,
    rows_left: int,
) -> None:
    session = ticket(client, *(client.upload(name, data) for name, data in files.items()))
    item = client.create()
    client.fill(item, value_of(session, socket))
    wait_for_imports(tmp_path)

    shown = client.get(session["api_url"]).json()

    title = socket.replace("-", " ").title()
    assert shown["status"] == "Failed"
    assert shown["error_message"] == (
        f"Image validation for socket {title} failed with error: {words}"
    )
    assert (len(shown["user_uploads"]), len(shown["uploads"])) == (rows_left, rows_left)
    assert client.values(item) == {}
    assert client.fill(item, value_of(session, socket)).json() == USED


def test_archive_items_take_sessions_too(client: Client, tmp_path: Path) -> None:
    archive = client.get("archives/?slug=ar").json()["results"][0]["api_url"]
    pk = client.post("archives/items/", json={"archive": archive}).json()["pk"]
    item, session = f"archives/items/{pk}/", ticket(client)
    values = [value_of(session), {"interface": "note-string", "value": "n"}]

    first = client.patch(item, json={"title": "t", "values": values})
    second = client.patch(item, json={"title": "t", "values": values})
    wait_for_imports(tmp_path)

    assert [value["interface"] for value in first.json()["values"]] == ["note-string"]
    assert second.json() == {"values": [*USED["values"], {}]}
    assert set(client.values(item)) == {"ct-image", "note-string"}


def test_a_dicom_image_set_takes_no_session(client: Client) -> None:
    session = ticket(client)

    answer = client.fill(client.create(), value_of(session, "dicom-set"))

    words = "either user_uploads with image_name, or image are required for interface kind DCMIS"
    assert answer.json() == {"values": [{"non_field_errors": [words]}]}
    assert status(client, session) == "Queued"


def test_only_the_first_of_overlapping_fills_consumes_a_session(
    client: Client, tmp_path: Path
) -> None:
    session, item = ticket(client), client.create()

    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(lambda _: client.fill(item, value_of(session)).status_code, range(6)))
    wait_for_imports(tmp_path)

    assert sorted(codes) == [200] + [400] * 5
    assert status(client, session) == "Succeeded"


def test_another_users_session_does_not_exist(client: Client) -> None:
    stranger = client.stranger()
    session = ticket(stranger)

    answer = client.fill(client.create(), value_of(session))

    assert answer.json() == USED
    assert client.get(session["api_url"]).status_code == 404
    assert client.get(SESSIONS).json()["count"] == 0


def test_the_session_of_plain_uploads_is_no_ticket(start_sandbox: Callable[..., Client]) -> None:
    client = start_sandbox(import_delay_s=FOREVER)
    item = client.create()
    client.fill(item, {"interface": "ct-image", "user_uploads": [client.upload()]})
    [session] = client.sessions()

    assert session["status"] == "Re-Queued"
    assert client.fill(item, value_of(session)).json() == USED


def test_an_upload_may_be_in_several_sessions(client: Client, tmp_path: Path) -> None:
    upload, item = client.upload("a.mha", b"no image"), client.create()
    first, second = ticket(client, upload), ticket(client, upload)
    client.fill(item, value_of(first))
    wait_for_imports(tmp_path)
    assert status(client, first) == "Failed"

    third = ticket(client, upload)

    assert third["uploads"] == client.get(second["api_url"]).json()["uploads"] == [upload]


def test_a_waiting_session_loses_an_upload_that_another_one_has_imported(
    client: Client, tmp_path: Path
) -> None:
    upload, item = client.upload(), client.create()
    first, second = ticket(client, upload), ticket(client, upload)
    client.fill(item, value_of(first))
    wait_for_imports(tmp_path)
    assert client.get(second["api_url"]).json()["user_uploads"] == []

    assert client.fill(item, value_of(second, "mr-image")).status_code == 200
    wait_for_imports(tmp_path)

    assert status(client, second) == "Failed"
    assert set(client.values(item)) == {"ct-image"}


MISSING = "Invalid hyperlink - Object does not exist."


def test_the_uploads_of_a_session_must_be_completed_and_own(client: Client) -> None:
    opened = client.open_upload()["api_url"]
    foreign = client.stranger().upload()

    for upload in (opened, foreign, client.running.url + "uploads/nothing/"):
        answer = post(client, client.upload(), upload)
        assert (answer.status_code, answer.json()) == (400, {"uploads": [MISSING]})
    assert client.get(SESSIONS).json()["count"] == 0


def test_a_session_takes_at_most_100_uploads_of_different_names(client: Client) -> None:
    one = client.upload()
    same = client.upload()

    many = post(client, *[one] * 101)
    twice = post(client, one, same)

    words = "Too many files uploaded. A maximum of 100 files may be uploaded per session."
    assert (many.status_code, many.json()) == (400, {"non_field_errors": [words]})
    assert (twice.status_code, twice.json()) == (
        400,
        {"non_field_errors": ["Filenames must be unique"]},
    )


def test_a_session_may_be_empty(client: Client) -> None:
    answer = post(client)

    assert (answer.status_code, answer.json()["uploads"]) == (201, [])


def test_a_session_can_be_imported_at_once_into_an_item(client: Client, tmp_path: Path) -> None:
    item = client.create()
    pk = item.split("/")[-2]

    answer = post(client, client.upload(), display_set=pk, interface="ct-image")
    wait_for_imports(tmp_path)

    assert (answer.status_code, answer.json()["status"]) == (201, "Queued")
    assert status(client, answer.json()) == "Succeeded"
    assert set(client.values(item)) == {"ct-image"}
    refused = post(client, client.upload("b.mha"), display_set=pk)
    assert (refused.status_code, list(refused.json())) == (400, ["non_field_errors"])


def test_sessions_cannot_be_changed_or_deleted(client: Client) -> None:
    address = ticket(client)["api_url"]

    assert client.delete(address).status_code == 403
    assert client.patch(address, json={}).status_code == 405


def test_a_platform_can_be_without_sessions(start_sandbox: Callable[..., Client]) -> None:
    client = start_sandbox(upload_sessions=False)

    answer = post(client, client.upload())

    assert (answer.status_code, answer.json()) == (405, {"detail": 'Method "POST" not allowed.'})
    assert client.get(SESSIONS).json()["count"] == 0


def test_sessions_of_earlier_versions_are_no_tickets(
    start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    client = start_sandbox(import_delay_s=FOREVER)
    item = client.create()
    client.fill(item, {"interface": "ct-image", "user_uploads": [client.upload()]})
    client.running.close()
    with sqlite3.connect(tmp_path / "memory" / "sandbox.sqlite3") as db:
        db.execute("UPDATE sessions SET status = 'Queued'")
        db.execute("PRAGMA user_version = 0")
    db.close()

    again = start_sandbox(import_delay_s=FOREVER)

    [session] = again.sessions()
    assert session["status"] == "Re-Queued"
    assert again.fill(item, value_of(session)).json() == USED
