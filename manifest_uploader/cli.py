"""The commands, and the parser that finds the one that the arguments name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

from msgspec import Struct

from manifest_uploader import __version__
from manifest_uploader.commands import guard
from manifest_uploader.commands.arguments import add_colour_argument
from manifest_uploader.commands.parsing import Parser
from manifest_uploader.output.streams import say, use_colour
from manifest_uploader.text import did_you_mean, quoted, with_hint


class Command(Struct, frozen=True):
    """What the help says about a command, and the module that does it.

    The module is imported only when its command is named. It has `add_arguments(parser)` and
    `run(given)`, which returns an exit code. One with `own_parser` has `main(arguments)` instead
    of the latter.
    """

    does: str
    example: str
    module: str
    sends: bool = False
    """It sends, or it follows a run: after a bug it says that what was sent is recorded."""
    own_parser: bool = False
    """Its usage errors name the command instead of the program."""


COMMANDS: Final = {
    "init": Command(
        "write a manifest from a folder, and a table if there is one",
        "uploader init mainfolder",
        "manifest_uploader.commands.init",
        own_parser=True,
    ),
    "validate": Command(
        "report everything that is wrong with a manifest and its files; change nothing",
        "uploader validate lung.yaml",
        "manifest_uploader.commands.validate",
    ),
    "plan": Command(
        "show what a run would do now; change nothing",
        "uploader plan lung.yaml",
        "manifest_uploader.commands.plan",
    ),
    "run": Command(
        "upload the cases, wait for the imports, and report on each case",
        "uploader run lung.yaml",
        "manifest_uploader.commands.run",
        sends=True,
    ),
    "verify": Command(
        "compare the platform with the manifest and the state file; change nothing",
        "uploader verify lung.yaml",
        "manifest_uploader.commands.verify",
    ),
    "fetch": Command(
        "download readers' answers, outputs of jobs and files of items",
        "uploader fetch lung.yaml results",
        "manifest_uploader.commands.fetch",
    ),
    "status": Command(
        "show where each case stands, from the state file alone",
        "uploader status lung.yaml",
        "manifest_uploader.commands.status",
        sends=True,
    ),
    "report": Command(
        "write a report, as a web page or tables, of what was uploaded",
        "uploader report lung.yaml --csv lung.csv",
        "manifest_uploader.commands.report",
    ),
    "deidentify": Command(
        "copy a folder of DICOM files, de-identified",
        "uploader deidentify scans scans-without-names",
        "manifest_uploader.commands.deidentify",
    ),
    "doctor": Command(
        "check network, token, rights and more; say how to fix what is wrong",
        "uploader doctor lung.yaml",
        "manifest_uploader.commands.doctor.command",
    ),
    "whoami": Command(
        "show whose token is in use",
        "uploader whoami",
        "manifest_uploader.commands.whoami",
    ),
    "sockets": Command(
        "list the sockets that a study uses, or search all",
        "uploader sockets lung-nodules",
        "manifest_uploader.commands.sockets",
    ),
    "login": Command(
        "store the token in this machine's keyring",
        "uploader login",
        "manifest_uploader.commands.login",
    ),
    "logout": Command(
        "remove the token from this machine's keyring",
        "uploader logout",
        "manifest_uploader.commands.logout",
    ),
    "completion": Command(
        "print a script that completes commands, options and files in a shell",
        "uploader completion bash",
        "manifest_uploader.commands.completion",
    ),
    "expand": Command(
        "print a short manifest in full, case by case",
        "uploader expand lung.yaml > lung-explicit.yaml",
        "manifest_uploader.commands.expand",
    ),
    "schema": Command(
        "print the manifest's JSON Schema, for editors",
        "uploader schema > manifest-v1.schema.json",
        "manifest_uploader.commands.schema",
    ),
    "sandbox": Command(
        "run a stand-in for the platform on this machine, for rehearsals",
        "uploader sandbox --reader-study lung-nodules --socket ct-image=Image",
        "manifest_uploader.commands.sandbox",
        own_parser=True,
    ),
}


def command(arguments: list[str], begin: Callable[[], None] = lambda: None) -> int:
    """Do what the arguments say and return the exit code.

    `begin` is called once a KeyboardInterrupt is taken care of from then on.
    """
    arguments = _meant(arguments)
    name = _named(arguments)
    chosen = COMMANDS.get(name)
    try:
        if chosen is not None and chosen.own_parser and arguments[0] == name:
            main: Callable[[list[str]], int] = _module(chosen).main
            begin()
            return main(arguments[1:])
        if name and chosen is None:
            return _unknown(name)
        given = _parsed(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    except KeyboardInterrupt:
        return guard.interrupted()
    if given.command is None:
        make_parser(arguments).print_help(sys.stderr)
        return 2
    given.words = arguments
    use_colour(given.color)
    chosen = COMMANDS[given.command]
    return guard.call(_module(chosen).run, given, sends=chosen.sends, begin=begin)


def _meant(arguments: list[str]) -> list[str]:
    """The arguments as they are meant: `help run` is `run --help`, `run --dry-run` is `plan`."""
    match arguments:
        case ["-V"]:
            return ["--version"]
        case ["help"]:
            return ["--help"]
        case ["help", name] if name not in COMMANDS:
            return [name]
        case ["help", name]:
            return [name, "--help"]
        case ["run", *rest] if "--dry-run" in rest:
            return ["plan", *(one for one in rest if one != "--dry-run")]
    return arguments


def _unknown(name: str) -> int:
    """Say that there is no such command, and what was probably meant."""
    hint = did_you_mean(name, COMMANDS) or "'uploader --help' lists the commands"
    if name.endswith((".yaml", ".yml")):
        hint = f"to upload it: uploader run {name}"
    say(with_hint(f"uploader: unknown command {quoted(name)}", hint))
    return 2


def _parsed(arguments: list[str]) -> argparse.Namespace:
    """The parsed arguments; ends with SystemExit if they cannot be meant."""
    parser = make_parser(arguments)
    given, unknown = parser.parse_known_args(arguments)
    parsers = next(one.choices for one in parser._actions if one.dest == "command")
    chosen = parsers[given.command] if isinstance(parsers, dict) and given.command else parser
    chosen.refuse_unknown(unknown)
    return given


def make_parser(arguments: Sequence[str]) -> Parser:
    """The parser of all commands; only the one that these arguments name has arguments of its own.

    So `--help` lists every command, and only a command's own help costs its import.
    """
    parser = Parser(
        "uploader",
        description="Upload the cases of a YAML manifest to Grand Challenge, each exactly once.",
        epilog="example: uploader run --sandbox examples/reader-study/manifest.yaml",
    )
    parser.add_argument("-V", "--version", action="version", version=f"uploader {__version__}")
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    named = _named(arguments)
    for name, one in COMMANDS.items():
        found = parsers.add_parser(
            name,
            help=one.does,
            description=f"{one.does[0].upper()}{one.does[1:]}.",
            epilog=f"example: {one.example}",
        )
        if name == named:
            _module(one).add_arguments(found)
            if not one.own_parser:
                add_colour_argument(found)
    return parser


def _named(arguments: Sequence[str]) -> str:
    """The first argument that is not an option; the program's own options take no values."""
    return next((word for word in arguments if not word.startswith("-")), "")


def _module(chosen: Command) -> Any:
    return import_module(chosen.module)
