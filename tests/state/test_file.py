from __future__ import annotations

import io
import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from manifest_uploader.errors import StateDamaged, StateMismatch, StateUnwritable
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.platform.model import Entry
from manifest_uploader.state import file as state_file
from manifest_uploader.state.events import (
    Adopted,
    Checked,
    Confirmed,
    Done,
    Event,
    Failed,
    Gone,
    ImportFailed,
    Noticed,
    Opened,
    Paused,
    Renamed,
    Started,
    Unsure,
)
from manifest_uploader.state.file import Binding, Stored, Tail, Writer
from manifest_uploader.state.history import fold
from manifest_uploader.state.standing import standing_of
from tests.helpers import STUDY, pk, some

BINDING = Binding("host/api/v1/", STUDY.kind, STUDY.slug, STUDY.pk)
FIRST = (
    '{"format":"manifest-uploader state","version":1,"platform":"host/api/v1/",'
    f'"target":{{"kind":"reader-study","slug":"lung","pk":"{STUDY.pk}"}}}}\n'
)
HOSTILE = 10_000

ENTRIES = (
    Entry("ct-image", None, stat="s", upload=pk(7), content="files:1", before="11"),
    Entry("some-score", "json:1"),
)
EVENTS: tuple[Event, ...] = (
    Started("a", "a/ct-image", "ct-image"),
    Started("a", "a:create", title="uploading-1", order=0),
    Started("a", "a:fill", title="", order=5, entries=ENTRIES, temporary="uploading-1"),
    Started("a", "a:fill", repeated=True),
    Opened("a", "a/ct-image", "ct-image", pk(7), "s.i~d-_", 8, "stat:1:x"),
    Done("a", "a/ct-image", "ct-image", pk(7), "s", "files:1", "ab", 5, 1),
    Done("a", "a:create", pk=pk(1)),
    Done("a", "a:fill", pk=pk(1)),
    Failed("a", "a:fill", None, "", final=False),
    Failed("a", "a/ct-image", "ct-image", "Nö \x1b[2J \ud800", final=True),
    Unsure("a", "a:fill", "why"),
    Paused("a", "a/ct-image", "ct-image", "too many", size_limit=True),
    Confirmed("a", "a/some-score", "some-score", "json:ab/c"),
    Confirmed("a", "a/some-score", "some-score", None),
    ImportFailed("a", "a/ct-image", "ct-image", "No image.", "a.mha", lost=True),
    Checked("a", "a/ct-image", "ct-image", "s"),
    Gone("a", "a", pk(1), anew=True),
    Adopted("a", "a", pk(1), "A", ENTRIES),
    Renamed("b", "b", was="a"),
    Noticed((pk(1), pk(2))),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lung.state.jsonl"


@pytest.fixture
def write(path: Path) -> Iterator[Callable[..., Writer]]:
    """Writers of the state file, bound to the study; closed with the test."""
    writers: list[Writer] = []

    def make(**more: Any) -> Writer:
        writers.append(Writer(path, **more))
        writers[-1].bind(state_file.read(path), BINDING.platform, STUDY)
        return writers[-1]

    yield make
    for one in writers:
        one.close()


def events_of(path: Path) -> list[Event]:
    return [record.event for record in state_file.read(path).records]


def line(**fields: Any) -> str:
    """A line of the file; what is None stands in it as null."""
    return (
        json.dumps({"time": 1.5, "event": "done", "case": "a", "step": "a:create"} | fields) + "\n"
    )


# ── what is written is read ─────────────────────────────────────────────────────────────────


def test_every_event_comes_back_as_it_was(path: Path, write: Callable[..., Writer]) -> None:
    write(clock=lambda: 1234.5678).record(EVENTS)

    found = state_file.read(path)

    assert found.binding == BINDING
    assert [record.event for record in found.records] == [_kept(event) for event in EVENTS]
    assert {record.time for record in found.records} == {1234.568}


def _kept(event: Event) -> Event:
    """The step of an entry is not kept: it is over by then."""
    if isinstance(event, Started | Adopted):
        return replace(event, entries=tuple(replace(one, step=None) for one in event.entries))
    return event


texts = st.text(max_size=20)


@some
@given(texts, texts, st.none() | texts, st.booleans())
def test_any_words_are_kept(
    tmp_path_factory: pytest.TempPathFactory, case: str, words: str, socket: str | None, final: bool
) -> None:
    path = tmp_path_factory.mktemp("state") / "s.jsonl"
    event = Failed(case, f"{case}:fill", socket, words, final)

    writer = Writer(path)
    writer.bind(Stored(None, ()), BINDING.platform, STUDY)
    writer.record([event])
    writer.close()

    assert events_of(path) == [event]
    assert path.read_bytes().count(b"\n") == 2
    assert path.read_bytes().isascii()


def test_a_line_holds_only_what_is_not_plain(path: Path, write: Callable[..., Writer]) -> None:
    write(clock=lambda: 1.0).record([Done("a", "a:create", pk=pk(1))])

    assert path.read_text() == FIRST + (
        f'{{"time":1.0,"event":"done","case":"a","step":"a:create","pk":"{pk(1)}"}}\n'
    )


def test_there_is_nothing_without_a_file(path: Path) -> None:
    assert state_file.read(path) == Stored(None, ())


def test_a_second_run_appends(path: Path, write: Callable[..., Writer]) -> None:
    write().record(EVENTS[:2])
    write().record(EVENTS[2:4])

    assert path.read_text().startswith(FIRST)
    assert len(events_of(path)) == 4


# ── torn, merged, edited ────────────────────────────────────────────────────────────────────


def test_a_torn_last_line_is_dropped_and_cut_off(path: Path, write: Callable[..., Writer]) -> None:
    path.write_text(FIRST + line(pk=pk(1)) + line(pk=pk(2))[:-5])

    assert [event.pk for event in events_of(path)] == [pk(1)]  # type: ignore[union-attr]
    write().record(EVENTS[:1])
    assert len(events_of(path)) == 2


@pytest.mark.parametrize("cut", range(len(FIRST)))
def test_a_torn_first_line_is_a_new_file(path: Path, cut: int) -> None:
    path.write_text(FIRST[:cut])

    assert state_file.read(path) == Stored(None, ())
    writer = Writer(path)
    writer.bind(state_file.read(path), BINDING.platform, STUDY)
    writer.close()
    assert path.read_text() == FIRST


@pytest.mark.parametrize(
    "text",
    ["secret: important", '{"cases": []}', "\0\0\0", '{"format":"manifest-uploader st8"', "0"],
)
def test_a_file_of_another_program_is_left_alone(path: Path, text: str) -> None:
    path.write_text(text)

    with pytest.raises(StateDamaged, match="not a state file of uploader"):
        state_file.read(path)

    assert path.read_text() == text


def test_a_long_tail_is_cut_off_at_the_last_whole_line(
    path: Path, write: Callable[..., Writer]
) -> None:
    path.write_bytes(FIRST.encode() + line(pk=pk(1)).encode() + b"x" * 200_000)

    write()

    assert path.read_text() == FIRST + line(pk=pk(1))


def test_a_first_line_that_a_merge_repeated_is_passed_over(path: Path) -> None:
    path.write_text(FIRST + line(pk=pk(1)) + FIRST + line(pk=pk(2)) + FIRST)

    assert len(state_file.read(path).records) == 2


def test_states_of_two_targets_cannot_be_merged(path: Path) -> None:
    path.write_text(FIRST + line(pk=pk(1)) + FIRST.replace("lung", "brain"))

    with pytest.raises(StateDamaged, match=r":3: damaged: it was merged with the state of another"):
        state_file.read(path)


def test_blank_lines_and_windows_line_ends_do_no_harm(path: Path) -> None:
    text = "\n" + FIRST + "\n  \n" + line(pk=pk(1))
    path.write_bytes(text.replace("\n", "\r\n").encode())

    assert len(state_file.read(path).records) == 1


# ── damage ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "second",
    [
        *("not json\n", "[]\n", "5\n", "{\n", "null\n", '"x"\n', "{}\n", "[" * 100_000 + "\n"),
        *(line(event="danced"), line(event=None), line(event=["done"]), line(event=5)),
        *(line(time=None), line(time="now"), line(time=True), line(time=float("nan"))),
        *(line(time=float("inf")), line(time=10**400), line(case=None), line(case=5)),
        *(line(step=None), line(step=[]), line(event="started", step=None)),
        *(line(pk=".."), line(pk="x"), line(pk=5), line(pk=pk(1) + "/"), line(pk="?limit=1")),
        *(line(event="gone", item="../../users"), line(event="gone"), line(size=-1)),
        *(line(size=True), line(size=2**63), line(size="5"), line(event="renamed")),
        *(line(event="renamed", was=None), line(event="opened", socket="x", pk=pk(1))),
        *(line(event="failed", words="x", final="yes"), line(event="failed", words="x")),
        *(line(event="started", entries={"a": 1}), line(event="started", entries=5)),
        *(line(event="started", entries=[5]), line(event="started", entries=[{}])),
        *(line(event="started", entries=[{"socket": "x", "upload": "../"}]),),
        *(line(event="started", entries=[[]]), line(event="noticed", sessions=["x"])),
        *(line(event="noticed"), line(event="noticed", sessions=5), line(event="confirmed")),
        line(
            event="opened",
            socket="x",
            pk=pk(1),
            storage_id="../x",
            part_size=8,
            stat="s",
        ),
    ],
)  # fmt: skip
def test_a_line_that_we_did_not_write_is_damage_with_its_number(path: Path, second: str) -> None:
    path.write_text(FIRST + second + line(pk=pk(1)), encoding="utf-8")

    with pytest.raises(StateDamaged, match=r"state\.jsonl:2: damaged: ") as caught:
        state_file.read(path)

    assert "restore the file" in (caught.value.hint or "")
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize(
    "first",
    [
        *("{}\n", '{"format":"other"}\n', line(), FIRST.replace('"version":1', '"version":2')),
        *(FIRST.replace("reader-study", "galaxy"), FIRST.replace('"lung"', "5")),
        *(FIRST.replace('"host/api/v1/"', "null"), FIRST.replace('"target"', '"goal"')),
        FIRST.replace('"kind":"reader-study"', '"kind":["reader-study"]'),
    ],
)
def test_a_first_line_that_is_not_ours_is_damage(path: Path, first: str) -> None:
    path.write_text(first)

    with pytest.raises(StateDamaged, match=r":1: damaged: "):
        state_file.read(path)


def test_lines_are_told_by_their_own_number_in_a_long_file(path: Path) -> None:
    path.write_text(FIRST + line(pk=pk(1)) * 2500 + "broken\n" + line(pk=pk(1)) * 50)

    with pytest.raises(StateDamaged, match=r":2502: damaged"):
        state_file.read(path)


def test_what_is_no_file_is_never_read(tmp_path: Path) -> None:
    with pytest.raises(StateUnwritable):
        state_file.read(tmp_path)


def test_a_state_of_another_platform_or_target_is_not_used(path: Path) -> None:
    stored = Stored(BINDING, ())
    state_file.check(stored, BINDING, path)
    state_file.check(Stored(None, ()), BINDING, path)

    for other in (
        replace(BINDING, platform="elsewhere/api/v1/"),
        replace(BINDING, kind=TargetKind.ARCHIVE),
        replace(BINDING, slug="brain"),
        replace(BINDING, pk=pk(5)),
    ):
        with pytest.raises(StateMismatch, match="belongs to the") as caught:
            state_file.check(stored, other, path)
        assert "--state" in (caught.value.hint or "")


# ── hostile files ───────────────────────────────────────────────────────────────────────────

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 5, 2**70, 1e308, float("nan"), "", "..", "a", pk(1), pk(7)),
    *([], {}, [[]], [None], {"socket": "x"}, [{"socket": "x", "upload": 5}], "x" * 5000, "\ud800"),
)
LINES = tuple(json.dumps({"time": 1} | state_file.event_json(event)) + "\n" for event in EVENTS)
NAMES = ("done", "started", "opened", "failed", "confirmed", "import-failed", "gone", "adopted")


def hostile(chance: random.Random) -> bytes:
    """A state file that somebody spoilt: fields, lines, bytes."""
    text = [FIRST, *chance.choices(LINES, k=4)]
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text))
        text[at] = _spoilt(text[at], chance)
    data = "".join(text).encode(errors="surrogatepass")
    if chance.random() < 0.2:
        at = chance.randrange(len(data))
        data = data[:at] + chance.randbytes(3) + data[at + chance.randint(0, 5) :]
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
        key = chance.choice([*obj, "pk", "entries", "event", "order", "words", "step"])
        if way == 0:
            obj.pop(key, None)
        else:
            obj[key] = chance.choice(NAMES) if key == "event" else chance.choice(ODD)
        return json.dumps(obj) + "\n"
    if way == 5:
        return text[: chance.randint(0, len(text))]
    return text + chance.choice(["\n", FIRST, "[", "}{\n", "\0\n", '{"a":1},{"b":2}\n', " " * 3000])


class InMemory:
    """A path whose file costs the disk nothing."""

    def __init__(self, like: Path) -> None:
        self.stat = like.stat
        self.data = b""

    def open(self, _: str) -> io.BytesIO:
        return io.BytesIO(self.data)


def test_hostile_files_are_damage_or_fold(path: Path) -> None:
    path.touch()
    file: Any = InMemory(path)
    chance = random.Random(4)
    damaged = folded = 0
    started = time.process_time()

    for _ in range(HOSTILE):
        file.data = hostile(chance)
        try:
            stored = state_file.read(file)
            state_file.check(stored, BINDING, path)
        except (StateDamaged, StateMismatch):
            damaged += 1
            continue
        folded += 1
        found = fold(stored.records)
        assert all(standing_of(past) for past in found.cases.values())
        assert all(isinstance(name, str) for name in found.cases)

    assert damaged > HOSTILE / 5
    assert folded > HOSTILE / 5
    assert time.process_time() - started < 60


@some
@given(st.binary(max_size=300))
@example(b"\n")
@example(b"\r\n\n")
def test_any_bytes_are_damage_or_a_new_file(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("state") / "s.jsonl"
    path.write_bytes(data)

    try:
        found = state_file.read(path)
    except StateDamaged:
        return

    assert found == Stored(None, ())


# ── the disk ────────────────────────────────────────────────────────────────────────────────


def test_lines_reach_the_system_at_once_and_the_disk_soon(
    write: Callable[..., Writer], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    writer = write()
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(len(events_of(path))))
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)

    writer.record(EVENTS[:1])
    writer.tick()
    assert (len(events_of(path)), synced) == (1, [])
    now += 0.6
    writer.tick()
    writer.tick()
    assert synced == [1]


def test_whoever_waits_waits_for_all_that_was_written_before(
    write: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    writer = write()
    monkeypatch.setattr(os, "fsync", synced.append)

    writer.record(EVENTS[:1])
    writer.sync()
    writer.sync()

    assert len(synced) == 1


def test_threads_that_wait_together_share_one_sync(
    write: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = write()
    begun, go = threading.Event(), threading.Event()
    syncs: list[int] = []

    def slow(handle: int) -> None:
        syncs.append(handle)
        begun.set()
        assert go.wait(10)

    monkeypatch.setattr(os, "fsync", slow)
    writer.record(EVENTS[:1])
    first = threading.Thread(target=writer.sync)
    first.start()
    assert begun.wait(10)
    writer.record(EVENTS[1:2])
    others = [threading.Thread(target=writer.sync) for _ in range(5)]
    for thread in others:
        thread.start()
    go.set()
    for thread in (first, *others):
        thread.join(10)

    assert len(syncs) == 2


@pytest.mark.parametrize("act", ["record", "sync"])
def test_a_disk_that_does_not_take_it_stops_the_run(
    write: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    writer = write()

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    def keep() -> None:
        writer.record(EVENTS[:1])
        writer.sync()

    with monkeypatch.context() as patched:
        patched.setattr(os, "write" if act == "record" else "fsync", full)
        with pytest.raises(StateUnwritable, match="cannot be written: No space left") as caught:
            keep()

    assert "run the same command" in (caught.value.hint or "")


def test_half_a_line_on_a_full_disk_is_gone_on_from(
    path: Path, write: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = write()
    writer.record(EVENTS[:1])
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
            writer.record(EVENTS[1:2])

    assert len(events_of(path)) == 1
    write().record(EVENTS[1:2])
    assert len(events_of(path)) == 2


def test_a_folder_in_the_place_of_the_file_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StateUnwritable):
        Writer(tmp_path)


def test_the_folder_of_a_state_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "s.jsonl"

    Writer(path).close()

    assert path.exists()


# ── those who watch ─────────────────────────────────────────────────────────────────────────


def test_a_growing_file_is_read_as_it_grows(path: Path, write: Callable[..., Writer]) -> None:
    tail = Tail(path)
    assert tail.look().records == ()
    writer = write()
    writer.record(EVENTS[:2])
    assert [record.event for record in tail.look().records] == list(EVENTS[:2])
    with path.open("ab") as file:
        file.write(line(pk=pk(1))[:10].encode())
    assert tail.look().records == ()
    with path.open("ab") as file:
        file.write(line(pk=pk(1))[10:].encode())

    found = tail.look()

    assert [record.event for record in found.records] == [Done("a", "a:create", pk=pk(1))]
    assert not found.anew


def test_another_file_in_its_place_is_read_anew(path: Path, write: Callable[..., Writer]) -> None:
    write().record(EVENTS[:2])
    tail = Tail(path)
    tail.look()
    path.unlink()
    assert tail.look().anew
    path.write_text(FIRST + line(pk=pk(1)))

    assert len(tail.look().records) == 1
