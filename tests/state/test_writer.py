from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.errors import StateUnwritable
from manifest_uploader.state import file as state_file
from manifest_uploader.state.events import Done, Failed
from manifest_uploader.state.file import Stored
from manifest_uploader.state.writer import Writer
from tests.helpers import few_examples, pk, step_id
from tests.state.helpers import BINDING, EVENTS, FIRST, at, line, stored_events

SOME = tuple(at(1.5, event) for event in EVENTS[:4])


def test_every_event_comes_back_as_it_was(path: Path, write: Callable[[], Writer]) -> None:
    events = tuple(at(1234.568 + number, event) for number, event in enumerate(EVENTS))

    write().append(events)

    assert state_file.read(path) == Stored(BINDING, events)


texts = st.text(max_size=20)


@few_examples
@given(texts, texts, st.none() | texts, st.booleans())
def test_any_words_are_kept(
    tmp_path_factory: pytest.TempPathFactory, case: str, words: str, socket: str | None, final: bool
) -> None:
    path = tmp_path_factory.mktemp("state") / "s.jsonl"
    event = Failed(case, step_id(f"{case}:fill"), socket=socket, words=words, final=final, time=1.0)

    writer = Writer(path)
    writer.bind(BINDING)
    writer.append([event])
    writer.close()

    assert state_file.read(path).events == (event,)
    assert path.read_bytes().count(b"\n") == 2
    assert path.read_bytes().isascii()


def test_a_line_holds_only_what_is_not_plain(path: Path, write: Callable[[], Writer]) -> None:
    write().append([Done("a", step_id("a:create"), pk=pk(1), time=1.0)])

    assert path.read_text() == FIRST + (
        f'{{"time":1.0,"event":"done","case":"a","step":"a:create","pk":"{pk(1)}"}}\n'
    )


def test_a_second_run_appends(path: Path, write: Callable[[], Writer]) -> None:
    write().append(SOME[:2])
    write().append(SOME[2:])

    assert path.read_text().startswith(FIRST)
    assert state_file.read(path).events == SOME


# ── torn lines ──────────────────────────────────────────────────────────────────────────────


def test_a_torn_last_line_is_cut_off(path: Path, write: Callable[[], Writer]) -> None:
    path.write_text(FIRST + line(pk=pk(1)) + line(pk=pk(2))[:-5])

    write().append(SOME[:1])

    assert state_file.read(path).events == (
        Done("a", step_id("a:create"), pk=pk(1), time=1.5),
        SOME[0],
    )


@pytest.mark.parametrize("cut", range(len(FIRST)))
def test_a_torn_first_line_is_written_again(path: Path, cut: int) -> None:
    path.write_text(FIRST[:cut])

    writer = Writer(path)
    writer.bind(BINDING)
    writer.close()

    assert path.read_text() == FIRST


def test_a_long_tail_is_cut_off_at_the_last_whole_line(
    path: Path, write: Callable[[], Writer]
) -> None:
    path.write_bytes(FIRST.encode() + line(pk=pk(1)).encode() + b"x" * 200_000)

    write()

    assert path.read_text() == FIRST + line(pk=pk(1))


# ── the disk ────────────────────────────────────────────────────────────────────────────────


def test_lines_reach_the_system_at_once_and_the_disk_soon(
    write: Callable[[], Writer], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    writer = write()
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(len(stored_events(path))))
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)

    writer.append(SOME[:1])
    writer.tick()
    assert (len(stored_events(path)), synced) == (1, [])
    now += 0.6
    writer.tick()
    writer.tick()
    assert synced == [1]


def test_whoever_waits_waits_for_all_that_was_written_before(
    write: Callable[[], Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    writer = write()
    monkeypatch.setattr(os, "fsync", synced.append)

    writer.append(SOME[:1])
    writer.sync()
    writer.sync()

    assert len(synced) == 1


def test_threads_that_wait_together_share_one_sync(
    write: Callable[[], Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = write()
    begun, go = threading.Event(), threading.Event()
    syncs: list[int] = []

    def slow(handle: int) -> None:
        syncs.append(handle)
        begun.set()
        assert go.wait(10)

    monkeypatch.setattr(os, "fsync", slow)
    writer.append(SOME[:1])
    first = threading.Thread(target=writer.sync)
    first.start()
    assert begun.wait(10)
    writer.append(SOME[1:2])
    others = [threading.Thread(target=writer.sync) for _ in range(5)]
    for thread in others:
        thread.start()
    go.set()
    for thread in (first, *others):
        thread.join(10)

    assert len(syncs) == 2


@pytest.mark.parametrize("act", ["append", "sync"])
def test_a_disk_that_does_not_take_it_stops_the_run(
    write: Callable[[], Writer], monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    writer = write()

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    def keep() -> None:
        writer.append(SOME[:1])
        writer.sync()

    with monkeypatch.context() as patched:
        patched.setattr(os, "write" if act == "append" else "fsync", full)
        with pytest.raises(StateUnwritable, match="cannot be written: No space left") as caught:
            keep()

    assert "run the same command" in (caught.value.hint or "")


def test_half_a_line_on_a_full_disk_is_gone_on_from(
    path: Path, write: Callable[[], Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = write()
    writer.append(SOME[:1])
    real, left = os.write, 25

    def nearly_full(handle: int, data: Any) -> int:
        nonlocal left
        if not left:
            raise OSError(28, "No space left on device")
        count = real(handle, data[:left])
        left -= count
        return count

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", nearly_full)
        with pytest.raises(StateUnwritable):
            writer.append(SOME[1:2])

    assert len(stored_events(path)) == 1
    write().append(SOME[1:2])
    assert len(stored_events(path)) == 2


def test_a_folder_in_the_place_of_the_file_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StateUnwritable):
        Writer(tmp_path)


def test_the_folder_of_a_state_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "s.jsonl"

    Writer(path).close()

    assert path.exists()
