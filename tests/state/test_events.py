from __future__ import annotations

import json
import random

import pytest
from msgspec.structs import replace

from manifest_uploader.state.events import WrongEvent, event_of, events_of
from tests.helpers import pk
from tests.state.helpers import EVENTS, LINES, at, hostile


def test_events_read_together_are_those_that_were_written() -> None:
    written = {
        line: event for line, event in zip(LINES, EVENTS, strict=True) if "\\ud8" not in line
    }

    found = events_of("".join(written).encode().removesuffix(b"\n"))

    assert found is not None
    assert len(found) > 12
    assert found == [at(1.0, event) for event in written.values()]


def test_a_line_means_the_same_alone_and_among_others() -> None:
    """What msgspec takes is what is taken one by one, whatever somebody did to the file."""
    chance = random.Random(7)
    taken = 0

    for _ in range(5000):
        for line in hostile(chance).split(b"\n"):
            if (together := events_of(line)) is not None:
                assert together == [event_of(json.loads(line))]
                taken += 1

    assert taken > 5000


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"\n",
        b"{}",
        LINES[0].encode(),  # with the end of its line: an empty one follows
        LINES[0].strip().encode() * 2,
        LINES[0].strip().encode().replace(b",", b",\n", 1),
        LINES[0].replace("a/ct-image", "\\ud800").strip().encode(),
        LINES[0].strip().encode().replace(b"a/ct-image", b"\xff"),
        LINES[0].strip().encode().replace(b"{", b'{"\xff":1,'),
        LINES[0].strip().replace("{", '{"ü":1,').encode(),
        LINES[0].strip().encode().replace(b'"time": 1, ', b""),
        LINES[0].strip().encode().replace(b'"time": 1', b'"time": 1e999'),
    ],
)
def test_what_is_not_one_event_a_line_is_not_taken_together(lines: bytes) -> None:
    assert events_of(lines) is None


def test_a_name_that_is_no_text_of_unicode_is_read_as_it_was_written() -> None:
    obj = json.loads(LINES[0]) | {"case": "\udcff"}

    assert event_of(obj) == at(1.0, replace(EVENTS[0], case="\udcff"))


@pytest.mark.parametrize("bad", [pk(1) + "\n", "\n" + pk(1), pk(1) + "/", pk(1)[:-1]])
def test_a_pk_is_a_pk_and_nothing_more(bad: str) -> None:
    obj = {"time": 1, "event": "gone", "case": "a", "step": "a", "item": bad}

    with pytest.raises(WrongEvent, match="a wrong gone event"):
        event_of(obj)
    assert events_of(json.dumps(obj).encode()) is None
