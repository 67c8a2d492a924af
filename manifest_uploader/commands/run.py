"""`uploader run`: uploads the cases and waits until the platform has imported them."""

from __future__ import annotations

import argparse

from msgspec.structs import replace

from manifest_uploader.commands import handles, run_report
from manifest_uploader.commands.options import (
    add_run_arguments,
    add_verify_arguments,
    open_options,
)
from manifest_uploader.commands.signals import interruptible, stopping_on_signals
from manifest_uploader.engine import run as engine
from manifest_uploader.engine.options import Options
from manifest_uploader.engine.progress import Observer
from manifest_uploader.engine.results import End, Summary
from manifest_uploader.errors import UsageError
from manifest_uploader.output.json_lines import JsonLines
from manifest_uploader.output.screen import make_screen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `run`."""
    add_run_arguments(parser)
    add_verify_arguments(parser, does="put back what others changed")
    run_report.add_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Run, and return the code of the worst end of a case."""
    if given.quick:
        raise UsageError(
            "--quick is for 'validate' and 'plan': 'run' looks into every file that it sends",
            hint="leave it out; what was looked into before is not looked into again",
        )
    run_report.check(given)
    screen = make_screen(verbose=given.verbose, quiet=given.quiet)
    json_lines: list[Observer] = [JsonLines()] if given.json else []
    observers = [*json_lines, screen]
    with open_options(given) as asked, stopping_on_signals(screen) as stop:
        options = _with_usable_jobs(asked, screen, sandbox=given.sandbox)
        try:
            summary = interruptible(
                lambda: engine.run(options, observers, stop.event), stop, screen
            )
        finally:
            screen.stop()
        if summary is None:
            return stop.code
        if given.sandbox:
            from manifest_uploader.commands import sandbox  # noqa: PLC0415 - a server; few need it

            summary = replace(summary, notes=summary.notes + sandbox.rehearsal_notes(summary))
        for observer in observers:
            observer.ends(summary)
        code = stop.say() if stop.caught else exit_code(summary)
    if not stop.caught:
        run_report.write(given, options)
    return code


def _with_usable_jobs(options: Options, screen: Observer, *, sandbox: bool) -> Options:
    """The options with as many jobs as there may be open files, and a note if that is fewer."""
    limit = handles.open_limit()
    jobs = handles.usable_jobs(options.jobs, limit=limit, sandbox=sandbox)
    if (note := handles.jobs_note(jobs, options.jobs, limit)) is not None:
        screen.note(note)
    return replace(options, jobs=jobs)


def exit_code(summary: Summary) -> int:
    """The code of the worst end of a case."""
    ends = {one.end for one in summary.ends}
    is_left = bool(summary.late_items or summary.lasting)
    if ends & {End.FAILED, End.UNSURE, End.PENDING} or is_left:
        return 1
    return 4 if End.WAITING in ends else 0
