"""`uploader logout`: removes the token from the keyring of this machine."""

from __future__ import annotations

import argparse

from manifest_uploader.commands.arguments import add_platform_argument
from manifest_uploader.commands.options import platform_url
from manifest_uploader.output.streams import say
from manifest_uploader.platform import credentials
from manifest_uploader.text import Tone, line

add_arguments = add_platform_argument


def run(given: argparse.Namespace) -> int:
    """Remove the token."""
    url = platform_url(given)
    host = credentials.host_of(url)
    if credentials.logout(url):
        where = " from this machine's keyring"
        say(line(f"the token for {host} was ", ("removed", Tone.GOOD), where))
    else:
        say(line("this machine's keyring had ", ("no token", Tone.WARNING), f" for {host}"))
    return 0
