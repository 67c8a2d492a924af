"""`uploader logout`: removes the token from the keyring of this machine."""

from __future__ import annotations

import argparse

from manifest_uploader.commands.arguments import add_platform_argument
from manifest_uploader.commands.options import platform_url
from manifest_uploader.output.streams import say
from manifest_uploader.platform import credentials

add_arguments = add_platform_argument


def run(given: argparse.Namespace) -> int:
    """Remove the token."""
    url = platform_url(given)
    host = credentials.host_of(url)
    if credentials.logout(url):
        say(f"the token for {host} is removed from the keyring of this machine")
    else:
        say(f"there was no token for {host} in the keyring of this machine")
    return 0
