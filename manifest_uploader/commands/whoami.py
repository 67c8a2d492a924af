"""`uploader whoami`: tells whose token it is."""

from __future__ import annotations

import argparse

from manifest_uploader.commands.arguments import add_platform_argument
from manifest_uploader.commands.options import platform_url, token, token_place
from manifest_uploader.commands.parsing import Parser
from manifest_uploader.output.json_lines import write_json
from manifest_uploader.output.streams import print_out
from manifest_uploader.platform.account import own_account
from manifest_uploader.platform.address import Patience, Platform
from manifest_uploader.platform.credentials import host_of
from manifest_uploader.text import Tone, line


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `whoami`."""
    add_platform_argument(parser)
    parser.add_argument("--token-file", metavar="FILE", help="the file with the token")
    parser.add_argument("--json", action="store_true", help="a JSON line on standard output")


def run(given: argparse.Namespace) -> int:
    """Print the account, the platform, and where the token comes from."""
    from manifest_uploader.platform.client import Client  # noqa: PLC0415 - late: 0.1 s of CPU

    url = platform_url(given)
    client = Client(Platform(url, token(given)), patience=Patience(stall_s=15.0, give_up_s=15.0))
    try:
        account = own_account(client)
    finally:
        client.close()
    host, place = host_of(url), token_place(given)
    if given.json:
        write_json(
            {
                "username": account.username,
                "institution": account.institution,
                "platform": url,
                "token_from": place,
            }
        )
    else:
        of = f" ({account.institution})" if account.institution else ""
        name = (account.username, Tone.STRONG)
        print_out(line(name, f"{of} at {host}; the token is from {place}"))
    return 0
