"""Files that items hold are downloaded from storage, which never sees the token."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing

import pytest

from manifest_uploader.digests import json_digest
from manifest_uploader.errors import PlatformRefused
from manifest_uploader.platform.address import Patience, Platform
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.stored_files import FileSeen, read_file
from tests.helpers import TOKEN
from tests.platform.servers import Reply, Scripted, page, scripted, xml

PATIENCE = Patience(5.0, 5.0, first_pause_s=0.001)
BYTES = b"%PDF-1.7 " + bytes(range(256)) * 1000


def redirect(address: str) -> Reply:
    return Reply(302, b"", {"Location": address, "Content-Type": "text/html"})


def stored(content: bytes = BYTES, *, cut: bool = False) -> Reply:
    return Reply(200, content, {"Content-Type": "binary/octet-stream"}, cut=cut)


@pytest.fixture
def storage() -> Iterator[Scripted]:
    """Storage that gives one file."""
    with scripted(stored()) as found:
        yield found


def read(
    server: Scripted, address: str = "https://elsewhere.example/media/1/a.pdf"
) -> FileSeen | None:
    platform = Platform(f"{server.url}/api/v1/", TOKEN)
    with closing(Client(platform, patience=PATIENCE)) as client:
        return read_file(client, address)


def test_a_file_is_read_from_where_the_platform_redirects_to(storage: Scripted) -> None:
    with scripted(redirect(f"{storage.url}/file?X-Amz-Signature=1")) as server:
        found = read(server)

    assert found == FileSeen(hashlib.sha256(BYTES).hexdigest())
    assert [(one.method, one.path) for one in server.asked] == [("GET", "/media/1/a.pdf")]
    assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert [one.path for one in storage.asked] == ["/file?X-Amz-Signature=1"]
    assert "authorization" not in storage.asked[0].headers


def test_a_file_may_come_without_a_redirect() -> None:
    with scripted(stored(b'{"a": [1.0]}')) as server:
        found = read(server)

    assert found is not None
    assert found.json == json_digest({"a": [1]})


def test_a_download_that_breaks_off_begins_anew() -> None:
    with (
        scripted(stored(cut=True), xml(503, "SlowDown"), stored()) as storage,
        scripted(redirect(storage.url)) as server,
    ):
        found = read(server)

    assert found == FileSeen(hashlib.sha256(BYTES).hexdigest())
    assert len(server.asked) == 3  # each time with a new address, as old ones expire


@pytest.mark.parametrize("refusal", [page(404), page(403)])
def test_a_file_that_is_not_given_is_none(refusal: Reply) -> None:
    with scripted(refusal) as server:
        assert read(server) is None


@pytest.mark.parametrize("address", ["http://192.0.2.1/file", "ftp://127.0.0.1/", "https://[::1"])
def test_no_unsafe_redirect_is_followed(address: str) -> None:
    with scripted(redirect(address)) as server, pytest.raises(PlatformRefused, match="storage"):
        read(server)


@pytest.mark.parametrize(
    "address",
    [
        *("//evil.example/media/a.pdf", "https://me:x@evil.example/media/a.pdf"),
        *("https://evil.example//media/a.pdf", "media/a.pdf"),
    ],
)
def test_only_the_path_of_a_values_address_is_used(address: str) -> None:
    with scripted(stored()) as server:
        assert read(server, address) is not None

    assert [one.path for one in server.asked] == ["/media/a.pdf"]


@pytest.mark.parametrize("address", ["https://[::1", "https://evil.example/a b", "/a\\b"])
def test_an_address_that_is_none_is_not_asked(address: str) -> None:
    with scripted(stored()) as server, pytest.raises(PlatformRefused, match="storage"):
        read(server, address)

    assert server.asked == []
