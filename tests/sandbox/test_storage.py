"""Storage treats signed addresses and parts as AWS S3 does."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from manifest_uploader.sandbox import storage
from tests.sandbox.helpers import PLAIN, Client, wait_for_imports


def put(address: str, content: bytes | Iterator[bytes] = b"x", **headers: str) -> httpx.Response:
    return httpx.put(address, content=content, headers=headers, **PLAIN)


def test_the_answer_to_a_part_has_its_md5(client: Client) -> None:
    row = client.open_upload()

    answer = put(client.sign(row), b"hello")

    assert answer.status_code == 200
    assert answer.headers["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert answer.content == b""


def test_a_part_can_be_sent_again_and_the_last_one_counts(client: Client, tmp_path: Path) -> None:
    row = client.open_upload()
    client.put(row, b"first")
    client.put(row, b"second")

    parts = client.step(row, "list-parts").json()["parts"]

    assert [(part["PartNumber"], part["Size"]) for part in parts] == [(1, 6)]
    files = list((tmp_path / "memory" / "parts" / row["pk"]).iterdir())
    assert [file.read_bytes() for file in files] == [b"second"]


def test_completing_discards_the_parts_that_are_not_listed(client: Client, tmp_path: Path) -> None:
    row = client.open_upload()
    part = client.put(row, b"one")
    client.put(row, b"two", 2)
    assert client.complete(row, part).is_success

    files = list((tmp_path / "memory" / "parts" / row["pk"]).iterdir())

    assert [file.read_bytes() for file in files] == [b"one"]


def test_a_forged_address_is_refused(client: Client) -> None:
    address = client.sign(client.open_upload())

    for changed in (
        address.replace("partNumber=1", "partNumber=2"),
        address.replace("X-Amz-Expires=3600", "X-Amz-Expires=9999"),
        address[:-1] + ("0" if address[-1] != "0" else "1"),
    ):
        answer = put(changed)
        assert answer.status_code == 403
        assert "<Code>SignatureDoesNotMatch</Code>" in answer.text
    unsigned = put(address.partition("&X-Amz-Signature")[0])
    assert (unsigned.status_code, "AccessDenied" in unsigned.text) == (403, True)


def test_an_expired_address_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "LIFE_S", -1)
    address = client.sign(client.open_upload())

    answer = put(address)

    assert answer.status_code == 403
    assert "<Message>Request has expired</Message>" in answer.text


def test_a_request_to_storage_with_a_token_is_refused(client: Client) -> None:
    answer = put(client.sign(client.open_upload()), Authorization="Bearer x")

    assert answer.status_code == 400
    assert "Only one auth mechanism allowed" in answer.text


@pytest.mark.parametrize("end", ["complete", "abort"])
def test_an_upload_that_has_ended_accepts_no_parts(client: Client, end: str) -> None:
    row = client.open_upload()
    part = client.put(row, b"hello")
    address = client.sign(row)
    if end == "complete":
        client.complete(row, part)
    else:
        client.step(row, "abort-multipart-upload")

    answer = put(address)

    assert (answer.status_code, "<Code>NoSuchUpload</Code>" in answer.text) == (404, True)


def test_a_body_of_unknown_length_is_refused(client: Client) -> None:
    answer = put(client.sign(client.open_upload()), iter([b"x"]))

    assert (answer.status_code, "MissingContentLength" in answer.text) == (411, True)


def test_a_connection_is_no_faster_than_its_limit(start_sandbox: Callable[..., Client]) -> None:
    client = start_sandbox(connection_mbit=80)
    address = client.sign(client.open_upload())
    started = time.monotonic()

    put(address, b"x" * 2_000_000)

    assert 0.15 < time.monotonic() - started < 2


def test_the_latency_is_added_to_every_answer(start_sandbox: Callable[..., Client]) -> None:
    client = start_sandbox(latency_ms=60)
    address = client.sign(client.open_upload())
    started = time.monotonic()
    assert client.get("gcapi/").is_success
    between = time.monotonic()
    assert put(address).is_success

    assert between - started > 0.055
    assert time.monotonic() - between > 0.055


@pytest.fixture
def kept(start_sandbox: Callable[..., Client], tmp_path: Path) -> tuple[Client, str, str]:
    """A client of a sandbox that keeps bytes, and the addresses of a file and an image there."""
    client = start_sandbox(keep_bytes=True)
    item = client.create()
    client.fill(
        item,
        {"interface": "report-pdf", "user_upload": client.upload("a b.pdf", b"content")},
        {"interface": "ct-image", "user_uploads": [client.upload()]},
    )
    wait_for_imports(tmp_path)
    values = client.values(item)
    [image] = client.get(values["ct-image"]["image"]).json()["files"]
    return client, values["report-pdf"]["file"], image["file"]


def origin(address: str) -> str:
    return address.split("/")[2]


def test_downloads_have_an_origin_of_their_own(kept: tuple[Client, str, str]) -> None:
    client, file, _ = kept
    location = client.get(file).headers["Location"]
    api, storage = origin(client.running.url), origin(location)

    elsewhere = httpx.get(location.replace(storage, api), **PLAIN)
    astray = httpx.get(client.running.url.replace(api, storage), **PLAIN)

    assert api != storage
    assert (elsewhere.status_code, astray.status_code) == (403, 403)


def test_a_download_is_redirected_to_storage_which_needs_no_token(
    kept: tuple[Client, str, str],
) -> None:
    client, file, image = kept
    contents = []
    for address in (file, image):
        redirect = client.get(address)
        assert redirect.status_code == 302
        location = redirect.headers["Location"]
        assert origin(location) != origin(address)
        contents.append(httpx.get(location, **PLAIN).content)
        with_token = httpx.get(location, headers={"Authorization": "Bearer x"}, **PLAIN)
        assert with_token.status_code == 400

    assert file.endswith("/a_b.pdf")
    assert contents[0] == b"content"
    assert contents[1].startswith(b"ObjectType = Image")


def test_a_part_of_a_download_tells_the_size_of_the_whole(kept: tuple[Client, str, str]) -> None:
    client, file, _ = kept
    location = client.get(file).headers["Location"]

    first, rest = (
        httpx.get(location, headers={"Range": f"bytes={span}"}, **PLAIN) for span in ("0-0", "4-")
    )

    assert (first.status_code, first.content) == (206, b"c")
    assert first.headers["ETag"] == rest.headers["ETag"]
    assert first.headers["Content-Range"] == "bytes 0-0/7"
    assert (rest.content, rest.headers["Content-Range"]) == (b"ent", "bytes 4-6/7")
    beyond = httpx.get(location, headers={"Range": "bytes=7-"}, **PLAIN)
    assert (beyond.status_code, "InvalidRange" in beyond.text) == (416, True)
    assert httpx.head(location, **PLAIN).status_code == 403  # it is signed for GET


def test_who_may_not_see_a_file_gets_a_page(kept: tuple[Client, str, str]) -> None:
    client, file, image = kept
    strangers: list[dict[str, str]] = [
        {},
        {"Authorization": f"Bearer {client.running.token_without_rights}"},
    ]

    for headers in strangers:
        answers = [httpx.get(one, headers=headers, **PLAIN) for one in (file, image)]
        assert [answer.status_code for answer in answers] == [404, 403]
        assert all("<html" in answer.text for answer in answers)


def test_bytes_that_were_not_kept_are_not_found(client: Client, tmp_path: Path) -> None:
    item = client.create()
    client.fill(item, {"interface": "ct-image", "user_uploads": [client.upload()]})
    wait_for_imports(tmp_path)
    [image] = client.get(client.values(item)["ct-image"]["image"]).json()["files"]

    found = httpx.get(client.get(image["file"]).headers["Location"], **PLAIN)

    assert (found.status_code, "<Code>NoSuchKey</Code>" in found.text) == (404, True)
