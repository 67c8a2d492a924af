"""The parser of the command line: its errors are one line, with what was probably meant."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from typing import Any, Final, NoReturn, TypeAlias

from manifest_uploader.output.streams import say
from manifest_uploader.text import Tone, did_you_mean, line, quoted, with_hint

Group: TypeAlias = argparse._ArgumentGroup

COMMON: Final = "common"
CASES: Final = "which cases"
RECOVERY: Final = "recovery"
WORKERS: Final = "workers on other machines"
TUNING: Final = "tuning"
_GROUPS: Final = (COMMON, CASES, RECOVERY, WORKERS, TUNING)
_MISSING: Final = "the following arguments are required: "
_UNKNOWN: Final = "unrecognized arguments: "
_ABOUT: Final = re.compile(r"argument (?P<name>[^:]+): (?P<words>.+)", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong, and lists its options in groups."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **more})
        self._by_title: dict[str, Group] = {}
        self._optionals.title, self._positionals.title = "options", "arguments"

    def group(self, title: str) -> Group:
        """The group of options with this title; the groups are in one order in every command."""
        if title not in self._by_title:
            self._by_title[title] = self.add_argument_group(title)
            self._action_groups.sort(key=_place)
        return self._by_title[title]

    def format_usage(self) -> str:
        """One line: the options have lines of their own below it."""
        words = [self.prog, "[OPTION ...]"]
        for action in self._get_positional_actions():
            name = str(action.metavar or action.dest)
            words.append(f"[{name}]" if action.nargs == "?" else name)
        more = " ..." if any(one.nargs == argparse.PARSER for one in self._actions) else ""
        return f"usage: {' '.join(words)}{more}\n"

    def format_help(self) -> str:
        """The help with the short usage."""
        _, rest = super().format_help().split("\n\n", 1)
        return f"{self.format_usage()}\n{rest}"

    def hide(self, *options: str) -> None:
        """Take options that change nothing here without listing them: scripts may give them."""
        for action in self._actions:
            if {*options} & {*action.option_strings}:
                action.help = argparse.SUPPRESS

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end with the code 2."""
        words, hint = self._explained(message)
        say(with_hint(line((f"{self.prog}:", Tone.BAD), f" {words}"), hint))
        sys.exit(2)

    def _explained(self, message: str) -> tuple[str, str]:
        """The message as people say it, and what to do."""
        all_of_them = f"'{self.prog} --help' lists all options"
        if message.startswith(_MISSING):
            names = message.removeprefix(_MISSING)
            return f"{names} is missing", self._example()
        if message.startswith(_UNKNOWN):
            word = message.removeprefix(_UNKNOWN).split()[0].partition("=")[0]
            known = [name for name in self._option_string_actions if name.startswith("--")]
            what = "option" if word.startswith("-") else "argument"
            return f"unknown {what} {quoted(word)}", did_you_mean(word, known) or all_of_them
        found = _ABOUT.fullmatch(message)
        if found is None:
            return message, all_of_them
        if found["words"] == "expected one argument":
            return f"{found['name']} needs a value", all_of_them
        return f"{found['name']}: {found['words']}", all_of_them

    def _example(self) -> str:
        lines = (self.epilog or "").splitlines()
        example = next((one for one in lines if one.startswith("example: ")), "")
        return f"for {example}" if example else f"see {self.prog} --help"

    def refuse_unknown(self, words: Iterable[str]) -> None:
        """End with an error if there are any words."""
        if unknown := " ".join(words):
            self.error(_UNKNOWN + unknown)


def _place(group: Group) -> int:
    """Groups without a place of their own come first."""
    return _GROUPS.index(group.title) + 1 if group.title in _GROUPS else 0
