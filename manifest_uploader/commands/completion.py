"""Completes the command line in bash, zsh, fish and PowerShell, by asking its own parser.

(argparse tells a parser's arguments and commands in no other way than by names with `_`.)
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

_YAML: Final = (".yaml", ".yml")
_ZSH_HEAD: Final = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }\n"
"""Without zsh's own completion there is nothing to add ours to."""
_ZSH_LINE: Final = {
    'COMP_LINE="$BUFFER"': 'COMP_LINE="${(j: :)words[1,CURRENT]}"',
    'COMP_POINT="$CURSOR"': 'COMP_POINT="${#${(j: :)words[1,CURRENT]}}"',
}
"""What is typed of the command, in the place of the whole line: `cd study; uploader run l`."""


def script(shell: str) -> str:
    """What a shell has to read to complete `uploader`."""
    from argcomplete.shell_integration import shellcode  # noqa: PLC0415 - late: 20 ms

    text = str(shellcode(["uploader"], shell=shell)).strip() + "\n"
    if shell != "zsh":
        return text
    for theirs, ours in _ZSH_LINE.items():
        text = text.replace(theirs, ours)
    head, rest = text.split("\n", 1)
    return f"{head}\n{_ZSH_HEAD}{rest}"


def answer(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks what may come next, and end; argcomplete knows how it asks."""
    import argcomplete  # noqa: PLC0415 - late: only a shell that asks needs it

    typed = os.environ.get("COMP_LINE", "").split()
    _graft(parser, typed[1] if len(typed) > 1 else "")
    for action in _actions(parser):
        if action.dest == "manifest":
            action.completer = manifests  # type: ignore[attr-defined]
    argcomplete.autocomplete(
        parser,
        always_complete_options=False,
        default_completer=paths,  # type: ignore[arg-type]
    )


def _graft(parser: argparse.ArgumentParser, command: str) -> None:
    """Put in the command that is typed, if it is one that reads its arguments itself."""
    if command not in {"init", "sandbox"}:
        return
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            action.choices[command] = _own_parser(command)


def _own_parser(command: str) -> argparse.ArgumentParser:
    if command == "init":
        from manifest_uploader.init.arguments import make_parser  # noqa: PLC0415 - late

        return make_parser()
    from manifest_uploader.sandbox.command import make_parser as make  # noqa: PLC0415 - late

    return make()


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from _actions(sub)


def manifests(prefix: str, **_: Any) -> list[str]:
    """The manifests that begin so, and the folders in which there may be one."""
    return [path for path in paths(prefix) if path.endswith(("/", *_YAML))]


def paths(prefix: str, **_: Any) -> list[str]:
    """The files and folders that begin so; folders end in `/`."""
    folder, name = os.path.split(prefix)
    where = Path(folder).expanduser() if folder else Path()
    return sorted(
        os.path.join(folder, entry)  # noqa: PTH118 - as it was typed, `~` and `./` too
        for entry in _entries(where)
        if entry.startswith(name) and (name.startswith(".") or not entry.startswith("."))
    )


def _entries(folder: Path) -> Iterable[str]:
    try:
        return [one.name + "/" * one.is_dir() for one in folder.iterdir()]
    except OSError:
        return ()
