"""`uploader status`: shows where each case stands, from the state file alone."""

from __future__ import annotations

import argparse

from manifest_uploader.api import calls
from manifest_uploader.api.results import code_of
from manifest_uploader.commands import watch
from manifest_uploader.commands.arguments import add_manifest_arguments, add_root_argument
from manifest_uploader.commands.options import command_line, root_of, state_path, written_state_path
from manifest_uploader.commands.parsing import Parser
from manifest_uploader.commands.signals import exit_on_sigterm
from manifest_uploader.engine.options import Options
from manifest_uploader.engine.reading import read_manifest
from manifest_uploader.output.json_lines import stand_json, status_summary_json, write_json
from manifest_uploader.output.status_lines import stand_line, status_line, status_next
from manifest_uploader.output.streams import print_out
from manifest_uploader.output.watch_screen import open_screen
from manifest_uploader.state import lock


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `status`."""
    add_manifest_arguments(parser)
    add_root_argument(parser)
    parser.add_argument("--watch", action="store_true", help="follow a run until it ends")


def run(given: argparse.Namespace) -> int:
    """Show where the cases stand; the code is 1 if one has failed, is gone or is unsure."""
    # a run that is watched may be about to begin
    state = state_path(given) if given.watch else written_state_path(given)
    options = Options(given.manifest, state, root=root_of(given), follow_links=True)
    if given.watch:
        manifest = read_manifest(options).manifest
        exit_on_sigterm()
        with open_screen(json=given.json) as screen:
            return code_of(watch.watch(manifest, options.state, screen))
    found = calls.status(options)
    for stand in found.stands:
        if given.json:
            write_json(stand_json(stand))
        else:
            print_out(stand_line(stand))
    if given.json:
        write_json(status_summary_json({one.value: count for one, count in found.counts.items()}))
    else:
        print_out(status_line(found.counts, jobs=found.are_jobs))
        is_at_work = lock.holder_of(options.state) is not None
        watching = command_line(given, "status", "--watch") if is_at_work else None
        run_again = command_line(given, "run")
        following = status_next(found.counts, run_again, watching, jobs=found.are_jobs)
        if following is not None:
            print_out(following)
    return found.exit_code
