"""`uploader report`: writes a page, and tables, about what is on the platform."""

from __future__ import annotations

import argparse

from manifest_uploader.commands.arguments import add_root_argument
from manifest_uploader.commands.options import beside, receipts_path, root_of, written_state_path
from manifest_uploader.commands.parsing import Parser
from manifest_uploader.engine.options import Options
from manifest_uploader.output.streams import say
from manifest_uploader.report.command import Wanted, report


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `report`."""
    add = parser.add_argument
    add("manifest", metavar="MANIFEST", help="the YAML file with the cases")
    add("--state", metavar="FILE", help="default: NAME.state.jsonl beside NAME.yaml")
    add_root_argument(parser)
    add("--sandbox", action="store_true", help="of a run with --sandbox")
    add("--output", metavar="FILE", help="the page; default: NAME.report.html")
    add("--csv", metavar="FILE", help="one row a value, for a spreadsheet; -: standard output")
    add("--json", metavar="FILE", help="the same rows as JSON")
    add("--quiet", action="store_true", help="say nothing of what was written")
    add("--log-file", metavar="FILE", help="write the details of a mistake there")


def run(given: argparse.Namespace) -> int:
    """Write the page and the tables."""
    options = Options(
        given.manifest,
        written_state_path(given),
        root=root_of(given),
        follow_links=True,
        receipts=receipts_path(given),
    )
    wanted = Wanted(
        given.output or str(beside(given, ".report.html")),
        page_is_asked_for=given.output is not None or not (given.csv or given.json),
        csv=given.csv,
        json=given.json,
    )
    for line in report(options, wanted):
        if not given.quiet:
            say(line)
    return 0
