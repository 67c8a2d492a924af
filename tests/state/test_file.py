from __future__ import annotations

import io
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from manifest_uploader.errors import StateDamaged, StateMismatch, StateUnwritable
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.state import file as state_file
from manifest_uploader.state.events import Done
from manifest_uploader.state.file import Stored, Tail
from manifest_uploader.state.history import fold
from manifest_uploader.state.standing import standing_of
from manifest_uploader.state.writer import Writer
from tests.helpers import few_examples, pk, step_id
from tests.state.helpers import BINDING, EVENTS, FIRST, at, hostile, line, stored_events

BAD_FAILURES: tuple[Any, ...] = (
    *(None, 5, {}, [5], [{}], [{"message": "x"}], [{"socket": 5, "message": "x"}]),
    *([{"socket": None}], [{"socket": None, "message": "x", "source": 5}]),
)
EVENTS_IN_TIME = tuple(at(1.5, event) for event in EVENTS)


def test_there_is_nothing_without_a_file(path: Path) -> None:
    assert state_file.read(path) == Stored(None, ())


def test_a_sandbox_is_known_by_what_every_version_wrote_of_it() -> None:
    sandbox = replace(BINDING, platform="sandbox 0123abcd")

    assert state_file.sandbox_platform("0123abcd") == sandbox.platform
    assert (sandbox.is_sandbox, BINDING.is_sandbox) == (True, False)


def test_events_are_streamed_one_by_one(path: Path) -> None:
    path.write_text(FIRST + line(pk=pk(1)) * 2500 + "broken\n")

    found = state_file.stream(path)

    assert found.binding == BINDING
    assert next(found.events) == Done("a", step_id("a:create"), pk=pk(1), time=1.5)
    with pytest.raises(StateDamaged, match=r":2502: damaged"):
        list(found.events)


# ── torn, merged, edited ────────────────────────────────────────────────────────────────────


def test_a_torn_last_line_is_dropped(path: Path) -> None:
    path.write_text(FIRST + line(pk=pk(1)) + line(pk=pk(2))[:-5])

    assert stored_events(path) == [Done("a", step_id("a:create"), pk=pk(1))]


@pytest.mark.parametrize("cut", range(len(FIRST)))
def test_a_torn_first_line_is_a_new_file(path: Path, cut: int) -> None:
    path.write_text(FIRST[:cut])

    assert state_file.read(path) == Stored(None, ())


@pytest.mark.parametrize(
    "text",
    ["secret: important", '{"cases": []}', "\0\0\0", '{"format":"manifest-uploader st8"', "0"],
)
def test_a_file_of_another_program_is_left_alone(path: Path, text: str) -> None:
    path.write_text(text)

    with pytest.raises(StateDamaged, match="not a state file of uploader"):
        state_file.read(path)

    assert path.read_text() == text


def test_a_first_line_that_a_merge_repeated_is_passed_over(path: Path) -> None:
    path.write_text(FIRST + line(pk=pk(1)) + FIRST + line(pk=pk(2)) + FIRST)

    assert len(state_file.read(path).events) == 2


def test_states_of_two_targets_cannot_be_merged(path: Path) -> None:
    path.write_text(FIRST + line(pk=pk(1)) + FIRST.replace("lung", "brain"))

    with pytest.raises(StateDamaged, match=r":3: damaged: it was merged with the state of another"):
        state_file.read(path)


def test_blank_lines_and_windows_line_ends_do_no_harm(path: Path) -> None:
    text = "\n" + FIRST + "\n  \n" + line(pk=pk(1))
    path.write_bytes(text.replace("\n", "\r\n").encode())

    assert len(state_file.read(path).events) == 1


# ── damage ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "second",
    [
        *("not json\n", "[]\n", "5\n", "{\n", "null\n", '"x"\n', "{}\n", "[" * 100_000 + "\n"),
        *(line(event="danced"), line(event=None), line(event=["done"]), line(event=5)),
        *(line().replace('"time": 1.5, ', ""), line(time=0), line(time=[1.5])),
        *(line(time=None), line(time="now"), line(time=True), line(time=float("nan"))),
        *(line(time=float("inf")), line(time=10**400), line(case=None), line(case=5)),
        *(line(step=None), line(step=[]), line(event="started", step=None)),
        *(line(step=5), line(step={"case": "a"}), line(event="noticed", sessions=[pk(1), None])),
        *(line(event="failed", words="x", final=True, failures=one) for one in BAD_FAILURES),
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
    "spoilt",
    [
        line().encode().replace(b"{", b'{"\xff":1,'),
        line().encode().replace(b"{", b'{"\xc3":1,'),
        line().encode().replace(b'"a"', b'"\xff"'),
    ],
)
def test_bytes_that_are_no_text_are_damage(path: Path, spoilt: bytes) -> None:
    path.write_bytes(FIRST.encode() + spoilt + b"\n")

    with pytest.raises(StateDamaged, match=r":2: damaged: it is not an event"):
        state_file.read(path)


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

HOSTILE = 10_000


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
        found = fold(stored.events)
        assert all(standing_of(past) for past in found.cases.values())
        assert all(isinstance(name, str) for name in found.cases)

    assert damaged > HOSTILE / 5
    assert folded > HOSTILE / 5
    assert time.process_time() - started < 60


@few_examples
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


# ── those who watch ─────────────────────────────────────────────────────────────────────────


def test_a_growing_file_is_read_as_it_grows(path: Path, write: Callable[[], Writer]) -> None:
    tail = Tail(path)
    assert tail.look().events == ()
    write().append(EVENTS_IN_TIME[:2])
    assert tail.look().events == EVENTS_IN_TIME[:2]
    with path.open("ab") as file:
        file.write(line(pk=pk(1))[:10].encode())
    assert tail.look().events == ()
    with path.open("ab") as file:
        file.write(line(pk=pk(1))[10:].encode())

    found = tail.look()

    assert found.events == (Done("a", step_id("a:create"), pk=pk(1), time=1.5),)
    assert not found.replaced


def test_a_header_that_a_merge_repeated_is_passed_over_as_the_file_grows(path: Path) -> None:
    path.write_text(FIRST + "\n" + line(pk=pk(1)) + FIRST + line(pk=pk(2)))

    assert len(Tail(path).look().events) == 2


def test_another_file_in_its_place_is_read_anew(path: Path, write: Callable[[], Writer]) -> None:
    write().append(EVENTS_IN_TIME[:2])
    tail = Tail(path)
    tail.look()
    path.unlink()
    assert tail.look().replaced
    path.write_text(FIRST + line(pk=pk(1)))

    assert len(tail.look().events) == 1


def test_damage_is_told_while_the_file_grows(path: Path) -> None:
    path.write_text(FIRST + line(pk=pk(1)))
    tail = Tail(path)
    tail.look()
    with path.open("a") as file:
        file.write(line(pk=".."))

    with pytest.raises(StateDamaged, match=r":3: damaged: a wrong done event"):
        tail.look()


def test_what_is_no_file_is_never_watched(tmp_path: Path) -> None:
    with pytest.raises(StateUnwritable, match="not a regular file"):
        Tail(tmp_path).look()
