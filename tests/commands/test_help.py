"""`uploader help` shows topics and commands."""

from __future__ import annotations

import re
import shutil
import sys

import pytest

from manifest_uploader import cli
from manifest_uploader.guide.topics import TOPICS, text_of
from manifest_uploader.output.markdown import laid_out


def test_it_lists_every_topic_and_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.command(["help"]) == 0

    listed = re.findall(r"^  ([a-z-]+) +\S", capsys.readouterr().out, re.MULTILINE)
    assert listed == [*cli.COMMANDS, *TOPICS]


def test_a_topic_is_markdown_when_it_is_piped(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.command(["help", "limits"]) == 0
    assert capsys.readouterr().out == text_of("limits")

    assert cli.command(["help", "init"]) == 0
    out = capsys.readouterr().out
    assert out == f"{text_of('init')}\nAll options: `uploader init --help`\n"


def test_a_topic_is_laid_out_in_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: shutil.os.terminal_size((72, 24)))

    assert cli.command(["help", "limits", "--color", "never"]) == 0

    out = capsys.readouterr().out
    assert out.startswith("Limits\n")
    assert "**" not in out
    assert "\x1b" not in out
    assert cli.command(["help", "limits"]) == 0
    assert capsys.readouterr().out.startswith("\x1b[1;4mLimits\x1b[0m\n")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("topic", TOPICS)
def test_code_keeps_its_lines_and_prose_fits(topic: str, width: int) -> None:
    text = text_of(topic)

    lines = laid_out(text, width, colour=False).splitlines()

    code = re.findall(r"^```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    kept = {line.rstrip() for one in code for line in one.splitlines()}
    assert kept - {""} <= set(lines)
    assert [line for line in lines if len(line) > width and line not in kept] == []


def test_a_command_has_its_own_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.command(["help", "status"]) == 0
    shown = capsys.readouterr().out

    assert cli.command(["status", "--help"]) == 0
    assert shown == capsys.readouterr().out


def test_what_there_is_no_help_on_gets_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.command(["help", "limit"]) == 2
    assert capsys.readouterr().err == (
        "uploader: there is no help on 'limit'\n  hint: did you mean 'limits'?\n"
    )

    assert cli.command(["help", "qqq"]) == 2
    assert "hint: 'uploader help' lists all" in capsys.readouterr().err

    assert cli.command(["limits"]) == 2
    assert "hint: to read about it: uploader help limits" in capsys.readouterr().err
