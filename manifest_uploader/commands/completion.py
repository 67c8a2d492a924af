"""`uploader completion`, and the answers to shells that complete a command line.

The parser itself says what may come next; argcomplete speaks with bash, zsh, fish and PowerShell.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import argcomplete
from argcomplete.shell_integration import shellcode

from manifest_uploader.commands.parsing import Parser
from manifest_uploader.output.streams import write_out

SHELLS: Final = ("bash", "zsh", "fish", "powershell")
INSTALL: Final = {
    "bash": """echo 'eval "$(uploader completion bash)"' >> ~/.bashrc""",
    "zsh": """echo 'eval "$(uploader completion zsh)"' >> ~/.zshrc""",
    "fish": "echo 'uploader completion fish | source' >> ~/.config/fish/config.fish",
    "powershell": "Add-Content $PROFILE "
    "'uploader completion powershell | Out-String | Invoke-Expression'",
}
_YAML: Final = (".yaml", ".yml")
_ZSH_HEAD: Final = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }\n"
"""Loads zsh's own completion, which ours needs."""
_ZSH_LINE: Final = {
    'COMP_LINE="$BUFFER"': 'COMP_LINE="${(j: :)words[1,CURRENT]}"',
    'COMP_POINT="$CURSOR"': 'COMP_POINT="${#${(j: :)words[1,CURRENT]}}"',
}
"""Replaces the whole line by the command at the cursor, as in `cd study; uploader run l`."""


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `completion`."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))
    lines = [f"  {shell:<11} {how}" for shell, how in INSTALL.items()]
    parser.epilog = "one command installs it, for every new shell:\n" + "\n".join(lines)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def run(given: argparse.Namespace) -> int:
    """Print what the shell has to read to complete `uploader`."""
    text = str(shellcode(["uploader"], shell=given.shell)).strip() + "\n"
    if given.shell == "zsh":
        for theirs, ours in _ZSH_LINE.items():
            text = text.replace(theirs, ours)
        first, rest = text.split("\n", 1)
        text = f"{first}\n{_ZSH_HEAD}{rest}"
    write_out(text)
    return 0


def answer(make_parser: Callable[[Sequence[str]], argparse.ArgumentParser]) -> None:
    """Answer the shell that asks what may come next, and exit.

    `make_parser` makes the parser for the words that were typed after `uploader`.
    """
    argcomplete.autocomplete(
        make_parser(os.environ.get("COMP_LINE", "").split()[1:]),
        always_complete_options=False,
        default_completer=_complete,  # type: ignore[arg-type]
    )


def _complete(prefix: str, *, action: argparse.Action, **_: Any) -> list[str]:
    return manifests(prefix) if action.dest == "manifest" else paths(prefix)


def manifests(prefix: str) -> list[str]:
    """The manifests that begin with the prefix, and the folders in which there may be one."""
    return [path for path in paths(prefix) if path.endswith(("/", *_YAML))]


def paths(prefix: str) -> list[str]:
    """The files and folders that begin with the prefix; folders end in `/`."""
    folder, name = os.path.split(prefix)
    where = Path(folder).expanduser() if folder else Path()
    return sorted(
        os.path.join(folder, entry)  # noqa: PTH118 - keeps `~` and `./` as they were typed
        for entry in _entries(where)
        if entry.startswith(name) and (name.startswith(".") or not entry.startswith("."))
    )


def _entries(folder: Path) -> Iterable[str]:
    try:
        return [one.name + "/" * one.is_dir() for one in folder.iterdir()]
    except OSError:
        return ()
