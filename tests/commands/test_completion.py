"""Completion in real shells, as the one command of the help installs it."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from manifest_uploader.commands.completion import INSTALL, SHELLS, manifests, paths
from tests.entry import environment, uploader
from tests.has import needs_signals, needs_terminal


def needs_shell(shell: str) -> pytest.MarkDecorator:
    reason = f"no {shell} on PATH: completion in it was not tried"
    return pytest.mark.skipif(shutil.which(shell) is None, reason=reason)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A home folder with `bin/uploader`, some files and a folder."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "uploader"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m manifest_uploader "$@"\n')
    command.chmod(0o755)
    for name in ("lung.yaml", "lung notes.txt", "more.yml", ".hidden.yaml"):
        (tmp_path / name).write_text("")
    (tmp_path / "data").mkdir()
    return tmp_path


def environment_in(folder: Path) -> dict[str, str]:
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return environment(HOME=str(folder), ZDOTDIR=str(folder), PATH=path, PS1="> ")


# ── bash ────────────────────────────────────────────────────────────────────────────────────

ASK_BASH = """
source ~/.bashrc
for typed in "$@"; do
  COMP_LINE="$typed" COMP_POINT=${#typed} COMP_WORDS=($typed) COMPREPLY=()
  _python_argcomplete uploader
  echo "${COMPREPLY[@]}"
done
"""
OFFERED = {
    "uploader rep": "report",
    "uploader run l": "lung.yaml",
    "uploader run m": "more.yml",
    "uploader report lung.yaml --cs": "--csv",
    "uploader report lung.yaml --csv lung.y": "lung.yaml",
    "uploader completion f": "fish",
    "uploader sandbox --read": "--reader-study",
    "uploader init --ti": "--title",
}


@needs_shell("bash")
def test_bash_completes(folder: Path) -> None:
    subprocess.run(INSTALL["bash"], shell=True, cwd=folder, env=environment_in(folder), check=True)

    asked = subprocess.run(
        ["bash", "-c", ASK_BASH, "bash", *OFFERED],
        cwd=folder,
        env=environment_in(folder),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    offered = [line.strip() for line in asked.stdout.splitlines()]
    assert dict(zip(OFFERED, offered, strict=True)) == OFFERED
    assert asked.stderr == ""


# ── zsh and fish ────────────────────────────────────────────────────────────────────────────


class Terminal:
    """A terminal in which an interactive shell runs."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.shown = ""

    def type(self, keys: str, *, until: str) -> None:
        """Press keys and wait until the terminal shows this text."""
        os.write(self._handle, keys.encode())
        end = time.monotonic() + 30
        while until not in self.shown:
            assert time.monotonic() < end, (until, self.shown)
            if select.select([self._handle], [], [], 0.1)[0]:
                self.shown += os.read(self._handle, 4096).decode("utf-8", "replace")


@contextlib.contextmanager
def terminal(*command: str, folder: Path) -> Iterator[Terminal]:
    import pty

    process_id, handle = pty.fork()
    if process_id == 0:
        os.chdir(folder)
        os.execvpe(command[0], command, environment_in(folder))
    try:
        yield Terminal(handle)
    finally:
        os.kill(process_id, 9)
        os.waitpid(process_id, 0)
        os.close(handle)


@needs_signals
@needs_terminal
@needs_shell("zsh")
def test_zsh_completes(folder: Path) -> None:
    (folder / ".zshrc").write_text("PS1='ready> '\n")
    subprocess.run(INSTALL["zsh"], shell=True, cwd=folder, env=environment_in(folder), check=True)

    with terminal("zsh", "-i", folder=folder) as shell:
        shell.type("", until="ready> ")
        shell.type("uploader rep\t", until="uploader report ")
        shell.type("lung.\t", until="yaml")
        shell.type("--out\t", until="--output")


@needs_signals
@needs_terminal
@needs_shell("zsh")
@pytest.mark.parametrize("before", ["cd . && ", "true; ", "A=b ", "x=$(true); "])
def test_zsh_completes_behind_other_commands(folder: Path, before: str) -> None:
    (folder / ".zshrc").write_text("PS1='ready> '\n")
    (folder / "my study.yaml").write_text("")
    subprocess.run(INSTALL["zsh"], shell=True, cwd=folder, env=environment_in(folder), check=True)

    with terminal("zsh", "-i", folder=folder) as shell:
        shell.type("", until="ready> ")
        shell.type(f"{before}uploader run my\t", until="my\\ study.yaml ")
        shell.type("--recr\t", until="--recreate")


@needs_shell("fish")
def test_fish_completes(folder: Path) -> None:
    (folder / ".config" / "fish").mkdir(parents=True)
    command = INSTALL["fish"].replace("~", str(folder))
    subprocess.run(command, shell=True, cwd=folder, env=environment_in(folder), check=True)

    def completions(typed: str) -> list[str]:
        asked = subprocess.run(
            ["fish", "-c", f"complete -C '{typed}'"],
            cwd=folder,
            env=environment_in(folder) | {"XDG_CONFIG_HOME": str(folder / ".config")},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return [line.split("\t")[0] for line in asked.stdout.splitlines()]

    assert completions("uploader rep") == ["report"]
    assert completions("uploader run lung.") == ["lung.yaml"]


# ── the scripts ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script(tmp_path: Path, shell: str) -> None:
    printed = uploader("completion", shell, cwd=tmp_path).expect(0)

    assert "_ARGCOMPLETE" in printed.out
    assert "uploader" in printed.out


def test_the_help_names_the_one_command_for_every_shell(tmp_path: Path) -> None:
    told = uploader("completion", "--help", cwd=tmp_path).expect(0)

    assert all(command in told.out for command in INSTALL.values())


def test_another_shell_is_refused(tmp_path: Path) -> None:
    assert "powershell" in uploader("completion", "tcsh", cwd=tmp_path).expect(2).err


def test_paths_are_offered_as_they_are_typed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)

    assert manifests("") == ["bin/", "data/", "lung.yaml", "more.yml"]
    assert paths("lu") == ["lung notes.txt", "lung.yaml"]
    assert paths("./lung.") == ["./lung.yaml"]
    assert manifests(".h") == [".hidden.yaml"]
    assert paths("no/such/") == []
