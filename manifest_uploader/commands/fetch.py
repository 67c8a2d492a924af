"""`uploader fetch`: brings answers, outputs of jobs and files back from the platform."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from manifest_uploader.api import calls
from manifest_uploader.commands.arguments import add_looking_arguments, count
from manifest_uploader.commands.options import open_options, written_state_path
from manifest_uploader.commands.parsing import Parser
from manifest_uploader.commands.signals import interruptible, stopping_on_signals
from manifest_uploader.engine.options import JOBS
from manifest_uploader.engine.reading import Watching
from manifest_uploader.output.json_lines import write_json
from manifest_uploader.output.screen import make_screen
from manifest_uploader.output.streams import print_out, say

if TYPE_CHECKING:
    from manifest_uploader.plan.fetched import FetchedFile

_DETAILS: Final = """\
For a reader study, DIR/answers.csv gets one line for each answer: editors of the study get the
answers of all readers, readers their own. For an algorithm, DIR/jobs.csv gets one line for each
case, with its job, the job's status and its outputs; those are saved as DIR/CASE/SOCKET/NAME. With
--items, the files and images of the items come there, too (of jobs: the inputs, to
DIR/CASE/inputs/SOCKET/NAME), and DIR/items.csv lists them.

The same command continues where an earlier one ended, and replaces its files if the platform
has newer ones. Files that you changed are kept unless --force is given. The exit code is 1 if
something failed, is missing or was kept, and 4 if nothing is wrong but jobs are still running.

example: uploader fetch lung.yaml results --items
"""


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `fetch`."""
    parser.epilog = _DETAILS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_looking_arguments(parser)
    add = parser.add_argument
    add("folder", metavar="DIR", help="the folder for the results")
    add("--items", action="store_true", help="also fetch the files and images of the items")
    add("--force", action="store_true", help="replace files that you changed")
    add(
        "--checksum",
        action="store_true",
        help="hash the files in DIR instead of trusting size and time",
    )
    add(
        "--jobs",
        metavar="N",
        type=count,
        default=JOBS,
        help="files at a time (%(default)g)",
    )
    add("--take-over", action="store_true", help="break the lock of another fetch")


def run(given: argparse.Namespace) -> int:
    """Fetch; the code is 1 if something is missing, failed, or differs and was kept; 4: wait."""
    from manifest_uploader.engine import fetching  # noqa: PLC0415 - late: 0.1 s of CPU
    from manifest_uploader.output import fetch_lines  # noqa: PLC0415 - late, as that

    def tell(one: FetchedFile) -> None:
        if given.json:
            write_json(fetch_lines.file_json(one))

    written_state_path(given)
    screen = make_screen(verbose=given.verbose, quiet=given.quiet)
    wanted = fetching.Wanted(Path(given.folder), items=given.items, force=given.force)
    with (
        open_options(given) as options,
        stopping_on_signals(screen, sends=False, goes_on=True) as stop,
    ):
        watching = Watching(stopping=stop.event.is_set, doing=screen.doing)
        try:
            result = interruptible(
                lambda: calls.fetch(options, wanted, watching, tell),
                stop,
                screen,
                attend=watching.attend,
            )
        finally:
            screen.stop()
        if result is None:
            return stop.code
    found, put = result.found, result.put
    lines = fetch_lines.fetch_lines(found, put, lambda name: str(wanted.folder / name))
    if given.json:
        for row in found.answers or ():
            write_json(fetch_lines.answer_json(row))
        for job in found.jobs or ():
            write_json(fetch_lines.job_json(job))
        write_json(fetch_lines.fetch_summary_json(found, put))
        say(lines)
    else:
        print_out(lines)
    return result.exit_code
