"""The state files of released versions are read as the versions that wrote them did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec import to_builtins

from manifest_uploader.engine.causes import explained
from manifest_uploader.platform.model import Entry
from manifest_uploader.state import file as state_file
from manifest_uploader.state.events import AnyEvent, Started, event_json
from manifest_uploader.state.file import Binding, Tail
from manifest_uploader.state.history import (
    CaseHistory,
    Folding,
    History,
    SocketHistory,
    UploadHistory,
    fold,
)
from manifest_uploader.state.standing import Standing, standing_of

STATES: Final = sorted((Path(__file__).parent / "corpus" / "states").glob("*.state.jsonl"))
TAGS: Final = {one.__struct_config__.tag for one in AnyEvent.__args__}

STANDINGS: Final = {
    Standing.NEW: "new",
    Standing.UPLOADING: "uploading",
    Standing.IMPORTING: "filled",
    Standing.DONE: "done",
    Standing.FAILED: "failed",
    Standing.UNCONFIRMED: "unsure",
    Standing.CHANGED: "changed",
    Standing.DELETED: "gone",
}
"""As the expected files spell them, whatever they are called today; see also `_standing`."""


def expected_of(path: Path) -> Any:
    """What the version that wrote the file read in it."""
    name = path.name.replace(".state.jsonl", ".expected.json")
    return json.loads(path.with_name(name).read_text(encoding="utf-8"))


def neutral(binding: Binding | None, history: History) -> dict[str, Any]:
    """A binding and a history in the form of the expected files."""
    return {
        "binding": to_builtins(binding),
        "sessions": dict(history.sessions),
        "cases": {name: _case(past) for name, past in history.cases.items()},
    }


def _case(past: CaseHistory) -> dict[str, Any]:
    names = ("item", "temporary", "order", "title", "gone", "unsure", "repeated")
    return {name: getattr(past, name) for name in (*names, "filling_since")} | {
        "words": past.reason,
        "standing": _standing(past),
        "filling": None if past.filling is None else _filling(past.filling),
        "sockets": {slug: _socket(socket) for slug, socket in past.sockets.items()},
        "uploads": {slug: _upload(upload) for slug, upload in past.uploads.items()},
    }


def _standing(past: CaseHistory) -> str:
    """As the expected files have it: there, a case whose item is begun is `created`."""
    standing = standing_of(past)
    has_item = past.item is not None or past.temporary is not None
    return "created" if standing is Standing.UPLOADING and has_item else STANDINGS[standing]


def _filling(begun: Started) -> dict[str, Any]:
    names = ("title", "order", "temporary", "repeated")
    entries = [_entry(entry) for entry in begun.entries]
    return {name: getattr(begun, name) for name in names} | {"entries": entries}


def _socket(socket: SocketHistory) -> dict[str, Any]:
    names = ("standing", "since", "pk", "repeated")
    found = {name: getattr(socket, name) for name in names} | {"entry": _entry(socket.entry)}
    if socket.failure is None:
        return found | {"words": None}
    return found | {"words": explained(socket.failure), "raw_words": socket.failure.message}


def _upload(upload: UploadHistory) -> dict[str, Any]:
    row = {name: getattr(upload.row, name) for name in ("pk", "storage_id", "part_size")}
    names = ("done", "content", "time")
    return row | {"stat": upload.row.stat} | {name: getattr(upload, name) for name in names}


def _entry(entry: Entry) -> dict[str, Any]:
    names = ("socket", "digest", "stat", "upload", "content", "before")
    return {name: getattr(entry, name) for name in names}


@pytest.mark.parametrize("path", STATES, ids=lambda path: path.name.split(".")[0])
def test_a_state_of_a_released_version_is_read_as_it_was_then(path: Path) -> None:
    stored = state_file.read(path)

    assert neutral(stored.binding, fold(stored.events)) == expected_of(path)


@pytest.mark.parametrize("path", STATES, ids=lambda path: path.name.split(".")[0])
def test_those_who_watch_see_the_same_history(path: Path) -> None:
    binding, folding = state_file.read(path).binding, Folding()

    for event in Tail(path).look().events:
        folding.add(event)

    assert neutral(binding, folding.history) == expected_of(path)


def test_the_failure_of_a_value_names_its_socket() -> None:
    failed = [
        (slug, socket.failure.socket)
        for path in STATES
        for past in fold(state_file.read(path).events).cases.values()
        for slug, socket in past.sockets.items()
        if socket.failure is not None
    ]

    assert len(failed) > 10
    assert all(slug == named for slug, named in failed)


def test_the_states_are_there_and_every_event_occurs_in_them() -> None:
    found = {
        event_json(event)["event"] for path in STATES for event in state_file.read(path).events
    }

    assert len(STATES) >= 50
    assert found == TAGS
