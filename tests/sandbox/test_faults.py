"""Faults on purpose: each kind once, before and after the sandbox acts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from manifest_uploader.sandbox import Fault
from tests.faults import Chance, Script, Step, by_chance
from tests.sandbox.helpers import Client, settle

SETS = "reader-studies/display-sets/"


def with_fault(
    begin: Callable[..., Client], kind: str, fault: Fault, when: str = "before"
) -> Client:
    return begin(hook=Script([Step(kind, fault, when=when)]))


def post(client: Client) -> httpx.Response:
    return client.post(SETS, json={"reader_study": "rs", "title": "t"})


@pytest.mark.parametrize("fault", [Fault.reset(), Fault.stall(0.05), Fault.truncate()])
@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_a_lost_answer_says_nothing_of_what_was_done(
    begin: Callable[..., Client], fault: Fault, when: str, made: int
) -> None:
    client = with_fault(begin, "item-create", fault, when)

    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        post(client)

    assert client.get(SETS).json()["count"] == made


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_another_answer(begin: Callable[..., Client], when: str, made: int) -> None:
    fault = Fault.answer(503, (("Retry-After", "1"),), b"busy", "text/plain")
    client = with_fault(begin, "item-create", fault, when)

    answer = post(client)

    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (503, "busy", "1")
    assert client.get(SETS).json()["count"] == made


def test_another_answer_takes_the_body_of_its_own_request(
    begin: Callable[..., Client],
) -> None:
    client = with_fault(begin, "item-create", Fault.answer(502))
    assert client.get("gcapi/").is_success

    assert [post(client).status_code, post(client).status_code] == [502, 201]


def test_a_late_answer(begin: Callable[..., Client]) -> None:
    client = with_fault(begin, "gcapi", Fault.delay(0.1))
    begun = time.monotonic()

    assert client.get("gcapi/").is_success

    assert time.monotonic() - begun > 0.09


def test_an_address_too_old(begin: Callable[..., Client]) -> None:
    client = with_fault(begin, "part", Fault.expire())
    row = client.open_upload()
    address = client.sign(row)

    first = httpx.put(address, content=b"x", trust_env=False)
    second = httpx.put(address, content=b"x", trust_env=False)

    assert (first.status_code, "Request has expired" in first.text) == (403, True)
    assert second.status_code == 200


def test_a_part_is_forgotten(begin: Callable[..., Client]) -> None:
    client = with_fault(begin, "part", Fault.lose_part())
    row = client.open_upload()

    client.put(row, b"hello")

    assert client.step(row, "list-parts").json()["parts"] == []


def test_something_else_is_kept(begin: Callable[..., Client]) -> None:
    client = with_fault(begin, "part", Fault.lose_part(corrupt=True))
    row = client.open_upload()

    part = client.put(row, b"hello")

    held = client.step(row, "list-parts").json()["parts"]
    assert held[0]["ETag"] == part["ETag"] != '"5d41402abc4b2a76b9719d911017c592"'


def test_an_import_fails_with_given_words(begin: Callable[..., Client], tmp_path: Path) -> None:
    client = with_fault(begin, "item-fill", Fault.fail_import("No luck"))
    upload = client.upload()
    client.fill(client.create(), {"interface": "ct-image", "user_uploads": [upload]})
    settle(tmp_path)

    assert client.sessions()[0]["error_message"].endswith("failed with error: No luck.")
    assert client.get(upload).status_code == 200


def test_a_hook_can_be_asked_about_imports(begin: Callable[..., Client], tmp_path: Path) -> None:
    class Asked(Script):
        def on_import(self, item: str, slug: str) -> str | None:
            return f"not {slug}" if slug == "ct-image" else None

    client = begin(hook=Asked([]))
    item = client.create()
    for socket in ("ct-image", "mr-image"):
        client.fill(item, {"interface": socket, "user_uploads": [client.upload()]})
    settle(tmp_path)

    assert list(client.values(item)) == ["mr-image"]


def test_a_hook_sees_every_request_with_its_kind_and_number(
    begin: Callable[..., Client], tmp_path: Path
) -> None:
    hook = Script([])
    client = begin(hook=hook)
    item, upload = client.create(), client.upload()
    client.fill(item, {"interface": "ct-image", "user_uploads": [upload]})
    for path in ("components/interfaces/", "reader-studies/", "archives/", item, SETS, upload):
        client.get(path)
    for path in ("uploads/", "cases/upload-sessions/", "gcapi/", "notifications/", "nowhere/"):
        client.get(path)
    client.step(client.open_upload(), "abort-multipart-upload")

    kinds = [seen.kind for seen in hook.seen]

    assert kinds == [
        *("item-create", "upload-create", "presign", "part", "complete", "item-fill"),
        *("sockets", "target", "target", "item-get", "item-list", "upload-get"),
        *("upload-list", "sessions", "gcapi", "other", "other", "upload-create", "abort"),
    ]
    assert [seen.total for seen in hook.seen] == [*range(1, 20)]
    assert [seen.number for seen in hook.seen if seen.kind == "other"] == [1, 2]


def test_chance_repeats_itself_and_strikes_about_as_often_as_told() -> None:
    def strikes(seed: int) -> list[Fault | None]:
        hook = Chance(seed, 0.2)
        seen = Script([])
        from manifest_uploader.sandbox import Seen

        assert seen.seen == []
        return [hook.before(Seen("PUT", "/", "part", n, n)) for n in range(1000)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert 50 < sum(fault is not None for fault in strikes(1)) < 150


def test_chance_can_be_told_in_one_word() -> None:
    hook = by_chance("7/0.5/reset+answer")

    assert (hook.share, hook.kinds) == (0.5, ("reset", "answer"))
