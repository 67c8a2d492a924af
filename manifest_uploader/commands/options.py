"""The engine's options that parsed arguments stand for."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from manifest_uploader.commands.arguments import DEFAULT_PLATFORM
from manifest_uploader.engine.options import Options, Policy
from manifest_uploader.engine.reading import read_manifest
from manifest_uploader.errors import TokenRefused, UsageError
from manifest_uploader.manifest.problems import ManifestInvalid
from manifest_uploader.plan.inputs import Choices
from manifest_uploader.platform import credentials
from manifest_uploader.platform.address import Patience, parse_platform
from manifest_uploader.system import disk
from manifest_uploader.system.shells import for_shell

_MAX_JOBS: Final = 32


# ── options ─────────────────────────────────────────────────────────────────────────────────


def root_of(given: argparse.Namespace) -> str | None:
    """Where the files are; None if only the manifest says so."""
    return given.root or os.environ.get("UPLOADER_ROOT") or None


@contextmanager
def open_options(given: argparse.Namespace, *, offline: bool = False) -> Iterator[Options]:
    """The options; with `--sandbox`, a sandbox runs until the `with` statement ends.

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

        with sandbox.started_for(given, stem(given), read_manifest(options).manifest) as running:
            platform = parse_platform(running.url, running.token)
            yield replace(options, platform=platform, sandbox_id=running.id)
    else:
        yield replace(options, platform=parse_platform(platform_address(given), _token(given)))


def _token(given: argparse.Namespace) -> str:
    """The token; without one, what is wrong with the manifest is told first."""
    try:
        return token(given)
    except TokenRefused:
        reading = read_manifest(options_of(given))
        if reading.problems:
            raise ManifestInvalid(reading.problems, warnings=reading.remarks) from None
        raise


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
        policy=Policy(wait=not given.no_wait, wait_timeout_s=given.wait_timeout),
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
        hint = f"to write a manifest for what is in it: {for_shell(['uploader', 'init', text])}"
        raise UsageError(f"'{text}' is no file", hint=hint if path.is_dir() else None)
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
