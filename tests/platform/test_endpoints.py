from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from manifest_uploader.errors import PlatformRefused
from manifest_uploader.platform import endpoints
from manifest_uploader.platform.client import Client
from tests.box import Box
from tests.helpers import STUDY, pk
from tests.platform.servers import Reply, page, reply, scripted

Connect = Callable[..., Client]
GONE = reply(404, {"detail": "No DisplaySet matches the given query."})


def listed(*entries: Any) -> Reply:
    return reply(200, {"count": len(entries), "next": None, "results": list(entries)})


# ── items ───────────────────────────────────────────────────────────────────────────────────


def test_an_item_is_seen_as_it_is_now(box: Box) -> None:
    target = box.target()
    item = box.make("A", order=30)
    box.fill(item, {"interface": "some-score", "value": 1.5})

    found = endpoints.get_item(box.client, target, item)

    assert found is not None
    assert (found.pk, found.title, found.order) == (item, "A", 30)
    assert list(found.sockets) == ["some-score"]


def test_an_item_that_the_platform_does_not_know_is_gone(box: Box) -> None:
    assert endpoints.get_item(box.client, box.target(), pk(1)) is None


@pytest.mark.parametrize(
    "answer",
    [page(500), reply(403, {"detail": "No."}), reply(200, [1]), reply(200, {"pk": "x"})],
    ids=["error", "forbidden", "a list", "no pk"],
)
def test_an_item_that_the_platform_does_not_show_is_not_gone(
    connect: Connect, answer: Reply
) -> None:
    with scripted(answer) as server, pytest.raises(PlatformRefused, match="does not show"):
        endpoints.get_item(connect(server.url), STUDY, pk(1))


def test_all_items_of_a_target_are_listed_and_counted(box: Box) -> None:
    target = box.target()
    made = {box.make(title) for title in ("A", "B", "")}

    assert {item.pk for item in endpoints.list_items(box.client, target)} == made
    assert endpoints.count_items(box.client, target) == 3


def test_items_are_found_by_titles(box: Box) -> None:
    target = box.target()
    wanted, _ = box.make("uploading-1"), box.make("uploading-2")

    found = endpoints.find_by_title(box.client, target, frozenset({"uploading-1", "uploading-3"}))

    assert found == {"uploading-1": wanted}


@pytest.mark.parametrize("title_in_answers", [True, False])
def test_items_are_found_by_titles_that_only_the_safe_form_shows(
    begin: Callable[..., Box], title_in_answers: bool
) -> None:
    box = begin(title_in_answers=title_in_answers)
    item = box.make("A & B")

    found = endpoints.find_by_title(box.client, box.target(), frozenset({"A & B"}))

    assert found == {"A & B": item}


def test_what_in_a_list_is_no_item_is_passed_over(connect: Connect) -> None:
    with scripted(listed(None, 5, {"pk": "x"}, {"pk": pk(1), "title": "A"})) as server:
        found = list(endpoints.list_items(connect(server.url), STUDY))

    assert [item.pk for item in found] == [pk(1)]


# ── upload rows ─────────────────────────────────────────────────────────────────────────────


def test_rows_are_counted_and_listed(box: Box) -> None:
    upload = box.upload()

    assert endpoints.count_rows(box.client) == 1
    assert endpoints.list_rows(box.client) == {upload: "Completed"}
    assert not endpoints.is_row_gone(box.client, upload)
    assert endpoints.is_row_gone(box.client, pk(1))


def test_rows_that_a_list_did_not_show_are_asked_for(connect: Connect) -> None:
    answers = (
        listed({"pk": pk(1), "status": "Completed"}, {"pk": pk(3), "status": "Completed"}),
        reply(200, {"pk": pk(2), "status": "Initialized"}),
    )
    with scripted(*answers) as server:
        found = endpoints.rows_of(connect(server.url), [pk(1), pk(2)])

    assert found == {pk(1): "Completed", pk(2): "Initialized"}


def test_nothing_is_asked_about_no_rows(connect: Connect) -> None:
    with scripted() as server:
        assert endpoints.rows_of(connect(server.url), []) == {}

    assert server.asked == []


def test_only_404_says_that_a_row_is_gone(connect: Connect) -> None:
    with scripted(reply(403)) as server:
        assert not endpoints.is_row_gone(connect(server.url), pk(1))
    with scripted(GONE) as server:
        assert endpoints.is_row_gone(connect(server.url), pk(1))


def test_a_count_that_is_no_number_is_that_of_the_page(connect: Connect) -> None:
    with scripted(reply(200, {"count": "many", "results": [1, 2]})) as server:
        assert endpoints.count_rows(connect(server.url)) == 2
