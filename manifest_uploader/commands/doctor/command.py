"""`uploader doctor`: says what is in the way of an upload, and what to do about it."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from manifest_uploader.commands.arguments import add_platform_argument, add_root_argument
from manifest_uploader.commands.doctor.connection import (
    check_certificates,
    check_network,
    check_proxy,
)
from manifest_uploader.commands.doctor.findings import Finding, Verdict, failed
from manifest_uploader.commands.doctor.machine import (
    check_extras,
    check_folder,
    check_open_files,
    check_python,
    check_temporary,
)
from manifest_uploader.commands.doctor.rights import check_account
from manifest_uploader.commands.options import platform_url
from manifest_uploader.commands.parsing import Parser
from manifest_uploader.errors import UploaderError
from manifest_uploader.output.formatting import counted, next_line
from manifest_uploader.output.json_lines import write_json
from manifest_uploader.output.streams import print_out
from manifest_uploader.text import Block, Tone, block, line

_DETAILS: Final = """\
With a manifest it also checks whether you may edit its reader study, archive or algorithm.

example: uploader doctor lung.yaml
"""
_VERDICT: Final = max(len(one.value) for one in Verdict)
"""Width of the column of verdicts, in characters."""
_TONES: Final = {
    Verdict.OK: Tone.GOOD,
    Verdict.NOTE: Tone.WARNING,
    Verdict.WRONG: Tone.BAD,
    Verdict.SKIPPED: Tone.QUIET,
}
_TOPIC: Final = 12
"""Width of the column of topics, in characters."""


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `doctor`."""
    parser.epilog = _DETAILS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("manifest", metavar="MANIFEST", nargs="?", help="also check your rights on its target")
    add_platform_argument(parser)
    add("--token-file", metavar="FILE", help="the file with the token")
    add_root_argument(parser)
    add("--json", action="store_true", help="JSON lines on standard output")


def run(given: argparse.Namespace) -> int:
    """Check everything; the code is 1 if something is in the way."""
    counts: Counter[Verdict] = Counter()
    for finding in _findings(given):
        counts[finding.verdict] += 1
        if given.json:
            write_json(_json(finding))
        else:
            print_out(_line(finding))
    if given.json:
        write_json({"event": "summary"} | {one.value: counts[one] for one in Verdict})
    else:
        print_out(_end(counts))
    return 1 if counts[Verdict.WRONG] else 0


def _findings(given: argparse.Namespace) -> Iterator[Finding]:
    yield from check_python()
    yield from check_extras()
    yield from check_folder(Path(given.manifest or "x").absolute().parent)
    yield from check_temporary()
    yield from check_open_files()
    try:
        url = platform_url(given)
    except UploaderError as error:
        yield failed("platform", error)
        return
    yield from check_proxy()
    yield from check_certificates()
    reached = True
    for finding in check_network(url):
        reached = reached and finding.verdict is not Verdict.WRONG
        yield finding
    yield from check_account(given, url, reached=reached)


def _line(finding: Finding) -> Block:
    """`ok       clock         right`, and below it what to do."""
    verdict = (f"{finding.verdict:<{_VERDICT}}", _TONES[finding.verdict])
    first = line(verdict, f"  {finding.topic:<{_TOPIC}}  {finding.words}")
    if not finding.remedy:
        return first
    indent = " " * (_VERDICT + 2 + _TOPIC + 2)
    return block(first, line(f"{indent}→ ", (finding.remedy, Tone.ADVICE)))


def _json(finding: Finding) -> dict[str, str | None]:
    return {
        "check": finding.topic,
        "verdict": finding.verdict.value,
        "message": finding.words,
        "hint": finding.remedy,
    }


def _end(counts: Counter[Verdict]) -> Block:
    wrong = counts[Verdict.WRONG]
    if not wrong:
        return line(("everything is ready for an upload", Tone.GOOD))
    count = line((f"{counted(wrong, 'check')} failed", Tone.BAD))
    return block(count, next_line("do what the arrows say, then run the same command again"))
