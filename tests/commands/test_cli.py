from __future__ import annotations

import argparse
import logging
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader import cli
from manifest_uploader.engine.results import CaseEnd, End, Summary
from manifest_uploader.errors import TokenRefused, UsageError
from manifest_uploader.output import console
from manifest_uploader.platform.traffic import Traffic
from tests.helpers import TOKEN

MANIFEST = "version: 1\ntarget: {kind: archive, slug: lung}\ncases:\n- {name: a, sockets: {x: 1}}\n"


def given(*arguments: str) -> argparse.Namespace:
    """The arguments of a run, as the command line reads them."""
    words = ["run", *arguments] if arguments else ["run", "lung.yaml"]
    found = cli.make_parser().parse_args(words)
    found.words = words
    return found


# ── exit codes ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        *[([], 0), ([End.DONE], 0), ([End.DONE, End.WAITING], 4), ([End.WAITING, End.FAILED], 1)],
        *[([End.UNSURE], 1), ([End.PENDING, End.DONE], 1), ([End.WAITING, End.PENDING], 1)],
    ],
)
def test_the_worst_end_of_a_case_gives_the_exit_code(ends: list[End], code: int) -> None:
    summary = Summary(tuple(CaseEnd(str(n), end) for n, end in enumerate(ends)), 0, Traffic(), 0.0)

    assert cli._exit_code(summary) == code


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        *[([], 2), (["--help"], 0), (["run", "--help"], 0), (["--version"], 0), (["dance"], 2)],
        *[(["run"], 2), (["run", "none.yaml", "--jobs", "0"], 2), (["run", "x", "--js"], 2)],
        *[(["validate", "none.yaml"], 2), (["status", "none.yaml"], 2), (["schema"], 0)],
        (["run", "none.yaml"], 3),
    ],
)
def test_what_cannot_be_meant_ends_before_anything_is_done(
    arguments: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert cli.command(arguments) == code
    assert list(tmp_path.iterdir()) == []


def test_a_bug_is_one_line_for_a_person_and_a_traceback_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: Any) -> int:
        raise ZeroDivisionError("secret details")

    monkeypatch.setitem(cli._COMMANDS, "status", broken)
    log = tmp_path / "log"

    assert cli.command(["status", "lung.yaml", "--log-file", str(log)]) == 70
    err = capsys.readouterr().err
    assert err.startswith("uploader: a bug: ZeroDivisionError (")
    assert "secret details" not in err
    assert len(err.splitlines()) == 1
    assert "secret details" in log.read_text()


# ── options ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        *[(["lung.yaml"], "lung.state.jsonl"), (["d/lung.yml"], "d/lung.state.jsonl")],
        *[(["lung.v2.yaml"], "lung.v2.state.jsonl"), (["lung"], "lung.state.jsonl")],
        (["lung.yaml", "--sandbox"], "lung.sandbox.state.jsonl"),
        (["lung.yaml", "--state", "x/y"], "x/y"),
    ],
)
def test_a_state_lies_beside_its_manifest(arguments: list[str], name: str) -> None:
    assert cli._plain_options(given(*arguments)).state == Path(name)


@pytest.mark.parametrize("arguments", [["."], ["lung.yaml", "--state", "/"]])
def test_a_folder_is_no_file(arguments: list[str]) -> None:
    with pytest.raises(UsageError, match="is no file"):
        cli._plain_options(given(*arguments))


def test_every_option_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPLOADER_ROOT", "/elsewhere")

    found = cli._plain_options(
        given(
            *("lung.yaml", "--only", "a*", "--only", "b", "--first", "3", "--jobs", "99"),
            *("--checksum", "--adopt", "--recreate", "--retry-failed", "--new", "--no-wait"),
            *("--wait-timeout", "5", "--refused-after", "6", "--give-up-after", "7"),
            *("--stall-timeout", "8", "--upload-limit", "9", "--take-over", "--receipts"),
            *("--follow-links",),
        )
    )

    assert (found.only, found.first, found.jobs) == (("a*", "b"), 3, 32)
    choices = found.choices
    assert (choices.adopt, choices.recreate, choices.retry_failed, choices.new) == (True,) * 4
    assert (found.policy.wait, found.policy.wait_timeout_s) == (False, 5.0)
    assert (found.refused_after_s, found.patience.give_up_s, found.patience.stall_s) == (6, 7, 8)
    assert (choices.upload_limit, found.take_over, found.checksum) == (9, True, True)
    assert found.receipts == Path("lung.receipts.jsonl")
    assert (found.root, found.follow_links) == ("/elsewhere", True)


def test_the_words_to_take_over_are_those_that_were_typed() -> None:
    found = cli._plain_options(given("my lung.yaml", "--jobs", "2"))

    assert found.command == "uploader run 'my lung.yaml' --jobs 2 --take-over"


@pytest.mark.parametrize("text", ["0", "-1", "x", "", "1.5", "٣", "9" * 10, " 1"])
def test_only_whole_numbers_from_one_on_are_counts(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        cli._count(text)


@pytest.mark.parametrize("text", ["0", "-1", "x", "", "nan", "inf", "1e999", "-inf"])
def test_only_positive_numbers_are_seconds(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        cli._seconds(text)


def test_numbers_that_are_right_are_taken() -> None:
    assert (cli._count("1"), cli._count("999999999")) == (1, 999_999_999)
    assert (cli._seconds("0.5"), cli._seconds("1e3")) == (0.5, 1000.0)


# ── the token ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text", [TOKEN, f"Bearer {TOKEN}", f"BEARER  {TOKEN.upper()}", f"  {TOKEN}\n"]
)
@pytest.mark.parametrize("where", ["file", "environment"])
def test_a_token_is_taken_with_or_without_its_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, where: str
) -> None:
    arguments = ["lung.yaml"]
    if where == "file":
        (tmp_path / "token").write_text(text, encoding="utf-8")
        arguments += ["--token-file", str(tmp_path / "token")]
    else:
        monkeypatch.setenv("GRAND_CHALLENGE_AUTHORIZATION", text)

    assert cli._token(given(*arguments)).lower() == TOKEN


def test_a_token_file_may_begin_with_the_mark_of_an_editor(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN, encoding="utf-8-sig")

    assert cli._token(given("lung.yaml", "--token-file", str(tmp_path / "token"))) == TOKEN


@pytest.mark.parametrize(
    "text", [TOKEN[:-1], TOKEN + "0", f"Token {TOKEN}", "x" * 64, f"{TOKEN} {TOKEN}"]
)
def test_what_is_no_token_is_told_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("GRAND_CHALLENGE_AUTHORIZATION", text)

    with pytest.raises(TokenRefused) as caught:
        cli._token(given())

    assert text not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("content", [None, b"", b"  \n", b"\xff\xfe0\x001\x00"])
def test_a_token_file_without_a_token_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(TokenRefused):
        cli._token(given("lung.yaml", "--token-file", str(path)))


def test_a_file_goes_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAND_CHALLENGE_AUTHORIZATION", "0" * 64)
    (tmp_path / "token").write_text(TOKEN)

    assert cli._token(given("lung.yaml", "--token-file", str(tmp_path / "token"))) == TOKEN


def test_the_platform_is_the_one_that_was_given_last(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli._address(given()) == cli.DEFAULT_PLATFORM
    monkeypatch.setenv("GRAND_CHALLENGE_API_URL", "https://env.example/")
    assert cli._address(given()) == "https://env.example/"
    assert cli._address(given("x", "--platform", "https://a.example/")) == "https://a.example/"


# ── logs and signals ────────────────────────────────────────────────────────────────────────


def test_a_log_is_written_only_while_a_command_runs(tmp_path: Path) -> None:
    log = logging.getLogger("manifest_uploader.x")
    found = given("lung.yaml", "--log-file", str(tmp_path / "log"))

    with cli._logging(found):
        log.debug("inside")
    log.debug("outside")

    text = (tmp_path / "log").read_text()
    assert "inside" in text
    assert "outside" not in text


@pytest.mark.parametrize("name", ["log", None])
def test_logging_is_left_as_it_was(name: str | None, tmp_path: Path) -> None:
    log = logging.getLogger("manifest_uploader")
    log.setLevel(logging.INFO)
    given = argparse.Namespace(log_file=name and str(tmp_path / name))
    try:
        with cli._logging(given):
            assert not log.propagate
            assert log.isEnabledFor(logging.DEBUG) == (name is not None)

        assert (log.level, log.propagate, log.handlers) == (logging.INFO, True, [])
    finally:
        log.setLevel(logging.NOTSET)


def test_a_log_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    found = given("lung.yaml", "--log-file", str(tmp_path))

    with pytest.raises(UsageError, match="cannot be written"), cli._logging(found):
        raise AssertionError


@pytest.mark.skipif(os.name == "nt", reason="no process can send itself such a signal there")
def test_the_first_signal_asks_the_run_to_stop(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)

    with cli._signals(console.Lines()) as (stop, caught):
        assert not stop.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(5)

    assert caught == [signal.SIGTERM]
    assert "once more stops at once" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before


def test_validating_needs_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lung.yaml").write_text(MANIFEST)

    assert cli.command(["validate", "lung.yaml"]) == 0
    assert capsys.readouterr().err == (
        "lung.yaml: 1 case, no problem; the platform was not asked\n"
    )
