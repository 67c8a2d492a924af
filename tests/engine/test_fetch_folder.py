"""The folder of results remembers what was put there, and gives up nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from manifest_uploader.engine.fetch_folder import Folder, Put, opened
from manifest_uploader.errors import OutputLost, StateLocked, UsageError
from manifest_uploader.plan.fetched import RECORD


def test_a_table_is_replaced_as_long_as_nobody_else_wrote_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path)

    assert folder.put("t.csv", b"1", force=False) is Put.WRITTEN
    assert folder.put("t.csv", b"1", force=False) is Put.UNCHANGED
    assert folder.put("t.csv", b"2", force=False) is Put.WRITTEN
    (tmp_path / "t.csv").write_bytes(b"3")
    assert folder.put("t.csv", b"4", force=False) is Put.KEPT
    assert folder.put("t.csv", b"3", force=False) is Put.UNCHANGED
    assert folder.put("t.csv", b"4", force=False) is Put.WRITTEN
    (tmp_path / "t.csv").write_bytes(b"5")
    assert folder.put("t.csv", b"6", force=True) is Put.WRITTEN
    assert sorted(path.name for path in tmp_path.iterdir()) == [RECORD, "t.csv"]


def test_the_record_survives_lines_that_are_cut_short_or_of_other_versions(tmp_path: Path) -> None:
    Folder(tmp_path).put("t.csv", b"1", force=False)
    with (tmp_path / RECORD).open("ab") as file:
        file.write(b'{"other": 1}\n[]\n\xff\n{"name": "t.csv", "si')
    again = Folder(tmp_path)
    again.read()

    assert again.put("t.csv", b"2", force=False) is Put.WRITTEN

    last = Folder(tmp_path)
    last.read()
    assert last.as_left("t.csv") is not None
    assert last.put("t.csv", b"3", force=False) is Put.WRITTEN


def test_a_folder_is_made_and_held(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out"
    with opened(path, take_over=False, command="x --take-over") as folder:
        assert folder.path.is_dir()
        with pytest.raises(StateLocked), opened(path, take_over=False, command="x --take-over"):
            pass

    assert list(path.iterdir()) == []


def test_a_folder_that_cannot_be_one_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(UsageError, match="file"), opened(path, take_over=False, command=""):
            pass


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_folder_that_may_not_be_written_is_a_usage_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with (
        pytest.raises(UsageError, match="Permission denied"),
        opened(tmp_path, take_over=False, command=""),
    ):
        pass
    tmp_path.chmod(0o700)


def test_a_disk_that_takes_nothing_is_an_error_with_its_reason(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputLost, match="No space left on device"),
        opened(tmp_path, take_over=False, command=""),
    ):
        raise OSError(28, "No space left on device")
