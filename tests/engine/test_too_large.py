from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from manifest_uploader.engine import upload as module
from manifest_uploader.engine.too_large import is_alone, too_large
from manifest_uploader.engine.upload import UploadLimitReached, UploadRefused
from tests.box import Box
from tests.engine.test_upload import Uploads

GIB = 2**30


UNVERIFIED = "an account that is not verified may hold 2 GiB at a time; ask for verification"
UNKNOWN = "the account cannot hold that many bytes (one that is not verified may hold 2 GiB)"


@pytest.mark.parametrize(
    ("size", "stored", "has", "limit"),
    [
        (200 * GIB, 129 * GIB, "200.0 GiB", "an account may hold 128 GiB at a time"),
        (3 * GIB, 2 * GIB, "3.0 GiB", UNVERIFIED),
        (5000, 0, "5,000 bytes", UNKNOWN),
    ],
)
def test_the_limit_that_was_hit_is_named(size: int, stored: int, has: str, limit: str) -> None:
    assert too_large("full", size, stored) == f"full: this upload alone has {has}, and {limit}"


def test_an_upload_that_alone_is_too_large_is_refused_as_soon_as_that_shows(
    begin: Callable[..., Box], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_URLS_PER_REQUEST", 1)
    monkeypatch.setattr(module, "part_size", lambda _: 10)
    box = begin(size_limit=15)
    with ThreadPoolExecutor(1) as senders:
        uploads = Uploads(box, tmp_path, senders)

        with pytest.raises(UploadRefused, match="this upload alone has 45 bytes") as caught:
            uploads.send(b"x" * 45)

    assert caught.value.final


def test_an_upload_waits_while_another_one_takes_room(
    begin: Callable[..., Box], tmp_path: Path
) -> None:
    box = begin(size_limit=10)
    box.upload(content=b"x" * 20)
    with ThreadPoolExecutor(1) as senders:
        uploads = Uploads(box, tmp_path, senders)

        with pytest.raises(UploadLimitReached):
            uploads.send(b"small")


def opened(box: Box) -> str:
    """The pk of an upload that is not complete."""
    return str(box.client.call("POST", "uploads/", json={"filename": "a"}).json["pk"])


def test_what_is_accepted_when_it_is_asked_again_is_not_too_large(box: Box) -> None:
    assert is_alone(box.client, opened(box), lambda: True)
    assert not is_alone(box.client, opened(box), lambda: False)


def test_an_upload_that_comes_and_goes_meanwhile_may_have_taken_the_room(box: Box) -> None:
    row, other = opened(box), opened(box)

    def goes() -> bool:
        box.sql("DELETE FROM uploads WHERE pk = ?", other)
        return True

    assert not is_alone(box.client, row, goes)


def test_an_upload_that_has_ended_is_not_too_large(box: Box) -> None:
    assert not is_alone(box.client, box.upload(), lambda: True)
