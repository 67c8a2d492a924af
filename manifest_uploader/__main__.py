"""Starts the command line; nothing is imported before it is needed."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command that the arguments name and end with its exit code."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from manifest_uploader import __version__  # noqa: PLC0415 - late

        sys.stdout.write(f"uploader {__version__}\n")
        sys.exit(0)
    if "_ARGCOMPLETE" in os.environ:
        from manifest_uploader import cli, completion  # noqa: PLC0415 - late

        completion.answer(cli.make_parser())
    from manifest_uploader.cli import command  # noqa: PLC0415 - late

    sys.exit(command(arguments))


if __name__ == "__main__":
    main()
