"""The arguments that commands share, and the engine's options that they stand for."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from manifest_uploader.engine.options import Options, Policy
from manifest_uploader.engine.reading import read_manifest
from manifest_uploader.errors import UsageError
from manifest_uploader.plan.inputs import Choices
from manifest_uploader.platform import credentials
from manifest_uploader.platform.address import Patience, parse_platform
from manifest_uploader.system import disk
from manifest_uploader.system.shells import for_shell

DEFAULT_PLATFORM: Final = "https://grand-challenge.org/api/v1/"
_MAX_JOBS: Final = 32


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
    return given.root or os.environ.get("UPLOADER_ROOT") or None


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


# ── options ─────────────────────────────────────────────────────────────────────────────────


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
    options = options_of(given)
    if offline:
        yield options
    elif given.sandbox:
        from manifest_uploader.commands import sandbox  # noqa: PLC0415 - a server; few need it

        manifest = read_manifest(options).manifest
        with (
            sandbox.folder_for(stem(given), options.state, sends=sends) as folder,
            sandbox.started_for(given, folder, manifest) as running,
        ):
            platform = parse_platform(running.url, running.token)
            yield replace(options, platform=platform, sandbox_id=running.id)
    else:
        yield replace(options, platform=parse_platform(platform_address(given), token(given)))


def options_of(given: argparse.Namespace) -> Options:
    """The options without a platform; raises UsageError if one needs another."""
    if getattr(given, "content", False) and getattr(given, "verify", None) is False:
        raise UsageError("--content compares files only with --verify", hint="add --verify")
    return Options(
        given.manifest,
        state_path(given),
        root=root_of(given),
        follow_links=given.follow_links,
        only=tuple(given.only),
        first=given.first,
        jobs=min(given.jobs, _MAX_JOBS),
        checksum=given.checksum,
        quick=given.quick,
        looks=_beside_state(given, ".looks.jsonl"),
        import_check=getattr(given, "import_check", False),
        verdicts=_beside_state(given, ".imports.jsonl"),
        uid_key=uid_key_path(given),
        verify=getattr(given, "verify", False),
        content=getattr(given, "content", False),
        choices=Choices(
            adopt=given.adopt,
            recreate=given.recreate,
            retry_failed=given.retry_failed,
            new=given.new,
            resend_unchecked=given.resend_unchecked,
            upload_limit=given.upload_limit,
        ),
        policy=Policy(
            wait=not given.no_wait,
            wait_timeout_s=given.wait_timeout,
            settle_s=given.settle_after,
            stuck_after_s=given.refused_after,
        ),
        patience=Patience(stall_s=given.stall_timeout, give_up_s=given.give_up_after),
        refused_after_s=given.refused_after,
        take_over=given.take_over,
        receipts=receipts_path(given) if given.receipts else None,
        command=for_shell(["uploader", *given.words, "--take-over"]),
    )


# ── files ───────────────────────────────────────────────────────────────────────────────────


def stem(given: argparse.Namespace) -> Path:
    """The manifest's path without `.yaml`: other files are named after it.

    Raises:
        UsageError: the path names a folder.

    """
    path = _file_path(given.manifest)
    return path.with_suffix("") if path.suffix.lower() in {".yaml", ".yml"} else path


def state_path(given: argparse.Namespace) -> Path:
    """The state file: the one given, or the one beside the manifest.

    Raises:
        UsageError: the path names a folder.

    """
    if given.state:
        path = _file_path(given.state)
        if disk.usable(path).is_dir():
            raise UsageError(f"'{path}' is a folder, and not a state file")
        return path
    return beside(given, ".sandbox.state.jsonl" if given.sandbox else ".state.jsonl")


def written_state_path(given: argparse.Namespace) -> Path:
    """The state file to read.

    Raises:
        UsageError: the one that was named does not exist.

    """
    path = state_path(given)
    if given.state and not disk.usable(path).is_file():
        raise UsageError(f"there is no state file '{path}'", hint="is its name spelt right?")
    return path


def uid_key_path(given: argparse.Namespace) -> Path:
    """The key for the new UIDs of image sets, beside the state file; a rehearsal has its own."""
    state = state_path(given)
    name = state.name.removesuffix(".jsonl").removesuffix(".state")
    return state.with_name(f"{name}.uid-key")


def receipts_path(given: argparse.Namespace) -> Path:
    """The file of receipts beside the manifest."""
    return beside(given, ".receipts.jsonl")


def _beside_state(given: argparse.Namespace, ending: str) -> Path:
    """A file beside the state with its name and another ending; a rehearsal shares it."""
    if not given.state:
        return beside(given, ending)  # what files hold does not depend on the platform
    state = state_path(given)
    name = state.name.removesuffix(".jsonl").removesuffix(".state")
    return state.with_name(name + ending)


def beside(given: argparse.Namespace, ending: str) -> Path:
    """A file beside the manifest with its name and another ending."""
    base = stem(given)
    return base.with_name(base.name + ending)


def _file_path(text: str) -> Path:
    path = Path(text)
    if not path.name:
        raise UsageError(f"'{text}' is no file")
    return path


# ── platform ────────────────────────────────────────────────────────────────────────────────


def platform_address(given: argparse.Namespace) -> str:
    """The API address: from the argument, the environment, or the default."""
    return given.platform or os.environ.get("GRAND_CHALLENGE_API_URL") or DEFAULT_PLATFORM


def platform_url(given: argparse.Namespace) -> str:
    """The same, checked; raises UsageError."""
    no_token = "0" * 64  # an address alone cannot be parsed
    return parse_platform(platform_address(given), no_token).url


def has_token(given: argparse.Namespace) -> bool:
    """Whether there is a token."""
    where = {"token_file": given.token_file, "environment": os.environ}
    return credentials.is_there(**where, address=platform_address(given))


def token_place(given: argparse.Namespace) -> str:
    """Where `token` takes the token from, in words."""
    return credentials.place(token_file=given.token_file, environment=os.environ)


def token(given: argparse.Namespace) -> str:
    """The token, from a file, the environment or the keyring.

    Raises:
        TokenRefused: there is none, or what was found is not a token.

    """
    where = {"token_file": given.token_file, "environment": os.environ}
    return credentials.find(**where, address=platform_address(given))
