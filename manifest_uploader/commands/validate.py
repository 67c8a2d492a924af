"""`uploader validate`: finds everything that is wrong with a manifest and its files."""

from __future__ import annotations

import argparse

from manifest_uploader.commands.options import add_run_arguments, has_token, open_options
from manifest_uploader.engine import run as engine
from manifest_uploader.manifest.problems import ManifestInvalid
from manifest_uploader.output.formatting import cases_words
from manifest_uploader.output.json_lines import problem_json, write_json
from manifest_uploader.output.streams import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `validate`."""
    add_run_arguments(parser)
    parser.add_argument("--offline", action="store_true", help="do not ask the platform")


def run(given: argparse.Namespace) -> int:
    """Say that there is no problem; without a token the platform is not asked.

    Raises:
        ManifestInvalid: there are problems; with `--json` they are written already.

    """
    offline = given.offline or not (given.sandbox or has_token(given))
    try:
        with open_options(given, offline=offline) as options:
            manifest = engine.validate(options)
    except ManifestInvalid as invalid:
        if given.json:
            for problem in invalid.problems:
                write_json(problem_json(problem))
        raise
    not_asked = "; the platform was not asked" if offline else ""
    say(f"{manifest.path}: {cases_words(len(manifest.cases))}, no problem{not_asked}")
    return 0
