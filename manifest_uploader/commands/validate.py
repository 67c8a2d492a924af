"""`uploader validate`: finds everything that is wrong with a manifest and its files."""

from __future__ import annotations

import argparse

from manifest_uploader.api import calls
from manifest_uploader.api.findings import Validation
from manifest_uploader.commands.arguments import add_run_arguments
from manifest_uploader.commands.options import has_token, open_options
from manifest_uploader.commands.parsing import Parser
from manifest_uploader.commands.signals import interruptible, stopping_on_signals
from manifest_uploader.engine.reading import Watching
from manifest_uploader.manifest.problems import ManifestInvalid, Problem
from manifest_uploader.output.formatting import cases_words, counted, warning_lines
from manifest_uploader.output.json_lines import problem_json, write_json
from manifest_uploader.output.screen import make_screen
from manifest_uploader.output.streams import print_out, say
from manifest_uploader.text import block


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `validate`."""
    add_run_arguments(parser)
    parser.hide("--jobs", "--no-wait", "--wait-timeout", "--refused-after", "--receipts")
    parser.hide("--settle-after", "--keep-bytes")
    parser.hide("--take-over", "--recreate", "--retry-failed", "--resend-unchecked")
    parser.add_argument("--offline", action="store_true", help="do not ask the platform")
    parser.add_argument(
        "--import",
        dest="import_check",
        action="store_true",
        help="ask the platform's own importer about every image",
    )


def run(given: argparse.Namespace) -> int:
    """Say that there is no problem; without a token the platform is not asked.

    Raises:
        ManifestInvalid: there are problems; with `--json` they are written already.

    """
    offline = given.offline or not (given.sandbox or has_token(given))
    screen = make_screen(verbose=given.verbose, quiet=given.quiet)
    try:
        with (
            open_options(given, offline=offline) as options,
            stopping_on_signals(screen, sends=False) as stop,
        ):
            watching = Watching(
                screen.looking, screen.importing, stop.event.is_set, doing=screen.doing
            )
            found = interruptible(
                lambda: calls.validate(options, watching), stop, screen, attend=watching.attend
            )
            if found is None:
                return stop.code
    except ManifestInvalid as invalid:
        _write(given, invalid.problems, invalid.warnings)
        raise
    finally:
        screen.stop()
    _write(given, (), found.warnings)
    if found.warnings:
        say(block(*warning_lines(found.warnings)))
    tell = say if given.json else print_out
    tell(_summary(found))
    return 0


def _summary(found: Validation) -> str:
    parts = [f"{found.path}: {cases_words(found.cases)}, no problem"]
    if found.files:
        parts.append(_looked_words(found))
    if found.imported is not None:
        parts.append(f"the platform's importer accepts {counted(found.imported, 'image')}")
    if not found.asked:
        parts.append("the platform was not asked")
    return "; ".join(parts)


def _write(
    given: argparse.Namespace, problems: tuple[Problem, ...], warnings: tuple[Problem, ...]
) -> None:
    if not given.json:
        return
    for problem in problems:
        write_json(problem_json(problem))
    for warning in warnings:
        write_json(problem_json(warning, warning=True))


def _looked_words(found: Validation) -> str:
    """How many files were read."""
    if found.looked < found.files:
        return f"read {found.looked:,} of {counted(found.files, 'file')} (--quick)"
    return f"read {counted(found.files, 'file')}"
