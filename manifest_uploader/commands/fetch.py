"""`uploader fetch`: brings answers and files back from the platform."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from manifest_uploader.commands.arguments import add_looking_arguments, count
from manifest_uploader.commands.options import open_options, written_state_path
from manifest_uploader.commands.parsing import Parser
from manifest_uploader.commands.signals import interruptible, stopping_on_signals
from manifest_uploader.engine.reading import Watching
from manifest_uploader.output.json_lines import write_json
from manifest_uploader.output.screen import make_screen
from manifest_uploader.output.streams import print_out, say

if TYPE_CHECKING:
    from manifest_uploader.plan.fetched import FetchedFile

_DETAILS: Final = """\
DIR/answers.csv gets one line for each answer of a reader study: editors of the study get those of
all readers, readers their own. With --items, DIR/CASE/SOCKET/NAME gets the files and images of the
items, and DIR/items.csv lists them. The same command continues an earlier one: what is there is not
fetched again. Files that differ are kept unless --force is given.

example: uploader fetch lung.yaml results --items
"""


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `fetch`."""
    parser.epilog = _DETAILS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_looking_arguments(parser)
    add = parser.add_argument
    add("folder", metavar="DIR", help="the folder that the results go to")
    add("--items", action="store_true", help="fetch the files and images of items, too")
    add("--force", action="store_true", help="replace files that differ")
    add("--checksum", action="store_true", help="hash every file that is there")
    add("--jobs", metavar="N", type=count, default=8, help="files at a time (8)")
    add("--take-over", action="store_true", help="break the lock of another fetch")


def run(given: argparse.Namespace) -> int:
    """Fetch; the code is 1 if something is missing, or differs and was kept."""
    from manifest_uploader.engine import fetching  # noqa: PLC0415 - late: 0.1 s of CPU
    from manifest_uploader.output import fetch_lines  # noqa: PLC0415 - late, as that

    def tell(one: FetchedFile) -> None:
        if given.json:
            write_json(fetch_lines.file_json(one))

    written_state_path(given)
    screen = make_screen(verbose=given.verbose, quiet=given.quiet)
    wanted = fetching.Wanted(Path(given.folder), items=given.items, force=given.force)
    told = fetching.Told(fetch_lines.tables, tell)
    with (
        open_options(given) as options,
        stopping_on_signals(screen, sends=False, goes_on=True) as stop,
    ):
        watching = Watching(stopping=stop.event.is_set, doing=screen.doing)
        try:
            result = interruptible(
                lambda: fetching.fetch(options, wanted, told, watching),
                stop,
                screen,
                attend=watching.attend,
            )
        finally:
            screen.stop()
        if result is None:
            return stop.code
    found, put = result
    lines = fetch_lines.fetch_lines(found, put, lambda name: str(wanted.folder / name))
    if given.json:
        for row in found.answers or ():
            write_json(fetch_lines.answer_json(row))
        write_json(fetch_lines.fetch_summary_json(found, put))
        say(lines)
    else:
        print_out(lines)
    return 0 if fetch_lines.is_complete(found, put) else 1
