"""Each kind of deliberate fault, before and after the sandbox acts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from manifest_uploader.sandbox import Fault, Seen, Unread
from tests.box import wait_for
from tests.faults import Chance, Script, Step, by_chance, losing
from tests.sandbox.contents import series
from tests.sandbox.helpers import PLAIN, Client, mha, wait_for_imports, zipped

SETS = "reader-studies/display-sets/"


def start_with_fault(
    start_sandbox: Callable[..., Client], kind: str, fault: Fault, when: str = "before"
) -> Client:
    return start_sandbox(hook=Script([Step(kind, fault, when=when)]))


def create_item(client: Client) -> httpx.Response:
    return client.post(SETS, json={"reader_study": "rs", "title": "t"})


@pytest.mark.parametrize("fault", [Fault.reset(), Fault.stall(0.05), Fault.truncate()])
@pytest.mark.parametrize(("when", "item_count"), [("before", 0), ("after", 1)])
def test_a_fault_before_the_act_prevents_it_and_one_after_it_does_not(
    start_sandbox: Callable[..., Client], fault: Fault, when: str, item_count: int
) -> None:
    client = start_with_fault(start_sandbox, "item-create", fault, when)

    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        create_item(client)

    assert client.get(SETS).json()["count"] == item_count


@pytest.mark.parametrize(("when", "item_count"), [("before", 0), ("after", 1)])
def test_an_answer_can_be_replaced(
    start_sandbox: Callable[..., Client], when: str, item_count: int
) -> None:
    fault = Fault.answer(503, (("Retry-After", "1"),), b"busy", "text/plain")
    client = start_with_fault(start_sandbox, "item-create", fault, when)

    answer = create_item(client)

    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (503, "busy", "1")
    assert client.get(SETS).json()["count"] == item_count


def test_a_replaced_answer_consumes_the_body_of_its_request(
    start_sandbox: Callable[..., Client],
) -> None:
    client = start_with_fault(start_sandbox, "item-create", Fault.answer(502))
    assert client.get("gcapi/").is_success

    assert [create_item(client).status_code, create_item(client).status_code] == [502, 201]


def test_an_answer_can_be_delayed(start_sandbox: Callable[..., Client]) -> None:
    client = start_with_fault(start_sandbox, "gcapi", Fault.delay(0.1))
    started = time.monotonic()

    assert client.get("gcapi/").is_success

    assert time.monotonic() - started > 0.09


def test_a_request_can_act_after_its_sender_has_gone(start_sandbox: Callable[..., Client]) -> None:
    client = start_with_fault(start_sandbox, "item-create", Fault.late(0.2))

    with pytest.raises(httpx.ReadError):
        create_item(client)

    assert client.get(SETS).json()["count"] == 0
    wait_for(lambda: client.get(SETS).json()["count"] == 1)


def test_a_sandbox_that_ends_forgets_what_would_act_later(
    start_sandbox: Callable[..., Client],
) -> None:
    client = start_with_fault(start_sandbox, "item-create", Fault.late(3600))

    with pytest.raises(httpx.ReadError):
        create_item(client)

    client.running.close()


def test_a_signed_address_can_be_made_to_look_expired(start_sandbox: Callable[..., Client]) -> None:
    client = start_with_fault(start_sandbox, "part", Fault.expire())
    row = client.open_upload()
    address = client.sign(row)

    first = httpx.put(address, content=b"x", **PLAIN)
    second = httpx.put(address, content=b"x", **PLAIN)

    assert (first.status_code, "Request has expired" in first.text) == (403, True)
    assert second.status_code == 200


def test_a_part_can_be_discarded(start_sandbox: Callable[..., Client]) -> None:
    client = start_with_fault(start_sandbox, "part", Fault.lose_part())
    row = client.open_upload()

    client.put(row, b"hello")

    assert client.step(row, "list-parts").json()["parts"] == []


def test_different_bytes_can_be_stored_for_a_part(start_sandbox: Callable[..., Client]) -> None:
    client = start_with_fault(start_sandbox, "part", Fault.lose_part(corrupt=True))
    row = client.open_upload()

    part = client.put(row, b"hello")

    held = client.step(row, "list-parts").json()["parts"]
    assert held[0]["ETag"] == part["ETag"] != '"5d41402abc4b2a76b9719d911017c592"'


def test_an_import_can_be_made_to_fail_with_a_message(
    start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    client = start_with_fault(start_sandbox, "item-fill", Fault.fail_import("No luck"))
    upload = client.upload()
    client.fill(client.create(), {"interface": "ct-image", "user_uploads": [upload]})
    wait_for_imports(tmp_path)

    assert client.sessions()[0]["error_message"].endswith("failed with error: No luck.")
    assert client.get(upload).status_code == 200


def test_a_hook_can_make_imports_fail(start_sandbox: Callable[..., Client], tmp_path: Path) -> None:
    class Asked(Script):
        def on_import(self, item: str, slug: str) -> str | None:
            return f"not {slug}" if slug == "ct-image" else None

    client = start_sandbox(hook=Asked([]))
    item = client.create()
    for socket in ("ct-image", "mr-image"):
        client.fill(item, {"interface": socket, "user_uploads": [client.upload()]})
    wait_for_imports(tmp_path)

    assert list(client.values(item)) == ["mr-image"]


@pytest.mark.parametrize("judged", [True, False])
@pytest.mark.parametrize(("what", "words"), [("s3.dcm", ""), ("s3.dcm/empty", "1 file could not")])
def test_a_hook_can_lose_a_file_before_the_importer_reads_it(
    start_sandbox: Callable[..., Client], tmp_path: Path, what: str, words: str, *, judged: bool
) -> None:
    client = start_sandbox(hook=losing(what), **({} if judged else {"judge": Unread()}))
    item = client.create()
    bundle = client.upload("ct.zip", zipped(series(0, 1, 2, 3, 4, 5)))
    client.fill(item, {"interface": "ct-image", "user_uploads": [bundle]})
    wait_for_imports(tmp_path)

    image = client.get(client.values(item)["ct-image"]["image"]).json()

    assert image["depth"] == 5
    [session] = client.sessions()
    assert session["status"] == "Succeeded"
    if judged:
        assert session["error_message"].startswith(words)
        assert bool(session["error_message"]) == bool(words)


def test_a_hook_is_told_the_item_the_socket_and_the_files(
    start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    told: list[tuple[str, str, tuple[str, ...]]] = []

    class Asked(Script):
        def on_files(self, item: str, slug: str, names: tuple[str, ...]) -> dict[str, bytes]:
            told.append((item, slug, names))
            return {"x/a.mha": mha(size="8 4 1")}

    client = start_sandbox(hook=Asked([]))
    item = client.create()
    bundle = client.upload("ct.zip", zipped({"x/a.mha": mha(), "x/b.txt": b""}))
    client.fill(item, {"interface": "ct-image", "user_uploads": [bundle]})
    wait_for_imports(tmp_path)

    assert told == [(item.split("/")[-2], "ct-image", ("x/a.mha", "x/b.txt"))]
    image = client.get(client.values(item)["ct-image"]["image"]).json()
    assert (image["width"], image["depth"]) == (8, 1)


def test_a_hook_sees_every_request_with_its_kind_and_number(
    start_sandbox: Callable[..., Client], tmp_path: Path
) -> None:
    hook = Script([])
    client = start_sandbox(hook=hook)
    item, upload = client.create(), client.upload()
    client.fill(item, {"interface": "ct-image", "user_uploads": [upload]})
    for path in ("components/interfaces/", "reader-studies/", "archives/", item, SETS, upload):
        client.get(path)
    for path in ("uploads/", "cases/upload-sessions/", "gcapi/", "notifications/", "nowhere/"):
        client.get(path)
    client.step(client.open_upload(), "abort-multipart-upload")

    kinds = [request.kind for request in hook.seen]

    assert kinds == [
        *("item-create", "upload-create", "presign", "part", "complete", "item-fill"),
        *("sockets", "target", "target", "item-get", "item-list", "upload-get"),
        *("upload-list", "sessions", "gcapi", "other", "other", "upload-create", "abort"),
    ]
    assert [request.total for request in hook.seen] == [*range(1, 20)]
    assert [request.number for request in hook.seen if request.kind == "other"] == [1, 2]


def test_random_faults_are_reproducible_and_about_as_frequent_as_requested() -> None:
    def strikes(seed: int) -> list[Fault | None]:
        hook = Chance(seed, 0.2)
        return [hook.before(Seen("PUT", "/", "part", n, n)) for n in range(1000)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert 50 < sum(fault is not None for fault in strikes(1)) < 150


def test_random_faults_can_be_described_in_one_word() -> None:
    hook = by_chance("7/0.5/reset+answer")

    assert (hook.share, hook.kinds) == (0.5, ("reset", "answer"))
