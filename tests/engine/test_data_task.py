"""The data plane alone: plain data in, plain data out, no token."""

from __future__ import annotations

import hashlib
import multiprocessing
import pickle
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.digests import content_digest
from manifest_uploader.engine import data_task
from manifest_uploader.engine.data_task import (
    DataResult,
    DataTask,
    PartsNotSent,
    PartsSent,
    Reason,
    Resources,
    StoredPart,
    send_parts,
)
from manifest_uploader.engine.upload import UploadRefused
from manifest_uploader.files import local_file, zip_stream
from manifest_uploader.files.local_file import LocalFile, Source
from manifest_uploader.files.parts import Buffers, Content, JsonContent, content_size, part_count
from manifest_uploader.platform.address import parse_platform
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.responses import Interrupted, Response
from manifest_uploader.sandbox import uploads as sandbox_uploads
from tests.box import Box
from tests.files.helpers import stat_file

PART = 1000
DATA = b"".join(bytes([number]) * 100 for number in range(35))
"""Four parts, the last one short."""
COUNT = 4
KMS = {"x-amz-server-side-encryption": "aws:kms"}


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class FakeStorage:
    """Keeps the parts it is sent; `url-N` is the address of part N."""

    answer: Callable[[str], Response | None] = lambda _: None
    """An answer to give to a URL instead of storing the part."""
    headers: Mapping[str, str] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    puts: list[str] = field(default_factory=list)

    def put(
        self, url: str, *, length: int, body: Callable[[], Iterator[bytes | memoryview]]
    ) -> Response:
        self.puts.append(url)
        data = b"".join(bytes(piece) for piece in body())
        assert len(data) == length
        if (answer := self.answer(url)) is not None:
            return answer
        self.stored[url] = data
        return Response(200, headers={"etag": f'"{md5(data)}"', **self.headers})


def url_of(number: int) -> str:
    return f"url-{number}"


def make_task(content: Content, *, part_size: int = PART) -> DataTask:
    """A task that sends all parts to `FakeStorage`."""
    size = content_size(content)
    numbers = tuple(range(1, part_count(size, part_size) + 1))
    urls = {number: url_of(number) for number in numbers}
    return DataTask(
        content=content, size=size, part_size=part_size, send=numbers, stored={}, urls=urls
    )


def sign_nothing(number: int) -> Mapping[int, str]:
    raise AssertionError(f"a URL for part {number} was asked for")


@pytest.fixture
def file(tmp_path: Path) -> LocalFile:
    path = tmp_path / "a.mha"
    path.write_bytes(DATA)
    return stat_file(path)


@pytest.fixture
def task(file: LocalFile) -> DataTask:
    return make_task(Source((file,), "a.mha", bundle=False))


@pytest.fixture
def slices(tmp_path: Path) -> Source:
    """Forty files that travel as one bundle."""
    for number in range(40):
        (tmp_path / f"{number:02}.dcm").write_bytes(bytes([number]) * 300)
    files = tuple(stat_file(tmp_path / f"{number:02}.dcm") for number in range(40))
    return Source(files, "ct-image.zip", bundle=True)


@pytest.fixture
def resources() -> Iterator[Resources]:
    with ThreadPoolExecutor(3) as senders:
        yield Resources(senders, 2, Buffers(2), lambda: False)


def with_stopping(resources: Resources, stopping: Callable[[], bool]) -> Resources:
    return Resources(resources.senders, resources.at_once, resources.buffers, stopping)


def assert_all_buffers_are_back(buffers: Buffers, *, count: int = 2) -> None:
    for _ in range(count):
        buffers.take(lambda: True)


class CountingExecutor(ThreadPoolExecutor):
    """Counts the parts that are handed to it."""

    def __init__(self, max_workers: int) -> None:
        super().__init__(max_workers)
        self.count = 0
        self._changed = threading.Condition()

    def submit(self, *given: Any, **named: Any) -> Any:
        with self._changed:
            self.count += 1
            self._changed.notify_all()
        return super().submit(*given, **named)

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.count >= count, 10)


# ── plain data ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("content", ["file", "bundle", "json"])
def test_a_task_and_its_result_can_travel(
    content: str, file: LocalFile, slices: Source, resources: Resources
) -> None:
    contents: dict[str, Content] = {
        "file": Source((file,), "a.mha", bundle=False),
        "bundle": slices,
        "json": JsonContent("details.json", b"1" * 2500, "json:x"),
    }
    task = replace(make_task(contents[content]), stored={1: StoredPart("x", 5)})

    travelled = pickle.loads(pickle.dumps(task))
    result = send_parts(
        replace(task, stored={}), resources, put=FakeStorage().put, sign=sign_nothing
    )

    assert travelled == task
    assert isinstance(result, PartsSent)
    assert pickle.loads(pickle.dumps(result)) == result


@pytest.mark.parametrize("reason", Reason)
def test_a_failure_can_travel(reason: Reason) -> None:
    failure = PartsNotSent(reason, "words")

    assert pickle.loads(pickle.dumps(failure)) == failure


def test_a_task_shows_no_url(task: DataTask) -> None:
    assert "url-1" in str(task.urls)
    assert "url-1" not in repr(task)


def work(task: DataTask) -> DataResult:
    """What a worker on another machine does: it has the task and a transport, and no token."""
    client = Client(parse_platform("https://no-platform.example/", token=""))
    with ThreadPoolExecutor(2) as senders:
        resources = Resources(senders, 2, Buffers(2), lambda: False)
        try:
            return send_parts(task, resources, put=client.storage.put_part, sign=sign_nothing)
        finally:
            client.close()


@pytest.mark.parametrize("bundle", [False, True])
def test_another_process_needs_the_task_and_nothing_else(
    begin: Callable[..., Box],
    monkeypatch: pytest.MonkeyPatch,
    file: LocalFile,
    slices: Source,
    bundle: bool,
) -> None:
    monkeypatch.setattr(sandbox_uploads, "_SMALLEST_PART", 1)
    box = begin()
    task = make_task(slices if bundle else Source((file,), "a.mha", bundle=False))
    row = box.client.call("POST", "uploads/", json={"filename": "a"}).json
    path = f"uploads/{row['pk']}/{row['s3_upload_id']}/"
    signed = box.client.call(
        "PATCH", f"{path}generate-presigned-urls/", json={"part_numbers": task.send}
    ).json
    task = replace(task, urls={int(n): url for n, url in signed["presigned_urls"].items()})

    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as processes:
        result = processes.submit(work, task).result()

    assert isinstance(result, PartsSent)
    parts = [{"ETag": etag, "PartNumber": number} for number, etag in result.etags.items()]
    box.client.call("PATCH", f"{path}complete-multipart-upload/", json={"parts": parts})
    assert box.rows()[row["pk"]] == ("Completed", task.size)
    expected = b"".join(zip_stream.bundle_stream(slices)) if bundle else DATA
    assert box.stored(row["pk"]) == sha256(expected)


# ── sending ─────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_sent_in_parts_and_hashed(task: DataTask, resources: Resources) -> None:
    storage = FakeStorage()

    result = send_parts(task, resources, put=storage.put, sign=sign_nothing)

    assert isinstance(result, PartsSent)
    assert b"".join(storage.stored[url_of(number)] for number in task.send) == DATA
    assert result.etags == {n: md5(storage.stored[url_of(n)]) for n in (1, 2, 3, 4)}
    assert not result.encrypted
    assert result.digests.sha256 == sha256(DATA)
    assert result.digests.content == content_digest([("a.mha", sha256(DATA))])
    assert result.digests.files == (("a.mha", sha256(DATA), len(DATA)),)


def test_an_empty_file_is_one_empty_part(tmp_path: Path, resources: Resources) -> None:
    (tmp_path / "empty").write_bytes(b"")
    storage = FakeStorage()
    task = make_task(Source((stat_file(tmp_path / "empty"),), "empty", bundle=False))

    result = send_parts(task, resources, put=storage.put, sign=sign_nothing)

    assert storage.stored == {"url-1": b""}
    assert isinstance(result, PartsSent)
    assert result.digests.sha256 == sha256(b"")


@pytest.mark.parametrize("part_size", [PART, 2**20])
def test_a_bundle_is_one_stream_whose_files_are_read_once(
    slices: Source, resources: Resources, monkeypatch: pytest.MonkeyPatch, part_size: int
) -> None:
    storage, read = FakeStorage(), []

    def counted(file: LocalFile) -> Iterator[bytes]:
        read.append(file.name)
        return local_file.chunks(file)

    expected = b"".join(zip_stream.bundle_stream(slices))
    monkeypatch.setattr(zip_stream, "chunks", counted)
    task = make_task(slices, part_size=part_size)

    result = send_parts(task, resources, put=storage.put, sign=sign_nothing)

    assert isinstance(result, PartsSent)
    assert read == [file.name for file in slices.files]
    assert b"".join(storage.stored[url_of(number)] for number in task.send) == expected
    assert len(result.digests.files) == 40
    assert_all_buffers_are_back(resources.buffers)


def test_two_parts_wait_for_the_senders_and_no_more(task: DataTask) -> None:
    """With one part at a time: one is being sent, two are ready, and the fourth is not read."""
    go_on = threading.Event()

    def hold(url: str) -> None:
        assert go_on.wait(10)

    with CountingExecutor(1) as senders, ThreadPoolExecutor(1) as other:
        resources = Resources(senders, 1, Buffers(2), lambda: False)
        storage = FakeStorage(answer=hold)
        result = other.submit(send_parts, task, resources, put=storage.put, sign=sign_nothing)
        senders.wait_for(3)
        time.sleep(0.2)
        ready = senders.count
        go_on.set()
        assert isinstance(result.result(), PartsSent)

    assert ready == 3
    assert senders.count == COUNT


def test_parts_that_are_not_named_are_read_for_the_hashes_only(
    task: DataTask, resources: Resources
) -> None:
    storage = FakeStorage()

    result = send_parts(replace(task, send=(2,)), resources, put=storage.put, sign=sign_nothing)

    assert storage.puts == ["url-2"]
    assert isinstance(result, PartsSent)
    assert list(result.etags) == [2]
    assert result.digests.sha256 == sha256(DATA)


@pytest.mark.parametrize("part_size", [PART, 2**20])
def test_a_task_without_parts_hashes_the_file(
    task: DataTask, resources: Resources, part_size: int
) -> None:
    hash_only = replace(task, part_size=part_size, send=(), urls={})

    result = send_parts(hash_only, resources, put=FakeStorage().put, sign=sign_nothing)

    assert isinstance(result, PartsSent)
    assert result.etags == {}
    assert result.digests.sha256 == sha256(DATA)


# ── parts that storage holds ────────────────────────────────────────────────────────────────


def test_a_stored_part_is_compared_and_not_sent(task: DataTask, resources: Resources) -> None:
    storage = FakeStorage()
    stored = {2: StoredPart(md5(DATA[1000:2000]), 1000), 4: StoredPart(md5(DATA[3000:]), 500)}

    result = send_parts(
        replace(task, send=(1, 3), stored=stored),
        resources,
        put=storage.put,
        sign=sign_nothing,
    )

    assert sorted(storage.puts) == ["url-1", "url-3"]
    assert isinstance(result, PartsSent)
    assert list(result.etags) == [1, 2, 3, 4]
    assert result.etags[2] == stored[2].etag


@pytest.mark.parametrize(
    "stored",
    [StoredPart(md5(b"other bytes"), 1000), StoredPart(md5(DATA[1000:2000]), 999)],
    ids=["other bytes", "other size"],
)
def test_a_stored_part_that_differs_means_that_the_upload_is_lost(
    task: DataTask, resources: Resources, stored: StoredPart
) -> None:
    task = replace(task, send=(1, 3, 4), stored={2: stored})

    result = send_parts(task, resources, put=FakeStorage().put, sign=sign_nothing)

    assert result == PartsNotSent(Reason.UPLOAD_LOST)


# ── URLs ────────────────────────────────────────────────────────────────────────────────────


def test_new_urls_are_asked_for_once_when_all_have_expired(
    task: DataTask, resources: Resources
) -> None:
    def expired(url: str) -> Response | None:
        return Response(403) if url.startswith("url") else None

    storage, asked = FakeStorage(answer=expired), []

    def sign(number: int) -> Mapping[int, str]:
        asked.append(number)
        return {number: f"new-{number}" for number in task.send}

    result = send_parts(task, resources, put=storage.put, sign=sign)

    assert isinstance(result, PartsSent)
    assert len(asked) == 1
    assert sorted(storage.stored) == ["new-1", "new-2", "new-3", "new-4"]


def test_an_expired_url_is_not_taken_for_one_that_replaced_it() -> None:
    """Several senders hold URLs that expired together: only the first of them renews."""
    asked: list[int] = []

    def sign(number: int) -> Mapping[int, str]:
        asked.append(number)
        return {1: "new-1", 2: "new-2"}

    urls = data_task._Urls({1: "old-1", 2: "old-2"}, sign)

    urls.discard(1, "old-1")
    new = urls.get(1)
    urls.discard(2, "old-2")

    assert (new, urls.get(2)) == ("new-1", "new-2")
    assert asked == [1]


def test_a_url_that_is_missing_is_asked_for(task: DataTask, resources: Resources) -> None:
    storage, asked = FakeStorage(), []

    def sign(number: int) -> Mapping[int, str]:
        asked.append(number)
        return {3: "more-3", 4: "more-4"}

    given = {1: "url-1", 2: "url-2"}
    result = send_parts(replace(task, urls=given), resources, put=storage.put, sign=sign)

    assert isinstance(result, PartsSent)
    assert len(asked) == 1
    assert sorted(storage.stored) == ["more-3", "more-4", "url-1", "url-2"]


def test_a_url_that_is_old_is_not_used(
    task: DataTask, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_task, "_URL_LIFE_S", -1.0)
    storage = FakeStorage()

    result = send_parts(
        task, resources, put=storage.put, sign=lambda number: {number: f"new-{number}"}
    )

    assert isinstance(result, PartsSent)
    assert sorted(storage.puts) == ["new-1", "new-2", "new-3", "new-4"]


@pytest.mark.parametrize("part_size", [PART, 2**20])
def test_what_sign_raises_reaches_the_caller(
    slices: Source, resources: Resources, part_size: int
) -> None:
    def sign(number: int) -> Mapping[int, str]:
        raise UploadRefused("no URL today")

    task = replace(make_task(slices, part_size=part_size), urls={})

    with pytest.raises(UploadRefused, match="no URL today"):
        send_parts(task, resources, put=FakeStorage().put, sign=sign)

    assert_all_buffers_are_back(resources.buffers)


# ── failures ────────────────────────────────────────────────────────────────────────────────

NO_SUCH_UPLOAD = Response(404, text="<Error><Code>NoSuchUpload</Code></Error>")
TOO_LARGE = Response(400, text="<Error><Code>EntityTooLarge</Code></Error>")
EXPIRED = Response(403, text="<Error><Code>AccessDenied</Code></Error>")
DAMAGED = Response(200, headers={"etag": '"ffff"'})
NO_ETAG = Response(200)
ENCRYPTED_WITHOUT_ETAG = Response(200, headers=KMS)


@pytest.mark.parametrize(
    ("answer", "expected", "puts"),
    [
        (NO_SUCH_UPLOAD, PartsNotSent(Reason.UPLOAD_LOST), 1),
        (
            TOO_LARGE,
            PartsNotSent(Reason.STORAGE_REFUSED, "storage answered 400 (EntityTooLarge)"),
            1,
        ),
        (EXPIRED, PartsNotSent(Reason.STORAGE_REFUSED, "storage answered 403 (AccessDenied)"), 4),
        *(
            (
                answer,
                PartsNotSent(
                    Reason.STORAGE_REFUSED,
                    "storage received different bytes from those sent, several times",
                ),
                4,
            )
            for answer in (DAMAGED, NO_ETAG, ENCRYPTED_WITHOUT_ETAG)
        ),
    ],
)
def test_a_part_that_storage_does_not_take_is_an_expected_failure(
    slices: Source, resources: Resources, answer: Response, expected: DataResult, puts: int
) -> None:
    task = make_task(slices)
    storage = FakeStorage(answer=lambda url: answer if url == "url-2" else None)

    result = send_parts(task, resources, put=storage.put, sign=lambda _: task.urls)

    assert result == expected
    assert storage.puts.count("url-2") == puts
    assert_all_buffers_are_back(resources.buffers)


def test_parts_that_wait_are_not_sent_once_one_has_failed(slices: Source) -> None:
    """Part 1 fails while parts 2 and 3 wait; part 2 begins at once, part 3 never does."""
    with CountingExecutor(1) as senders:
        resources = Resources(senders, 1, Buffers(3), lambda: False)

        def answer(url: str) -> Response | None:
            if url == "url-1":
                senders.wait_for(3)
                return NO_SUCH_UPLOAD
            time.sleep(0.3)
            return None

        storage = FakeStorage(answer=answer)

        result = send_parts(make_task(slices), resources, put=storage.put, sign=sign_nothing)

    assert result == PartsNotSent(Reason.UPLOAD_LOST)
    assert storage.puts == ["url-1", "url-2"]
    assert_all_buffers_are_back(resources.buffers, count=3)


def test_with_kms_any_etag_is_accepted_and_reported(task: DataTask, resources: Resources) -> None:
    answer = Response(200, headers={"etag": '"no md5"', **KMS})
    storage = FakeStorage(answer=lambda _: answer)

    result = send_parts(task, resources, put=storage.put, sign=sign_nothing)

    assert isinstance(result, PartsSent)
    assert result.encrypted
    assert set(result.etags.values()) == {"no md5"}


def test_a_file_that_changed_is_an_expected_failure(
    task: DataTask, file: LocalFile, resources: Resources
) -> None:
    file.path.write_bytes(DATA + b"!")
    storage = FakeStorage()

    result = send_parts(task, resources, put=storage.put, sign=sign_nothing)

    message = "'a.mha' changed after it was checked"
    assert result == PartsNotSent(Reason.FILE_CHANGED, message)
    assert storage.puts == []


@pytest.mark.parametrize("number", [1, COUNT])
def test_a_file_that_changes_while_it_is_sent_is_an_expected_failure(
    task: DataTask, file: LocalFile, resources: Resources, number: int
) -> None:
    def change(url: str) -> None:
        if url == url_of(number):
            file.path.write_bytes(DATA + b"!")

    result = send_parts(task, resources, put=FakeStorage(answer=change).put, sign=sign_nothing)

    assert isinstance(result, PartsNotSent)
    assert result.reason is Reason.FILE_CHANGED


@pytest.mark.parametrize("part_size", [PART, 2**20])
@pytest.mark.parametrize("send", [True, False], ids=["sent", "hashed only"])
def test_a_task_stops_when_the_run_does(
    slices: Source, resources: Resources, part_size: int, send: bool
) -> None:
    task = make_task(slices, part_size=part_size)
    storage = FakeStorage()

    result = send_parts(
        task if send else replace(task, send=()),
        with_stopping(resources, lambda: True),
        put=storage.put,
        sign=sign_nothing,
    )

    assert result == PartsNotSent(Reason.STOPPED)
    assert storage.puts == []
    assert_all_buffers_are_back(resources.buffers)


def test_a_transport_that_stops_ends_the_task(task: DataTask, resources: Resources) -> None:
    def interrupt(url: str) -> Response:
        raise Interrupted

    result = send_parts(task, resources, put=FakeStorage(answer=interrupt).put, sign=sign_nothing)

    assert result == PartsNotSent(Reason.STOPPED)
