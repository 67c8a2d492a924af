"""Printed commands can be typed into the shell that they are printed in."""

from __future__ import annotations

import ctypes
import os
import shlex
import sys

import pytest

from manifest_uploader.system.shells import Shell, for_shell, shell_of

LINES = [
    (["uploader", "run", "lung.yaml"], "uploader run lung.yaml", "uploader run lung.yaml"),
    (["--root", "C:\\my data"], "--root 'C:\\my data'", '--root "C:\\my data"'),
    (["a&b|c"], "'a&b|c'", '"a&b|c"'),
    (["O'Neil"], "'O''Neil'", '"O\'Neil"'),
    (["O\u2019Neil"], "'O\u2019\u2019Neil'", '"O\u2019Neil"'),
    (["$HOME;x"], "'$HOME;x'", '"$HOME;x"'),
    (["%PATH%"], "'%PATH%'", '""^%"PATH"^%""'),
    (["a,b"], "'a,b'", '"a,b"'),
    (["patient-*"], "'patient-*'", '"patient-*"'),
    (["{a}"], "'{a}'", '"{a}"'),
    (["my data\\"], "'my data\\\\'", '"my data\\\\"'),
    ([""], "''", '""'),
    (["M\u00fcller"], "M\u00fcller", "M\u00fcller"),
]


@pytest.mark.parametrize(("words", "powershell", "cmd"), LINES)
def test_words_are_quoted_for_the_shell(words: list[str], powershell: str, cmd: str) -> None:
    assert for_shell(words, Shell.POWERSHELL) == powershell
    assert for_shell(words, Shell.CMD) == cmd
    assert shlex.split(for_shell(words, Shell.POSIX)) == words


@pytest.mark.parametrize(
    ("programs", "shell"),
    [
        (["uploader.exe", "cmd.exe", "explorer.exe"], Shell.CMD),
        (["python.exe", "pwsh.exe", "WindowsTerminal.exe"], Shell.POWERSHELL),
        (["powershell.exe", "cmd.exe"], Shell.POWERSHELL),
        (["python.exe", "bash.exe"], Shell.POSIX),
        (["explorer.exe"], Shell.POWERSHELL),
        ([], Shell.POWERSHELL),
    ],
)
def test_the_shell_is_the_nearest_program_that_is_one(programs: list[str], shell: Shell) -> None:
    assert shell_of(programs) is shell


@pytest.mark.skipif(os.name == "nt", reason="for other systems")
def test_elsewhere_it_is_a_posix_shell() -> None:
    assert for_shell(["a b", "$c"]) == "'a b' '$c'"


@pytest.mark.skipif(sys.platform != "win32", reason="asks Windows itself")
@pytest.mark.parametrize("words", [line[0] for line in LINES if "%" not in line[0][0]])
def test_windows_reads_the_words_again(words: list[str]) -> None:
    count = ctypes.c_int()
    split = ctypes.windll.shell32.CommandLineToArgvW  # type: ignore[attr-defined,unused-ignore]
    split.restype = ctypes.POINTER(ctypes.c_wchar_p)

    found = split("x " + for_shell(words, Shell.CMD), ctypes.byref(count))

    assert [found[number] for number in range(1, count.value)] == words
