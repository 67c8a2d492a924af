"""The arguments that commands share, and the engine's options that they stand for."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from manifest_uploader.api import settings
from manifest_uploader.api.settings import DEFAULT_PLATFORM, Settings
from manifest_uploader.engine.options import Options
from manifest_uploader.platform.address import parse_platform
from manifest_uploader.system.shells import for_shell

# ── arguments ───────────────────────────────────────────────────────────────────────────────


def add_manifest_arguments(parser: argparse.ArgumentParser) -> None:
    """Add those of every command that reads a manifest and tells about its cases."""
    add = parser.add_argument
    add("manifest", metavar="MANIFEST", help="the YAML file with the cases")
    add("--state", metavar="FILE", help="default: NAME.state.jsonl beside NAME.yaml")
    add("--json", action="store_true", help="JSON lines on standard output")
    add("--sandbox", action="store_true", help="rehearse: start a sandbox for this")
    add("--verbose", action="store_true", help="say more")
    add("--quiet", action="store_true", help="say less")
    add("--log-file", metavar="FILE", help="write everything there (no secrets)")


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add those that decide what a run does; `validate` and `plan` take the same."""
    _add_reading_arguments(parser)
    _add_sending_arguments(parser)


def add_looking_arguments(parser: argparse.ArgumentParser) -> None:
    """Add those of a command that only reads the platform; the others get their defaults."""
    _add_reading_arguments(parser)
    others = argparse.ArgumentParser(add_help=False)
    _add_sending_arguments(others)
    parser.set_defaults(**vars(others.parse_args([])))


def _add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    """Add those that say which cases of which manifest, and how to reach the platform."""
    add_manifest_arguments(parser)
    add_platform_argument(parser)
    add = parser.add_argument
    add("--token-file", metavar="FILE", help="holds the token")
    add("--socket", metavar="SPEC", action="append", default=[],
        help="with --sandbox: SLUG=KIND instead of what is made out")  # fmt: skip
    add_root_argument(parser)
    add("--follow-links", action="store_true", help="let links lead out of the root")
    add("--only", metavar="NAME", action="append", default=[],
        help="only these cases (a pattern with * and ?; repeatable)")  # fmt: skip
    add("--first", metavar="N", type=count, help="only the first N cases")
    add("--give-up-after", metavar="SECONDS", type=seconds, default=3600.0,
        help="how long to wait for a platform that does not answer (3600)")  # fmt: skip
    add("--stall-timeout", metavar="SECONDS", type=seconds, default=60.0,
        help="for a connection without a byte (60)")  # fmt: skip


def _add_sending_arguments(parser: argparse.ArgumentParser) -> None:
    """Add those about local files, what is sent, and the wait for it."""
    add = parser.add_argument
    add("--checksum", action="store_true", help="hash every file")
    add("--quick", action="store_true", help="look into one file of each value instead of all")
    add("--adopt", action="store_true", help="adopt existing items that have a case's title")
    add("--resend-unchecked", action="store_true",
        help="send adopted values again whose content was not checked")  # fmt: skip
    add("--recreate", action="store_true", help="make deleted items anew")
    add("--retry-failed", action="store_true", help="send failed imports again")
    add("--new", action="store_true", help="untitled cases are new")
    add("--jobs", metavar="N", type=count, default=8, help="steps at a time (8)")
    add("--no-wait", action="store_true", help="do not wait for imports")
    add("--wait-timeout", metavar="SECONDS", type=seconds, default=3600.0,
        help="how long to wait while no import arrives (3600)")  # fmt: skip
    add("--refused-after", metavar="SECONDS", type=seconds, default=1800.0,
        help="how long a file, or a job's inputs, may go without a response (1800)")  # fmt: skip
    add("--settle-after", metavar="SECONDS", type=seconds, default=120.0,
        help="how long to wait and look before a job is started again whose request had no "
        "answer (120)")  # fmt: skip
    add("--upload-limit", metavar="N", type=count, default=2000,
        help="upload rows that the account may hold (2000)")  # fmt: skip
    add("--take-over", action="store_true", help="break another run's lock")
    add("--keep-bytes", action="store_true",
        help="with --sandbox: keep the files that are sent, for `fetch`")  # fmt: skip
    add("--receipts", action="store_true",
        help="write NAME.receipts.jsonl: the SHA-256 of every file sent")  # fmt: skip


def add_root_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--root`."""
    parser.add_argument("--root", metavar="DIR", help="where the files are")


def root_of(given: argparse.Namespace) -> str | None:
    """Where the files are; None if only the manifest says so."""
    return settings.root_of(given.root)


def add_verify_arguments(parser: argparse.ArgumentParser, *, does: str) -> None:
    """Add those that compare the target first."""
    add = parser.add_argument
    add("--verify", action="store_true", help=f"compare the target first, and {does}")
    add("--content", action="store_true", help="with --verify: download files and compare them")


def add_platform_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--platform`."""
    parser.add_argument(
        "--platform", metavar="URL", help=f"API address; default {DEFAULT_PLATFORM}"
    )


def count(text: str) -> int:
    """A whole number of at least 1; raises argparse.ArgumentTypeError."""
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number, 1 or higher")
    return int(text)


def seconds(text: str) -> float:
    """A number of seconds above 0; raises argparse.ArgumentTypeError."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 < found < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds above 0")
    return found


# ── settings ────────────────────────────────────────────────────────────────────────────────


@contextmanager
def open_options(
    given: argparse.Namespace, *, offline: bool = False, sends: bool = False
) -> Iterator[Options]:
    """The options; with `--sandbox`, a sandbox runs until the `with` statement ends.

    Args:
        given: the arguments.
        offline: the platform is not asked.
        sends: the command sends something, which a sandbox is to remember.

    Raises:
        UsageError: an argument or the environment is wrong.
        ManifestInvalid: no sandbox can be made up for the manifest.
        TokenRefused: there is no token.
        CannotGoOn: the sandbox cannot start.

    """
    with settings.opened(settings_of(given), offline=offline, sends=sends) as options:
        yield options


def options_of(given: argparse.Namespace) -> Options:
    """The options without a platform; raises UsageError if one needs another."""
    return settings.options_of(settings_of(given))


def settings_of(given: argparse.Namespace) -> Settings:
    """The arguments as settings, which have the same names."""
    names = Settings.__struct_fields__
    found: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in vars(given).items()
        if name in names and name != "command"
    }
    words = ["uploader", *getattr(given, "words", ()), "--take-over"]
    return Settings(**found, command=for_shell(words))


# ── files ───────────────────────────────────────────────────────────────────────────────────


def state_path(given: argparse.Namespace) -> Path:
    """The state file: the one given, or the one beside the manifest; raises UsageError."""
    return settings.state_path(settings_of(given))


def written_state_path(given: argparse.Namespace) -> Path:
    """The state file to read; raises UsageError if the one that was named does not exist."""
    return settings.written_state_path(settings_of(given))


def receipts_path(given: argparse.Namespace) -> Path:
    """The file of receipts beside the manifest."""
    return settings.beside(given.manifest, ".receipts.jsonl")


def beside(given: argparse.Namespace, ending: str) -> Path:
    """A file beside the manifest with its name and another ending."""
    return settings.beside(given.manifest, ending)


# ── platform ────────────────────────────────────────────────────────────────────────────────


def platform_address(given: argparse.Namespace) -> str:
    """The API address: from the argument, the environment, or the default."""
    return settings.platform_address(given.platform)


def platform_url(given: argparse.Namespace) -> str:
    """The same, checked; raises UsageError."""
    no_token = "0" * 64  # an address alone cannot be parsed
    return parse_platform(platform_address(given), no_token).url


def has_token(given: argparse.Namespace) -> bool:
    """Whether there is a token."""
    return settings.has_token(given.token_file, platform_address(given))


def token_place(given: argparse.Namespace) -> str:
    """Where `token` takes the token from, in words."""
    return settings.token_place(given.token_file)


def token(given: argparse.Namespace) -> str:
    """The token, from a file, the environment or the keyring.

    Raises:
        TokenRefused: there is none, or what was found is not a token.

    """
    return settings.find_token(given.token_file, platform_address(given))
