"""Which machine a lock's holder ran on: known by an id, not by a name that networks change."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from msgspec.structs import asdict, replace

from manifest_uploader.errors import StateLocked
from manifest_uploader.state import lock, machine
from manifest_uploader.state.lock import Holder, held, holder_of
from manifest_uploader.state.machine import Machine, can_judge, platform_uuid, this_machine
from tests.simulated import System, simulated

LAPTOP = Machine("laptop", "id", "boot", "numbers")
IDS = {"id": "0123456789abcdef0123456789abcdef", "boot": "b", "numbers": "pid:[1]"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "lung.state.jsonl"


def leave_dead(state: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The lock of a run on this machine that was killed."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = psutil.Process(process.pid).create_time()
    process.communicate()
    path = state.with_name(state.name + ".lock")
    with held(state, take_over=False, command=""):
        told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "pid": process.pid, "start": start}))
    return path


# ── which machine ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("mine", "can"),
    [
        (LAPTOP, True),
        (replace(LAPTOP, host="laptop.hospital.example"), True),
        (replace(LAPTOP, boot="later"), True),
        (replace(LAPTOP, boot="later", host="node17"), False),  # a node with the same disk, perhaps
        (replace(LAPTOP, numbers="of a container"), False),
        (replace(LAPTOP, id="another"), False),
        (Machine("laptop"), True),
        (Machine("node17"), False),
    ],
)
def test_only_a_process_of_the_same_machine_can_judge(mine: Machine, can: bool) -> None:
    assert can_judge(LAPTOP, mine) is can


def test_without_a_boot_the_machine_is_enough() -> None:
    windows = Machine("pc", "guid")

    assert can_judge(windows, Machine("pc-in-the-clinic", "guid"))
    assert not can_judge(windows, Machine("pc", "another"))


def test_a_lock_of_an_earlier_version_is_judged_by_the_name() -> None:
    assert can_judge(Machine("laptop"), LAPTOP)
    assert not can_judge(Machine("node17"), LAPTOP)


def test_an_id_is_never_written_as_it_is() -> None:
    found = this_machine("laptop", IDS)

    assert not any(
        raw in text for raw in IDS.values() if len(raw) > 1 for text in asdict(found).values()
    )
    assert found == this_machine("laptop", IDS)
    assert found.id != this_machine("laptop", {**IDS, "id": "other"}).id


def test_the_id_of_a_mac_is_read_from_what_its_registry_tells() -> None:
    told = (
        '  | {\n  |   "IOPlatformUUID" = "0C9B6DF5-7E1B-5B1C-9A1B-0123456789AB"\n  |   "x" = <00>\n'
    )

    assert platform_uuid(told) == "0C9B6DF5-7E1B-5B1C-9A1B-0123456789AB"
    assert platform_uuid("") == ""


def test_this_machine_has_an_id_or_does_without() -> None:
    found = this_machine("x")

    assert all(len(text) in {0, 24} for text in (found.id, found.boot, found.numbers))


# ── locks ───────────────────────────────────────────────────────────────────────────────────


def test_a_dead_run_is_known_after_the_network_gave_another_name(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "raw_ids", lambda: IDS)
    leave_dead(state, monkeypatch)
    monkeypatch.setattr(socket, "gethostname", lambda: "laptop.hospital.example")

    assert holder_of(state) is None
    with held(state, take_over=False, command=""):
        pass


def test_a_run_on_another_machine_of_the_same_name_is_not_taken_for_dead(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "raw_ids", lambda: IDS)
    leave_dead(state, monkeypatch)
    monkeypatch.setattr(machine, "raw_ids", lambda: {**IDS, "id": "another"})

    with pytest.raises(StateLocked), held(state, take_over=False, command=""):
        pass


def test_locks_of_earlier_versions_are_understood(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = leave_dead(state, monkeypatch)
    told = json.loads(path.read_text())
    del told["machine"]
    path.write_text(json.dumps(told))

    assert holder_of(state) is None


def test_locks_of_later_versions_are_understood(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = leave_dead(state, monkeypatch)
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"new": 5, "machine": told["machine"] | {"new": 6}}))

    assert holder_of(state) is None


def test_a_lock_tells_no_id(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "raw_ids", lambda: IDS)

    with held(state, take_over=False, command=""):
        text = state.with_name(state.name + ".lock").read_text()

    assert IDS["id"] not in text
    assert this_machine("", IDS).id in text


# ── files in use ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [5, 32])
def test_a_lock_that_is_in_use_for_a_moment_is_removed(state: Path, number: int) -> None:
    notes: list[str] = []

    with (
        simulated(System(in_use=4, opened=2, winerror=number)),
        held(state, take_over=False, command="", note=notes.append),
    ):
        pass

    assert (notes, list(state.parent.iterdir())) == ([], [])


def test_a_lock_that_stays_in_use_leaves_a_note_and_no_error(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manifest_uploader.system.disk.PATIENCE_S", 0.05)
    notes: list[str] = []

    with (
        simulated(System(in_use=10**6, only=".lock")),
        held(state, take_over=False, command="", note=notes.append),
    ):
        pass

    [note] = notes
    assert note.endswith(
        "lung.state.jsonl.lock could not be removed: another program has it open; "
        "the next run on this computer removes it"
    )
    assert isinstance(lock._read(state.with_name(state.name + ".lock")), Holder)
