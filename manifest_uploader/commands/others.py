"""The commands beside a run, each a few lines.

`report` and `status --watch` look at what a run left; `login` and `logout` prepare the next.
"""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import sys
from pathlib import Path
from typing import Final

from manifest_uploader.engine.options import Options
from manifest_uploader.engine.session import read_manifest
from manifest_uploader.errors import UsageError
from manifest_uploader.output import console
from manifest_uploader.platform import credentials
from manifest_uploader.platform.address import parse_platform

_NOT_SECRET: Final = "0" * 64
"""Stands for a token where only an address is looked at."""


def report(given: argparse.Namespace, *, state: Path, receipts: Path, page: Path) -> int:
    """Write the page and the tables."""
    from manifest_uploader.report import command  # noqa: PLC0415 - late

    wanted = command.Wanted(
        given.output or str(page),
        page_is_asked_for=given.output is not None or not (given.csv or given.json),
        csv=given.csv,
        json=given.json,
    )
    for line in command.report(Options(given.manifest, state, receipts=receipts), wanted):
        if not given.quiet:
            console.say(line)
    return 0


def watch(manifest: str, state: Path, *, json: bool) -> int:
    """Follow a run until Ctrl-C."""
    from manifest_uploader.commands import watch as watching  # noqa: PLC0415 - late

    options = Options(manifest, state)
    reading = read_manifest(options)
    signal.signal(signal.SIGTERM, _terminate)
    with watching.screen_for(json=json) as screen:
        watching.watch(reading.manifest, state, screen)
    return 0


def _terminate(number: int, _: object) -> None:
    """End as a process does that was told to, but leave the terminal as it was."""
    sys.exit(128 + number)


def login(address: str) -> int:
    """Ask for the token, and keep it."""
    platform = parse_platform(address, _NOT_SECRET)
    host = credentials.host_of(platform.url)
    token = credentials.parse(_asked(host), where="your answer")
    kept = credentials.login(token, platform.url)
    console.say(f"the token for {host} is kept in: {kept}; 'uploader logout' removes it")
    if os.environ.get(credentials.ENVIRONMENT):
        console.say(
            f"note: the environment's {credentials.ENVIRONMENT} comes first while it is set"
        )
    return 0


def _asked(host: str) -> str:
    """The token as it is typed, without an echo, or the first line of standard input."""
    if sys.stdin is None:
        raise UsageError("there is no standard input to read the token from")
    if not sys.stdin.isatty():
        return sys.stdin.readline()
    try:
        return getpass.getpass(f"token for {host} (it is not shown): ")
    except EOFError:
        return ""


def logout(address: str) -> int:
    """Remove the token."""
    platform = parse_platform(address, _NOT_SECRET)
    host = credentials.host_of(platform.url)
    if credentials.logout(platform.url):
        console.say(f"the token for {host} is removed from the keyring of this machine")
    else:
        console.say(f"there was no token for {host} in the keyring of this machine")
    return 0
