"""`uploader login`: keeps the token in the keyring of this machine."""

from __future__ import annotations

import argparse
import getpass
import os
import sys

from manifest_uploader.commands.arguments import add_platform_argument
from manifest_uploader.commands.options import platform_url
from manifest_uploader.errors import UsageError
from manifest_uploader.output.formatting import note_line
from manifest_uploader.output.streams import say
from manifest_uploader.platform import credentials
from manifest_uploader.text import Tone, line

add_arguments = add_platform_argument


def run(given: argparse.Namespace) -> int:
    """Ask for the token and keep it."""
    credentials.require_keyring()
    url = platform_url(given)
    host = credentials.host_of(url)
    token = credentials.parse(_ask(host), where="your answer")
    kept = credentials.login(token, url)
    where = f" in: {kept}; 'uploader logout' removes it"
    say(line(f"the token for {host} is ", ("kept", Tone.GOOD), where))
    if os.environ.get(credentials.ENVIRONMENT):
        variable = credentials.ENVIRONMENT
        say(note_line(f"the environment variable {variable} is set and takes precedence"))
    return 0


def _ask(host: str) -> str:
    """The token as it is typed, without an echo, or the first line of standard input."""
    if sys.stdin is None:
        raise UsageError("the token cannot be read: there is no standard input")
    if not sys.stdin.isatty():
        return sys.stdin.readline()
    try:
        return getpass.getpass(f"token for {host} (it is not shown): ")
    except EOFError:
        return ""
