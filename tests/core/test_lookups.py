from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from manifest_uploader import lookups
from manifest_uploader.connection import Connection
from manifest_uploader.errors import PlatformRefused
from tests.core.box import Box, mha
from tests.core.helpers import STUDY, pk
from tests.core.servers import Reply, page, reply, scripted

Connect = Callable[..., Connection]
GONE = reply(404, {"detail": "No DisplaySet matches the given query."})


def listed(*entries: Any) -> Reply:
    return reply(200, {"count": len(entries), "next": None, "results": list(entries)})


# ── items ───────────────────────────────────────────────────────────────────────────────────


def test_an_item_is_seen_as_it_is_now(box: Box) -> None:
    target = box.target()
    item = box.make("A", order=30)
    box.fill(item, {"interface": "some-score", "value": 1.5})

    found = lookups.get_item(box.connection, target, item)

    assert found is not None
    assert (found.pk, found.title, found.order) == (item, "A", 30)
    assert list(found.sockets) == ["some-score"]


def test_an_item_that_the_platform_does_not_know_is_gone(box: Box) -> None:
    assert lookups.get_item(box.connection, box.target(), pk(1)) is None


@pytest.mark.parametrize(
    "answer",
    [page(500), reply(403, {"detail": "No."}), reply(200, [1]), reply(200, {"pk": "x"})],
    ids=["error", "forbidden", "a list", "no pk"],
)
def test_an_item_that_the_platform_does_not_show_is_not_gone(
    connect: Connect, answer: Reply
) -> None:
    with scripted(answer) as server, pytest.raises(PlatformRefused, match="does not show"):
        lookups.get_item(connect(server.url), STUDY, pk(1))


def test_all_items_of_a_target_are_listed_and_counted(box: Box) -> None:
    target = box.target()
    made = {box.make(title) for title in ("A", "B", "")}

    assert {item.pk for item in lookups.list_items(box.connection, target)} == made
    assert lookups.count_items(box.connection, target) == 3


def test_items_are_found_by_titles(box: Box) -> None:
    target = box.target()
    wanted, _ = box.make("uploading-1"), box.make("uploading-2")

    found = lookups.find_by_title(box.connection, target, frozenset({"uploading-1", "uploading-3"}))

    assert found == {"uploading-1": wanted}


@pytest.mark.parametrize("title_in_answers", [True, False])
def test_items_are_found_by_titles_that_only_the_safe_form_shows(
    begin: Callable[..., Box], title_in_answers: bool
) -> None:
    box = begin(title_in_answers=title_in_answers)
    item = box.make("A & B")

    found = lookups.find_by_title(box.connection, box.target(), frozenset({"A & B"}))

    assert found == {"A & B": item}


def test_what_in_a_list_is_no_item_is_passed_over(connect: Connect) -> None:
    with scripted(listed(None, 5, {"pk": "x"}, {"pk": pk(1), "title": "A"})) as server:
        found = list(lookups.list_items(connect(server.url), STUDY))

    assert [item.pk for item in found] == [pk(1)]


# ── upload rows ─────────────────────────────────────────────────────────────────────────────


def test_rows_are_counted_and_listed(box: Box) -> None:
    upload = box.upload()

    assert lookups.count_rows(box.connection) == 1
    assert lookups.list_rows(box.connection) == {upload: "Completed"}
    assert not lookups.is_row_gone(box.connection, upload)
    assert lookups.is_row_gone(box.connection, pk(1))


def test_rows_that_a_list_did_not_show_are_asked_for(connect: Connect) -> None:
    answers = (
        listed({"pk": pk(1), "status": "Completed"}, {"pk": pk(3), "status": "Completed"}),
        reply(200, {"pk": pk(2), "status": "Initialized"}),
    )
    with scripted(*answers) as server:
        found = lookups.rows_of(connect(server.url), [pk(1), pk(2)])

    assert found == {pk(1): "Completed", pk(2): "Initialized"}


def test_nothing_is_asked_about_no_rows(connect: Connect) -> None:
    with scripted() as server:
        assert lookups.rows_of(connect(server.url), []) == {}

    assert server.asked == []


def test_only_404_says_that_a_row_is_gone(connect: Connect) -> None:
    with scripted(reply(403)) as server:
        assert not lookups.is_row_gone(connect(server.url), pk(1))
    with scripted(GONE) as server:
        assert lookups.is_row_gone(connect(server.url), pk(1))


def test_a_count_that_is_no_number_is_that_of_the_page(connect: Connect) -> None:
    with scripted(reply(200, {"count": "many", "results": [1, 2]})) as server:
        assert lookups.count_rows(connect(server.url)) == 2


# ── sessions ────────────────────────────────────────────────────────────────────────────────


def test_failed_sessions_bring_the_platforms_words_and_the_uploads(box: Box) -> None:
    item, upload = box.make("A"), box.upload(content=b"no image")
    box.with_image(item, "ct-image", upload)
    box.settle()

    [found] = lookups.failed_sessions(box.connection)

    assert found.words.startswith("Image validation for socket Ct Image failed with error: 1 file")
    assert found.uploads == {upload}


def test_sessions_that_went_well_are_passed_over(box: Box) -> None:
    item, upload = box.make("A"), box.upload(content=mha())
    box.with_image(item, "ct-image", upload)
    box.settle()

    assert list(lookups.failed_sessions(box.connection)) == []


def test_what_in_a_list_is_no_session_is_passed_over(connect: Connect) -> None:
    strange = ({"status": "Failed"}, {"status": "Failed", "pk": 5}, "x", {"pk": pk(1)})
    good = {"status": "Failed", "pk": pk(2), "user_uploads": "x", "error_message": None}
    with scripted(listed(*strange, good)) as server:
        [found] = lookups.failed_sessions(connect(server.url))

    assert (found.pk, found.words, found.uploads) == (pk(2), "", frozenset())


def test_words_without_end_are_cut(connect: Connect) -> None:
    endless = {"status": "Failed", "pk": pk(2), "error_message": "x" * 100_000}
    with scripted(listed(endless)) as server:
        [found] = lookups.failed_sessions(connect(server.url))

    assert len(found.words) < 10_000
