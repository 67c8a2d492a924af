"""Quotes command lines for the shell that a person types them into."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from enum import Enum, auto
from functools import cache
from typing import Final


class Shell(Enum):
    """A kind of shell."""

    POSIX = auto()
    POWERSHELL = auto()
    CMD = auto()


_PLAIN: Final = re.compile(r"[\w.:/\\~+=-]+")
"""Means itself in PowerShell and in cmd; `@`, `,` and `#` do not everywhere."""
_MOST_PARENTS: Final = 8


def for_shell(words: Iterable[str], shell: Shell | None = None) -> str:
    """A command line for a shell, by default the one that started this program."""
    given = list(words)
    if shell is Shell.POSIX or (shell is None and os.name != "nt"):
        return shlex.join(given)
    if all(_PLAIN.fullmatch(word) for word in given):
        return " ".join(given)
    quote = _for_cmd if (shell or this_shell()) is Shell.CMD else _for_powershell
    return " ".join(word if _PLAIN.fullmatch(word) else quote(word) for word in given)


def _for_powershell(word: str) -> str:
    """In single quotes, in which only they themselves mean something, in all their forms."""
    quoted = re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", _escaped(word))
    return f"'{quoted}'"


def _for_cmd(word: str) -> str:
    """In double quotes; a `%` leaves them, because no sign before it takes its meaning away."""
    return '"' + _escaped(word).replace("%", '"^%"') + '"'


def _escaped(word: str) -> str:
    r"""The word as programs of Windows read it: a `\\` counts only before a double quote."""
    word = re.sub(r'(\\*)"', r'\1\1\\"', word)
    return re.sub(r"(\\+)$", r"\1\1", word)


@cache
def this_shell() -> Shell:
    """The shell that this program was started from; PowerShell if that is not known."""
    if os.name != "nt":
        return Shell.POSIX
    import psutil  # noqa: PLC0415 - late: 30 ms, needed only for odd names on Windows

    try:
        parents = psutil.Process().parents()[:_MOST_PARENTS]
        return shell_of(parent.name() for parent in parents)
    except psutil.Error:
        return Shell.POWERSHELL


def shell_of(programs: Iterable[str]) -> Shell:
    """The first shell among programs, each started by the next."""
    for program in programs:
        match program.lower().removesuffix(".exe"):
            case "cmd":
                return Shell.CMD
            case "powershell" | "pwsh":
                return Shell.POWERSHELL
            case "bash" | "zsh" | "sh" | "fish":
                return Shell.POSIX
    return Shell.POWERSHELL
