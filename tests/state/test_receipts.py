from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.errors import StateUnwritable
from manifest_uploader.state.receipts import Receipt, Receipts, read
from tests.helpers import pk

ONE = Receipt("a", "ct-image", pk(7), (("IM1.dcm", "0" * 64, 5), ("Ü.dcm", "1" * 64, 6)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lung.receipts.jsonl"


def write(path: Path, *receipts: Receipt) -> None:
    found = Receipts(path)
    for one in receipts:
        found.add(one)
    found.close()


def test_a_receipt_names_every_file_with_its_sha256(path: Path) -> None:
    write(path, ONE)

    line = json.loads(path.read_text())
    assert line.pop("time") > 1.7e9
    assert line == {
        "case": "a",
        "socket": "ct-image",
        "upload": pk(7),
        "files": [
            {"name": "IM1.dcm", "sha256": "0" * 64, "size": 5},
            {"name": "Ü.dcm", "sha256": "1" * 64, "size": 6},
        ],
    }


def test_receipts_of_later_runs_are_added(path: Path) -> None:
    write(path, ONE)
    write(path, ONE)

    assert list(read(path)) == [ONE, ONE]


def test_a_receipt_behind_a_torn_line_is_whole(path: Path) -> None:
    path.write_text('{"time": 1, "case": "tor')

    write(path, ONE)

    assert list(read(path)) == [ONE]


def test_nothing_is_written_unless_asked_for(tmp_path: Path) -> None:
    receipts = Receipts(None)
    receipts.add(ONE)
    receipts.close()

    assert list(tmp_path.iterdir()) == []


def test_threads_do_not_write_into_each_others_lines(path: Path) -> None:
    receipts = Receipts(path)

    def add_many() -> None:
        for _ in range(50):
            receipts.add(ONE)

    threads = [threading.Thread(target=add_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    receipts.close()

    assert list(read(path)) == [ONE] * 200


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "5", "{}", '{"files": 5}', '{"case": "a", "files": [{}]}', "[" * 9999]
)
def test_lines_that_are_no_receipts_are_passed_over(path: Path, line: str) -> None:
    path.write_text(line + "\n")
    write(path, ONE)

    assert list(read(path)) == [ONE]


def test_there_are_none_without_a_file(path: Path) -> None:
    assert list(read(path)) == []


def test_a_folder_in_their_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(StateUnwritable, match="cannot be written"):
        Receipts(tmp_path)
    with pytest.raises(StateUnwritable, match="cannot be read"):
        list(read(tmp_path))


def test_a_full_disk_is_told_as_such(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    receipts = Receipts(path)

    class Full:
        def write(self, _: str) -> Any:
            raise OSError(28, "No space left on device")

        flush = close = lambda self: None

    with monkeypatch.context() as patched:
        patched.setattr(receipts, "_file", Full())
        with pytest.raises(StateUnwritable, match="No space left"):
            receipts.add(ONE)
    receipts.close()
