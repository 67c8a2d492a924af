"""`uploader sockets`: lists the sockets that a study uses, or searches all."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from manifest_uploader.commands.arguments import add_platform_argument
from manifest_uploader.commands.options import platform_url, token
from manifest_uploader.commands.parsing import Parser
from manifest_uploader.errors import UsageError
from manifest_uploader.output.json_lines import write_json
from manifest_uploader.output.socket_lines import socket_json, socket_lines, used_lines
from manifest_uploader.output.streams import print_out, say
from manifest_uploader.platform.address import Patience, Platform
from manifest_uploader.text import block

if TYPE_CHECKING:
    from manifest_uploader.platform.client import Client

_DETAILS: Final = """\
With a SLUG: the sockets of that reader study, archive or algorithm. Without one: all sockets of
the platform; there are hundreds, so search: the words may be in slug, title, kind or description.

examples: uploader sockets lung-nodules
          uploader sockets --search "lung segmentation"
"""


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `sockets`."""
    parser.epilog = _DETAILS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("slug", metavar="SLUG", nargs="?", help="the slug of a reader study, archive or algorithm")
    add("--search", metavar="TEXT", help="only sockets with these words")
    add("--kind", metavar="KIND", help="only sockets of this kind: Image, Float, PDF file …")
    add_platform_argument(parser)
    add("--token-file", metavar="FILE", help="the file with the token")
    add("--json", action="store_true", help="JSON lines on standard output")


def run(given: argparse.Namespace) -> int:
    """Print the sockets; the code is 1 if there is none."""
    from manifest_uploader.platform.client import Client  # noqa: PLC0415 - late: 0.1 s of CPU

    if given.slug is not None and (given.search or given.kind):
        raise UsageError(
            "SLUG lists what a target uses; --search and --kind search all sockets",
            hint="leave one of them out",
        )
    platform = Platform(platform_url(given), token(given))
    client = Client(platform, patience=Patience(stall_s=30.0, give_up_s=30.0))
    try:
        return _all(given, client) if given.slug is None else _used(given, client)
    finally:
        client.close()


def _all(given: argparse.Namespace, client: Client) -> int:
    from manifest_uploader.engine.socket_search import search  # noqa: PLC0415 - late, as above

    found = search(client, given.search or "", given.kind)
    if given.json:
        for socket in found:
            write_json(socket_json(socket))
    elif found:
        print_out(block(*socket_lines(found)))
    if not found:
        say("no socket matches; search for fewer words, or leave --kind out")
    return 0 if found else 1


def _used(given: argparse.Namespace, client: Client) -> int:
    from manifest_uploader.engine.socket_search import used_by  # noqa: PLC0415 - late, as above

    found = used_by(client, given.slug)
    for used in found:
        if not given.json:
            print_out(block(*used_lines(used)))
            continue
        for use in used.uses:
            write_json(socket_json(use.socket, used, use))
    return 0 if any(used.uses for used in found) else 1
