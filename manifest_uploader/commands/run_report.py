"""The report that `uploader run --report` writes at its end."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from manifest_uploader.commands.options import options_of, receipts_path
from manifest_uploader.commands.parsing import COMMON, Parser
from manifest_uploader.engine.options import Options
from manifest_uploader.errors import UploaderError
from manifest_uploader.output.streams import say

if TYPE_CHECKING:
    from manifest_uploader.report.command import Wanted

_BESIDE: Final = ""
"""The page goes beside the manifest."""


def add_argument(parser: Parser) -> None:
    """Add `--report`."""
    add = parser.group(COMMON).add_argument
    add("--report", metavar="FILE", nargs="?", const=_BESIDE, type=_page,
        help="write a report at the end; default: NAME.report.html")  # fmt: skip


def check(given: argparse.Namespace) -> None:
    """Raise UploaderError if the report that is asked for cannot be written."""
    if given.report is not None:
        from manifest_uploader.report.command import (  # noqa: PLC0415 - only with --report
            check_outputs,
            require_page,
        )

        wanted = _wanted(given)
        require_page(wanted)
        check_outputs(options_of(given), wanted)


def write(given: argparse.Namespace, options: Options) -> None:
    """Write the report that is asked for, of a run with these options.

    If that is impossible a line says so, even to the quiet: it changes nothing about how the run
    ended.
    """
    if given.report is None:
        return
    from manifest_uploader.report.command import report  # noqa: PLC0415 - only with --report

    whole = replace(options, only=(), first=None, follow_links=True, receipts=receipts_path(given))
    try:
        lines = report(whole, _wanted(given))
    except UploaderError as error:
        say(f"the report was not written: {error.message}")
        return
    for line in lines:
        if not given.quiet:
            say(line)


def _wanted(given: argparse.Namespace) -> Wanted:
    from manifest_uploader.commands.report import (  # noqa: PLC0415 - only with --report
        commands_of,
        default_page,
    )
    from manifest_uploader.report.command import Wanted  # noqa: PLC0415 - likewise

    page = given.report or default_page(given)
    return Wanted(page, page_is_asked_for=True, commands=commands_of(given))


def _page(text: str) -> str:
    if text.lower().endswith((".yaml", ".yml")):
        raise argparse.ArgumentTypeError(
            f"'{text}' looks like the manifest; write the manifest first, or --report=FILE"
        )
    return text
