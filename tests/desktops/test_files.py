"""Files that other systems write, number or keep in use, and times that they cannot tell."""

from __future__ import annotations

import codecs
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.errors import TokenRefused, UsageError
from manifest_uploader.files.local_file import FileChanged, check_same, sha256
from manifest_uploader.platform import credentials
from manifest_uploader.platform.retries import trouble_of_failure
from manifest_uploader.platform.transport import Broken, FailureKind
from manifest_uploader.report import command as report
from manifest_uploader.state.file import Tail
from tests.e2e.helpers import Box
from tests.entry import environment, uploader
from tests.files.helpers import stat_file
from tests.simulated import VARIABLE, System, install
from tests.state.helpers import FIRST, LINES

TOKEN = "0123456789abcdef" * 4


# ── token files ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF8, "utf-8"),
        (b"", "utf-8"),
    ],
)
def test_a_token_is_read_as_any_shell_writes_it(tmp_path: Path, mark: bytes, encoding: str) -> None:
    path = tmp_path / "token"
    path.write_bytes(mark + f"Bearer {TOKEN}\r\n".encode(encoding))

    found = credentials.find(token_file=str(path), environment={}, address="https://x/")

    assert found == TOKEN


@pytest.mark.parametrize("content", [b"\xff\xfe0", b"\xff\xfe\x00\xd8", b"\xff", b"\x80" * 64])
def test_a_token_file_of_nonsense_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)

    with pytest.raises(TokenRefused):
        credentials.find(token_file=str(path), environment={}, address="https://x/")


def test_a_token_file_that_is_in_use_is_read_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    install(System(opened=3), monkeypatch)

    assert credentials.find(token_file=str(path), environment={}, address="") == TOKEN


# ── numbers ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("numbers", ["none", "changing"])
def test_a_file_is_known_by_its_size_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbers: Any
) -> None:
    path = tmp_path / "a.mha"
    path.write_bytes(b"123")
    file = stat_file(path)
    install(System(numbers=numbers), monkeypatch)

    check_same(file)
    sha256(file)

    os.utime(path, (5, 5))
    with pytest.raises(FileChanged):
        check_same(file)


@pytest.mark.parametrize("numbers", ["none", "changing"])
def test_a_state_that_grows_is_followed_without_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbers: Any
) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(FIRST + LINES[0])
    install(System(numbers=numbers), monkeypatch)
    tail = Tail(path)
    first = tail.look()

    with path.open("a") as file:
        file.write(LINES[1])
    grown = tail.look()

    assert (len(first.events), first.replaced) == (1, False)
    assert (len(grown.events), grown.replaced) == (1, False)


@pytest.mark.parametrize("numbers", ["kept", "none"])
@pytest.mark.parametrize("lines", [LINES[1:3], LINES[1:6], (*LINES[1:2], *LINES[0:1])])
def test_a_state_in_anothers_place_is_noticed_without_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbers: Any, lines: tuple[str, ...]
) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(FIRST + LINES[0] + LINES[1])
    install(System(numbers=numbers), monkeypatch)
    tail = Tail(path)
    tail.look()

    path.write_text(FIRST + "".join(lines))
    found = tail.look()

    assert found.replaced
    assert len(found.events) == len(lines)


# ── times ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone cannot be set")
def test_before_the_first_run_a_report_has_todays_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It had that of 1970, which Windows cannot tell."""
    monkeypatch.setenv("TZ", "Asia/Singapore")
    time.tzset()
    try:
        zone = report._zone(report._times(()))
        assert zone.utcoffset(None) == datetime.now().astimezone().utcoffset()
        assert str(zone.utcoffset(None)) == "8:00:00"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_report_before_the_first_run_is_written(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.add_score("a")
    box.save()

    ran = uploader("report", "lung.yaml", "--csv", "-", cwd=tmp_path).expect(0)

    assert ran.out.splitlines()[1].startswith("a,")
    assert (tmp_path / "lung.report.html").exists()


# ── words ───────────────────────────────────────────────────────────────────────────────────


def _windows(number: int, words: str) -> OSError:
    error = OSError(number, words)
    error.winerror = number  # type: ignore[attr-defined,unused-ignore]
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (_windows(10065, "A socket operation was attempted to an unreachable host"),
         "A socket operation was attempted to an unreachable host"),
        (OSError(10065, "Unknown error 10065"), "network error"),
        (OSError("what a library says"), "network error"),
    ],
)  # fmt: skip
def test_a_connection_that_fails_is_told_in_words(error: OSError, words: str) -> None:
    found = trouble_of_failure(Broken(FailureKind.UNREACHABLE, error), stall_s=1)

    assert found.why == f"no connection ({words})"


# ── outputs ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [5, 32])
def test_outputs_that_are_in_use_for_a_moment_are_replaced(tmp_path: Path, number: int) -> None:
    box = Box(tmp_path)
    box.add_score("a")
    box.save()
    for name in ("lung.report.html", "cases.csv"):
        (tmp_path / name).write_text("old")
    there = environment(**{VARIABLE: "windows"})

    ran = uploader("report", "lung.yaml", "--csv", "cases.csv", cwd=tmp_path, given=there)

    assert ran.code == 0, ran.err
    assert (tmp_path / "cases.csv").read_text().startswith("case,")
    assert {path.name for path in tmp_path.iterdir()} == {
        *("lung.yaml", "data", "lung.report.html", "cases.csv")
    }


def test_an_output_that_stays_in_use_is_told_without_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manifest_uploader.system.disk.PATIENCE_S", 0.05)
    (tmp_path / "cases.csv").write_text("old")

    install(System(in_use=10**6), monkeypatch)

    with pytest.raises(UsageError, match=r"cannot be written: another program has it open") as told:
        report._write(str(tmp_path / "cases.csv"), b"new")

    assert "rror" not in str(told.value)
    assert (tmp_path / "cases.csv").read_text() == "old"
