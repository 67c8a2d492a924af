"""Starts the command line; nothing is imported before it is needed."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command that the arguments name and end with its exit code."""
    _open_standard_streams()
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from manifest_uploader import __version__  # noqa: PLC0415 - late

        sys.stdout.write(f"uploader {__version__}\n")
        sys.exit(0)
    if "_ARGCOMPLETE" in os.environ:
        from manifest_uploader import cli  # noqa: PLC0415 - late
        from manifest_uploader.commands import completion  # noqa: PLC0415 - late

        completion.answer(cli.make_parser())
    from manifest_uploader.cli import command  # noqa: PLC0415 - late

    sys.exit(command(arguments))


def _open_standard_streams() -> None:
    """Let streams that were closed before the start lead nowhere.

    Else the first file that is opened, the state's perhaps, takes the place of one of them.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


if __name__ == "__main__":
    main()
