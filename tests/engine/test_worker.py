from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from manifest_uploader.digests import image_digest, json_digest
from manifest_uploader.engine.data_plane import Here
from manifest_uploader.engine.data_task import Resources
from manifest_uploader.engine.imports.watcher import Watcher
from manifest_uploader.engine.outcomes import Looked, Outcome, Ticketed, Watched
from manifest_uploader.engine.upload import Tools
from manifest_uploader.engine.worker import Worker
from manifest_uploader.errors import TokenRefused
from manifest_uploader.files.local_file import Source
from manifest_uploader.files.parts import Buffers
from manifest_uploader.files.root import Root
from manifest_uploader.files.search import resolve
from manifest_uploader.files.value_facts import value_facts
from manifest_uploader.manifest.model import FileValue, JsonValue, TargetKind
from manifest_uploader.plan.steps import Create, Fill, Look, MakeTickets, Task, Upload, Watch
from manifest_uploader.platform.model import Entry, Target
from manifest_uploader.platform.requests import Address, Contents
from manifest_uploader.platform.targets import type_of
from manifest_uploader.sandbox import Fault, Seen
from manifest_uploader.state.events import Confirmed, Done, Failed, Opened, Paused, Unsure
from manifest_uploader.state.receipts import Receipt
from tests.box import Box, Faulty, mha
from tests.helpers import file_value, json_value, pk, step_id


@dataclass
class WorkerSetup:
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
        resources = Resources(self.senders, 2, Buffers(2), lambda: self.stopping)
        client = self.box.client
        plane = Here(client.storage, resources)
        tools = Tools(client, plane, resources.stopping, self.opened.append, print)
        watcher = Watcher(self.box.client, target, sessions={}, refused_after_s=1800.0)
        worker = Worker(
            target,
            self.root,
            tools,
            watcher,
            receive=self.receipts.append,
            sleep=self.slept.append,
        )
        self.hook.seen.clear()
        return list(worker.perform(task))

    def only(self, task: Task) -> Outcome:
        [found] = self.perform(task)
        return found

    @property
    def root(self) -> Root:
        return Root(self.folder.resolve(), follow_links=False, shown="in data")

    def source(self, value: FileValue) -> Source | None:
        """The files of a value; None if they cannot be found."""
        found = resolve(value, self.root)
        return found if isinstance(found, Source) else None

    def write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def held(self, item: str) -> dict[str, Any]:
        """What an item holds, by socket."""
        path = f"{type_of(self.kind).items_path}{item}/"
        values = self.box.client.get(path).json["values"]
        return {value["interface"]["slug"]: value for value in values}

    def count(self, kind: str) -> int:
        return self.hook.kinds().count(kind)


@pytest.fixture
def session(begin: Callable[..., Box], tmp_path: Path) -> Iterator[WorkerSetup]:
    hook = Faulty()
    folder = tmp_path / "data"
    folder.mkdir()
    with ThreadPoolExecutor(2) as senders:
        yield WorkerSetup(begin(hook=hook), hook, folder, senders)


def at(kind: str, fault: Fault, *numbers: int) -> Callable[[Seen], Fault | None]:
    return lambda seen: (
        fault if seen.kind == kind and (seen.number in numbers or not numbers) else None
    )


# ── uploads ─────────────────────────────────────────────────────────────────────────────────


def upload(session: WorkerSetup, value: FileValue | JsonValue, **more: Any) -> Upload:
    """The step that sends a value as it is now."""
    source = None if isinstance(value, JsonValue) else session.source(value)
    facts = value_facts(source) if source is not None else None
    name = f"{value.socket}.json" if isinstance(value, JsonValue) else "a.mha"
    size, stat = (facts.size, facts.stat) if facts is not None else (0, "stat:1")
    return replace(Upload(step_id("a/x"), "a", value.socket, value, name, size, stat), **more)


def test_a_file_is_uploaded_and_told_of_in_a_receipt(session: WorkerSetup) -> None:
    session.write("a.mha", mha())

    found = session.only(upload(session, file_value("ct-image", "a.mha")))

    assert isinstance(found, Done)
    assert found.pk is not None
    assert session.box.rows()[found.pk] == ("Completed", len(mha()))
    [receipt] = session.receipts
    assert (receipt.case, receipt.socket, receipt.upload) == ("a", "ct-image", found.pk)
    assert receipt.files == (("a.mha", found.sha256, len(mha())),)


def test_several_files_are_uploaded_as_one_zip(session: WorkerSetup) -> None:
    for number in range(3):
        session.write(f"ct/IM{number}.mha", mha(bytes([number]) * 32))

    value = file_value("ct-image", "ct/*.mha")
    found = session.only(upload(session, value, name="ct-image.zip"))

    assert isinstance(found, Done)
    assert (found.files, found.sha256) == (3, None)
    assert session.box.sql("SELECT filename FROM uploads") == [("ct-image.zip",)]


def test_a_value_is_uploaded_as_a_json_file(session: WorkerSetup) -> None:
    found = session.only(
        upload(session, json_value("details", {"a": "ä"}), stat=json_digest({"a": "ä"}))
    )

    assert isinstance(found, Done)
    assert found.content == json_digest({"a": "ä"})
    [(name, size)] = session.box.sql("SELECT filename, size FROM uploads")
    assert (name, size) == ("details.json", len(b'{"a": "\xc3\xa4"}'))


def test_a_limit_comes_back_as_a_pause(session: WorkerSetup) -> None:
    session.write("a.mha", mha())
    words = {"non_field_errors": ["You have created too many uploads. Please try again later."]}
    body = json.dumps(words).encode()
    session.hook.before_it = at("upload-create", Fault.answer(400, (), body, "application/json"))

    found = session.only(upload(session, file_value("ct-image", "a.mha")))

    assert found == Paused("a", step_id("a/x"), socket="ct-image", why=words["non_field_errors"][0])


def test_a_name_that_the_platform_refuses_fails_the_upload_for_good(session: WorkerSetup) -> None:
    session.write("a.mha", mha())

    found = session.only(upload(session, file_value("ct-image", "a.mha"), name="x" * 129))

    assert isinstance(found, Failed)
    assert found.final
    assert "no more than 128 characters" in found.words


def test_a_file_that_is_gone_fails_the_upload(session: WorkerSetup) -> None:
    found = session.only(upload(session, file_value("ct-image", "a.mha")))

    assert isinstance(found, Failed)
    assert not found.final
    assert "a.mha" in found.words
    assert session.hook.seen == []


def test_a_file_that_changes_fails_the_upload(session: WorkerSetup) -> None:
    session.write("a.mha", mha())
    session.hook.after_it = lambda seen: (
        session.write("a.mha", b"other") if seen.kind == "part" else None
    )

    found = session.only(upload(session, file_value("ct-image", "a.mha")))

    assert isinstance(found, Failed)
    assert "'a.mha'" in found.words
    assert session.receipts == []


def added(session: WorkerSetup) -> None:
    session.write("ct/2.mha", b"new")


def removed(session: WorkerSetup) -> None:
    (session.folder / "ct/1.mha").unlink()


def replaced(session: WorkerSetup) -> None:
    """A file of the same size takes the place of one that was looked into."""
    session.write("ct/1.mha", mha(bytes([9]) * 32))
    os.utime(session.folder / "ct/1.mha", ns=(0, 10**18))


@pytest.mark.parametrize(
    ("change", "sizes"),
    [
        (added, ": {old:,} bytes then, {more:,} in 3 files now"),
        (removed, ": {old:,} bytes then, {less:,} in 1 file now"),
        (replaced, ""),
    ],
)
def test_only_files_that_were_looked_into_are_sent(
    session: WorkerSetup, change: Callable[[WorkerSetup], None], sizes: str
) -> None:
    for number in range(2):
        session.write(f"ct/{number}.mha", mha())
    task = upload(session, file_value("ct-image", "ct/*.mha"), name="ct-image.zip")
    change(session)

    found = session.only(task)

    size = len(mha())
    sizes = sizes.format(old=2 * size, more=2 * size + 3, less=size)
    assert isinstance(found, Failed)
    assert not found.final
    assert found.words == (
        f"the files of 'ct-image' changed since the run began{sizes}; "
        "run again once they are complete"
    )
    assert session.hook.seen == []


def test_a_stopped_upload_says_nothing(session: WorkerSetup) -> None:
    session.write("a.mha", mha())
    session.stopping = True

    assert session.perform(upload(session, file_value("ct-image", "a.mha"))) == []


# ── creations ───────────────────────────────────────────────────────────────────────────────


def create(session: WorkerSetup, title: str = "uploading-1", order: int | None = 30) -> Create:
    call = type_of(session.target.kind).create(session.target, title=title, order=order)
    return Create(step_id("a:create"), "a", title, order, call)


@pytest.mark.parametrize("kind", [TargetKind.READER_STUDY, TargetKind.ARCHIVE])
def test_an_item_is_made(session: WorkerSetup, kind: TargetKind) -> None:
    session.kind = kind

    found = session.only(create(session))

    assert isinstance(found, Done)
    assert session.box.sql("SELECT pk, title FROM items") == [(found.pk, "uploading-1")]


LOST = [Fault.reset(), Fault.answer(500), Fault.answer(504), Fault.truncate()]


@pytest.mark.parametrize("fault", LOST, ids=lambda one: f"{one.kind}{one.status}")
@pytest.mark.parametrize("when", ["before_it", "after_it"])
def test_an_item_is_made_once_whatever_is_lost(
    session: WorkerSetup, fault: Fault, when: str
) -> None:
    setattr(session.hook, when, at("item-create", fault, 1))

    found = session.only(create(session))

    assert isinstance(found, Done)
    assert session.box.sql("SELECT pk, title FROM items") == [(found.pk, "uploading-1")]


def test_an_item_of_an_earlier_run_is_found_by_its_title(session: WorkerSetup) -> None:
    item = session.box.make("uploading-1")

    assert session.only(create(session)) == Done("a", step_id("a:create"), pk=item)


def test_an_item_that_is_neither_made_nor_shown_is_unsure(session: WorkerSetup) -> None:
    words = {"non_field_errors": ["The fields title, reader_study must make a unique set."]}
    body = json.dumps(words).encode()
    session.hook.before_it = at("item-create", Fault.answer(400, (), body, "application/json"))

    found = session.only(create(session))

    assert isinstance(found, Unsure)
    assert session.box.sql("SELECT * FROM items") == []


def test_a_refused_creation_fails_with_the_platforms_words(session: WorkerSetup) -> None:
    found = session.only(create(session, "x" * 256))

    assert isinstance(found, Failed)
    assert found.final
    assert "no more than 255 characters" in found.words


def test_an_internal_error_that_stays_fails_a_creation_for_now(session: WorkerSetup) -> None:
    session.hook.before_it = at("item-create", Fault.answer(500))

    found = session.only(create(session))

    assert found == Failed(
        "a", step_id("a:create"), words="the platform had an internal error (500)", final=False
    )


def test_a_creation_answered_without_a_pk_is_not_done(session: WorkerSetup) -> None:
    session.hook.after_it = at("item-create", Fault.answer(201, (), b"[1]", "application/json"))

    found = session.only(create(session))

    assert isinstance(found, Failed | Unsure)


# ── fills ───────────────────────────────────────────────────────────────────────────────────

SCORE = Entry("some-score", json_digest(2.0))
REMARK = Entry("remark", json_digest(""))


def fill(
    session: WorkerSetup,
    item: str,
    *values: dict[str, Any],
    entries: tuple[Entry, ...] = (SCORE,),
    title: str | None = "A",
    temporary: str | None = "uploading-1",
) -> Fill:
    sent = values or ({"interface": "some-score", "value": 2},)
    call = type_of(session.target.kind).fill(item=item, title=title, order=None, values=sent)
    return Fill(
        step_id("a:fill"), "a", call, title, None, entries, look_first=False, temporary=temporary
    )


def test_what_a_fill_puts_there_at_once_is_confirmed_at_once(session: WorkerSetup) -> None:
    item = session.box.make("uploading-1")

    found = session.perform(fill(session, item))

    assert found[0] == Done("a", step_id("a:fill"), pk=item)
    assert [(type(one), one.socket) for one in found[1:]] == [(Confirmed, "some-score")]  # type: ignore[union-attr]
    assert session.count("item-get") == 0
    assert session.held(item)["some-score"]["value"] == 2


def test_uploads_are_named_by_addresses_of_our_own_platform(session: WorkerSetup) -> None:
    item, up = session.box.make("uploading-1"), session.box.upload(content=mha())
    value = {"interface": "ct-image", "user_uploads": [Address("uploads", up)]}
    entry = Entry("ct-image", None, upload=up)

    found = session.perform(fill(session, item, value, entries=(entry,)))

    assert found == [Done("a", step_id("a:fill"), pk=item)]
    session.box.settle()
    assert session.held(item)["ct-image"]["image"]


def test_an_existing_image_is_confirmed_by_its_pk(
    begin: Callable[..., Box], session: WorkerSetup
) -> None:
    session.box.sql("INSERT INTO images (pk, facts) VALUES (?, '{}')", pk(5))
    item = session.box.make("uploading-1")
    value = {"interface": "ct-image", "image": Address("cases/images", pk(5))}
    entry = Entry("ct-image", image_digest(pk(5)))

    found = session.perform(fill(session, item, value, entries=(entry,)))

    assert found[1:] == [Confirmed("a", step_id("a:fill"), "ct-image", pk(5))]


@pytest.mark.parametrize("fault", LOST, ids=lambda one: f"{one.kind}{one.status}")
def test_a_fill_that_acted_though_its_answer_was_lost_is_not_repeated(
    session: WorkerSetup, fault: Fault
) -> None:
    """Sent again, an empty value would be removed."""
    item = session.box.make("uploading-1")
    value = {"interface": "remark", "value": ""}
    session.hook.after_it = at("item-fill", fault, 1)

    found = session.perform(fill(session, item, value, entries=(REMARK,)))

    assert [type(one) for one in found] == [Done, Confirmed]
    assert session.count("item-fill") == 1
    assert session.held(item)["remark"]["value"] == ""


@pytest.mark.parametrize("fault", LOST, ids=lambda one: f"{one.kind}{one.status}")
def test_a_fill_that_never_arrived_is_sent_again(session: WorkerSetup, fault: Fault) -> None:
    item = session.box.make("uploading-1")
    session.hook.before_it = at("item-fill", fault, 1, 2)

    found = session.perform(fill(session, item))

    assert [type(one) for one in found] == [Done, Confirmed]
    assert session.count("item-fill") == 3
    assert session.slept == [0.5, 1.0]


def test_a_later_fill_without_a_title_shows_by_its_values(session: WorkerSetup) -> None:
    item = session.box.make("A")
    session.hook.after_it = at("item-fill", Fault.reset(), 1)

    found = session.perform(fill(session, item, title=None, temporary=None))

    assert [type(one) for one in found] == [Done, Confirmed]
    assert session.count("item-fill") == 1


def test_a_fill_whose_upload_was_taken_shows_by_that(session: WorkerSetup) -> None:
    item, up = session.box.make("A"), session.box.upload("x.json", b"{}")
    value = {"interface": "details", "user_upload": Address("uploads", up)}
    entry = Entry("details", None, upload=up)
    session.hook.after_it = lambda seen: (
        (session.box.settle(), Fault.reset())[1]
        if seen.kind == "item-fill" and seen.number == 1
        else None
    )

    found = session.perform(
        fill(session, item, value, entries=(entry,), title=None, temporary=None)
    )

    assert found == [Done("a", step_id("a:fill"), pk=item)]
    assert session.count("item-fill") == 1


def with_ticket(session: WorkerSetup, *more: dict[str, Any], **fields: Any) -> tuple[str, Fill]:
    """An item, and a fill that puts an image into it by a ticket, and perhaps other values."""
    item, up = session.box.make("uploading-1"), session.box.upload(content=mha())
    ticket = session.box.ticket(up)
    value = {
        "interface": "ct-image",
        "upload_session": Address("cases/upload-sessions", ticket),
    }
    entry = Entry("ct-image", upload=up, ticket=ticket)
    entries = (entry, *fields.pop("entries", ()))
    return item, fill(session, item, value, *more, entries=entries, **fields)


def test_a_ticket_is_named_by_an_address_of_our_own_platform(session: WorkerSetup) -> None:
    item, task = with_ticket(session)

    assert session.perform(task) == [Done("a", step_id("a:fill"), pk=item)]
    session.box.settle()
    assert session.held(item)["ct-image"]["image"]


@pytest.mark.parametrize("fault", LOST, ids=lambda one: f"{one.kind}{one.status}")
def test_a_ticket_that_was_used_tells_that_a_fill_acted(session: WorkerSetup, fault: Fault) -> None:
    """Its import has not begun, its title is as before, and the item is not even asked for."""
    item, task = with_ticket(session, title=None, temporary=None)
    session.hook.after_it = at("item-fill", fault, 1)

    assert session.perform(task) == [Done("a", step_id("a:fill"), pk=item)]
    assert (session.count("item-fill"), session.count("item-get")) == (1, 0)


@pytest.mark.parametrize("fault", LOST, ids=lambda one: f"{one.kind}{one.status}")
def test_a_ticket_that_waits_tells_that_a_fill_never_arrived(
    session: WorkerSetup, fault: Fault
) -> None:
    item, task = with_ticket(session, title=None, temporary=None)
    session.hook.before_it = at("item-fill", fault, 1, 2)

    assert session.perform(task) == [Done("a", step_id("a:fill"), pk=item)]
    assert session.count("item-fill") == 3
    assert session.box.sql("SELECT COUNT(*) FROM sessions") == [(1,)], "the same ticket each time"


def test_values_beside_a_ticket_are_confirmed_after_a_lost_answer(session: WorkerSetup) -> None:
    """Sent again, the empty value would be removed."""
    remark = {"interface": "remark", "value": ""}
    item, task = with_ticket(session, remark, entries=(REMARK,))
    session.hook.after_it = at("item-fill", Fault.reset(), 1)

    found = session.perform(task)

    assert [type(one) for one in found] == [Done, Confirmed]
    assert session.count("item-fill") == 1
    assert session.held(item)["remark"]["value"] == ""


def test_values_beside_a_used_ticket_are_seen_later_if_the_item_is_not_shown(
    session: WorkerSetup,
) -> None:
    remark = {"interface": "remark", "value": ""}
    item, task = with_ticket(session, remark, entries=(REMARK,))
    session.hook.after_it = at("item-fill", Fault.reset(), 1)
    session.hook.before_it = at("item-get", Fault.answer(500))

    assert session.perform(task) == [Done("a", step_id("a:fill"), pk=item)]


def test_a_fill_that_is_refused_because_its_ticket_was_used_had_acted(
    session: WorkerSetup,
) -> None:
    """A proxy sent it on, said that it did not, and it was sent once more."""
    item, task = with_ticket(session, title=None, temporary=None)
    session.hook.after_it = at("item-fill", Fault.answer(429), 1)

    assert session.perform(task) == [Done("a", step_id("a:fill"), pk=item)]
    assert session.count("item-fill") == 2
    session.box.settle()
    assert session.held(item)["ct-image"]["image"]


def test_a_fill_that_names_something_else_that_is_missing_is_refused(
    session: WorkerSetup,
) -> None:
    image = {"interface": "mr-image", "image": Address("cases/images", pk(5))}
    entry = Entry("mr-image", image_digest(pk(5)))
    item, task = with_ticket(session, image, entries=(entry,))

    [found] = session.perform(task)

    assert isinstance(found, Failed)
    assert (found.socket, found.final) == ("mr-image", True)
    assert session.held(item) == {}


def test_a_ticket_that_is_not_shown_leaves_the_item_to_tell(session: WorkerSetup) -> None:
    item, task = with_ticket(session)
    session.hook.after_it = at("item-fill", Fault.reset(), 1)
    session.hook.before_it = at("session-get", Fault.answer(404))

    assert session.perform(task) == [Done("a", step_id("a:fill"), pk=item)]
    assert (session.count("item-fill"), session.count("item-get")) == (1, 1)


def test_tickets_are_made_for_complete_uploads(session: WorkerSetup) -> None:
    up = session.box.upload(content=mha())

    found = session.only(MakeTickets("a", (("ct-image", up),)))

    assert isinstance(found, Ticketed)
    [(ticket, status)] = session.box.sql("SELECT pk, status FROM sessions")
    assert (found.tickets, status) == ({"ct-image": ticket}, "Queued")


def test_a_fill_that_leaves_no_trace_stays_unsure_in_the_end(session: WorkerSetup) -> None:
    item = session.box.make("uploading-1")
    session.hook.before_it = at("item-fill", Fault.reset())

    [found] = session.perform(fill(session, item))

    assert isinstance(found, Unsure)
    assert session.count("item-fill") == 5


def test_a_fill_of_an_item_that_is_not_shown_stays_unsure_and_is_not_repeated(
    session: WorkerSetup,
) -> None:
    item = session.box.make("uploading-1")
    session.hook.after_it = at("item-fill", Fault.reset())
    session.hook.before_it = at("item-get", Fault.answer(500))

    [found] = session.perform(fill(session, item))

    assert isinstance(found, Unsure)
    assert session.count("item-fill") == 1


def test_a_refused_fill_tells_the_words_of_each_socket(session: WorkerSetup) -> None:
    item = session.box.make("uploading-1")
    values = (
        {"interface": "some-score", "value": "high"},
        {"interface": "remark", "value": "fine"},
    )

    [found] = session.perform(fill(session, item, *values, entries=(SCORE, REMARK)))

    assert isinstance(found, Failed)
    assert (found.socket, found.final) == ("some-score", True)
    assert found.words.startswith("some-score: JSON does not fulfill schema")
    assert session.held(item) == {}


def test_a_title_that_is_taken_is_told_with_the_title(session: WorkerSetup) -> None:
    item = session.box.make("uploading-1")
    session.box.make("A")

    [found] = session.perform(fill(session, item))

    assert isinstance(found, Failed)
    assert found.words.startswith("the title 'A' is taken by another item")


def test_a_fill_of_an_item_that_is_gone_fails(session: WorkerSetup) -> None:
    [found] = session.perform(fill(session, pk(1)))

    assert isinstance(found, Failed)
    assert found.final


def test_a_refused_token_ends_the_run(session: WorkerSetup) -> None:
    item = session.box.make("uploading-1")
    body = b'{"detail": "Invalid token."}'
    session.hook.before_it = at("item-fill", Fault.answer(401, (), body, "application/json"))

    with pytest.raises(TokenRefused):
        session.perform(fill(session, item))


# ── values from files ───────────────────────────────────────────────────────────────────────


def from_file(session: WorkerSetup, item: str, digest: str) -> Fill:
    contents = Contents(file_value("some-score", "score.json"), digest)
    return fill(session, item, {"interface": "some-score", "value": contents})


def test_a_value_is_read_from_its_file_when_it_is_sent(session: WorkerSetup) -> None:
    session.write("score.json", b" 2.0 ")
    item = session.box.make("uploading-1")

    found = session.perform(from_file(session, item, json_digest(2)))

    assert [type(one) for one in found] == [Done, Confirmed]


@pytest.mark.parametrize("content", [b"3", b"{", None])
def test_a_file_that_holds_another_value_by_then_is_not_sent(
    session: WorkerSetup, content: bytes | None
) -> None:
    if content is not None:
        session.write("score.json", content)
    item = session.box.make("uploading-1")

    [found] = session.perform(from_file(session, item, json_digest(2)))

    assert isinstance(found, Failed)
    assert not found.final
    assert "score.json" in found.words
    assert session.count("item-fill") == 0


# ── looks ───────────────────────────────────────────────────────────────────────────────────


def test_a_look_shows_the_item_or_that_it_is_gone(session: WorkerSetup) -> None:
    item = session.box.make("A")

    shown, gone = session.only(Look("a", item)), session.only(Look("a", pk(1)))

    assert isinstance(shown, Looked)
    assert shown.item is not None
    assert (shown.case, shown.item.title) == ("a", "A")
    assert gone == Looked("a", None)


def test_a_look_that_shows_neither_fails_the_case_for_now(session: WorkerSetup) -> None:
    item = session.box.make("A")
    session.hook.before_it = at("item-get", Fault.answer(500))

    found = session.only(Look("a", item))

    assert isinstance(found, Failed)
    assert not found.final
    assert (found.step, found.socket) == (step_id("a:fill"), None)


def test_a_watch_is_performed_too(session: WorkerSetup) -> None:
    assert session.perform(Watch((), count=True)) == [Watched(rows=0)]
