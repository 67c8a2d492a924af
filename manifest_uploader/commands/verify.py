"""`uploader verify`: compares the target with the manifest and the state."""

from __future__ import annotations

import argparse

from manifest_uploader.api import calls
from manifest_uploader.commands.arguments import add_looking_arguments
from manifest_uploader.commands.options import command_line, open_options, written_state_path
from manifest_uploader.commands.parsing import Parser
from manifest_uploader.commands.signals import interruptible, stopping_on_signals
from manifest_uploader.engine.reading import Watching
from manifest_uploader.output.json_lines import write_json
from manifest_uploader.output.screen import make_screen
from manifest_uploader.output.streams import print_out, say
from manifest_uploader.output.verify_lines import (
    difference_json,
    verification_lines,
    verification_summary_json,
)


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `verify`."""
    add_looking_arguments(parser)
    parser.add_argument(
        "--content", action="store_true", help="download files and compare what is in them"
    )


def run(given: argparse.Namespace) -> int:
    """Show the differences; the code is 1 if there are any."""
    written_state_path(given)
    screen = make_screen(verbose=given.verbose, quiet=given.quiet)
    with open_options(given) as options, stopping_on_signals(screen, sends=False) as stop:
        watching = Watching(stopping=stop.event.is_set, doing=screen.doing)
        try:
            found = interruptible(
                lambda: calls.verify(options, watching, screen.downloading),
                stop,
                screen,
                attend=watching.attend,
            )
        finally:
            screen.stop()
        if found is None:
            return stop.code
    if given.json:
        for one in found.differences:
            write_json(difference_json(one))
        write_json(verification_summary_json(found.found))
    tell = say if given.json else print_out
    tell(verification_lines(found.found, command_line(given, "run")))
    return 0 if found.ok else 1
