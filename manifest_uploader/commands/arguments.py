"""The arguments that commands share."""

from __future__ import annotations

import argparse
import re

from manifest_uploader.api.settings import DEFAULT_PLATFORM, USUAL
from manifest_uploader.api.worker_settings import JOBS_PER_WORKER, MOST_JOBS
from manifest_uploader.cluster.address import Batch
from manifest_uploader.commands.parsing import CASES, COMMON, RECOVERY, TUNING, WORKERS, Parser
from manifest_uploader.engine.options import JOBS
from manifest_uploader.output.paint import Colour


def add_manifest_arguments(parser: Parser) -> None:
    """Add those of every command that reads a manifest and tells about its cases."""
    parser.add_argument("manifest", metavar="MANIFEST", help="the YAML file with the cases")
    add = parser.group(COMMON).add_argument
    add("--state", metavar="FILE", help="default: NAME.state.jsonl beside NAME.yaml")
    add("--json", action="store_true", help="JSON lines on standard output")
    add("--sandbox", action="store_true", help="rehearse: start a sandbox for this command")
    add("--verbose", action="store_true", help="print more")
    add("--quiet", action="store_true", help="print less")
    add("--log-file", metavar="FILE", help="write a full log to this file (no secrets)")


def add_run_arguments(parser: Parser) -> None:
    """Add those that decide what a run does; `validate` and `plan` take the same."""
    _add_reading_arguments(parser)
    _add_sending_arguments(parser)


def add_looking_arguments(parser: Parser) -> None:
    """Add those of a command that only reads the platform; the others get their defaults."""
    _add_reading_arguments(parser)
    others = Parser(add_help=False)
    _add_sending_arguments(others)
    parser.set_defaults(**vars(others.parse_args([])))


def _add_reading_arguments(parser: Parser) -> None:
    """Add those that say which cases of which manifest, and how to reach the platform."""
    add_manifest_arguments(parser)
    add_platform_arguments(parser)
    add_root_argument(parser)
    common, cases = parser.group(COMMON), parser.group(CASES)
    common.add_argument("--socket", metavar="SPEC", action="append", default=[],
        help="with --sandbox: SLUG=KIND overrides the detected socket kind")  # fmt: skip
    cases.add_argument("--only", metavar="NAME", action="append", default=[],
        help="only these cases (a pattern with * and ?; repeatable)")  # fmt: skip
    cases.add_argument("--first", metavar="N", type=count, help="only the first N cases")
    add = parser.group(TUNING).add_argument
    add("--follow-links", action="store_true", help="follow links out of the root")
    add("--give-up-after", metavar="SECONDS", type=seconds, default=USUAL.give_up_after,
        help="how long to wait for a platform that does not answer (%(default)g)")  # fmt: skip
    add("--stall-timeout", metavar="SECONDS", type=seconds, default=USUAL.stall_timeout,
        help="how long a connection may stay silent (%(default)g)")  # fmt: skip


def _add_sending_arguments(parser: Parser) -> None:
    """Add those about local files, what is sent, and the wait for it."""
    add = parser.group(RECOVERY).add_argument
    add("--adopt", action="store_true",
        help="if the state file is lost: take items that have a case's title")  # fmt: skip
    add("--recreate", action="store_true", help="recreate items that were deleted")
    add("--retry-failed", action="store_true", help="send failed imports again")
    add("--resend-unchecked", action="store_true",
        help="send adopted values again whose content was not checked")  # fmt: skip
    add("--new", action="store_true", help="confirm that untitled cases are new")
    add("--checksum", action="store_true", help="hash every file instead of trusting its time")
    add("--take-over", action="store_true", help="break another run's lock")
    _add_worker_arguments(parser)
    add = parser.group(TUNING).add_argument
    add("--quick", action="store_true", help="read one file of each value instead of all")
    add("--jobs", metavar="N", type=count,
        help=f"steps at a time ({JOBS}; with workers {MOST_JOBS}, for all together)")  # fmt: skip
    add("--no-wait", action="store_true", help="do not wait for imports")
    add("--wait-timeout", metavar="SECONDS", type=seconds, default=USUAL.wait_timeout,
        help="how long to wait while no import arrives (%(default)g)")  # fmt: skip
    add("--refused-after", metavar="SECONDS", type=seconds, default=USUAL.refused_after,
        help="treat a file, or a job's inputs, as rejected if there is no response for this long "
        "(%(default)g)")  # fmt: skip
    add("--settle-after", metavar="SECONDS", type=seconds, default=USUAL.settle_after,
        help="how long to look for a job before starting it again if its start had no answer "
        "(%(default)g)")  # fmt: skip
    add("--upload-limit", metavar="N", type=count, default=USUAL.upload_limit,
        help="upload slots that the account may use (%(default)g)")  # fmt: skip
    add("--keep-bytes", action="store_true",
        help="with --sandbox: keep the files that are sent, for 'fetch'")  # fmt: skip
    add("--receipts", action="store_true",
        help="write NAME.receipts.jsonl: the SHA-256 of every file sent")  # fmt: skip


def _add_worker_arguments(parser: Parser) -> None:
    """Add those that name workers on other machines."""
    add = parser.group(WORKERS).add_argument
    add("--dask", metavar="ADDRESS",
        help="let the workers of this Dask scheduler read and send the files; 'local:4' starts 4 "
        "workers here")  # fmt: skip
    for batch in Batch:
        add(f"--dask-{batch}", metavar="N", type=count,
            help=f"the same, with workers in N jobs of {batch.upper()}")  # fmt: skip
    add("--jobs-per-worker", metavar="N", type=count,
        help=f"files, or parts, a worker sends at a time ({JOBS_PER_WORKER})")  # fmt: skip
    add("--worker-root", metavar="DIR",
        help="where the workers see the files, if not at the same place")  # fmt: skip


def add_verify_arguments(parser: Parser, *, does: str) -> None:
    """Add those that compare the target first."""
    add = parser.group(RECOVERY).add_argument
    add("--verify", action="store_true", help=f"compare the target first, and {does}")
    add("--content", action="store_true", help="with --verify: download files and compare them")


def add_root_argument(parser: Parser) -> None:
    """Add `--root`."""
    parser.group(COMMON).add_argument("--root", metavar="DIR", help="where the files are")


def add_platform_argument(parser: Parser) -> None:
    """Add `--platform`."""
    parser.group(COMMON).add_argument(
        "--platform", metavar="URL", help=f"API address; default {DEFAULT_PLATFORM}"
    )


def add_platform_arguments(parser: Parser) -> None:
    """Add `--platform` and `--token-file`."""
    add_platform_argument(parser)
    parser.group(COMMON).add_argument(
        "--token-file", metavar="FILE", help="the file with the token"
    )


def add_colour_argument(parser: Parser) -> None:
    """Add `--color`."""
    parser.group(COMMON).add_argument(
        "--color",
        metavar="WHEN",
        type=Colour,
        choices=tuple(Colour),
        default=Colour.AUTO,
        help="auto (on terminals), always or never",
    )


def count(text: str) -> int:
    """A whole number of at least 1; raises argparse.ArgumentTypeError."""
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 or higher, not '{text}'")
    return int(text)


def seconds(text: str) -> float:
    """A number of seconds above 0; raises argparse.ArgumentTypeError."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 < found < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, not '{text}'")
    return found
