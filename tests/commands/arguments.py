"""The arguments of a run, as the command line parses them."""

from __future__ import annotations

import argparse

from manifest_uploader import cli


def parsed(*arguments: str) -> argparse.Namespace:
    """The parsed arguments of `uploader run ARGUMENTS`."""
    words = ["run", *arguments]
    given = cli.make_parser(words).parse_args(words)
    given.words = words
    return given
