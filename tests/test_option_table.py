"""README's table of options says of each command what its parser says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from manifest_uploader import cli

README = Path(__file__).parents[1] / "README.md"
COMMANDS = ("validate", "plan", "run", "verify", "status")


def table() -> list[tuple[set[str], set[str]]]:
    """Of each row: the options, and the commands that have them."""
    text = README.read_text(encoding="utf-8").split("\n## Options\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`--.+?) \| (.+?) \| .+ \|$", text, re.MULTILINE)
    return [(set(re.findall(r"--[a-z-]+", names)), commands(of)) for names, of in rows]


def commands(words: str) -> set[str]:
    named = set(re.findall(r"`([a-z]+)`", words))
    if words.startswith("all"):
        return set(COMMANDS) - named
    if words.startswith("only"):
        return named
    return {"validate", "plan", "run"} if named == {"run"} else named  # as the text above says


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_names_exactly_the_options_of_a_command(name: str) -> None:
    parsers = cli.make_parser([name])
    told = {option for names, of in table() if name in of for option in names}

    text = next(
        one.choices[name].format_help()
        for one in parsers._actions
        if one.dest == "command" and isinstance(one.choices, dict)
    )

    not_told = {"--help"} | ({"--quick"} if name == "run" else set())  # `run` refuses it
    assert told == set(re.findall(r"(?m)^  (?:-h, )?(--[a-z-]+)", text)) - not_told
