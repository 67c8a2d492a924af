"""`uploader expand`: prints the explicit manifest that a short one stands for."""

from __future__ import annotations

import argparse
from pathlib import Path

from manifest_uploader.commands.arguments import add_root_argument
from manifest_uploader.commands.options import root_of
from manifest_uploader.commands.parsing import Parser
from manifest_uploader.engine.options import Options
from manifest_uploader.engine.reading import read_manifest
from manifest_uploader.engine.session import refuse
from manifest_uploader.files.root import find_root
from manifest_uploader.init.explicit import explicit_text
from manifest_uploader.output.formatting import warning_lines
from manifest_uploader.output.streams import say, write_out
from manifest_uploader.text import block


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `expand`."""
    add = parser.add_argument
    add("manifest", metavar="MANIFEST", help="the YAML file that describes the cases")
    add_root_argument(parser)
    add("--follow-links", action="store_true", help="follow links out of the root")
    add("--log-file", metavar="FILE", help="write a full log to this file (no secrets)")


def run(given: argparse.Namespace) -> int:
    """Print the manifest, and say what is odd about it.

    Raises:
        ManifestInvalid: there are problems with the text or with the table.

    """
    options = Options(given.manifest, Path(), root=root_of(given), follow_links=given.follow_links)
    reading = read_manifest(options)
    refuse(reading.problems, reading.remarks)
    if reading.remarks:
        say(block(*warning_lines(reading.remarks)))
    root = find_root(reading.manifest, root=options.root, follow_links=options.follow_links)
    write_out(explicit_text(reading.manifest, root))
    return 0
