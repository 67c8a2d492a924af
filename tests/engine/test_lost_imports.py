from __future__ import annotations

from typing import Any

import pytest

from manifest_uploader.engine.imports.judge import GONE_BEFORE_S, Seen, judge
from manifest_uploader.platform.sessions import TicketSeen
from manifest_uploader.state.events import ImportFailed
from tests.engine.test_imports import WatcherSetup, session, stalled
from tests.helpers import item_seen, pk, wait

__all__ = ["session", "stalled"]
WORDS = "the platform received the upload before this run began, but made no value from it"
TICKET = pk(70)


def ended(one: Any, **more: Any) -> str | None:
    """Why the import has failed, an hour after its fill and a minute after the first look."""
    usual: dict[str, Any] = {
        "now": 4600.0,
        "items": {pk(1): item_seen()},
        "gone_since": {pk(7): 4540.0},
        "sessions": (),
        "first_seen": {},
        "latest_file": 0.0,
        "gone_before": {pk(7)},
    }
    verdict = judge(one, Seen(**{**usual, **more}), refused_after_s=1e9)
    if verdict is None:
        return None
    assert isinstance(verdict.event, ImportFailed)
    assert not verdict.event.lost
    return verdict.event.words


def ticket(status: str) -> dict[str, TicketSeen]:
    return {TICKET: TicketSeen(TICKET, status)}


@pytest.mark.parametrize("slug", ["ct-image", "report"])
def test_an_old_import_without_row_and_value_is_lost(slug: str) -> None:
    assert ended(wait(slug)) == WORDS
    assert ended(wait(slug, ticket=TICKET), tickets=ticket("Succeeded")) == WORDS


@pytest.mark.parametrize(
    "more",
    [
        {"gone_before": ()},
        {"gone_since": {}},
        {"now": 4599.0},
        {"now": 1599.0, "gone_since": {pk(7): 1500.0}},
        {"items": {}},
    ],
    ids=["seen going", "there", "just looked", "young", "not looked at"],
)
def test_an_import_that_may_still_end_is_not_lost(more: dict[str, Any]) -> None:
    assert ended(wait(), **more) is None


@pytest.mark.parametrize("seen", [{}, ticket("Queued"), ticket("Re-Queued"), ticket("Started")])
def test_an_import_whose_session_has_not_ended_is_not_lost(seen: dict[str, TicketSeen]) -> None:
    assert ended(wait(ticket=TICKET), tickets=seen) is None


def test_a_later_run_needs_a_minute_to_recognize_it(stalled: WatcherSetup) -> None:
    one = stalled.image(b"")
    stalled.box.sql("DELETE FROM uploads")
    stalled.restart()

    assert stalled.ends(one, after=3600.0) == []
    assert stalled.ends(one, after=GONE_BEFORE_S - 1) == []
    [found] = stalled.ends(one, after=1.0)

    assert isinstance(found, ImportFailed)
    assert found.words == WORDS


def test_a_row_that_this_run_saw_go_has_ten_minutes(stalled: WatcherSetup) -> None:
    one = stalled.image(b"")
    stalled.restart()
    assert stalled.ends(one, after=3600.0) == []
    stalled.box.sql("DELETE FROM uploads")

    assert stalled.ends(one) == []
    assert stalled.ends(one, after=600.0) == []
    assert len(stalled.ends(one, after=1.0)) == 1
