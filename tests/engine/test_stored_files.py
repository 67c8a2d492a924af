"""Files are downloaded side by side, and nothing waits for a download that is not wanted."""

from __future__ import annotations

import hashlib
import threading

import pytest

from manifest_uploader.engine import stored_files
from manifest_uploader.engine.stored_files import read_files
from manifest_uploader.platform.address import Patience, Platform
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.stored_files import FileSeen
from tests.helpers import TOKEN
from tests.platform.servers import Reply, Scripted, scripted

PATIENCE = Patience(30.0, 30.0, first_pause_s=0.001)
FILE = Reply(200, b"content", {"Content-Type": "application/pdf"})


def client_of(server: Scripted) -> Client:
    return Client(Platform(f"{server.url}/api/v1/", TOKEN), patience=PATIENCE)


def test_files_that_are_not_given_are_left_out() -> None:
    told: list[int] = []
    with scripted(FILE, Reply(404, b"", {"Content-Type": "text/html"}), FILE) as server:
        client = client_of(server)
        found = read_files(client, {("a", slug): f"/media/{slug}" for slug in "xyz"}, told.append)
        client.close()

    assert set(found.values()) == {FileSeen(hashlib.sha256(b"content").hexdigest())}
    assert len(found) == 2
    assert told == [1, 2, 3]


def test_a_stop_waits_for_no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_files, "_AT_ONCE", 1)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with scripted(FILE, Reply(silent=True)) as server:
        client = client_of(server)
        files = {("a", str(number)): f"/media/{number}" for number in range(10)}
        with pytest.raises(KeyboardInterrupt):
            read_files(client, files, stop)
        client.close()
        for thread in threading.enumerate():
            if thread.name.startswith("download"):
                thread.join(timeout=10)
                assert not thread.is_alive()
