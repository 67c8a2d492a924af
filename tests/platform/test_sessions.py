from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from manifest_uploader.platform.client import Client
from manifest_uploader.platform.sessions import (
    TicketSeen,
    any_was_used,
    failed_imports,
    get_ticket,
    post_session,
)
from tests.box import Box, Faulty, mha
from tests.helpers import pk
from tests.platform.servers import Reply, reply, scripted

Connect = Callable[..., Client]
GONE = reply(404, {"detail": "No RawImageUploadSession matches the given query."})


def listed(*entries: Any) -> Reply:
    return reply(200, {"count": len(entries), "next": None, "results": list(entries)})


# ── tickets ─────────────────────────────────────────────────────────────────────────────────


def test_a_session_waits_until_a_fill_names_it(box: Box) -> None:
    item, upload = box.make("A"), box.upload(content=mha())
    made = post_session(box.client, upload).json
    assert get_ticket(box.client, made["pk"]) == TicketSeen(made["pk"], "Queued")
    assert any_was_used(box.client, (made["pk"],)) is False

    box.fill(item, {"interface": "ct-image", "upload_session": made["api_url"]})

    assert any_was_used(box.client, (made["pk"],)) is True
    box.settle()
    seen = get_ticket(box.client, made["pk"])
    assert seen is not None
    assert seen.has_succeeded
    assert not seen.has_failed


def test_a_session_that_failed_says_why(box: Box) -> None:
    item, upload = box.make("A"), box.upload(content=b"no image")
    made = post_session(box.client, upload).json
    box.fill(item, {"interface": "ct-image", "upload_session": made["api_url"]})
    box.settle()

    seen = get_ticket(box.client, made["pk"])

    assert seen is not None
    assert (seen.was_used, seen.has_failed, seen.has_reason) == (True, True, True)
    assert "Ct Image failed with error: 1 file could not be imported" in seen.message


@pytest.mark.parametrize(
    "status", ["Re-Queued", "Started", "Succeeded", "Failed", "Cancelled", "Whatever is new"]
)
def test_every_state_but_the_first_says_that_the_fill_took_effect(status: str) -> None:
    assert TicketSeen(pk(1), status).was_used
    assert TicketSeen(pk(1), status).has_failed == (status in {"Failed", "Cancelled"})


def test_the_first_session_that_is_shown_decides(connect: Connect) -> None:
    with scripted(GONE, reply(200, {"pk": pk(2), "status": "Queued"})) as server:
        assert any_was_used(connect(server.url), (pk(1), pk(2), pk(3))) is False
    with scripted(GONE) as server:
        assert any_was_used(connect(server.url), (pk(1),)) is None
    with scripted() as server:
        assert any_was_used(connect(server.url), ()) is None


def test_what_is_no_session_tells_nothing(connect: Connect) -> None:
    for answer in (reply(200, {"pk": pk(1)}), reply(200, ["x"]), reply(403)):
        with scripted(answer) as server:
            assert get_ticket(connect(server.url), pk(1)) is None


# ── failed imports ──────────────────────────────────────────────────────────────────────────


def test_failed_sessions_bring_the_platforms_words_and_the_uploads(box: Box) -> None:
    item, upload = box.make("A"), box.upload(content=b"no image")
    box.with_image(item, "ct-image", upload)
    box.settle()

    [found] = failed_imports(box.client, newest=50)

    assert found.message.startswith(
        "Image validation for socket Ct Image failed with error: 1 file"
    )
    assert found.uploads == {upload}


def test_sessions_that_went_well_are_passed_over(box: Box) -> None:
    item, upload = box.make("A"), box.upload(content=mha())
    box.with_image(item, "ct-image", upload)
    box.settle()

    assert failed_imports(box.client, newest=50) == []


def test_what_in_a_list_is_no_session_is_passed_over(connect: Connect) -> None:
    strange = ({"status": "Failed"}, {"status": "Failed", "pk": 5}, "x", {"pk": pk(1)})
    good = {"status": "Failed", "pk": pk(2), "user_uploads": "x", "error_message": None}
    with scripted(listed(*strange, good)) as server:
        [found] = failed_imports(connect(server.url), newest=50)

    assert (found.pk, found.message, found.uploads) == (pk(2), "", frozenset())


def test_words_without_end_are_cut(connect: Connect) -> None:
    endless = {"status": "Failed", "pk": pk(2), "error_message": "x" * 100_000}
    with scripted(listed(endless)) as server:
        [found] = failed_imports(connect(server.url), newest=50)

    assert len(found.message) < 10_000


def test_of_many_sessions_only_the_newest_are_read(begin: Callable[..., Box]) -> None:
    hook = Faulty()
    box = begin(hook=hook)
    box.sql(
        "INSERT INTO sessions (pk, user, status, message, uploads) WITH RECURSIVE n(i) AS"
        " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)"
        " SELECT printf('%08x-0000-4000-8000-000000000000', i), 3, 'Failed', 'Old.', '[]' FROM n"
    )

    found = failed_imports(box.client, newest=1200)

    assert {one.pk for one in found} == {pk(number) for number in range(1301, 2501)}
    assert hook.kinds().count("sessions") == 3


def test_few_sessions_are_one_request(begin: Callable[..., Box]) -> None:
    hook = Faulty()
    box = begin(hook=hook)

    assert failed_imports(box.client, newest=1200) == []
    assert hook.kinds().count("sessions") == 1


def test_a_platform_that_lists_no_sessions_has_none(connect: Connect) -> None:
    with scripted(reply(404)) as server:
        assert failed_imports(connect(server.url), newest=10) == []
