"""What the tests of the state file share: events, lines, and files that somebody spoilt."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from manifest_uploader.platform.model import Entry
from manifest_uploader.state import file as state_file
from manifest_uploader.state.events import (
    Adopted,
    AnyEvent,
    Checked,
    Confirmed,
    Done,
    Event,
    Failed,
    Failure,
    Gone,
    ImportFailed,
    Left,
    Noticed,
    Opened,
    Paused,
    Renamed,
    Started,
    Unsure,
    event_json,
)
from manifest_uploader.state.file import Binding
from tests.helpers import STUDY, pk, step_id

AnEvent = TypeVar("AnEvent", bound=Event)

BINDING = Binding("host/api/v1/", STUDY.kind, STUDY.slug, STUDY.pk)
FIRST = (
    '{"format":"manifest-uploader state","version":1,"platform":"host/api/v1/",'
    f'"target":{{"kind":"reader-study","slug":"lung","pk":"{STUDY.pk}"}}}}\n'
)

ENTRIES = (
    Entry("ct-image", None, stat="s", upload=pk(7), content="files:1", before="11"),
    Entry("some-score", "json:1"),
)
EVENTS: tuple[AnyEvent, ...] = (
    Started("a", step_id("a/ct-image"), "ct-image"),
    Started("a", step_id("a:create"), title="uploading-1", order=0),
    Started("a", step_id("a:create"), title="A", order=5, entries=ENTRIES[1:]),
    Started("a", step_id("a:fill"), title="", order=5, entries=ENTRIES, temporary="uploading-1"),
    Started("a", step_id("a:fill"), repeated=True),
    Opened("a", step_id("a/ct-image"), "ct-image", pk(7), "s.i~d-_", 8, "stat:1:x"),
    Done("a", step_id("a/ct-image"), "ct-image", pk(7), "s", "files:1", "ab", 5, 1),
    Done("a", step_id("a:create"), pk=pk(1)),
    Done("a", step_id("a:fill"), pk=pk(1)),
    Failed("a", step_id("a:fill"), words="", final=False),
    Failed("a", step_id("a/ct-image"), socket="ct-image", words="Nö \x1b[2J \ud800", final=True),
    Failed(
        "a",
        step_id("a:fill"),
        words="ct-image: No.; Never.",
        final=True,
        failures=(Failure("ct-image", "No."), Failure(None, "Never.", "a.mha")),
    ),
    Unsure("a", step_id("a:fill"), "why"),
    Paused("a", step_id("a/ct-image"), socket="ct-image", why="too many", size_limit=True),
    Confirmed("a", step_id("a/some-score"), "some-score", "json:ab/c"),
    Confirmed("a", step_id("a/some-score"), "some-score", None),
    ImportFailed("a", step_id("a/ct-image"), "ct-image", "No image.", "a.mha", lost=True),
    Checked("a", step_id("a/ct-image"), "ct-image", "s"),
    Gone("a", step_id("a"), pk(1), anew=True),
    Adopted("a", step_id("a"), pk(1), "A", ENTRIES),
    Renamed("b", step_id("b"), was="a"),
    Left("b", step_id("b")),
    Left("b", step_id("b"), back=True),
    Noticed((pk(1), pk(2))),
)
LINES = tuple(json.dumps({"time": 1} | event_json(event)) + "\n" for event in EVENTS)


def at(time: float, event: AnEvent) -> AnEvent:
    """The event as it is after it was written down."""
    return replace(event, time=time)


def stored_events(path: Path) -> list[AnyEvent]:
    """What a state file holds, without the times."""
    return [at(0.0, event) for event in state_file.read(path).events]


def line(**fields: Any) -> str:
    """A line of the file; what is None stands in it as null."""
    return (
        json.dumps({"time": 1.5, "event": "done", "case": "a", "step": "a:create"} | fields) + "\n"
    )


# ── hostile files ───────────────────────────────────────────────────────────────────────────

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 5, 2**70, 1e308, float("nan"), "", "..", "a", pk(1), pk(7)),
    *([], {}, [[]], [None], {"socket": "x"}, [{"socket": "x", "upload": 5}], "x" * 5000, "\ud800"),
)
NAMES = ("done", "started", "opened", "failed", "confirmed", "import-failed", "gone", "adopted")
KEYS = ("pk", "entries", "event", "order", "words", "step", "time", "failures")


def hostile(chance: random.Random) -> bytes:
    """A state file that somebody spoilt: fields, lines, bytes."""
    text = [FIRST, *chance.choices(LINES, k=4)]
    for _ in range(chance.randint(1, 3)):
        spot = chance.randrange(len(text))
        text[spot] = _spoilt(text[spot], chance)
    data = "".join(text).encode(errors="surrogatepass")
    if chance.random() < 0.2:
        spot = chance.randrange(len(data))
        data = data[:spot] + chance.randbytes(3) + data[spot + chance.randint(0, 5) :]
    return data


def _spoilt(text: str, chance: random.Random) -> str:
    way = chance.randrange(8)
    if way < 5:
        try:
            obj = json.loads(text)
        except ValueError:
            return text
        if not isinstance(obj, dict):
            return text
        key = chance.choice([*obj, *KEYS])
        if way == 0:
            obj.pop(key, None)
        else:
            obj[key] = chance.choice(NAMES) if key == "event" else chance.choice(ODD)
        return json.dumps(obj) + "\n"
    if way == 5:
        return text[: chance.randint(0, len(text))]
    return text + chance.choice(["\n", FIRST, "[", "}{\n", "\0\n", '{"a":1},{"b":2}\n', " " * 3000])
