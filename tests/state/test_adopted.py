"""What the history knows of the content of values: sent, adopted and compared, or adopted only."""

from __future__ import annotations

from msgspec.structs import replace

from manifest_uploader.platform.model import Entry
from manifest_uploader.state.events import (
    Adopted,
    AnyEvent,
    Confirmed,
    Done,
    ImportFailed,
    Started,
    event_json,
    event_of,
)
from manifest_uploader.state.history import SocketHistory
from manifest_uploader.state.standing import case_standing
from tests.helpers import past_of_events, pk, step_id

PDF = Entry("report", stat="s", upload=pk(8), content="files:2")
SENT: list[AnyEvent] = [
    Done("a", step_id("a/report"), "report", pk(8), "s", "files:2", "5a", 5, 1),
    Started("a", step_id("a:fill"), title="a", entries=(PDF,)),
    Done("a", step_id("a:fill"), pk=pk(1)),
]
FAILED = ImportFailed("a", step_id("a/report"), "report", "broken")
SEEN = Confirmed("a", step_id("a/report"), "report", "12")


def report(*events: AnyEvent) -> SocketHistory:
    return past_of_events(*events).cases["a"].sockets["report"]


def test_the_sha256_of_a_file_that_was_sent_is_known() -> None:
    assert [report(*SENT).sha256, report(*SENT, SEEN).sha256] == ["5a", "5a"]
    assert not report(*SENT, SEEN).is_unchecked


def test_it_is_still_known_when_the_same_upload_is_used_again() -> None:
    assert report(*SENT, FAILED, *SENT[1:], SEEN).sha256 == "5a"


def test_it_is_forgotten_with_another_upload() -> None:
    other = Started("a", step_id("a:fill"), entries=(replace(PDF, upload=pk(9)),))

    assert report(*SENT, SEEN, other, SENT[2]).sha256 is None


def test_an_adopted_value_is_checked_if_it_was_compared() -> None:
    compared = replace(PDF, upload=None, sha256="5a", before="12")
    unknown = replace(compared, sha256=None, content=None)
    value = Entry("some-score", "json:1", before="13")
    events = [Adopted("a", step_id("a"), pk(1), "a", (one, value)) for one in (compared, unknown)]
    histories = [past_of_events(event).cases["a"] for event in events]

    assert [one.sockets["report"].is_unchecked for one in histories] == [False, True]
    assert [one.sockets["report"].sha256 for one in histories] == ["5a", None]
    assert [case_standing("a", "a", one).unchecked for one in histories] == [(), ("report",)]
    timed = [replace(event, time=1.0) for event in events]
    assert [event_of(event_json(event)) for event in timed] == timed
