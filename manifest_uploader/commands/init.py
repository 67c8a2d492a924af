"""`uploader init`: writes a manifest from a folder, and a table if there is one."""

from __future__ import annotations

from manifest_uploader.commands import guard
from manifest_uploader.init.arguments import add_arguments, make_parser
from manifest_uploader.init.command import init

__all__ = ["add_arguments", "main"]


def main(arguments: list[str]) -> int:
    """Do what the arguments after `init` say and return the exit code."""
    return guard.call(init, make_parser().parse_args(arguments), sends=False)
