from __future__ import annotations

from collections.abc import Callable

import pytest

from manifest_uploader.engine.listing import Listing
from manifest_uploader.sandbox import Fault, Seen
from tests.box import Box, Faulty
from tests.helpers import STUDY, pk
from tests.platform.servers import reply, scripted


@pytest.fixture
def hook() -> Faulty:
    return Faulty()


@pytest.fixture
def box(begin: Callable[..., Box], hook: Faulty) -> Box:
    return begin(hook=hook)


def test_items_are_listed_once_until_something_is_changed(box: Box, hook: Faulty) -> None:
    item = box.make("A")
    listing = Listing(box.client, box.target())
    hook.seen.clear()

    for _ in range(2):
        assert (listing.count(), list(listing.items()), listing.is_complete) == (1, [item], True)
        assert listing.by_title({"A", "B"}) == {"A": item}
        assert list(listing.known([item, pk(1)])) == [item]
    once = len(hook.seen)
    listing.forget()
    assert listing.known([item]) == {}
    box.make("B")

    assert len(listing.items()) == 2
    assert (once, hook.kinds().count("item-list")) == (2, 4)


def test_an_empty_target_is_not_listed(box: Box, hook: Faulty) -> None:
    listing = Listing(box.client, box.target())
    hook.seen.clear()

    assert (listing.items(), listing.count(), listing.is_complete) == ({}, 0, True)
    assert hook.kinds() == ["item-list"]


def test_a_list_that_lacks_an_item_is_read_again(box: Box, hook: Faulty) -> None:
    items = {box.make("A"), box.make("B")}
    listing = Listing(box.client, box.target())
    short = reply(200, {"count": 2, "next": None, "results": [{"pk": min(items)}]}).body
    lists: list[Seen] = []

    def once(request: Seen) -> Fault | None:
        lists.append(request)
        is_list = request.kind == "item-list" and len(lists) == 2
        return Fault.answer(200, body=short, content_type="application/json") if is_list else None

    hook.before_it = once

    assert listing.items().keys() == items


def test_an_item_that_is_deleted_meanwhile_is_not_looked_for(connect: Callable[..., Box]) -> None:
    def answer(count: int, *items: str) -> object:
        entries = [{"pk": item, "title": item} for item in items]
        return reply(200, {"count": count, "next": None, "results": entries})

    answers = [answer(2, pk(1)), answer(1, pk(1)), answer(1, pk(1)), answer(1)]
    with scripted(*answers) as server:  # type: ignore[arg-type]
        listing = Listing(connect(server.url), STUDY)  # type: ignore[arg-type]

        assert list(listing.items()) == [pk(1)]
        assert listing.is_complete
