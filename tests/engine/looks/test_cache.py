"""What was found out about files is remembered, and never more than was found out."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from manifest_uploader.engine.looks.cache import Cache, value_key
from manifest_uploader.engine.looks.looker import look_cache
from manifest_uploader.files.looks import Flaw, FlawKind, Format
from manifest_uploader.plan.series_findings import SeriesFinding, SeriesKind, SeriesVerdict
from manifest_uploader.plan.value_look import FileFlaw, FormatSeen, NamedIn, Strays, ValueLook

LONG_AGO = 1e9
LOOK = ValueLook(
    6,
    6,
    formats=(FormatSeen(Format.DICOM, 6, "IM1"),),
    flaws=(FileFlaw("é\n", Flaw(FlawKind.CUT, 9, 3, "bytes")),),
    names=(NamedIn("PatientID", 6, "IM1"),),
    series=SeriesVerdict((SeriesFinding(SeriesKind.GAP, ("IM1", "IM2"), step_mm=0.1),), slices=6),
    strays=Strays((0, 1), None),
)


class Note(Struct, frozen=True):
    text: str


def notes(path: Path | None, rules: str = "notes 1") -> Cache[Note]:
    return Cache(path, Note, rules=rules)


def remember(path: Path | None, **texts: str) -> None:
    """Let a command find out these texts, by value."""
    cache = notes(path)
    for value, text in texts.items():
        cache.put(value, "stat:1", Note(text), changed=LONG_AGO)
    cache.close()


def remembered(path: Path | None, *values: str) -> list[str | None]:
    """What a later command knows."""
    cache = notes(path)
    found = [cache.get(value, "stat:1") for value in values]
    cache.close()
    return [one.text if one is not None else None for one in found]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lung.looks.jsonl"


def test_a_look_is_remembered_as_it_was(path: Path) -> None:
    cache = look_cache(path)
    cache.put("a", "stat:1", LOOK, changed=LONG_AGO)
    cache.close()

    assert look_cache(path).get("a", "stat:1") == LOOK
    assert look_cache(path).get("a", "stat:2") is None
    assert look_cache(path).get("b", "stat:1") is None


def test_a_name_that_is_no_text_is_not_remembered(path: Path) -> None:
    """Archives may hold any bytes as names."""
    remember(path, a="n\udcff.txt", b="second")

    assert remembered(path, "a", "b") == [None, "second"]


def test_a_later_command_adds_to_what_earlier_ones_found(path: Path) -> None:
    remember(path, a="first", b="second")
    before = path.read_bytes()

    remember(path, b="third", c="fourth")

    assert remembered(path, "a", "b", "c") == ["first", "third", "fourth"]
    assert path.read_bytes().startswith(before), "it is appended to"


def test_a_command_that_finds_nothing_new_writes_nothing(path: Path) -> None:
    remember(path, a="first")
    before = path.stat()

    assert remembered(path, "a") == ["first"]

    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert remembered(path.with_name("none"), "a") == [None]
    assert not path.with_name("none").exists()


def test_within_one_command_it_is_known_at_once(path: Path) -> None:
    cache = notes(path)

    cache.put("a", "stat:1", Note("first"), changed=LONG_AGO)

    assert cache.get("a", "stat:1") == Note("first")
    cache.close()


# ── what is not remembered ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("ago", "kept"), [(0, False), (1.5, False), (60, True), (-60, False)])
def test_files_that_changed_just_now_are_not_remembered(path: Path, ago: float, kept: bool) -> None:
    """They may change again within the same time stamp; one in the future tells nothing."""
    cache = notes(path)
    cache.put("a", "stat:1", Note("first"), changed=time.time() - ago)
    cache.close()

    assert remembered(path, "a") == ["first" if kept else None]


def test_what_was_found_out_otherwise_is_forgotten(path: Path) -> None:
    remember(path, a="first")
    other = notes(path, "notes 2")
    assert other.get("a", "stat:1") is None
    other.put("b", "stat:1", Note("second"), changed=LONG_AGO)
    other.close()

    assert notes(path, "notes 2").get("b", "stat:1") == Note("second")
    assert remembered(path, "a", "b") == [None, None]


def test_without_a_path_nothing_is_remembered() -> None:
    remember(None, a="first")

    assert remembered(None, "a") == [None]


# ── damage ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_line_that_was_cut_off_costs_only_itself(path: Path, cut: int) -> None:
    remember(path, a="first", b="second")
    path.write_bytes(path.read_bytes()[:-cut])

    assert remembered(path, "a") == ["first"]
    remember(path, b="second", c="third")
    assert remembered(path, "a", "b", "c") == ["first", "second", "third"]


DEEP = b'{"value":"b","stat":"stat:1","found":' + b"[" * 100_000


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"\x00" * 50, b"\xff\xfe", b"[]", b"null", b'{"value": 5}', DEEP),
        b'{"value":"b","stat":"stat:1","found":{"text":5}}',
        b'{"value":"b","stat":"stat:1","found":{"text":"\xff"}}',
    ],
    ids=range(9),
)
def test_a_damaged_line_is_passed_over(path: Path, line: bytes) -> None:
    remember(path, a="first")
    with path.open("ab") as file:
        file.write(line + b"\n")
    remember(path, c="third")

    assert remembered(path, "a", "b", "c") == ["first", None, "third"]


@pytest.mark.parametrize("data", [b"", b"\n", b"\x89PNG\r\n", b'{"rules": 5}\n', b"[1]\n", b"{"])
def test_a_file_that_is_something_else_is_begun_anew(path: Path, data: bytes) -> None:
    path.write_bytes(data)

    assert remembered(path, "a") == [None]
    assert path.read_bytes() == data, "not before there is something to remember"
    remember(path, a="first")
    assert remembered(path, "a") == ["first"]


def test_a_folder_that_cannot_be_written_has_no_cache(path: Path, tmp_path: Path) -> None:
    """The path is a folder's, and one in a folder that does not exist."""
    path.mkdir()

    for one in (path, tmp_path / "nowhere" / "lung.looks.jsonl"):
        remember(one, a="first")
        assert remembered(one, "a") == [None]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_disk_that_is_full_ends_nothing(path: Path) -> None:
    import resource

    texts = {f"v{number}": "x" * 1000 for number in range(50)}
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
    try:
        remember(path, **texts)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)

    assert path.stat().st_size <= 5000
    assert remembered(path, "v0", "v49") == [texts["v0"], None]
    remember(path, **texts)
    assert None not in remembered(path, *texts)


def test_lines_that_were_replaced_are_removed_some_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manifest_uploader.engine.looks.cache._STALE", 10)
    for number in range(30):
        remember(path, a=f"{number}", b="same")

    assert len(path.read_bytes().splitlines()) <= 2 * (1 + 2 + 10)
    assert remembered(path, "a", "b") == ["29", "same"]


def test_two_commands_at_a_time_break_nothing(path: Path) -> None:
    remember(path, a="first")
    one, other = notes(path), notes(path)
    one.put("b", "stat:1", Note("second"), changed=LONG_AGO)
    other.put("c", "stat:1", Note("third"), changed=LONG_AGO)
    one.close()
    other.close()

    assert remembered(path, "a", "b", "c") == ["first", "second", "third"]


# ── what a value is remembered by ───────────────────────────────────────────────────────────


def test_a_value_is_remembered_by_where_its_files_are_searched() -> None:
    paths: list[tuple[str, tuple[str, ...]]] = [
        ("/data", ("ct/*.dcm",)),
        ("/data2", ("ct/*.dcm",)),
        ("/data", ("ct/*.dcm", "0")),
        ("/data", ("ct", "*.dcm")),
        ("/data\udce9", ("ct\udce9",)),
    ]

    keys = [value_key(root, names) for root, names in paths]

    assert len(set(keys)) == len(paths)
    assert keys == [value_key(root, names) for root, names in paths]


def test_no_path_and_no_root_stands_in_the_file(path: Path) -> None:
    key = value_key("/data/jane", ("doe/ct",))
    remember(path, **{key: "x"})

    lines: list[dict[str, Any]] = [json.loads(line) for line in path.read_bytes().splitlines()]

    assert [set(line) for line in lines] == [{"rules"}, {"value", "stat", "found"}]
    assert "doe" not in path.read_text()
