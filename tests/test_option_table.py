"""The topic `options` says of each command what its parser says."""

from __future__ import annotations

import re

import pytest

from manifest_uploader import cli
from manifest_uploader.guide.topics import text_of

COMMANDS = ("validate", "plan", "run", "verify", "status")


def table() -> list[tuple[set[str], set[str]]]:
    """Of each row: the options, and the commands that list them."""
    rows = re.findall(r"^\| (`--.+?) \| (.+?) \| .+ \|$", text_of("options"), re.MULTILINE)
    return [(set(re.findall(r"--[a-z-]+", names)), commands(of)) for names, of in rows]


def commands(words: str) -> set[str]:
    named = set(re.findall(r"`([a-z]+)`", words))
    return set(COMMANDS) - named if words.startswith("all") else named


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_names_exactly_the_options_of_a_command(name: str) -> None:
    told = {option for names, of in table() if name in of for option in names}

    text = next(
        one.choices[name].format_help()
        for one in cli.make_parser([name])._actions
        if one.dest == "command" and isinstance(one.choices, dict)
    )

    assert told == set(re.findall(r"(?m)^  (?:-h, )?(--[a-z-]+)", text)) - {"--help"}
