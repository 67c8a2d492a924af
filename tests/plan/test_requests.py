from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from manifest_uploader.digests import json_digest
from manifest_uploader.plan.delivery import slot_json
from manifest_uploader.plan.requests import (
    confirmations,
    for_item,
    has_something_to_send,
    split,
    started,
    with_uploads,
)
from manifest_uploader.plan.steps import Create, Fill
from manifest_uploader.platform.model import Entry, ItemSeen, SocketSeen
from manifest_uploader.platform.requests import Address
from manifest_uploader.platform.targets import type_of
from manifest_uploader.state.events import Confirmed, Done
from tests.helpers import (
    SOCKETS,
    STUDY,
    file_seen,
    file_value,
    item_seen,
    json_value,
    pk,
    step_id,
    value_seen,
)

CT = Entry("ct-image", stat="s")
SCORE = Entry("some-score", json_digest(2))
REMARK = Entry("remark", json_digest(""))
UPLOADS = {"ct-image": Done("a", step_id("a/ct-image"), "ct-image", pk=pk(7), content="files:1")}
VALUES = {"ct-image": file_value("ct-image"), "some-score": json_value("some-score", 2)}
VALUES["remark"] = json_value("remark", "")


def fill(*entries: Entry, title: str | None = None, order: int | None = None) -> Fill:
    values = tuple(slot_json(VALUES[one.socket], SOCKETS[one.socket], one) for one in entries)
    call = type_of(STUDY.kind).fill(item=None, title=title, order=order, values=values)
    return Fill(step_id("a:fill"), "a", call, title, order, entries, look_first=True)


def ready(
    task: Fill,
    uploads: Mapping[str, Done],
    item: ItemSeen | None,
    tickets: Mapping[str, str] | None = None,
) -> Fill:
    """The fill as it is sent to an item that holds what was seen."""
    return for_item(with_uploads(task, uploads, tickets or {}, {}), item=pk(1), seen=item)


def sent(found: Fill) -> list[str]:
    """The sockets that a fill sends values for."""
    return [value["interface"] for value in found.call.json.get("values", ())]


def test_holes_are_filled_with_what_uploads_brought() -> None:
    found = ready(fill(CT, title="A"), UPLOADS, None)

    assert found.call.pk == pk(1)
    assert found.call.json["values"] == [
        {"interface": "ct-image", "user_uploads": [Address("uploads", pk(7))]}
    ]
    assert (found.entries[0].upload, found.entries[0].content) == (pk(7), "files:1")


def test_a_fill_names_the_tickets_of_its_uploads_where_there_are_any() -> None:
    report = Entry("report", stat="r", upload=pk(8))
    VALUES["report"] = file_value("report")

    found = ready(fill(CT, report, SCORE), UPLOADS, None, {"ct-image": pk(9)})

    assert found.call.json["values"] == [
        {"interface": "ct-image", "upload_session": Address("cases/upload-sessions", pk(9))},
        {"interface": "report", "user_upload": Address("uploads", pk(8))},
        {"interface": "some-score", "value": 2},
    ]
    assert [entry.ticket for entry in found.entries] == [pk(9), None, None]
    assert [entry.upload for entry in found.entries] == [pk(7), pk(8), None]


def test_an_upload_of_an_earlier_run_leaves_no_hole() -> None:
    entry = Entry("ct-image", None, upload=pk(8), content="files:2")

    found = ready(fill(entry), {}, None)

    assert found.entries[0].upload == pk(8)
    assert found.call.json["values"][0]["user_uploads"] == [Address("uploads", pk(8))]


def test_what_a_socket_held_before_is_noted() -> None:
    item = item_seen(
        ct_image=SocketSeen("11", f"image:{pk(3)}", pk(3)), some_score=value_seen(1, "12")
    )

    found = ready(fill(CT, SCORE), UPLOADS, item)

    assert [entry.before for entry in found.entries] == ["11", "12"]
    assert sent(found) == ["ct-image", "some-score"]


@pytest.mark.parametrize(("entry", "value"), [(SCORE, 2.0), (REMARK, "")])
def test_a_value_that_is_there_is_not_sent_again(entry: Entry, value: Any) -> None:
    held = {entry.socket.replace("-", "_"): value_seen(value)}

    found = ready(fill(entry, title="A"), {}, item_seen(title="x", **held))

    assert sent(found) == []
    assert "values" not in found.call.json
    assert [one.socket for one in found.entries] == [entry.socket]


def test_an_upload_is_sent_whatever_is_there() -> None:
    item = item_seen(ct_image=file_seen("11"))

    assert sent(ready(fill(CT), UPLOADS, item)) == ["ct-image"]


def test_a_title_that_is_there_is_not_sent_again() -> None:
    found = ready(fill(title="A"), {}, item_seen(title="A"))

    assert not has_something_to_send(found)


def test_a_fill_that_was_made_ready_can_be_made_ready_again() -> None:
    once = for_item(fill(SCORE, title="A"), item=pk(1), seen=item_seen(title="A"))

    assert for_item(once, item=pk(1), seen=item_seen(title="A")) == once


@pytest.mark.parametrize("title", ["A ", "uploading-1", None])
def test_any_other_title_is_sent(title: str | None) -> None:
    found = ready(fill(title="A"), {}, item_seen(title=title))

    assert found.call.json == {"title": "A"}


def test_a_fill_whose_values_are_all_there_has_nothing_to_send() -> None:
    once = ready(fill(SCORE), {}, item_seen(some_score=value_seen(2)))

    assert not has_something_to_send(once)


def test_what_the_item_holds_of_a_fill_is_confirmed() -> None:
    item = item_seen(ct_image=SocketSeen("11", None, pk(5)), some_score=value_seen(3, "12"))

    found = confirmations(fill(CT, SCORE), item)

    assert found == [Confirmed("a", step_id("a:fill"), "ct-image", pk(5))]


def test_a_creation_is_written_down_with_its_title_and_order() -> None:
    call = type_of(STUDY.kind).create(STUDY, title="uploading-1", order=20)

    found = started(Create(step_id("a:create"), "a", "uploading-1", 20, call))

    assert (found.step, found.title, found.order) == (step_id("a:create"), "uploading-1", 20)


def test_a_fill_is_written_down_with_all_that_proves_it_later() -> None:
    task = fill(CT, SCORE, title="", order=5)

    found = started(task)

    assert (found.step, found.title, found.order) == (step_id("a:fill"), "", 5)
    assert found.entries == (CT, SCORE)
    assert (found.temporary, found.repeated) == (task.temporary, task.repeated)


def test_a_split_fill_sends_complete_uploads_first_and_everything_else_after_them() -> None:
    report = Entry("report", stat="r")
    VALUES["report"] = file_value("report")
    whole = fill(CT, SCORE, report, title="A", order=5)
    whole = replace(whole, look_first=False, temporary="uploading-1")

    first, rest = split(whole, UPLOADS.keys())

    assert [entry.socket for entry in first.entries] == sent(first) == ["ct-image"]
    assert (first.title, first.order, first.temporary) == (None, None, None)
    assert [entry.socket for entry in rest.entries] == sent(rest) == ["some-score", "report"]
    assert (rest.title, rest.order, rest.temporary) == ("A", 5, "uploading-1")
    assert (first.look_first, rest.look_first) == (False, True)
