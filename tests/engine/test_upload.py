from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from manifest_uploader.digests import content_digest
from manifest_uploader.engine import data_plane, data_task
from manifest_uploader.engine import upload as module
from manifest_uploader.engine.data_plane import Here
from manifest_uploader.engine.data_task import DataTask, Resources
from manifest_uploader.engine.tally import Tally
from manifest_uploader.engine.upload import Tools, UploadLimitReached, UploadRefused, send
from manifest_uploader.files.local_file import FileChanged, LocalFile, Source
from manifest_uploader.files.parts import Buffers
from manifest_uploader.plan.steps import Upload
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.sandbox import Fault, Seen, storage
from manifest_uploader.sandbox import uploads as sandbox_uploads
from manifest_uploader.state.events import Done, Opened, OpenUpload
from manifest_uploader.state.steps import StepId
from tests.box import Box, Faulty
from tests.helpers import file_value, pk
from tests.platform.servers import Reply, page, reply, scripted

PART = 64 * 1024
DATA = b"".join(bytes([number]) * 1000 for number in range(200))
"""Four parts."""
COUNT = 4


@dataclass
class Uploads:
    """Uploads files to a sandbox, and keeps the events and warnings."""

    box: Box
    folder: Path
    senders: ThreadPoolExecutor
    opened: list[Opened] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stopping: Callable[[], bool] = lambda: False
    tally: Tally = field(default_factory=Tally)

    def file(self, data: bytes = DATA) -> LocalFile:
        path = self.folder / "a.mha"
        path.write_bytes(data)
        facts = path.stat()
        return LocalFile(str(path), path.name, facts.st_size, facts.st_mtime_ns)

    def meddle(self, sql: str, *, before: str) -> None:
        """Change the platform's tables before the first request of a kind."""

        def before_it(seen: Seen) -> None:
            if (seen.kind, seen.number) == (before, 1):
                self.box.sql(sql)

        self.hook.before_it = before_it

    def tools(self, client: Client | None = None) -> Tools:
        resources = Resources(
            self.senders,
            2,
            Buffers(2),
            lambda: self.stopping(),  # noqa: PLW0108 - it changes meanwhile
        )
        client = client or self.box.client
        return Tools(
            client,
            Here(client.storage, resources),
            resources.stopping,
            self.opened.append,
            self.warnings.append,
            self.tally,
        )

    def send(self, data: bytes = DATA, *, begun: OpenUpload | None = None) -> Done:
        return self.send_file(self.file(data), begun=begun)

    def send_file(
        self, file: LocalFile, *, begun: OpenUpload | None = None, tools: Tools | None = None
    ) -> Done:
        source = Source((file,), file.name, bundle=False)
        sent = send(upload_step(begun), source, tools or self.tools())
        assert sent.files == ((file.name, sent.done.sha256, sent.done.size),)
        return sent.done

    @property
    def begun(self) -> OpenUpload:
        """The latest row, as a state file would know it."""
        one = self.opened[-1]
        return OpenUpload(one.pk, one.storage_id, one.part_size, one.stat)

    @property
    def hook(self) -> Faulty:
        hook = self.box.running.__dict__["hook"]
        assert isinstance(hook, Faulty)
        return hook

    def check(self, done: Done, data: bytes = DATA) -> None:
        """The row is complete, and storage holds these bytes."""
        assert done.pk is not None
        assert self.box.rows()[done.pk] == ("Completed", len(data))
        assert self.box.stored(done.pk) == hashlib.sha256(data).hexdigest()


def upload_step(begun: OpenUpload | None = None) -> Upload:
    return Upload(
        StepId.upload("a", "ct-image"),
        *("a", "ct-image", file_value("ct-image"), "a.mha", len(DATA), "stat:1"),
        row=begun,
    )


@pytest.fixture
def uploads(
    begin: Callable[..., Box], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Uploads]:
    """A sandbox that accepts small parts, and a hook for its faults."""
    monkeypatch.setattr(module, "part_size", lambda _: PART)
    monkeypatch.setattr(sandbox_uploads, "_SMALLEST_PART", 1)
    hook = Faulty()
    box = begin(hook=hook)
    box.running.__dict__["hook"] = hook
    with ThreadPoolExecutor(3) as senders:
        yield Uploads(box, tmp_path, senders)


def at(kind: str, fault: Fault, *numbers: int) -> Callable[[Seen], Fault | None]:
    """A fault for the requests of a kind with these numbers; without numbers, for all of them."""
    return lambda seen: (
        fault if seen.kind == kind and (seen.number in numbers or not numbers) else None
    )


# ── all goes well ─────────────────────────────────────────────────────────────────────────────────


def test_an_upload_is_opened_signed_once_sent_in_parts_and_completed(uploads: Uploads) -> None:
    done = uploads.send()

    uploads.check(done)
    assert uploads.hook.kinds() == ["upload-create", "presign", *["part"] * COUNT, "complete"]
    sha256 = hashlib.sha256(DATA).hexdigest()
    assert (done.sha256, done.size, done.files) == (sha256, len(DATA), 1)
    assert done.content == content_digest([("a.mha", sha256)])
    assert done.stat == "stat:1"
    assert uploads.box.client.meter.traffic().bytes_sent == len(DATA)


def test_the_row_is_recorded_before_its_first_part(uploads: Uploads) -> None:
    parts_before: list[int] = []

    def emit(event: Opened) -> None:
        parts_before.append(uploads.hook.kinds().count("part"))

    uploads.send_file(uploads.file(), tools=replace(uploads.tools(), emit=emit))

    assert parts_before == [0]


def test_an_empty_file_is_one_empty_part(uploads: Uploads) -> None:
    done = uploads.send(b"")

    uploads.check(done, b"")
    assert uploads.hook.kinds().count("part") == 1
    assert done.sha256 == hashlib.sha256(b"").hexdigest()


def test_a_small_file_is_sent_in_one_part(uploads: Uploads) -> None:
    uploads.check(uploads.send(b"small"), b"small")

    assert uploads.hook.kinds() == ["upload-create", "presign", "part", "complete"]


def test_the_data_task_holds_no_token(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks: list[DataTask] = []

    def send_and_keep(task: DataTask, *given: Any, **named: Any) -> Any:
        tasks.append(task)
        return data_task.send_parts(task, *given, **named)

    monkeypatch.setattr(data_plane, "send_parts", send_and_keep)

    uploads.check(uploads.send())

    [task] = tasks
    assert sorted(task.urls) == [1, 2, 3, 4]
    token = uploads.box.client.platform.token
    assert token
    assert token.encode() not in pickle.dumps(task)


# ── resumed ───────────────────────────────────────────────────────────────────────────────────────


def interrupted(uploads: Uploads, *parts: int) -> OpenUpload:
    """An upload of an earlier run, of which storage holds only these parts."""
    uploads.hook.before_it = at("complete", Fault.answer(403))
    with pytest.raises(UploadRefused):
        uploads.send()
    uploads.hook.before_it = lambda _: None
    marks = ",".join("?" * len(parts))
    uploads.box.sql(f"DELETE FROM parts WHERE number NOT IN ({marks})", *parts)
    uploads.hook.seen.clear()
    return uploads.begun


@pytest.mark.parametrize("parts", [(), (1,), (2, 4), (1, 2, 3), (1, 2, 3, 4)])
def test_only_the_parts_that_storage_lacks_are_sent(
    uploads: Uploads, parts: tuple[int, ...]
) -> None:
    begun = interrupted(uploads, *parts)

    done = uploads.send(begun=begun)

    uploads.check(done)
    assert done.pk == begun.pk
    assert uploads.hook.kinds().count("part") == COUNT - len(parts)
    assert "upload-create" not in uploads.hook.kinds()
    assert done.sha256 == hashlib.sha256(DATA).hexdigest()


@pytest.mark.parametrize("spoil", ["etag = 'ffff'", "size = 5"])
def test_one_part_of_other_bytes_starts_a_new_upload(uploads: Uploads, spoil: str) -> None:
    begun = interrupted(uploads, 1, 2)
    uploads.box.sql(f"UPDATE parts SET {spoil} WHERE number = 2")

    done = uploads.send(begun=begun)

    uploads.check(done)
    assert done.pk != begun.pk
    assert uploads.hook.kinds().count("part") >= COUNT


def test_a_complete_upload_is_not_sent_again_but_read(uploads: Uploads) -> None:
    first = uploads.send()
    uploads.hook.seen.clear()

    again = uploads.send(begun=uploads.begun)

    assert again == first
    assert uploads.hook.kinds() == ["upload-get"]


@pytest.mark.parametrize(
    "spoil",
    ["DELETE FROM uploads", "UPDATE uploads SET status = 'Aborted', s3_id = ''"],
)
def test_a_row_that_is_gone_or_aborted_is_replaced_by_a_new_one(
    uploads: Uploads, spoil: str
) -> None:
    begun = interrupted(uploads, 1, 2)
    uploads.box.sql(spoil)

    done = uploads.send(begun=begun)

    uploads.check(done)
    assert done.pk != begun.pk


@pytest.mark.parametrize(
    "change", [{"storage_id": ""}, {"storage_id": "x"}, {"part_size": 0}, {"part_size": 1}]
)
def test_a_row_of_another_form_is_replaced_by_a_new_one(
    uploads: Uploads, change: dict[str, Any]
) -> None:
    begun = replace(interrupted(uploads, 1, 2), **change)

    done = uploads.send(begun=begun)

    uploads.check(done)
    assert done.pk != begun.pk
    assert uploads.hook.kinds().count("part") == COUNT


def test_an_odd_part_size_in_the_state_file_is_not_used_for_reading(uploads: Uploads) -> None:
    uploads.send()
    uploads.hook.seen.clear()
    started = time.monotonic()

    uploads.send(begun=replace(uploads.begun, part_size=1))

    assert time.monotonic() - started < 2


def test_a_row_that_the_platform_cannot_list_is_replaced_by_a_new_one(uploads: Uploads) -> None:
    begun = interrupted(uploads, 1)
    uploads.hook.before_it = at("list-parts", Fault.answer(500))

    assert uploads.send(begun=begun).pk != begun.pk


# ── storage in trouble ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("when", ["before_it", "after_it"])
@pytest.mark.parametrize(
    "fault", [Fault.reset(), Fault.answer(503), Fault.answer(500), Fault.truncate()], ids=str
)
@pytest.mark.parametrize("kind", ["upload-create", "presign", "part", "complete"])
def test_every_lost_request_or_answer_is_repeated(
    uploads: Uploads, kind: str, fault: Fault, when: str
) -> None:
    setattr(uploads.hook, when, at(kind, fault, 1))

    uploads.check(uploads.send())


def test_an_expired_url_is_signed_again_and_the_rest_goes_on(uploads: Uploads) -> None:
    uploads.hook.before_it = at("part", Fault.expire(), 2)

    uploads.check(uploads.send())

    assert uploads.hook.kinds().count("presign") == 2
    assert uploads.hook.kinds().count("upload-create") == 1


def test_urls_that_grow_old_are_signed_again(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_task, "_URL_LIFE_S", -1.0)

    uploads.check(uploads.send())

    assert uploads.hook.kinds().count("presign") == 1 + COUNT


def test_urls_are_signed_a_thousand_at_a_time_with_those_of_parts_in_flight(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_URLS_PER_REQUEST", 3)
    client = uploads.box.client
    call, signed = client.call, []

    def record(method: str, path: str, **more: Any) -> Any:
        if path.endswith("generate-presigned-urls/"):
            signed.append(more["json"]["part_numbers"])
        return call(method, path, **more)

    monkeypatch.setattr(client, "call", record)

    uploads.check(uploads.send())

    assert signed == [[1, 2, 3], [3, 4]]
    assert uploads.hook.kinds().count("presign") == 2


def test_a_url_that_is_refused_forever_fails_the_upload(uploads: Uploads) -> None:
    uploads.hook.before_it = at("part", Fault.expire())

    with pytest.raises(UploadRefused, match=r"storage answered 403 \(AccessDenied\)") as caught:
        uploads.send()

    assert not caught.value.final


NO_SUCH_UPLOAD = Fault.answer(
    404, (), b"<Error><Code>NoSuchUpload</Code></Error>", "application/xml"
)


def test_an_upload_that_storage_no_longer_knows_is_replaced_by_a_new_one(uploads: Uploads) -> None:
    uploads.hook.before_it = at("part", NO_SUCH_UPLOAD, 2)

    uploads.check(uploads.send())

    assert uploads.hook.kinds().count("upload-create") == 2
    assert len(uploads.opened) == 2


def test_an_upload_that_storage_loses_several_times_fails(uploads: Uploads) -> None:
    uploads.hook.before_it = at("part", NO_SUCH_UPLOAD)

    with pytest.raises(UploadRefused, match="lost this upload several times") as caught:
        uploads.send()

    assert not caught.value.final


def test_a_part_that_arrives_as_other_bytes_is_sent_again(uploads: Uploads) -> None:
    uploads.hook.before_it = at("part", Fault.lose_part(corrupt=True), 2)

    uploads.check(uploads.send())

    assert uploads.hook.kinds().count("part") == COUNT + 1


def test_a_part_that_always_arrives_as_other_bytes_fails_the_upload(uploads: Uploads) -> None:
    uploads.hook.before_it = at("part", Fault.lose_part(corrupt=True))

    with pytest.raises(UploadRefused, match="storage received different bytes"):
        uploads.send()


def test_a_part_that_storage_loses_is_sent_again_at_the_end(uploads: Uploads) -> None:
    uploads.hook.before_it = at("part", Fault.lose_part(), 2)

    uploads.check(uploads.send())

    assert uploads.hook.kinds().count("part") == COUNT + 1
    assert uploads.hook.kinds().count("complete") == 2


def test_parts_that_are_lost_forever_fail_the_upload(uploads: Uploads) -> None:
    uploads.hook.before_it = at("part", Fault.lose_part())

    with pytest.raises(UploadRefused, match="cannot assemble the parts"):
        uploads.send()


# ── completing ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", [Fault.reset(), Fault.answer(500), Fault.answer(504)], ids=str)
def test_a_completion_whose_answer_was_lost_is_looked_at_and_not_repeated(
    uploads: Uploads, fault: Fault
) -> None:
    uploads.hook.after_it = at("complete", fault, 1)

    uploads.check(uploads.send())

    assert uploads.hook.kinds().count("complete") == 1
    assert uploads.hook.kinds()[-1] == "upload-get"


def test_a_completion_that_never_acted_is_sent_again(uploads: Uploads) -> None:
    uploads.hook.before_it = at("complete", Fault.reset(), 1, 2)

    uploads.check(uploads.send())

    assert uploads.hook.kinds().count("complete") == 3
    assert uploads.hook.kinds().count("part") == COUNT


def test_a_completion_that_the_platform_refuses_fails_the_upload(uploads: Uploads) -> None:
    words = json.dumps({"detail": "Not today."}).encode()
    uploads.hook.before_it = at("complete", Fault.answer(400, (), words, "application/json"))

    with pytest.raises(UploadRefused, match=r"Not today\.") as caught:
        uploads.send()

    assert caught.value.final


def test_a_row_that_vanishes_before_it_is_complete_is_replaced_by_a_new_one(
    uploads: Uploads,
) -> None:
    uploads.meddle("DELETE FROM uploads", before="complete")

    uploads.check(uploads.send())

    assert uploads.hook.kinds().count("upload-create") == 2


# ── encrypted storage ─────────────────────────────────────────────────────────────────────────────


class NoMd5:
    """Hashes of a storage whose ETags are not MD5s and differ every time."""

    sha256 = hashlib.sha256

    @staticmethod
    def md5(data: bytes = b"") -> Any:
        return hashlib.blake2b(data, digest_size=16, salt=os.urandom(16))


@pytest.fixture
def encrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Storage that encrypts with KMS, and says so."""
    real = storage.Storage.answer

    def answer(self: storage.Storage, *given: Any) -> Any:
        found = real(self, *given)
        header = ("x-amz-server-side-encryption", "aws:kms")
        return dataclasses.replace(found, headers=(*found.headers, header))

    monkeypatch.setattr(storage, "hashlib", NoMd5)
    monkeypatch.setattr(storage.Storage, "answer", answer)


@pytest.mark.usefixtures("encrypted")
def test_encrypted_parts_are_compared_by_size_and_warned_about(uploads: Uploads) -> None:
    uploads.check(uploads.send())

    assert set(uploads.warnings) == {
        "storage encrypts with KMS: parts are compared by size, not by MD5"
    }
    assert uploads.hook.kinds()[-2:] == ["list-parts", "complete"]


@pytest.mark.usefixtures("encrypted")
def test_an_encrypted_part_that_is_sent_again_is_completed_by_its_new_etag(
    uploads: Uploads,
) -> None:
    def replace_part(seen: Seen) -> None:
        if (seen.kind, seen.number) == ("list-parts", 1):
            uploads.box.sql("UPDATE parts SET etag = 'ffff' WHERE number = 2")

    uploads.hook.before_it = at("complete", Fault.answer(500), 1)
    uploads.hook.after_it = replace_part

    uploads.check(uploads.send())

    assert uploads.hook.kinds().count("part") == COUNT + 1


@pytest.mark.usefixtures("encrypted")
def test_encrypted_parts_of_another_size_start_a_new_upload(uploads: Uploads) -> None:
    uploads.meddle("UPDATE parts SET size = 1 WHERE number = 2", before="list-parts")

    uploads.check(uploads.send())

    assert uploads.hook.kinds().count("upload-create") == 2


def test_other_etags_without_encryption_are_no_proof(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "hashlib", NoMd5)

    with pytest.raises(UploadRefused, match="different bytes from those sent"):
        uploads.send()


# ── limits ────────────────────────────────────────────────────────────────────────────────────────


def test_a_limit_of_rows_is_reported(begin: Callable[..., Box], tmp_path: Path) -> None:
    box = begin(upload_limit=0)
    box.upload()
    with ThreadPoolExecutor(1) as senders:
        uploads = Uploads(box, tmp_path, senders)

        with pytest.raises(UploadLimitReached) as caught:
            uploads.send()

    assert caught.value.message.startswith("You have created too many uploads")
    assert not caught.value.size_limit
    assert uploads.opened == []


def test_a_limit_of_bytes_is_reported_and_the_row_is_used_later(
    begin: Callable[..., Box], tmp_path: Path
) -> None:
    box = begin(size_limit=10)
    other = box.upload(content=b"x" * 20)
    with ThreadPoolExecutor(1) as senders:
        uploads = Uploads(box, tmp_path, senders)
        with pytest.raises(UploadLimitReached) as caught:
            uploads.send(b"small")
        assert (caught.value.message, caught.value.size_limit) == ("Upload limit reached", True)

        box.sql("DELETE FROM uploads WHERE pk = ?", other)
        done = uploads.send(b"small", begun=uploads.begun)

    assert done.pk == uploads.begun.pk
    assert len(uploads.opened) == 1


# ── files and stops ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [1, COUNT])
def test_a_file_that_changes_while_it_is_sent_is_never_completed(
    uploads: Uploads, number: int
) -> None:
    """Also after the last part: the bytes sent need not be those hashed before."""
    file = uploads.file()

    def change_file(seen: Seen) -> None:
        if (seen.kind, seen.number) == ("part", number):
            file.path.write_bytes(DATA + b"!")

    uploads.hook.after_it = change_file

    with pytest.raises(FileChanged, match=r"'a\.mha'"):
        uploads.send_file(file)

    assert "complete" not in uploads.hook.kinds()
    assert {status for status, _ in uploads.box.rows().values()} == {"Initialized"}


@pytest.mark.parametrize("data", [DATA, b"small"])
def test_a_run_that_is_stopped_completes_nothing(uploads: Uploads, data: bytes) -> None:
    uploads.stopping = lambda: True

    with pytest.raises(Interrupted):
        uploads.send(data)

    assert "complete" not in uploads.hook.kinds()
    assert len(uploads.opened) == 1


def test_parts_that_a_stopped_run_has_sent_are_not_sent_again(uploads: Uploads) -> None:
    uploads.stopping = lambda: uploads.hook.kinds().count("part") >= 2
    with pytest.raises(Interrupted):
        uploads.send()
    sent = uploads.hook.kinds().count("part")
    uploads.stopping = lambda: False
    uploads.hook.seen.clear()

    uploads.check(uploads.send(begun=uploads.begun))

    assert uploads.hook.kinds().count("part") <= COUNT - sent + 1


# ── counted ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("parts", [(), (1, 4), (1, 2, 3, 4)])
def test_parts_that_storage_holds_are_not_counted_as_sent(
    uploads: Uploads, parts: tuple[int, ...]
) -> None:
    begun = interrupted(uploads, *parts)
    uploads.tally = Tally()

    uploads.send(begun=begun)

    spared = sum(min(PART, len(DATA) - (number - 1) * PART) for number in parts)
    assert (uploads.tally.sent, uploads.tally.spared) == (len(DATA) - spared, spared)


def test_a_complete_upload_is_counted_as_held(uploads: Uploads) -> None:
    uploads.send()
    uploads.tally = Tally()

    uploads.send(begun=uploads.begun)

    assert (uploads.tally.sent, uploads.tally.spared) == (0, len(DATA))


def test_an_upload_that_begins_anew_is_counted_once(uploads: Uploads) -> None:
    begun = interrupted(uploads, 1, 2)
    uploads.box.sql("UPDATE parts SET etag = 'ffff' WHERE number = 2")
    uploads.tally = Tally()

    uploads.send(begun=begun)

    assert (uploads.tally.sent, uploads.tally.spared) == (len(DATA), 0)


@pytest.mark.parametrize("fault", [Fault.answer(503), Fault.expire(), Fault.lose_part()], ids=str)
def test_a_part_that_is_sent_again_is_counted_once(uploads: Uploads, fault: Fault) -> None:
    uploads.hook.before_it = at("part", fault, 2)

    uploads.send()

    assert uploads.tally.sent == len(DATA)


# ── answers that cannot be used ───────────────────────────────────────────────────────────────────

ROW = {"pk": pk(1), "s3_upload_id": "sid", "status": "Initialized"}


def attempt(connect: Callable[..., Client], tmp_path: Path, *answers: Reply) -> None:
    """Send a small file to a platform that answers by a script."""
    with scripted(*answers) as server, ThreadPoolExecutor(1) as senders:
        client = connect(server.url)
        uploads = Uploads(Box(None, client, tmp_path), tmp_path, senders)  # type: ignore[arg-type]
        uploads.send(b"small")


@pytest.mark.parametrize(
    "answers",
    [
        [reply(400, {"filename": ["No."]})],
        [reply(201, {})],
        [reply(201, [1])],
        [reply(201, {"pk": "../x", "s3_upload_id": "sid"})],
        [reply(201, {"pk": pk(1), "s3_upload_id": "../../x"})],
        [reply(201, {"pk": pk(1), "s3_upload_id": None})],
        [reply(201, ROW), reply(200, {})],
        [reply(201, ROW), reply(200, [1])],
        [reply(201, ROW), reply(200, {"presigned_urls": {"1": 5}})],
        [reply(201, ROW), reply(200, {"presigned_urls": {"2": "https://x/"}})],
        [reply(201, ROW), reply(400, {"part_numbers": ["No."]})],
        [page(500)] * 6,
    ],
)
def test_an_answer_that_cannot_be_used_fails_the_upload_and_not_the_run(
    connect: Callable[..., Client], tmp_path: Path, answers: list[Reply]
) -> None:
    with pytest.raises(UploadRefused) as caught:
        attempt(connect, tmp_path, *answers)

    assert caught.value.message
    assert "<" not in caught.value.message


@pytest.mark.parametrize("storage_id", [None, 5, "", "../../x", "x" * 2000])
def test_a_row_without_a_storage_id_is_not_recorded(
    connect: Callable[..., Client], tmp_path: Path, storage_id: Any
) -> None:
    answer = reply(201, {"pk": pk(1), "s3_upload_id": storage_id})

    with pytest.raises(UploadRefused, match="opened no usable upload"):
        attempt(connect, tmp_path, answer)


def test_parts_that_are_listed_in_another_form_are_sent_again(uploads: Uploads) -> None:
    begun = interrupted(uploads, 1, 2)
    strange = {"parts": [{"PartNumber": "one", "ETag": "x", "Size": 1}, {"PartNumber": 2}, 5]}
    body = json.dumps(strange).encode()
    uploads.hook.before_it = at("list-parts", Fault.answer(200, (), body, "application/json"), 1)

    uploads.check(uploads.send(begun=begun))
