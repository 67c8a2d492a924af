"""`uploader plan`: shows what a run would do now."""

from __future__ import annotations

import argparse

from manifest_uploader.api import calls
from manifest_uploader.commands.arguments import add_run_arguments, add_verify_arguments
from manifest_uploader.commands.options import command_line, open_options
from manifest_uploader.commands.parsing import Parser
from manifest_uploader.commands.signals import interruptible, stopping_on_signals
from manifest_uploader.engine.reading import Watching
from manifest_uploader.output.json_lines import plan_json, plan_summary_json, write_json
from manifest_uploader.output.plan_lines import plan_lines
from manifest_uploader.output.screen import make_screen
from manifest_uploader.output.streams import print_out, say
from manifest_uploader.output.verify_lines import difference_json


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `plan`."""
    add_run_arguments(parser)
    parser.hide("--jobs", "--no-wait", "--wait-timeout", "--refused-after", "--receipts")
    parser.hide("--settle-after", "--keep-bytes")
    parser.hide("--take-over")
    add_verify_arguments(parser, does="show what a run would put back")


def run(given: argparse.Namespace) -> int:
    """Show the plan; the code is 1 if a case is gone or has failed, or if anything differs."""
    screen = make_screen(verbose=given.verbose, quiet=given.quiet)
    with open_options(given) as options, stopping_on_signals(screen, sends=False) as stop:
        watching = Watching(screen.looking, stopping=stop.event.is_set, doing=screen.doing)
        try:
            found = interruptible(
                lambda: calls.plan(options, watching), stop, screen, attend=watching.attend
            )
        finally:
            screen.stop()
        if found is None:
            return stop.code
        plan, facts = found.steps, found.facts
        if facts.warnings:
            screen.warn(facts.warnings)
        if given.json:
            for one in (*plan.differences, *plan.changed):
                write_json(difference_json(one))
            for case in plan.cases:
                write_json(plan_json(case, calls=given.verbose))
            write_json(plan_summary_json(plan, facts))
        tell = say if given.json else print_out
        command = None if given.quiet else _run_command(given)
        tell(plan_lines(plan, facts, given.upload_limit, command))
    return found.exit_code


def _run_command(given: argparse.Namespace) -> str:
    """The command that does what was planned."""
    asked = ("adopt", "recreate", "retry_failed", "resend_unchecked", "new", "verify", "content")
    options = [f"--{name.replace('_', '-')}" for name in asked if getattr(given, name)]
    return command_line(given, "run", *options)
