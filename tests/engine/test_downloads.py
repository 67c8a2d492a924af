"""Files of items are brought into a folder, and what differs there stays."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from manifest_uploader.engine.activity import Activity, Downloading
from manifest_uploader.engine.downloads import Downloads
from manifest_uploader.engine.fetch_folder import Folder
from manifest_uploader.errors import PlatformRefused
from manifest_uploader.plan.fetched import FetchedFile, FileState, WantedFile, Why
from manifest_uploader.platform.address import Patience, Platform
from manifest_uploader.platform.client import Client
from tests.helpers import TOKEN
from tests.platform.servers import Reply, Scripted, page, scripted

PATIENCE = Patience(5.0, 5.0, first_pause_s=0.001)
BINARY = {"Content-Type": "binary/octet-stream"}
NAME = "p/s/a.pdf"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def wanted(*, source: str = "1" * 24, sent: bytes | None = None) -> WantedFile:
    digest = None if sent is None else sha256(sent)
    return WantedFile("p", "P", "s", NAME, "/media/1/a.pdf", source, digest)


def stored(content: bytes) -> Reply:
    return Reply(200, content, BINARY)


def fetch(server: Scripted, folder: Path, *files: WantedFile, **more: bool) -> list[FetchedFile]:
    opened = Folder(folder)
    opened.read()
    with closing(Client(Platform(f"{server.url}/api/v1/", TOKEN), patience=PATIENCE)) as client:
        found = Downloads(client, opened, **more).fetch(files, jobs=2)  # type: ignore[arg-type]
    return list(found)


def states(found: list[FetchedFile]) -> list[FileState]:
    return [one.state for one in found]


def test_a_file_that_nobody_touched_is_replaced_by_the_newer_one(tmp_path: Path) -> None:
    with scripted(stored(b"old"), stored(b"new")) as server:
        assert states(fetch(server, tmp_path, wanted())) == [FileState.FETCHED]
        assert states(fetch(server, tmp_path, wanted())) == [FileState.THERE]
        assert len(server.asked) == 1
        newer = wanted(source="2" * 24)
        assert states(fetch(server, tmp_path, newer)) == [FileState.FETCHED]
        assert states(fetch(server, tmp_path, newer)) == [FileState.THERE]

    assert len(server.asked) == 2
    assert (tmp_path / NAME).read_bytes() == b"new"
    assert [path.name for path in (tmp_path / NAME).parent.iterdir()] == ["a.pdf"]


@pytest.mark.parametrize("is_touched", [False, True])
def test_a_file_gives_way_to_one_of_another_name_in_its_socket(
    tmp_path: Path, is_touched: bool
) -> None:
    old, other = tmp_path / NAME, tmp_path / "p" / "t" / "c.pdf"
    aside = replace(wanted(source="3" * 24), name="p/t/c.pdf")
    newer = replace(wanted(source="2" * 24), name="p/s/b.pdf")
    with scripted(stored(b"old")) as server:
        fetch(server, tmp_path, wanted(), aside)
    if is_touched:
        old.write_bytes(b"mine")
    with scripted(page(404)) as server:
        fetch(server, tmp_path, newer)
    assert old.exists(), "nothing has taken its place"

    with scripted(stored(b"new")) as server:
        assert states(fetch(server, tmp_path, newer)) == [FileState.FETCHED]

    assert (old.exists(), other.exists()) == (is_touched, True)
    assert (tmp_path / newer.name).read_bytes() == b"new"


@pytest.mark.parametrize("by_hand", [b"mine", b"by hand"])
def test_a_file_that_somebody_changed_is_kept_unless_it_is_forced(
    tmp_path: Path, by_hand: bytes
) -> None:
    path, newer = tmp_path / NAME, wanted(source="2" * 24)
    with scripted(stored(b"last"), stored(b"next")) as server:
        fetch(server, tmp_path, wanted())
        path.write_bytes(by_hand)
        assert states(fetch(server, tmp_path, wanted(), checksum=True)) == [FileState.KEPT]
        assert len(server.asked) == 1  # what the platform has is known
        for _ in range(2):
            assert states(fetch(server, tmp_path, newer, checksum=True)) == [FileState.KEPT]
            assert len(server.asked) == 2
        assert path.read_bytes() == by_hand

        path.write_bytes(b"next")
        assert states(fetch(server, tmp_path, newer)) == [FileState.THERE]
        path.write_bytes(by_hand)
        forced = {"force": True, "checksum": True}
        assert states(fetch(server, tmp_path, newer, **forced)) == [FileState.FETCHED]
        assert len(server.asked) == 3

    assert path.read_bytes() == b"next"
    assert [one.name for one in path.parent.iterdir()] == ["a.pdf"]


def test_a_file_that_is_the_same_is_there_wherever_it_is_from(tmp_path: Path) -> None:
    (tmp_path / NAME).parent.mkdir(parents=True)
    (tmp_path / NAME).write_bytes(b"same")
    with scripted(stored(b"same")) as server:
        assert states(fetch(server, tmp_path, wanted())) == [FileState.THERE]
        assert len(server.asked) == 1
        assert states(fetch(server, tmp_path, wanted())) == [FileState.THERE]

    assert len(server.asked) == 1


def test_a_file_of_the_same_size_and_time_is_only_doubted_with_checksum(tmp_path: Path) -> None:
    import os

    path = tmp_path / NAME
    with scripted(stored(b"same")) as server:
        fetch(server, tmp_path, wanted())
        was = path.stat()
        path.write_bytes(b"emas")
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))

        assert states(fetch(server, tmp_path, wanted())) == [FileState.THERE]
        assert states(fetch(server, tmp_path, wanted(), checksum=True)) == [FileState.KEPT]


def test_a_file_that_was_sent_and_is_there_is_not_downloaded(tmp_path: Path) -> None:
    (tmp_path / NAME).parent.mkdir(parents=True)
    (tmp_path / NAME).write_bytes(b"sent")
    with scripted(page(404)) as server:
        found = fetch(server, tmp_path, wanted(sent=b"sent"))

    assert found == [
        FetchedFile("p", "P", "s", NAME, FileState.THERE, size=4, sha256=sha256(b"sent"))
    ]
    assert server.asked == []


def test_a_file_that_is_not_what_was_sent_comes_and_is_told_each_time(tmp_path: Path) -> None:
    with scripted(stored(b"other")) as server:
        for _ in range(2):
            (found,) = fetch(server, tmp_path, wanted(sent=b"sent"))
            assert found.state is FileState.CHANGED
            assert found.sha256 == sha256(b"other")

    assert len(server.asked) == 1
    assert (tmp_path / NAME).read_bytes() == b"other"


def test_a_part_that_is_wrong_is_read_again_from_its_beginning(tmp_path: Path) -> None:
    one = wanted(sent=b"whole file")
    part = Folder(tmp_path).part(one.name, one.source)
    part.write_bytes(b"wrong")
    rest = Reply(206, b"e file", {**BINARY, "Content-Range": "bytes 4-9/10"})
    with scripted(rest, stored(b"whole file")) as server:
        assert states(fetch(server, tmp_path, one)) == [FileState.FETCHED]

    assert (tmp_path / NAME).read_bytes() == b"whole file"
    assert [asked.headers.get("range") for asked in server.asked] == ["bytes=4-", None]


def test_parts_of_a_file_that_the_platform_no_longer_has_are_removed(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.part(NAME, "2" * 24).write_bytes(b"wh")
    of_another = folder.part(f"{NAME}.2", "2" * 24)
    of_another.write_bytes(b"wh")
    with scripted(stored(b"whole")) as server:
        fetch(server, tmp_path, wanted())

    names = sorted(path.name for path in of_another.parent.iterdir())
    assert names == ["a.pdf", of_another.name]


def test_a_file_that_never_comes_as_a_whole_ends_it(tmp_path: Path) -> None:
    one = wanted()
    Folder(tmp_path).part(one.name, one.source).write_bytes(b"xx")
    odd = Reply(206, b"x", {**BINARY, "Content-Range": "bytes 1-1/3"})
    with (
        scripted(odd, Reply(206, b"x", BINARY)) as server,
        pytest.raises(PlatformRefused, match="the whole file of p/s"),
    ):
        fetch(server, tmp_path, one)

    assert len(server.asked) == 3
    assert not (tmp_path / NAME).exists()


def test_a_file_that_is_not_given_is_missing_and_the_others_come(tmp_path: Path) -> None:
    activity = Activity()
    activity.begin_downloads(2)
    gone = FetchedFile("q", "Q", None, None, FileState.MISSING, Why.NO_ITEM)
    told: list[FetchedFile] = []
    with scripted(page(404)) as server:
        client = Client(Platform(f"{server.url}/api/v1/", TOKEN), patience=PATIENCE)
        downloads = Downloads(client, Folder(tmp_path), activity=activity)
        found = downloads.fetch([gone, wanted()], jobs=2, tell=told.append)
        client.close()

    assert [one.why for one in found] == [Why.NO_ITEM, Why.NOT_GIVEN]
    assert told == list(found)
    assert activity.now().downloading == Downloading(1, 2, 0)
    assert not list(tmp_path.rglob("*.part"))
