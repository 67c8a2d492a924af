"""Files come to the disk whole, and a download goes on where it broke off."""

from __future__ import annotations

import hashlib
import http.server
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from manifest_uploader.errors import PlatformUnreachable
from manifest_uploader.platform.address import Patience, Platform
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.file_download import CutShort, Downloaded, download_file
from manifest_uploader.platform.responses import Interrupted
from tests.helpers import TOKEN
from tests.platform.servers import Reply, Scripted, page, scripted, xml

PATIENCE = Patience(5.0, 5.0, first_pause_s=0.001)
BYTES = b"%PDF-1.7 " + bytes(range(256)) * 4000
WHOLE = Downloaded(len(BYTES), hashlib.sha256(BYTES).hexdigest())
BINARY = {"Content-Type": "binary/octet-stream"}


def redirect(address: str) -> Reply:
    return Reply(302, b"", {"Location": address, "Content-Type": "text/html"})


def rest(start: int, *, total: int | str = len(BYTES), cut: bool = False) -> Reply:
    place = f"bytes {start}-{len(BYTES) - 1}/{total}"
    return Reply(206, BYTES[start:], {**BINARY, "Content-Range": place}, cut=cut)


WHOLE_REPLY = Reply(200, BYTES, BINARY)


def download(server: Scripted, part: Path, **more: object) -> Downloaded | None:
    platform = Platform(f"{server.url}/api/v1/", TOKEN)
    with closing(Client(platform, patience=PATIENCE)) as client:
        return download_file(client, "/media/1/a.pdf", part, **more)  # type: ignore[arg-type]


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """Where a file grows."""
    return tmp_path / "a.pdf.part"


def test_a_file_comes_from_storage_which_gets_no_token(part: Path) -> None:
    with (
        scripted(WHOLE_REPLY) as storage,
        scripted(redirect(f"{storage.url}/file?X-Amz-Signature=1")) as server,
    ):
        told: list[int] = []
        found = download(server, part, tell=told.append)

    assert found == WHOLE
    assert part.read_bytes() == BYTES
    assert sum(told) == len(BYTES)
    assert "authorization" not in storage.asked[0].headers
    assert "range" not in storage.asked[0].headers


def test_a_download_that_breaks_off_goes_on(part: Path) -> None:
    half = len(BYTES) // 2
    with (
        scripted(
            Reply(200, BYTES, BINARY, cut=True), xml(503, "SlowDown"), rest(half - 1)
        ) as storage,
        scripted(redirect(storage.url)) as server,
    ):
        found = download(server, part)

    assert found == WHOLE
    assert part.read_bytes() == BYTES
    assert [one.headers.get("range") for one in storage.asked] == [
        *(None, f"bytes={half - 1}-", f"bytes={half - 1}-"),
    ]
    assert len(server.asked) == 3  # each time with a new address, as old ones expire


@pytest.mark.parametrize("size", [1, 2, 1000, len(BYTES)])
def test_a_download_of_an_earlier_run_goes_on(part: Path, size: int) -> None:
    part.write_bytes(BYTES[:size])
    with scripted(rest(size - 1) if size > 1 else WHOLE_REPLY) as server:
        found = download(server, part)

    assert found == WHOLE
    assert part.read_bytes() == BYTES
    assert server.asked[0].headers.get("range") == (f"bytes={size - 1}-" if size > 1 else None)
    assert server.asked[0].headers["accept-encoding"] == ("identity" if size > 1 else "gzip")


@pytest.mark.parametrize("refusal", [WHOLE_REPLY, Reply(416, b"", BINARY)])
def test_storage_that_gives_no_rest_gives_the_whole(part: Path, refusal: Reply) -> None:
    part.write_bytes(b"x" * (len(BYTES) + 5))
    with scripted(refusal, WHOLE_REPLY) as server:
        found = download(server, part)

    assert found == WHOLE
    assert part.read_bytes() == BYTES


@pytest.mark.parametrize(
    "wrong",
    [rest(7), Reply(206, BYTES, BINARY), Reply(206, BYTES, {**BINARY, "Content-Range": "x"})],
)
def test_the_rest_from_another_place_is_not_taken(part: Path, wrong: Reply) -> None:
    part.write_bytes(BYTES[:1000])
    with scripted(wrong) as server, pytest.raises(CutShort):
        download(server, part)

    assert part.read_bytes() == b""


def test_a_file_of_another_size_is_not_whole(part: Path) -> None:
    part.write_bytes(BYTES[:1000])
    with scripted(rest(999, total=len(BYTES) + 1)) as server, pytest.raises(CutShort):
        download(server, part)

    assert part.read_bytes() == b""


@pytest.mark.parametrize("refusal", [page(404), page(403)])
def test_a_file_that_is_not_given_is_none(part: Path, refusal: Reply) -> None:
    with scripted(refusal) as server:
        assert download(server, part) is None


def test_what_came_before_the_end_stays(part: Path) -> None:
    with scripted(Reply(200, BYTES, BINARY, cut=True), Reply(reset=True)) as server:
        platform = Platform(f"{server.url}/api/v1/", TOKEN)
        patience = Patience(0.2, 0.2, first_pause_s=0.001)
        client = Client(platform, patience=patience)
        with pytest.raises(PlatformUnreachable):
            download_file(client, "/media/1/a.pdf", part)
        client.close()

    assert part.read_bytes() == BYTES[: len(BYTES) // 2]


def test_a_stop_ends_a_download(part: Path) -> None:
    with scripted(WHOLE_REPLY) as server, pytest.raises(Interrupted):
        download(server, part, stopping=lambda: True)


def test_a_file_takes_constant_memory(tmp_path: Path) -> None:
    size = 24 * 2**20
    with endless(size) as url:
        platform = Platform(f"{url}/api/v1/", TOKEN)
        with closing(Client(platform, patience=PATIENCE)) as client:
            download_file(client, "/media/small", tmp_path / "warm")
            tracemalloc.start()
            found = download_file(client, "/media/large", tmp_path / "part")
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()

    assert found is not None
    assert found.size == size
    assert most < 4 * 2**20


@contextmanager
def endless(size: int) -> Iterator[str]:
    """A server that writes zeros in small pieces."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            count = size if self.path.endswith("large") else 1
            self.send_response(200)
            self.send_header("Content-Length", str(count))
            self.end_headers()
            piece = bytes(min(count, 2**16))
            for _ in range(count // len(piece)):
                self.wfile.write(piece)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
