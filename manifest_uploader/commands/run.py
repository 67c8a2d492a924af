"""`uploader run`: uploads the cases and waits until the platform has imported them."""

from __future__ import annotations

import argparse

from manifest_uploader.api import calls
from manifest_uploader.commands import run_report
from manifest_uploader.commands.arguments import add_run_arguments, add_verify_arguments
from manifest_uploader.commands.options import open_options, settings_of
from manifest_uploader.commands.parsing import COMMON, Parser
from manifest_uploader.commands.signals import interruptible, stopping_on_signals
from manifest_uploader.engine.progress import Observer
from manifest_uploader.output.json_lines import JsonLines
from manifest_uploader.output.screen import make_screen


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `run`."""
    add_run_arguments(parser)
    add_verify_arguments(parser, does="put back what others changed")
    parser.group(COMMON).add_argument("--dry-run", action="store_true", help="the same as 'plan'")
    run_report.add_argument(parser)
    parser.hide("--quick")


def run(given: argparse.Namespace) -> int:
    """Run, and return the code of the worst end of a case."""
    calls.refuse_quick(settings_of(given))
    run_report.check(given)
    screen = make_screen(verbose=given.verbose, quiet=given.quiet, json=given.json)
    json_lines: list[Observer] = [JsonLines()] if given.json else []
    observers = [*json_lines, screen]
    with open_options(given, sends=True) as options, stopping_on_signals(screen) as stop:
        try:
            result = interruptible(
                lambda: calls.run(options, observers, stop.event, sandbox=given.sandbox),
                stop,
                screen,
            )
        finally:
            screen.stop()
        if result is None:
            return stop.code
        for observer in observers:
            observer.ends(result.summary)
        code = stop.say() if stop.caught else result.exit_code
    if not stop.caught:
        run_report.write(given, options)
    return code
