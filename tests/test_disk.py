r"""Files as every system allows: in use for a moment, under long paths, without numbers."""

from __future__ import annotations

import errno
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.system import disk
from tests.simulated import System, in_use, install


class Late:
    """Succeeds after a few failures."""

    def __init__(self, times: int, error: OSError) -> None:
        self.left, self.error = times, error

    def __call__(self) -> str:
        if self.left:
            self.left -= 1
            raise self.error
        return "done"


# ── patience ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [5, 32, 33])
def test_a_file_that_is_in_use_is_tried_again(number: int) -> None:
    assert disk.patiently(Late(3, in_use(number))) == "done"


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "PATIENCE_S", 0.0)

    with pytest.raises(PermissionError):
        disk.patiently(Late(2, in_use()))


@pytest.mark.parametrize("number", [2, 3, 112])
def test_what_no_waiting_helps_is_not_tried_again(number: int) -> None:
    with pytest.raises(PermissionError):
        disk.patiently(Late(1, in_use(number)))


def test_denied_access_may_be_use_on_windows_only() -> None:
    """What opens files there gives no number of Windows."""
    denied = PermissionError(errno.EACCES, "Permission denied")

    assert disk.is_in_use(denied, windows=True)
    assert not disk.is_in_use(denied, windows=False)


def test_files_in_use_are_read_replaced_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"1")
    other.write_bytes(b"2")
    install(System(in_use=2, opened=2), monkeypatch)

    assert disk.read_bytes(one) == b"1"
    disk.replace(one, other)
    assert other.read_bytes() == b"1"
    assert disk.could_remove(other)
    assert disk.could_remove(other), "it is gone already"
    assert list(tmp_path.iterdir()) == []


# ── reasons ─────────────────────────────────────────────────────────────────────────────────


def _without_words(number: int | None = None) -> OSError:
    error = OSError("what the system said")
    error.errno = number
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (in_use(32), "another program has it open"),
        (in_use(5), "Permission denied"),
        (in_use(206), "the name is too long"),
        (in_use(9999), in_use().strerror),
        (_without_words(errno.EACCES), "Permission denied"),
        (_without_words(), "the system gives no reason"),
        (_without_words(10060), "the system gives no reason"),
        (OSError(10060, "Unknown error 10060"), "the system gives no reason"),
    ],
)
def test_a_reason_is_in_words_whatever_the_error_lacks(error: OSError, words: str) -> None:
    assert disk.reason(error) == words


# ── the disk itself ─────────────────────────────────────────────────────────────────────────


class Fcntl(types.ModuleType):
    """macOS's, which brings files through the drive's own memory."""

    F_FULLFSYNC = 51

    def __init__(self, error: OSError | None = None) -> None:
        super().__init__("fcntl")
        self.asked: list[int] = []
        self.error = error

    def fcntl(self, handle: int, command: int) -> None:
        self.asked.append(command)
        if self.error is not None:
            raise self.error


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The handles that were synced as usual."""
    handles: list[int] = []
    monkeypatch.setattr(os, "fsync", handles.append)
    return handles


def test_on_macos_files_are_brought_through_the_drives_memory(
    monkeypatch: pytest.MonkeyPatch, synced: list[int]
) -> None:
    mac = Fcntl()
    monkeypatch.setitem(sys.modules, "fcntl", mac)

    disk.sync(7)

    assert (mac.asked, synced) == ([Fcntl.F_FULLFSYNC], [])


def test_a_network_drive_without_that_is_synced_as_usual(
    monkeypatch: pytest.MonkeyPatch, synced: list[int]
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", Fcntl(OSError(errno.ENOTSUP, "not supported")))

    disk.sync(7)

    assert synced == [7]


def test_a_full_disk_is_not_hidden(monkeypatch: pytest.MonkeyPatch, synced: list[int]) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", Fcntl(OSError(errno.ENOSPC, "full")))

    with pytest.raises(OSError, match="full"):
        disk.sync(7)
    assert synced == []


def test_windows_has_no_such_module(monkeypatch: pytest.MonkeyPatch, synced: list[int]) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)

    disk.sync(7)

    assert synced == [7]


# ── long paths ──────────────────────────────────────────────────────────────────────────────

DEEP = "\\".join(["a" * 50] * 5)
DEEP_POSIX = DEEP.replace("\\", "/")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("C:\\a", "C:\\a"),
        ("a\\b", "a\\b"),
        (f"C:\\{DEEP}", f"\\\\?\\C:\\{DEEP}"),
        (f"C:/{DEEP_POSIX}/./x/..", f"\\\\?\\C:\\{DEEP}"),
        (f"\\\\server\\share\\{DEEP}", f"\\\\?\\UNC\\server\\share\\{DEEP}"),
        (f"\\\\?\\C:\\{DEEP}", f"\\\\?\\C:\\{DEEP}"),
        (DEEP_POSIX, f"\\\\?\\D:\\here\\{DEEP}"),
    ],
)
def test_long_paths_get_the_prefix_of_windows(path: str, found: str) -> None:
    assert disk.prefixed(path, here="D:\\here") == found


@pytest.mark.parametrize("path", ["C:\\a", f"C:\\{DEEP}", f"\\\\server\\share\\{DEEP}"])
def test_people_do_not_see_the_prefix(path: str) -> None:
    assert disk.plain(disk.prefixed(path, here="D:\\")) == path


# ── names ───────────────────────────────────────────────────────────────────────────────────


def test_names_that_a_disk_may_take_for_the_same_fold_alike() -> None:
    assert disk.folded("Mu\u0308ller.DCM") == disk.folded("m\u00fcller.dcm")
    assert disk.folded("a") != disk.folded("b")


@pytest.mark.parametrize("numbers", ["kept", "none", "changing"])
def test_the_same_file_is_known_without_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbers: Any
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    install(System(numbers=numbers), monkeypatch)

    assert disk.is_same(tmp_path / "a", tmp_path / "b" / ".." / "a")
    assert not disk.is_same(tmp_path / "a", tmp_path / "b")


def test_on_a_disk_that_ignores_case_two_spellings_are_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Lung.yaml").touch()
    install(System(names="any case", numbers="none"), monkeypatch)

    assert disk.is_same(tmp_path / "Lung.yaml", tmp_path / "lung.yaml")


@pytest.mark.skipif(
    os.path.exists(__file__.upper()),  # noqa: PTH110
    reason="this disk ignores case",
)
def test_elsewhere_they_are_two(tmp_path: Path) -> None:
    (tmp_path / "Lung.yaml").touch()
    assert not disk.is_same(tmp_path / "Lung.yaml", tmp_path / "lung.yaml")
    (tmp_path / "lung.yaml").touch()
    assert not disk.is_same(tmp_path / "Lung.yaml", tmp_path / "lung.yaml")
