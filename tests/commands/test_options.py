from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from manifest_uploader.api import settings
from manifest_uploader.commands import options
from manifest_uploader.commands.arguments import count, seconds
from manifest_uploader.errors import TokenRefused, UsageError
from tests.commands.arguments import parsed
from tests.helpers import TOKEN


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
    assert options.options_of(parsed(*arguments)).state == Path(name)


@pytest.mark.parametrize("arguments", [["."], ["lung.yaml", "--state", "/"]])
def test_a_folder_is_no_file(arguments: list[str]) -> None:
    with pytest.raises(UsageError, match="is not a file"):
        options.options_of(parsed(*arguments))


def test_every_option_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPLOADER_ROOT", "/elsewhere")

    found = options.options_of(
        parsed(
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
    found = options.options_of(parsed("my lung.yaml", "--jobs", "2"))

    assert found.command == "uploader run 'my lung.yaml' --jobs 2 --take-over"


@pytest.mark.parametrize("text", ["0", "-1", "x", "", "1.5", "٣", "9" * 10, " 1"])
def test_only_whole_numbers_from_one_on_are_counts(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        count(text)


@pytest.mark.parametrize("text", ["0", "-1", "x", "", "nan", "inf", "1e999", "-inf"])
def test_only_positive_numbers_are_seconds(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        seconds(text)


def test_numbers_that_are_right_are_taken() -> None:
    assert (count("1"), count("999999999")) == (1, 999_999_999)
    assert (seconds("0.5"), seconds("1e3")) == (0.5, 1000.0)


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

    assert options.token(parsed(*arguments)).lower() == TOKEN


def test_a_token_file_may_begin_with_the_mark_of_an_editor(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN, encoding="utf-8-sig")

    assert options.token(parsed("lung.yaml", "--token-file", str(tmp_path / "token"))) == TOKEN


@pytest.mark.parametrize(
    "text", [TOKEN[:-1], TOKEN + "0", f"Token {TOKEN}", "x" * 64, f"{TOKEN} {TOKEN}"]
)
def test_what_is_no_token_is_told_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("GRAND_CHALLENGE_AUTHORIZATION", text)

    with pytest.raises(TokenRefused) as caught:
        options.token(parsed("lung.yaml"))

    assert text not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("content", [None, b"", b"  \n", b"\xff\xfe0\x001\x00"])
def test_a_token_file_without_a_token_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(TokenRefused):
        options.token(parsed("lung.yaml", "--token-file", str(path)))


def test_a_file_goes_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAND_CHALLENGE_AUTHORIZATION", "0" * 64)
    (tmp_path / "token").write_text(TOKEN)

    assert options.token(parsed("lung.yaml", "--token-file", str(tmp_path / "token"))) == TOKEN


def test_the_platform_is_the_one_that_was_given_last(monkeypatch: pytest.MonkeyPatch) -> None:
    assert options.platform_address(parsed("lung.yaml")) == settings.DEFAULT_PLATFORM
    monkeypatch.setenv("GRAND_CHALLENGE_API_URL", "https://env.example/")
    assert options.platform_address(parsed("lung.yaml")) == "https://env.example/"
    assert (
        options.platform_address(parsed("x", "--platform", "https://a.example/"))
        == "https://a.example/"
    )
