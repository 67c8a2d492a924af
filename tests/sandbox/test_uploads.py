"""Uploads: their limits, their lifetime, and the edge cases of completing them."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.sandbox.helpers import PLAIN, Client, wait_for

MIB = 1024**2
TOO_MANY = {"non_field_errors": ["You have created too many uploads. Please try again later."]}
LIMIT_REACHED = {"detail": "Upload limit reached"}


def is_html_page(answer: httpx.Response, status: int) -> bool:
    """Return whether an answer is one of the site's HTML pages."""
    html = answer.headers["Content-Type"].startswith("text/html")
    return answer.status_code == status and html and "<html" in answer.text


def test_one_more_upload_than_the_limit_is_allowed(start_sandbox: Callable[..., Client]) -> None:
    client = start_sandbox(upload_limit=3)

    answers = [client.post("uploads/", json={"filename": "a"}) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [201, 201, 201, 201, 400]
    assert answers[-1].json() == TOO_MANY
    assert "Retry-After" not in answers[-1].headers
    assert client.stranger().post("uploads/", json={"filename": "a"}).status_code == 201


def test_complete_and_aborted_rows_count_against_the_limit(
    start_sandbox: Callable[..., Client],
) -> None:
    client = start_sandbox(upload_limit=1)
    client.upload()
    assert client.step(client.open_upload(), "abort-multipart-upload").is_success

    assert client.post("uploads/", json={"filename": "a"}).json() == TOO_MANY


def test_no_address_is_signed_once_the_bytes_of_this_upload_reach_the_limit(
    start_sandbox: Callable[..., Client],
) -> None:
    client = start_sandbox(size_limit=10)
    row = client.open_upload()
    part = client.put(row, b"x" * 10)

    refused = client.step(row, "generate-presigned-urls", {"part_numbers": [2]})

    assert (refused.status_code, refused.json()) == (403, LIMIT_REACHED)
    assert client.complete(row, part).status_code == 200
    other = client.open_upload()
    refused = client.step(other, "generate-presigned-urls", {"part_numbers": [1]})
    assert (refused.status_code, refused.json()) == (403, LIMIT_REACHED)


def test_the_bytes_of_an_incomplete_upload_do_not_limit_others(
    start_sandbox: Callable[..., Client],
) -> None:
    client = start_sandbox(size_limit=10)
    client.put(client.open_upload(), b"x" * 20)

    assert client.sign(client.open_upload())


def test_old_rows_are_removed(start_sandbox: Callable[..., Client]) -> None:
    client = start_sandbox(upload_ttl_s=0.3)
    row = client.open_upload()
    address = client.sign(row)

    wait_for(lambda: client.get(row["api_url"]).status_code == 404)

    assert client.get("uploads/").json()["count"] == 0
    answer = httpx.put(address, content=b"x", **PLAIN)
    assert (answer.status_code, "NoSuchUpload" in answer.text) == (404, True)


def test_parts_need_five_mebibytes_except_the_last_one(client: Client) -> None:
    row = client.open_upload()
    small = client.put(row, b"a" * MIB, 1)
    parts = [client.put(row, b"a" * 6 * MIB, 3), client.put(row, b"b" * MIB, 7)]

    assert is_html_page(client.complete(row, small, *parts), 500)
    assert client.complete(row, *parts).json()["status"] == "Completed"


def test_a_thousand_addresses_are_signed_at_once(client: Client) -> None:
    row = client.open_upload()

    answer = client.step(row, "generate-presigned-urls", {"part_numbers": [*range(1, 1001)]})

    assert len(set(answer.json()["presigned_urls"].values())) == 1000


@pytest.mark.parametrize(
    "parts",
    [
        [],
        "abc",
        [1],
        [{"PartNumber": 1}],
        [{"ETag": "x"}],
        [{"ETag": '"0"', "PartNumber": 1}],
        [{"ETag": '"5d41402abc4b2a76b9719d911017c592"', "PartNumber": 2}],
        [{"ETag": '"5d41402abc4b2a76b9719d911017c592"', "PartNumber": 1}] * 2,
    ],
)
def test_parts_that_storage_refuses_get_a_500_page_and_the_upload_stays_open(
    client: Client, parts: object
) -> None:
    row = client.open_upload()
    client.put(row, b"hello")

    answer = client.step(row, "complete-multipart-upload", {"parts": parts})

    assert is_html_page(answer, 500)
    assert client.get(row["api_url"]).json()["status"] == "Initialized"


def test_requests_about_a_completed_upload_get_a_500_page(client: Client) -> None:
    row = client.open_upload()
    part = client.put(row, b"hello")
    assert client.complete(row, part).is_success

    assert is_html_page(client.complete(row, part), 500)
    assert is_html_page(client.step(row, "list-parts"), 500)
    assert is_html_page(client.step(row, "abort-multipart-upload"), 500)
    refused = client.step(row, "generate-presigned-urls", {"part_numbers": [1]})
    assert (refused.status_code, refused.json()) == (403, LIMIT_REACHED)


def test_lists_are_paginated(client: Client) -> None:
    rows = [client.open_upload()["pk"] for _ in range(5)]

    first = client.get("uploads/?limit=2&colour=red").json()
    second = client.get(first["next"]).json()
    last = client.get(second["next"]).json()

    pages = [first, second, last]
    assert [row["pk"] for page in pages for row in page["results"]] == rows
    assert (first["previous"], last["next"]) == (None, None)
    assert client.get(second["previous"]).json() == first
    assert "colour=red" in first["next"]


def test_a_body_over_16_mebibytes_is_refused_by_the_web_server(client: Client) -> None:
    big = client.post("uploads/", json={"filename": "a", "x": "x" * 17 * MIB})
    small = client.post("uploads/", json={"filename": "a", "x": "x" * 15 * MIB})

    assert is_html_page(big, 500)
    assert "nginx" in big.text
    assert small.status_code == 201


def test_only_valid_json_objects_and_forms_are_accepted_as_bodies(client: Client) -> None:
    def send(kind: str, body: str) -> httpx.Response:
        return client.post("uploads/", content=body, headers={"Content-Type": kind})

    malformed = send("application/json", "{a")
    assert malformed.status_code == 400
    assert malformed.json() == {
        "detail": "JSON parse error - Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)"
    }
    refused = send("text/xml", "<a/>")
    assert refused.status_code == 415
    assert refused.json() == {"detail": 'Unsupported media type "text/xml" in request.'}
    form = send("application/x-www-form-urlencoded", "filename=form.txt")
    assert (form.status_code, form.json()["filename"]) == (201, "form.txt")
    assert send("application/json", "[1]").json() == {
        "non_field_errors": ["Invalid data. Expected a dictionary, but got list."]
    }


def test_an_unknown_address_gets_a_404_page(client: Client) -> None:
    assert is_html_page(client.get("workstations/"), 404)
    assert is_html_page(client.get("nothing/here/"), 404)


def test_an_address_without_its_final_slash_is_redirected(client: Client) -> None:
    answer = client.post("uploads?a=1", json={"filename": "a"})

    assert answer.status_code == 301
    assert answer.headers["Location"] == "/api/v1/uploads/?a=1"


def test_gcapi_names_the_sandbox(client: Client) -> None:
    answer = client.get("gcapi/").json()

    assert answer["sandbox_id"] == client.running.id
    assert answer["lowest_supported_version"] == "0.13.0"


def test_requests_are_counted(client: Client) -> None:
    client.get("gcapi/")
    client.get("nothing/")

    assert client.running.requests() == 2
