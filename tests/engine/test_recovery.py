from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from manifest_uploader.digests import json_digest
from manifest_uploader.engine.item_writer import ItemWriter
from manifest_uploader.engine.recovery import late_items, recover, repeat_fills
from manifest_uploader.errors import PlatformRefused
from manifest_uploader.files.root import Root
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.endpoints import get_item, is_row_gone, list_items
from manifest_uploader.platform.model import Entry
from manifest_uploader.sandbox import Fault
from manifest_uploader.state.events import Done, Event, Failed, Gone, Started
from tests.box import Box, Faulty, mha
from tests.e2e.slices import slice_of
from tests.helpers import SOCKETS, past_of_events, pk, step_id

SCORE = Entry("some-score", json_digest(2))


def settled(box: Box, *events: Event, names: tuple[str, ...] = ("a",)) -> list[Event]:
    return list(recover(past_of_events(*events), names, box.client, box.target()))


def begun_fill(
    item: str, *entries: Entry, title: str | None = "A", temporary: str | None = "uploading-1"
) -> list[Event]:
    """A fill whose answer nobody saw."""
    return [
        Started("a", step_id("a:create"), title="uploading-1"),
        Done("a", step_id("a:create"), pk=item),
        Started("a", step_id("a:fill"), title=title, entries=entries, temporary=temporary),
    ]


def acted(item: str, *, again: bool = True) -> list[Event]:
    """Its sender is gone, so that it may have been sent again; a used ticket rules that out."""
    return [Done("a", step_id("a:fill"), pk=item, again=again)]


def sent_again(box: Box, begun: list[Event]) -> list[Event]:
    """What comes of sending the fills again that a look left open."""
    writer = ItemWriter(box.client, box.target(), Root(Path(), follow_links=False))
    return list(
        repeat_fills(
            past_of_events(*begun),
            ["a"],
            SOCKETS,
            box.target(),
            send=writer.fill,
            is_gone=lambda upload: is_row_gone(box.client, upload),
        )
    )


def did_not_act() -> list[Event]:
    return [Failed("a", step_id("a:fill"), words="", final=False)]


# ── creations ───────────────────────────────────────────────────────────────────────────────


def test_a_creation_that_acted_is_found_by_its_title(box: Box) -> None:
    item = box.make("uploading-1")

    found = settled(box, Started("a", step_id("a:create"), title="uploading-1"))

    assert found == [Done("a", step_id("a:create"), pk=item, again=True)]


def test_a_creation_that_did_not_act_is_left_to_be_sent_again(box: Box) -> None:
    box.make("uploading-2")

    assert settled(box, Started("a", step_id("a:create"), title="uploading-1")) == []


def test_only_unsure_cases_of_the_manifest_are_looked_for(box: Box) -> None:
    before = box.running.requests()
    item = box.make("uploading-1")
    known = [
        Started("a", step_id("a:create"), title="uploading-1"),
        Done("a", step_id("a:create"), pk=item),
    ]

    assert settled(box, *known) == []
    assert settled(box, Started("b", step_id("b:create"), title="uploading-1")) == []
    assert box.running.requests() - before == 3


# ── fills ───────────────────────────────────────────────────────────────────────────────────


def test_a_fill_that_acted_shows_by_its_title(box: Box) -> None:
    item = box.make("A")

    assert settled(box, *begun_fill(item, SCORE)) == acted(item)


def test_a_fill_that_did_not_act_left_the_temporary_title(box: Box) -> None:
    item = box.make("uploading-1")

    assert settled(box, *begun_fill(item, SCORE)) == did_not_act()


@pytest.mark.parametrize(("value", "has_acted"), [(2, True), (3, False)])
def test_a_later_fill_shows_by_its_values(box: Box, value: int, has_acted: bool) -> None:
    item = box.make("A")
    box.fill(item, {"interface": "some-score", "value": value})

    found = settled(box, *begun_fill(item, SCORE, title=None, temporary=None))

    assert found == (acted(item) if has_acted else did_not_act())


def test_a_later_fill_shows_by_an_upload_that_an_import_took(box: Box) -> None:
    item, upload = box.make("A"), box.upload(content=mha())
    entry = Entry("ct-image", None, upload=upload)
    begun = begun_fill(item, entry, title=None, temporary=None)
    assert settled(box, *begun) == [], "it may wait for its import"

    box.with_image(item, "ct-image", upload)
    box.settle()

    assert settled(box, *begun) == acted(item)


def test_uploads_with_a_value_that_is_not_there_are_sent_again(box: Box) -> None:
    """The late fill would bring both, after the next fill has brought others."""
    item, upload = box.make("A"), box.upload(content=mha())
    entries = (Entry("ct-image", None, upload=upload), SCORE)

    begun = begun_fill(item, *entries, title=None, temporary=None)

    assert settled(box, *begun) == []
    assert [event.entries for event in sent_again(box, begun)[:1]] == [entries[:1]]


def test_a_value_that_was_there_before_proves_nothing(box: Box) -> None:
    item, upload = box.make("A"), box.upload(content=mha())
    box.fill(item, {"interface": "some-score", "value": 2})
    seen = get_item(box.client, box.target(), item)
    assert seen is not None
    score = replace(SCORE, before=seen.sockets["some-score"].mark)
    entries = (Entry("ct-image", None, upload=upload), score)

    assert settled(box, *begun_fill(item, *entries, title=None, temporary=None)) == []


def test_what_looking_cannot_settle_is_sent_again_as_it_was(box: Box) -> None:
    item, upload = box.make("A"), box.upload(content=mha())
    entry = Entry("ct-image", None, upload=upload)
    begun = begun_fill(item, entry, title=None, temporary=None)

    found = sent_again(box, begun)

    started = Started("a", step_id("a:fill"), entries=(entry,), repeated=True)
    assert found == [started, *acted(item, again=False)]
    box.settle()
    seen = get_item(box.client, box.target(), item)
    assert seen is not None
    assert "ct-image" in seen.sockets
    assert sent_again(box, begun) == acted(item), "its import has taken the upload"


def test_sockets_that_the_platform_no_longer_has_are_not_filled_again(box: Box) -> None:
    item, upload = box.make("A"), box.upload(content=mha())

    begun = begun_fill(item, Entry("old-image", None, upload=upload))

    assert sent_again(box, begun) == did_not_act()


# ── fills with tickets ──────────────────────────────────────────────────────────────────────


def with_ticket(box: Box, *entries: Entry, **more: Any) -> tuple[str, str, list[Event]]:
    """An item, a ticket, and a fill that names it and whose answer nobody saw."""
    item, upload = box.make("A"), box.upload(content=mha())
    ticket = box.ticket(upload)
    entry = Entry("ct-image", upload=upload, ticket=ticket)
    return item, ticket, begun_fill(item, entry, *entries, **more)


LATER: dict[str, Any] = {"title": None, "temporary": None}


@pytest.mark.parametrize("more", [{}, LATER], ids=["first", "later"])
def test_a_ticket_that_was_used_tells_that_the_fill_acted(
    begin: Callable[..., Box], more: dict[str, Any]
) -> None:
    box = begin(import_delay_s=float("inf"))
    item, ticket, begun = with_ticket(box, SCORE, **more)
    box.with_ticket(item, "ct-image", ticket)

    assert settled(box, *begun) == [Done("a", step_id("a:fill"), pk=item)]


def test_of_a_fill_with_values_only_what_has_tickets_is_sent_again(box: Box) -> None:
    """A used ticket is enough to have the late fill refused, values and all."""
    item, ticket, begun = with_ticket(box, SCORE)
    assert settled(box, *begun) == []

    [started, done] = sent_again(box, begun)

    assert isinstance(started, Started)
    assert [one.ticket for one in started.entries] == [ticket]
    assert [done] == acted(item, again=False)


@pytest.mark.parametrize("more", [{}, LATER], ids=["first", "later"])
def test_a_fill_whose_ticket_waits_is_sent_again_with_the_same_ticket(
    begin: Callable[..., Box], more: dict[str, Any]
) -> None:
    box = begin(import_delay_s=float("inf"))
    item, ticket, begun = with_ticket(box, **more)
    assert settled(box, *begun) == []

    found = sent_again(box, begun)

    assert found[1:] == acted(item, again=False)
    was = begun[-1]
    assert isinstance(was, Started)
    assert found[0] == Started("a", step_id("a:fill"), entries=was.entries, repeated=True)
    assert box.sql("SELECT pk FROM sessions WHERE status != 'Queued'") == [(ticket,)]
    assert sent_again(box, begun) == found, "its ticket was used: it acted"
    assert settled(box, *begun) == acted(item, again=False)
    assert box.sql("SELECT COUNT(*) FROM sessions") == [(1,)]


def test_a_fill_whose_uploads_were_cleaned_up_cannot_be_sent_again(box: Box) -> None:
    """Rows are deleted after a day: its files are sent anew."""
    _, _, begun = with_ticket(box)
    box.sql("DELETE FROM uploads")

    assert settled(box, *begun) == did_not_act()


def test_a_ticket_that_is_not_shown_leaves_the_item_to_tell(box: Box) -> None:
    item = box.make("A")
    entry = Entry("ct-image", upload=pk(7), ticket=pk(8))

    assert settled(box, *begun_fill(item, entry, SCORE)) == acted(item)


def test_a_fill_with_a_used_ticket_acted_even_if_its_item_is_gone_now(box: Box) -> None:
    """Whether the item is gone is looked for later."""
    item, ticket, begun = with_ticket(box, SCORE)
    box.with_ticket(item, "ct-image", ticket)
    box.settle()
    box.sql("DELETE FROM vals")
    box.sql("DELETE FROM items")

    assert settled(box, *begun) == [Done("a", step_id("a:fill"), pk=item)]


def test_an_item_that_is_gone_cannot_be_settled(box: Box) -> None:
    assert settled(box, *begun_fill(pk(1), SCORE)) == [Gone("a", step_id("a:fill"), pk(1))]


def test_an_item_that_the_platform_does_not_show_is_not_taken_for_gone(
    begin: Callable[..., Box],
) -> None:
    hook = Faulty()
    box = begin(hook=hook)
    item = box.make("uploading-1")
    hook.before_it = lambda request: Fault.answer(500) if request.kind == "item-get" else None

    with pytest.raises(PlatformRefused):
        settled(box, *begun_fill(item, SCORE))


def test_settling_changes_nothing(begin: Callable[..., Box]) -> None:
    hook = Faulty()
    box = begin(hook=hook)
    item = box.make("uploading-1")
    client: Client = box.client
    hook.seen.clear()

    settled(box, *begun_fill(item, SCORE))

    assert {request.method for request in hook.seen} == {"GET"}
    assert client.meter.traffic().bytes_sent == 0


# ── late items ──────────────────────────────────────────────────────────────────────────────


def test_an_item_that_a_case_waits_for_is_no_leftover(box: Box) -> None:
    """Nobody has looked for it yet: the case was not chosen by the runs since."""
    item = box.make("uploading-1")
    twice = [Started("a", step_id("a:create"), title="uploading-1")] * 2

    def found(*more: Event) -> list[str]:
        history = past_of_events(*twice, *more)
        return [one.pk for one in late_items(history, lambda: list_items(box.client, box.target()))]

    assert found() == []
    assert found(Done("a", step_id("a:create"), pk=pk(1))) == [item]


def test_an_item_that_another_case_has_is_not_taken(box: Box) -> None:
    item = box.make("uploading-1")
    taken = [
        Started("b", step_id("b:create"), title="uploading-1"),
        Done("b", step_id("b:create"), pk=item),
    ]

    assert settled(box, Started("a", step_id("a:create"), title="uploading-1"), *taken) == []


def test_a_title_that_was_there_before_proves_nothing(box: Box) -> None:
    item, upload = box.make("A"), box.upload(content=mha())
    [*made, fill] = begun_fill(item, Entry("report", upload=upload), temporary=None)
    assert isinstance(fill, Started)

    assert settled(box, *made, fill) == acted(item)
    assert settled(box, *made, replace(fill, had_title=True)) == []


# ── image sets ──────────────────────────────────────────────────────────────────────────────


def entry_of_set(box: Box) -> Entry:
    uploads = tuple(box.upload(f"{number}.dcm", slice_of(number)) for number in (1, 2))
    return Entry("dicom-set", upload=uploads[-1], uploads=uploads, image_name="a set", slices=2)


def test_the_fill_of_an_image_set_is_sent_again_with_all_its_files(box: Box) -> None:
    item, entry = box.make("uploading-1"), entry_of_set(box)

    events = sent_again(box, begun_fill(item, entry))

    assert [type(event) for event in events] == [Started, Done]
    box.settle()
    [(facts,)] = box.sql("SELECT facts FROM images")
    assert [file["name"] for file in json.loads(facts)["files"]] == ["1.dcm", "2.dcm"]
    assert box.rows() == {}
    assert sent_again(box, begun_fill(item, entry)) == [
        Done("a", step_id("a:fill"), pk=item, again=True)
    ]


def test_the_fill_of_an_image_set_acted_if_its_uploads_are_gone(box: Box) -> None:
    item, entry = box.make("uploading-1"), entry_of_set(box)
    addresses = [box.client.address("uploads", pk) for pk in entry.uploads]
    value = {"interface": "dicom-set", "image_name": "a set", "user_uploads": addresses}
    assert box.fill(item, value).ok
    box.settle()

    assert settled(box, *begun_fill(item, entry, title=None, temporary=None)) == acted(item)
