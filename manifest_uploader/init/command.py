"""The command `uploader init`: look, propose, ask, write, and tell what was noticed."""

from __future__ import annotations

from manifest_uploader.console import error_lines, say
from manifest_uploader.errors import UploaderError
from manifest_uploader.init import arguments


def main(argv: list[str]) -> int:
    """Do what the arguments say; the exit code."""
    try:
        arguments.read(argv)
    except UploaderError as error:
        say(error_lines(error))
        return error.exit_code
    return 2
