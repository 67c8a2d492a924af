"""`uploader report`: writes a page, and tables, about what is on the platform."""

from __future__ import annotations

import argparse
import contextlib
import os
import re

from manifest_uploader.commands.arguments import add_platform_argument, add_root_argument
from manifest_uploader.commands.options import (
    beside,
    platform_url,
    receipts_path,
    root_of,
    written_state_path,
)
from manifest_uploader.commands.parsing import Parser
from manifest_uploader.engine.options import Options
from manifest_uploader.errors import UsageError
from manifest_uploader.output.streams import say
from manifest_uploader.platform.address import Platform
from manifest_uploader.report.command import Wanted, report
from manifest_uploader.report.next_steps import Commands
from manifest_uploader.system.shells import for_shell


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `report`."""
    add = parser.add_argument
    add("manifest", metavar="MANIFEST", help="the YAML file with the cases")
    add("--state", metavar="FILE", help="default: NAME.state.jsonl beside NAME.yaml")
    add_root_argument(parser)
    add_platform_argument(parser)
    add("--sandbox", action="store_true", help="report on a rehearsal (run --sandbox)")
    add("--output", metavar="FILE", help="the page; default: NAME.report.html")
    add("--open", action="store_true", help="show the page in the browser")
    add("--pictures", metavar="N", type=pictures, default=None,
        help="pictures of the first N cases; default: 500, for up to 30 s")  # fmt: skip
    add("--no-pictures", action="store_const", dest="pictures", const=0, help="without pictures")
    add("--csv", metavar="FILE", help="one row per value, for spreadsheets; - for standard output")
    add("--json", metavar="FILE", help="the same rows as JSON")
    add("--quiet", action="store_true", help="do not list what was written")
    add("--log-file", metavar="FILE", help="write the details of an error to this file")


def run(given: argparse.Namespace) -> int:
    """Write the page and the tables."""
    options = Options(
        given.manifest,
        written_state_path(given),
        platform=_platform(given),
        root=root_of(given),
        follow_links=True,
        receipts=receipts_path(given),
    )
    wanted = Wanted(
        given.output or default_page(given),
        page_is_asked_for=given.output is not None or given.open or not (given.csv or given.json),
        commands=commands_of(given),
        csv=given.csv,
        json=given.json,
        pictures=given.pictures,
        opens=given.open,
    )
    for line in report(options, wanted):
        if not given.quiet:
            say(line)
    return 0


def pictures(text: str) -> int:
    """A number of cases; raises argparse.ArgumentTypeError."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of cases")
    return int(text)


def default_page(given: argparse.Namespace) -> str:
    """The page beside the manifest."""
    return str(beside(given, ".report.html"))


def commands_of(given: argparse.Namespace) -> Commands:
    """Writes commands about the same manifest, state file and platform."""

    def write(name: str, options: tuple[str, ...]) -> str:
        same = ["--sandbox"] if given.sandbox else []
        for key in ("state", "root", "platform"):
            value = getattr(given, key)
            is_taken = key != "platform" or name != "status"
            same += [f"--{key}", value] if value and is_taken else []
        return for_shell(["uploader", name, *options, *same, given.manifest])

    return Commands(write)


def _platform(given: argparse.Namespace) -> Platform | None:
    """The address that the user gave, for the links; nothing is sent there."""
    if given.platform:
        return Platform(platform_url(given), "")
    with contextlib.suppress(UsageError):  # a command that connects will tell
        if os.environ.get("GRAND_CHALLENGE_API_URL"):
            return Platform(platform_url(given), "")
    return None
