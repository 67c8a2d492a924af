"""Starts the command line."""

from __future__ import annotations

import os
import sys

from manifest_uploader import __version__


def main() -> None:
    """Run the command that the arguments name and exit with its code."""
    try:
        _main()
    except KeyboardInterrupt:
        _stopped(2, None)


def _main() -> None:
    _open_standard_streams()
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        sys.stdout.write(f"uploader {__version__}\n")
        sys.exit(0)
    import signal  # noqa: PLC0415 - `--version` does without

    if is_ours := signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stopped)

    def begin() -> None:
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    from manifest_uploader import cli  # noqa: PLC0415 - `--version` does without

    if "_ARGCOMPLETE" in os.environ:
        from manifest_uploader.commands import completion  # noqa: PLC0415 - only shells need it

        completion.answer(cli.make_parser)
    code = cli.command(arguments, begin)
    if is_ours:
        signal.signal(signal.SIGINT, _stopped)
    sys.exit(code)


def _stopped(number: int, _: object) -> None:
    """End at once: an exception could be lost in an import, or end as a traceback."""
    try:  # noqa: SIM105 - contextlib would be imported before Ctrl-C is handled
        os.write(2, b"\nstopped\n")
    except OSError:
        pass
    os._exit(128 + number)


def _open_standard_streams() -> None:
    """Let streams that were closed before the start lead to the null device.

    Otherwise the first file that is opened, perhaps the state file, would get the number of one
    of them, and messages would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


if __name__ == "__main__":
    main()
