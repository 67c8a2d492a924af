from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from manifest_uploader import targets
from manifest_uploader.confirm import Watcher
from manifest_uploader.digests import image_digest, json_digest
from manifest_uploader.errors import TokenRefused
from manifest_uploader.files import Root
from manifest_uploader.model import (
    Address,
    Confirmed,
    Contents,
    Create,
    Done,
    Entry,
    Failed,
    FileValue,
    Fill,
    JsonValue,
    Look,
    Looked,
    Opened,
    Outcome,
    Paused,
    Target,
    TargetKind,
    Task,
    Unsure,
    Upload,
    Watch,
    Watched,
)
from manifest_uploader.receipts import Receipt
from manifest_uploader.sandbox import Fault, Seen
from manifest_uploader.streams import Buffers
from manifest_uploader.upload import Tools
from manifest_uploader.worker import Worker
from tests.core.box import Box, Faulty, mha
from tests.core.helpers import files, pk, plain
from tests.local.helpers import make_dicom


@dataclass
class Bench:
    """A worker for a sandbox and a folder of files."""

    box: Box
    hook: Faulty
    folder: Path
    senders: ThreadPoolExecutor
    kind: TargetKind = TargetKind.READER_STUDY
    opened: list[Opened] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    stopping: bool = False

    @property
    def target(self) -> Target:
        return self.box.target(self.kind)

    def perform(self, task: Task) -> list[Outcome]:
        target = self.target
        tools = Tools(
            *(self.box.connection, self.senders, 2, self.opened.append, print),
            stopping=lambda: self.stopping,
        )
        watcher = Watcher(self.box.connection, target, sessions={}, refused_after_s=1800.0)
        worker = Worker(
            target,
            Root(self.folder.resolve(), follow_links=False, shown="in data"),
            tools,
            watcher,
            buffers=Buffers(2),
            receive=self.receipts.append,
            sleep=self.slept.append,
        )
        self.hook.seen.clear()
        return list(worker.perform(task))

    def only(self, task: Task) -> Outcome:
        [found] = self.perform(task)
        return found

    def write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def held(self, item: str) -> dict[str, Any]:
        """What an item holds, by socket."""
        path = f"{targets.items_path(self.kind)}{item}/"
        values = self.box.connection.get(path).json["values"]
        return {value["interface"]["slug"]: value for value in values}

    def count(self, kind: str) -> int:
        return self.hook.kinds().count(kind)


@pytest.fixture
def bench(begin: Callable[..., Box], tmp_path: Path) -> Iterator[Bench]:
    hook = Faulty()
    folder = tmp_path / "data"
    folder.mkdir()
    with ThreadPoolExecutor(2) as senders:
        yield Bench(begin(hook=hook), hook, folder, senders)


def at(kind: str, fault: Fault, *numbers: int) -> Callable[[Seen], Fault | None]:
    return lambda seen: (
        fault if seen.kind == kind and (seen.number in numbers or not numbers) else None
    )


# ── uploads ─────────────────────────────────────────────────────────────────────────────────


def upload(source: FileValue | JsonValue, **more: Any) -> Upload:
    name = f"{source.socket}.json" if isinstance(source, JsonValue) else "a.mha"
    usual = Upload("a/x", "a", source.socket, source, name, 0, "stat:1", identifiable=False)
    return replace(usual, **more)


def test_a_file_is_uploaded_and_told_of_in_a_receipt(bench: Bench) -> None:
    bench.write("a.mha", mha())

    found = bench.only(upload(files("ct-image", "a.mha")))

    assert isinstance(found, Done)
    assert found.pk is not None
    assert bench.box.rows()[found.pk] == ("Completed", len(mha()))
    [receipt] = bench.receipts
    assert (receipt.case, receipt.socket, receipt.upload) == ("a", "ct-image", found.pk)
    assert receipt.files == (("a.mha", found.sha256, len(mha())),)


def test_several_files_are_uploaded_as_one_zip(bench: Bench) -> None:
    for number in range(3):
        bench.write(f"ct/IM{number}.mha", mha(bytes([number]) * 32))

    size = 3 * len(mha(bytes(32)))
    found = bench.only(upload(files("ct-image", "ct/*.mha"), name="ct-image.zip", size=size))

    assert isinstance(found, Done)
    assert (found.files, found.sha256) == (3, None)
    assert bench.box.sql("SELECT filename FROM uploads") == [("ct-image.zip",)]


def test_a_value_is_uploaded_as_a_json_file(bench: Bench) -> None:
    found = bench.only(upload(plain("details", {"a": "ä"}), stat=json_digest({"a": "ä"})))

    assert isinstance(found, Done)
    assert found.content == json_digest({"a": "ä"})
    [(name, size)] = bench.box.sql("SELECT filename, size FROM uploads")
    assert (name, size) == ("details.json", len(b'{"a": "\xc3\xa4"}'))


def test_a_limit_comes_back_as_a_pause(bench: Bench) -> None:
    bench.write("a.mha", mha())
    words = {"non_field_errors": ["You have created too many uploads. Please try again later."]}
    body = json.dumps(words).encode()
    bench.hook.before_it = at("upload-create", Fault.answer(400, (), body, "application/json"))

    found = bench.only(upload(files("ct-image", "a.mha")))

    assert found == Paused("a", "a/x", "ct-image", words["non_field_errors"][0])


def test_a_name_that_the_platform_refuses_fails_the_upload_for_good(bench: Bench) -> None:
    bench.write("a.mha", mha())

    found = bench.only(upload(files("ct-image", "a.mha"), name="x" * 129, size=len(mha())))

    assert isinstance(found, Failed)
    assert found.final
    assert "no more than 128 characters" in found.words


def test_a_file_that_is_gone_fails_the_upload(bench: Bench) -> None:
    found = bench.only(upload(files("ct-image", "a.mha")))

    assert isinstance(found, Failed)
    assert not found.final
    assert "a.mha" in found.words
    assert bench.hook.seen == []


def test_a_file_that_changes_fails_the_upload(bench: Bench) -> None:
    bench.write("a.mha", mha())
    bench.hook.after_it = lambda seen: (
        bench.write("a.mha", b"other") if seen.kind == "part" else None
    )

    found = bench.only(upload(files("ct-image", "a.mha")))

    assert isinstance(found, Failed)
    assert "'a.mha'" in found.words
    assert bench.receipts == []


@pytest.mark.parametrize(
    ("more", "sent"), [({}, False), ({"identifiable": True}, True), ({"images": False}, True)]
)
def test_a_file_that_names_its_patient_is_not_sent(
    bench: Bench, more: dict[str, Any], sent: bool
) -> None:
    make_dicom(bench.folder / "1.dcm")
    make_dicom(bench.folder / "2.dcm", PatientName="Doe^Jane")
    size = sum(path.stat().st_size for path in bench.folder.glob("*.dcm"))

    found = bench.only(upload(files("ct-image", "1.dcm", "2.dcm"), size=size, **more))

    assert isinstance(found, Done) is sent
    if isinstance(found, Failed):
        assert found.final
        assert "'2.dcm' names its patient (PatientName is filled)" in found.words
        assert "Doe" not in found.words
        assert bench.hook.seen == []


def test_a_stopped_upload_says_nothing(bench: Bench) -> None:
    bench.write("a.mha", mha())
    bench.stopping = True

    assert bench.perform(upload(files("ct-image", "a.mha"))) == []


# ── creations ───────────────────────────────────────────────────────────────────────────────


def create(bench: Bench, title: str = "uploading-1", order: int | None = 30) -> Create:
    call = targets.create(bench.target, title=title, order=order)
    return Create("a:create", "a", title, order, call)


@pytest.mark.parametrize("kind", list(TargetKind))
def test_an_item_is_made(bench: Bench, kind: TargetKind) -> None:
    bench.kind = kind

    found = bench.only(create(bench))

    assert isinstance(found, Done)
    assert bench.box.sql("SELECT pk, title FROM items") == [(found.pk, "uploading-1")]


LOST = [Fault.reset(), Fault.answer(500), Fault.answer(504), Fault.truncate()]


@pytest.mark.parametrize("fault", LOST, ids=lambda one: f"{one.kind}{one.status}")
@pytest.mark.parametrize("when", ["before_it", "after_it"])
def test_an_item_is_made_once_whatever_is_lost(bench: Bench, fault: Fault, when: str) -> None:
    setattr(bench.hook, when, at("item-create", fault, 1))

    found = bench.only(create(bench))

    assert isinstance(found, Done)
    assert bench.box.sql("SELECT pk, title FROM items") == [(found.pk, "uploading-1")]


def test_an_item_of_an_earlier_run_is_found_by_its_title(bench: Bench) -> None:
    item = bench.box.make("uploading-1")

    assert bench.only(create(bench)) == Done("a", "a:create", pk=item)


def test_an_item_that_is_neither_made_nor_shown_is_unsure(bench: Bench) -> None:
    words = {"non_field_errors": ["The fields title, reader_study must make a unique set."]}
    body = json.dumps(words).encode()
    bench.hook.before_it = at("item-create", Fault.answer(400, (), body, "application/json"))

    found = bench.only(create(bench))

    assert isinstance(found, Unsure)
    assert bench.box.sql("SELECT * FROM items") == []


def test_a_refused_creation_fails_with_the_platforms_words(bench: Bench) -> None:
    found = bench.only(create(bench, "x" * 256))

    assert isinstance(found, Failed)
    assert found.final
    assert "no more than 255 characters" in found.words


def test_an_internal_error_that_stays_fails_a_creation_for_now(bench: Bench) -> None:
    bench.hook.before_it = at("item-create", Fault.answer(500))

    found = bench.only(create(bench))

    assert found == Failed("a", "a:create", None, "the platform had an internal error (500)", False)


def test_a_creation_answered_without_a_pk_is_not_done(bench: Bench) -> None:
    bench.hook.after_it = at("item-create", Fault.answer(201, (), b"[1]", "application/json"))

    found = bench.only(create(bench))

    assert isinstance(found, Failed | Unsure)


# ── fills ───────────────────────────────────────────────────────────────────────────────────

SCORE = Entry("some-score", json_digest(2.0))
REMARK = Entry("remark", json_digest(""))


def fill(
    bench: Bench,
    item: str,
    *values: dict[str, Any],
    entries: tuple[Entry, ...] = (SCORE,),
    title: str | None = "A",
    temporary: str | None = "uploading-1",
) -> Fill:
    sent = values or ({"interface": "some-score", "value": 2},)
    call = targets.fill(bench.target, item=item, title=title, order=None, values=sent)
    return Fill("a:fill", "a", call, title, None, entries, look_first=False, temporary=temporary)


def test_what_a_fill_puts_there_at_once_is_confirmed_at_once(bench: Bench) -> None:
    item = bench.box.make("uploading-1")

    found = bench.perform(fill(bench, item))

    assert found[0] == Done("a", "a:fill", pk=item)
    assert [(type(one), one.socket) for one in found[1:]] == [(Confirmed, "some-score")]  # type: ignore[union-attr]
    assert bench.count("item-get") == 0
    assert bench.held(item)["some-score"]["value"] == 2


def test_uploads_are_named_by_addresses_of_our_own_platform(bench: Bench) -> None:
    item, up = bench.box.make("uploading-1"), bench.box.upload(content=mha())
    value = {"interface": "ct-image", "user_uploads": [Address("uploads", up)]}
    entry = Entry("ct-image", None, upload=up)

    found = bench.perform(fill(bench, item, value, entries=(entry,)))

    assert found == [Done("a", "a:fill", pk=item)]
    bench.box.settle()
    assert bench.held(item)["ct-image"]["image"]


def test_an_existing_image_is_confirmed_by_its_pk(begin: Callable[..., Box], bench: Bench) -> None:
    bench.box.sql("INSERT INTO images (pk, facts) VALUES (?, '{}')", pk(5))
    item = bench.box.make("uploading-1")
    value = {"interface": "ct-image", "image": Address("cases/images", pk(5))}
    entry = Entry("ct-image", image_digest(pk(5)))

    found = bench.perform(fill(bench, item, value, entries=(entry,)))

    assert found[1:] == [Confirmed("a", "a:fill", "ct-image", pk(5))]


@pytest.mark.parametrize("fault", LOST, ids=lambda one: f"{one.kind}{one.status}")
def test_a_fill_that_acted_though_its_answer_was_lost_is_not_repeated(
    bench: Bench, fault: Fault
) -> None:
    """Sent again, an empty value would be removed."""
    item = bench.box.make("uploading-1")
    value = {"interface": "remark", "value": ""}
    bench.hook.after_it = at("item-fill", fault, 1)

    found = bench.perform(fill(bench, item, value, entries=(REMARK,)))

    assert [type(one) for one in found] == [Done, Confirmed]
    assert bench.count("item-fill") == 1
    assert bench.held(item)["remark"]["value"] == ""


@pytest.mark.parametrize("fault", LOST, ids=lambda one: f"{one.kind}{one.status}")
def test_a_fill_that_never_arrived_is_sent_again(bench: Bench, fault: Fault) -> None:
    item = bench.box.make("uploading-1")
    bench.hook.before_it = at("item-fill", fault, 1, 2)

    found = bench.perform(fill(bench, item))

    assert [type(one) for one in found] == [Done, Confirmed]
    assert bench.count("item-fill") == 3
    assert bench.slept == [0.5, 1.0]


def test_a_later_fill_without_a_title_shows_by_its_values(bench: Bench) -> None:
    item = bench.box.make("A")
    bench.hook.after_it = at("item-fill", Fault.reset(), 1)

    found = bench.perform(fill(bench, item, title=None, temporary=None))

    assert [type(one) for one in found] == [Done, Confirmed]
    assert bench.count("item-fill") == 1


def test_a_fill_whose_upload_was_taken_shows_by_that(bench: Bench) -> None:
    item, up = bench.box.make("A"), bench.box.upload("x.json", b"{}")
    value = {"interface": "details", "user_upload": Address("uploads", up)}
    entry = Entry("details", None, upload=up)
    bench.hook.after_it = lambda seen: (
        (bench.box.settle(), Fault.reset())[1]
        if seen.kind == "item-fill" and seen.number == 1
        else None
    )

    found = bench.perform(fill(bench, item, value, entries=(entry,), title=None, temporary=None))

    assert found == [Done("a", "a:fill", pk=item)]
    assert bench.count("item-fill") == 1


def test_a_fill_that_leaves_no_trace_stays_unsure_in_the_end(bench: Bench) -> None:
    item = bench.box.make("uploading-1")
    bench.hook.before_it = at("item-fill", Fault.reset())

    [found] = bench.perform(fill(bench, item))

    assert isinstance(found, Unsure)
    assert bench.count("item-fill") == 5


def test_a_fill_of_an_item_that_is_not_shown_stays_unsure_and_is_not_repeated(
    bench: Bench,
) -> None:
    item = bench.box.make("uploading-1")
    bench.hook.after_it = at("item-fill", Fault.reset())
    bench.hook.before_it = at("item-get", Fault.answer(500))

    [found] = bench.perform(fill(bench, item))

    assert isinstance(found, Unsure)
    assert bench.count("item-fill") == 1


def test_a_refused_fill_tells_the_words_of_each_socket(bench: Bench) -> None:
    item = bench.box.make("uploading-1")
    values = (
        {"interface": "some-score", "value": "high"},
        {"interface": "remark", "value": "fine"},
    )

    [found] = bench.perform(fill(bench, item, *values, entries=(SCORE, REMARK)))

    assert isinstance(found, Failed)
    assert (found.socket, found.final) == ("some-score", True)
    assert found.words.startswith("some-score: JSON does not fulfill schema")
    assert bench.held(item) == {}


def test_a_title_that_is_taken_is_told_with_the_title(bench: Bench) -> None:
    item = bench.box.make("uploading-1")
    bench.box.make("A")

    [found] = bench.perform(fill(bench, item))

    assert isinstance(found, Failed)
    assert found.words.startswith("the title 'A' is taken by another item")


def test_a_fill_of_an_item_that_is_gone_fails(bench: Bench) -> None:
    [found] = bench.perform(fill(bench, pk(1)))

    assert isinstance(found, Failed)
    assert found.final


def test_a_refused_token_ends_the_run(bench: Bench) -> None:
    item = bench.box.make("uploading-1")
    body = b'{"detail": "Invalid token."}'
    bench.hook.before_it = at("item-fill", Fault.answer(401, (), body, "application/json"))

    with pytest.raises(TokenRefused):
        bench.perform(fill(bench, item))


# ── values from files ───────────────────────────────────────────────────────────────────────


def from_file(bench: Bench, item: str, digest: str) -> Fill:
    contents = Contents(files("some-score", "score.json"), digest)
    return fill(bench, item, {"interface": "some-score", "value": contents})


def test_a_value_is_read_from_its_file_when_it_is_sent(bench: Bench) -> None:
    bench.write("score.json", b" 2.0 ")
    item = bench.box.make("uploading-1")

    found = bench.perform(from_file(bench, item, json_digest(2)))

    assert [type(one) for one in found] == [Done, Confirmed]


@pytest.mark.parametrize("content", [b"3", b"{", None])
def test_a_file_that_holds_another_value_by_then_is_not_sent(
    bench: Bench, content: bytes | None
) -> None:
    if content is not None:
        bench.write("score.json", content)
    item = bench.box.make("uploading-1")

    [found] = bench.perform(from_file(bench, item, json_digest(2)))

    assert isinstance(found, Failed)
    assert not found.final
    assert "score.json" in found.words
    assert bench.count("item-fill") == 0


# ── looks ───────────────────────────────────────────────────────────────────────────────────


def test_a_look_shows_the_item_or_that_it_is_gone(bench: Bench) -> None:
    item = bench.box.make("A")

    shown, gone = bench.only(Look("a", item)), bench.only(Look("a", pk(1)))

    assert isinstance(shown, Looked)
    assert shown.item is not None
    assert (shown.case, shown.item.title) == ("a", "A")
    assert gone == Looked("a", None)


def test_a_look_that_shows_neither_fails_the_case_for_now(bench: Bench) -> None:
    item = bench.box.make("A")
    bench.hook.before_it = at("item-get", Fault.answer(500))

    found = bench.only(Look("a", item))

    assert isinstance(found, Failed)
    assert not found.final
    assert (found.step, found.socket) == ("a:fill", None)


def test_a_watch_is_performed_too(bench: Bench) -> None:
    assert bench.perform(Watch((), count=True)) == [Watched(rows=0)]
