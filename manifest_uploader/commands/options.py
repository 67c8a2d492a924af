"""The engine's options that parsed arguments stand for."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from manifest_uploader.api import settings
from manifest_uploader.api.settings import Settings
from manifest_uploader.engine.options import Options
from manifest_uploader.platform.address import parse_platform
from manifest_uploader.system.shells import for_shell


def root_of(given: argparse.Namespace) -> str | None:
    """Where the files are; None if only the manifest says so."""
    return settings.root_of(given.root)


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
    return Settings(**found, command=for_shell(words), typed=True)


def command_line(given: argparse.Namespace, name: str, *options: str) -> str:
    """Another command about the same manifest, platform and cases, for this system's shell."""
    words = ["uploader", name, *options]
    words += ["--sandbox"] * bool(getattr(given, "sandbox", False))
    for key in ("state", "root", "platform", "token_file", "only", "first"):
        if key == "platform" and name == "status":
            continue
        value = getattr(given, key, None)
        values = value if isinstance(value, list) else [value]
        for one in values:
            words += [f"--{key.replace('_', '-')}", str(one)] if one else []
    return for_shell([*words, given.manifest])


# ── files ───────────────────────────────────────────────────────────────────────────────────


def state_path(given: argparse.Namespace) -> Path:
    """The state file: the one given, or the one beside the manifest; raises UsageError."""
    return settings.state_path(settings_of(given))


def written_state_path(given: argparse.Namespace) -> Path:
    """The state file to read; raises UsageError if the one that was named does not exist."""
    return settings.written_state_path(settings_of(given))


def receipts_path(given: argparse.Namespace) -> Path:
    """The file of receipts beside the manifest."""
    return settings.receipts_path(given.manifest)


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
