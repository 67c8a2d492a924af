"""The arguments of `uploader init`, and the Options that they stand for."""

from __future__ import annotations

import argparse
from typing import Final

from manifest_uploader.commands.arguments import add_colour_argument, add_platform_argument
from manifest_uploader.commands.parsing import Parser
from manifest_uploader.errors import UsageError
from manifest_uploader.init.options import (
    KINDS,
    Options,
    choose_series,
    read_column,
    read_socket,
    slug_of,
)
from manifest_uploader.text import composed, quoted

_EXAMPLES: Final = """\
Without options, it looks into the folder, proposes and asks. With them, it asks nothing:
  uploader init mainfolder --slug lung-nodules --each "patient-*" \\
      --socket "ct-image=ct/*.dcm" --socket "airway-segmentation=airways.mha" \\
      --table scores.csv --key patient --socket "some-score=@score" --title "@label"

one case per file:          --each "*.mha" --socket "ct-image=*.mha"
names from the path:        --each "{site}/{patient}/{study}" --title "{patient}, {study}"
new folders, later:         nothing to do: the next run finds them, and 'plan' names them
"""


def read(argv: list[str]) -> Options:
    """Parse the arguments; raises UsageError or SystemExit."""
    return options_of(make_parser().parse_args(argv))


def options_of(given: argparse.Namespace) -> Options:
    """The options that parsed arguments stand for; raises UsageError."""
    if given.update:
        raise UsageError(
            "init has no --update any more: a manifest with 'each:' finds new folders by itself",
            hint="write one with --force; its cases have the names that they had, so a run "
            "continues where it was and sends nothing twice",
        )
    options = Options(
        folder=given.folder,
        output=given.output,
        kind=given.kind,
        slug=slug_of(given.slug) if given.slug else None,
        each=given.each and composed(given.each),
        sockets=choose_series(tuple(map(read_socket, map(composed, given.socket))), given.series),
        table=given.table,
        keys=tuple(map(composed, given.key)),
        sheet=given.sheet,
        decimal_comma=given.decimal_comma,
        encoding=given.encoding,
        match_numbers=given.match_numbers,
        title=given.title and composed(given.title),
        order=read_column(composed(given.order), "order") if given.order is not None else None,
        check_series=not given.no_series_check,
        explicit=given.explicit,
        force=given.force,
        verbose=given.verbose,
    )
    _check(options)
    return options


def _check(options: Options) -> None:
    """Raise UsageError for options that contradict each other, or name no file to write."""
    _check_output(options.output)
    seen: set[str] = set()
    for one in options.sockets:
        if one.socket in seen:
            raise UsageError(
                f"--socket {quoted(one.socket)} appears twice",
                hint="a socket takes one image, one file or one value",
            )
        seen.add(one.socket)
    if options.table is None and (columns := _columns(options)):
        raise UsageError(
            f"{quoted('@' + columns[0])} is a column of a table, but there is no --table",
            hint="add --table scores.csv --key COLUMN: the column with the folders' names",
        )
    if options.kind == "archive" and options.order:
        raise UsageError("an archive has no order", hint="leave --order out")


def _check_output(output: str) -> None:
    if output == "-":
        raise UsageError(
            "'init' writes to a file, not to standard output",
            hint="name the manifest's file: --output FILE, or ./- if it is really called that",
        )
    if not output.strip():
        raise UsageError("--output names no file", hint="for example: --output manifest.yaml")


def _columns(options: Options) -> list[str]:
    """The columns of the table that the options name."""
    columns = [one.column for one in options.sockets if one.column is not None]
    titles = [options.title[1:]] if options.title and options.title.startswith("@") else []
    return [*columns, *titles, *([options.order] if options.order else [])]


def make_parser() -> Parser:
    """The parser of the command."""
    parser = Parser(prog="uploader init")
    add_arguments(parser)
    return parser


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the command, and what its help says."""
    parser.description = "Write a manifest from a folder, and a table if there is one."
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("folder", metavar="FOLDER", help="where the cases are")
    add("--slug", help="the target's slug: the last part of its page's URL, or that URL")
    add("--kind", choices=KINDS, help="the target's kind (default: reader-study)")
    add("--each", metavar="PATTERN", help="one case for each folder, or file, that matches it")
    add("--socket", metavar="SOCKET=FILES", action="append", default=[],
        help="files of the case, as in ct-image=ct/*.dcm, or a column: some-score=@score; "
        "repeatable")  # fmt: skip
    add("--title", help="what readers see: text with {names} in it, or @COLUMN")
    add("--order", metavar="@COLUMN", help="the place in the readers' worklist")
    add("--table", metavar="FILE",
        help="a .csv, .tsv, .xlsx or .xlsm file (for Excel files: the extra 'xlsx')")  # fmt: skip
    add("--key", metavar="COLUMN", action="append", default=[],
        help="the table's column with the cases' names, or with one named part of --each; "
        "repeatable")  # fmt: skip
    add("--sheet", metavar="NAME", help="the sheet of an Excel file (default: the first)")
    add("--encoding", metavar="NAME",
        help="the encoding of a table that is not UTF-8, such as cp1252 (Windows)")  # fmt: skip
    add("--decimal-comma", action="store_true", help="read 2,1 in the table as a number")
    add("--match-numbers", action="store_true",
        help="match 7 in the table to the case 007: spreadsheets drop zeros")  # fmt: skip
    add("--series", metavar="SOCKET=DESCRIPTION", action="append", default=[],
        help="where a folder holds several DICOM series: the one for this socket, by a pattern "
        "for its description; @largest takes the one with the most slices")  # fmt: skip
    add("--no-series-check", action="store_true",
        help="do not read the header of every DICOM file to tell series apart")  # fmt: skip
    add("--explicit", action="store_true",
        help="write an entry for each case instead of one description for all")  # fmt: skip
    add(
        "--output",
        metavar="FILE",
        default="manifest.yaml",
        help="the manifest to write (default: manifest.yaml)",
    )
    add("--force", action="store_true", help="overwrite an existing manifest")
    add("--update", action="store_true", help=argparse.SUPPRESS)
    add("--verbose", action="store_true", help="list everything that was noticed")
    add_platform_argument(parser)
    add("--token-file", metavar="FILE", help="the file with the token, to look up sockets")
    add("--log-file", metavar="FILE", help="write the details of an error to this file")
    add_colour_argument(parser)
