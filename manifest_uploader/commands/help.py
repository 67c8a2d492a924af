"""`uploader help`: shows a topic of the guide, or the help of a command."""

from __future__ import annotations

import argparse
from typing import Any, Final

from manifest_uploader.commands.parsing import Parser
from manifest_uploader.errors import UsageError
from manifest_uploader.guide.topics import TOPICS, text_of
from manifest_uploader.output.markdown import print_markdown
from manifest_uploader.output.streams import print_out, write_out
from manifest_uploader.text import Block, Tone, block, did_you_mean, line, quoted

_WIDEST: Final = max(map(len, TOPICS))


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `help`."""
    topic: Any = parser.add_argument(
        "topic", metavar="TOPIC", nargs="?", help="a topic of the guide, or a command"
    )
    topic.completer = lambda **_: TOPICS  # for argcomplete


def run(given: argparse.Namespace) -> int:
    """Show what is asked for, or list all that there is."""
    commands = _commands(given.make_parser([]))
    if given.topic is None:
        print_out(_list(commands))
    elif given.topic in TOPICS:
        more = f"\nAll options: `uploader {given.topic} --help`\n"
        print_markdown(text_of(given.topic) + more * (given.topic in commands))
    elif given.topic in commands:
        write_out(_choices(given.make_parser([given.topic]))[given.topic].format_help())
    else:
        hint = did_you_mean(given.topic, [*TOPICS, *commands]) or "'uploader help' lists all"
        raise UsageError(f"there is no help on {quoted(given.topic)}", hint=hint)
    return 0


def _commands(parser: Parser) -> dict[str, str]:
    """By name: what each command does."""
    action = next(one for one in parser._actions if one.dest == "command")
    assert isinstance(action, argparse._SubParsersAction)
    return {str(one.dest): str(one.help) for one in action._get_subactions()}


def _choices(parser: Parser) -> dict[str, Parser]:
    """By name: the parser of each command."""
    action = next(one for one in parser._actions if one.dest == "command")
    assert isinstance(action.choices, dict)
    return action.choices


def _list(commands: dict[str, str]) -> Block:
    """All topics and commands, each with what it is about."""
    return block(
        line(("Commands", Tone.STRONG), "  (options: uploader COMMAND --help)"),
        *_rows(commands),
        "",
        line(("Topics", Tone.STRONG), "  (uploader help TOPIC)"),
        *_rows(TOPICS),
    )


def _rows(about: dict[str, str]) -> list[Block]:
    return [
        line("  ", (f"{name:<{_WIDEST}}", Tone.ADVICE), f"  {of}") for name, of in about.items()
    ]
