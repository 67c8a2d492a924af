"""The table of commands: what the arguments mean, and what is imported for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader import cli
from manifest_uploader.commands import status

# ── the table ───────────────────────────────────────────────────────────────────────────────


def imported_by(*arguments: str) -> set[str]:
    """The modules of ours that a command line imports."""
    code = (
        "import contextlib, io, sys\n"
        "from manifest_uploader.cli import command\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    command(sys.argv[1:])\n"
        "print(*(name for name in sys.modules if name.startswith('manifest_uploader.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


MODULES = {one.module for one in cli.COMMANDS.values()}


def test_the_help_lists_every_command_and_imports_none() -> None:
    assert imported_by("--help") & MODULES == set()
    parser = cli.make_parser(["--help"])
    assert [name for name in cli.COMMANDS if f"\n    {name} " not in parser.format_help()] == []


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_a_command_imports_its_own_module_alone(name: str) -> None:
    imported = imported_by(name, "--help")

    assert imported & MODULES == {cli.COMMANDS[name].module}
    assert any(module.startswith("manifest_uploader.sandbox") for module in imported) == (
        name == "sandbox"
    )


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_help_of_a_command_has_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.command([name, "--help"]) == 0

    _, text = capsys.readouterr().out.split("\n\n", 1)
    assert f"uploader {name}" in text


# ── exit codes ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        *[([], 2), (["--help"], 0), (["run", "--help"], 0), (["--version"], 0), (["dance"], 2)],
        *[(["run"], 2), (["run", "none.yaml", "--jobs", "0"], 2), (["run", "x", "--js"], 2)],
        *[(["validate", "none.yaml"], 2), (["status", "none.yaml"], 2), (["schema"], 0)],
        (["run", "none.yaml"], 2),
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

    monkeypatch.setattr(status, "run", broken)
    log = tmp_path / "log"

    assert cli.command(["status", "lung.yaml", "--log-file", str(log)]) == 70
    err = capsys.readouterr().err
    assert err.startswith("uploader: a bug: ZeroDivisionError (")
    assert "secret details" not in err
    assert len(err.splitlines()) == 1
    assert "secret details" in log.read_text()


def test_after_a_bug_only_what_may_have_sent_speaks_of_going_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: Any) -> int:
        raise ZeroDivisionError

    said = {}
    for name in ("status", "plan", "schema"):
        monkeypatch.setattr(cli._module(cli.COMMANDS[name]), "run", broken)
        assert cli.command([name, *["lung.yaml"] * (name != "schema")]) == 70
        said[name] = capsys.readouterr().err

    again = "(run again with --log-file FILE for the details)"
    went_on = "what was sent is recorded; the same command continues"
    assert said == {
        "status": f"uploader: a bug: ZeroDivisionError {again}; {went_on}\n",
        "plan": f"uploader: a bug: ZeroDivisionError {again}; nothing was sent\n",
        "schema": "uploader: a bug: ZeroDivisionError; nothing was sent\n",
    }
