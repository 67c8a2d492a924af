"""`uploader init`: looks, proposes, asks, writes, and says what it noticed."""

from __future__ import annotations

import argparse
import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Final

from manifest_uploader.errors import UploaderError, UsageError
from manifest_uploader.init import arguments, compose, gather, paths, short, terminal
from manifest_uploader.init.complete import AcceptDefaults, complete
from manifest_uploader.init.gather import Gathered
from manifest_uploader.init.notices import Notices
from manifest_uploader.init.options import KINDS, Options, words_of
from manifest_uploader.init.paths import Paths
from manifest_uploader.manifest.parser import parse
from manifest_uploader.output.formatting import counted
from manifest_uploader.output.streams import say
from manifest_uploader.system import disk
from manifest_uploader.system.shells import for_shell
from manifest_uploader.text import block, quoted

_DEFAULT: Final = "manifest.yaml"


def init(given: argparse.Namespace) -> int:
    """Do what the parsed arguments say and return the exit code.

    Raises:
        UploaderError: it cannot be done; nothing was written.

    """
    try:
        _init(arguments.options_of(given))
    except KeyboardInterrupt:
        say(block("", "stopped; nothing was written"))
        return 130
    return 0


def _init(options: Options) -> None:
    there = paths.find(options)
    options = _with_found_table(options)
    _check_output(options)
    asked = bool(options.missing)
    if asked:
        options = _completed(options, there)
    options = replace(options, kind=options.kind or KINDS[0])
    notices = Notices()
    gathered = gather.gather(options, there, notices, say_progress=say)
    _write_new(options, there, gathered, notices)
    _say_noticed(notices, options)
    _say_next(options, there, asked=asked)


def _check_output(options: Options) -> None:
    """Raise UsageError if the manifest may not be written where the options say."""
    path = Path(options.output)
    if path.is_dir():
        hint = "name the file to write, for example: --output " + for_shell([str(path / _DEFAULT)])
        raise UsageError(f"{quoted(options.output)} cannot be written: it is a folder", hint=hint)
    if path.exists() and not options.force:
        hint = "--force writes it anew, --output FILE another"
        raise UsageError(f"{quoted(options.output)} is there already", hint=hint)
    if path.exists() and not _may_be_replaced(path):
        raise UsageError(
            f"{quoted(options.output)} is not a manifest; it stays as it is",
            hint="--force replaces manifests only; name another file with --output",
        )


def _may_be_replaced(path: Path) -> bool:
    """Whether a file is called like a manifest, or is one: a slip must not cost an image."""
    if path.suffix.lower() in {".yaml", ".yml"}:
        return True
    try:
        parse(disk.read_bytes(path), path.name)
    except (OSError, UploaderError):
        return False
    return True


def _with_found_table(options: Options) -> Options:
    """The options with the table where it is: in the working folder, else in the cases' folder."""
    if options.table is None or Path(options.table).exists():
        return options
    inside = Path(options.folder, options.table)
    return replace(options, table=str(inside)) if inside.exists() else options


# ── what is missing ─────────────────────────────────────────────────────────────────────────


def _completed(options: Options, there: Paths) -> Options:
    """The options, completed with the answers of a person.

    Raises:
        UsageError: there is no terminal; the hint is the command to type.

    """
    if terminal.is_interactive():
        return complete(options, there, terminal.Terminal())
    proposal = complete(options, there, AcceptDefaults())
    line = command_line(proposal, force=options.force)
    raise UsageError(
        f"{' and '.join(options.missing)} missing, and nobody is at a terminal to be asked; "
        "nothing was written",
        hint=block("by what is in the folder, type", f"  {line}"),
    )


def command_line(options: Options, *, force: bool = False) -> str:
    """The command that does this without asking, for this system's shell."""
    words = [*words_of(options), *["--force"] * force]
    return for_shell(words)


# ── writing ─────────────────────────────────────────────────────────────────────────────────


def _write_new(options: Options, there: Paths, gathered: Gathered, notices: Notices) -> None:
    root = there.root()
    head = compose.Head(
        kind=options.kind or KINDS[0],
        slug=options.slug or "",
        root=root,
        command=shlex.join(words_of(there.as_typed_beside_manifest(options))),
        schema=there.schema(),
        name=there.manifest,
    )
    data = _text(head, options, there, gathered, notices).encode()
    parse(data, options.output)
    _write(options.output, data, anew=not options.force)
    say(f"{options.output}: {counted(len(gathered.entries), 'case')}{_filled(gathered)}")
    if root is None:
        notices.add(
            "the folder lies outside the manifest's folder, which names no 'root:' therefore; "
            "give every command where the files are",
            for_shell(["--root", options.folder]),
        )


def _text(
    head: compose.Head, options: Options, there: Paths, gathered: Gathered, notices: Notices
) -> str:
    """The manifest: one description if it says the same as an entry for each case."""
    if not options.explicit:
        try:
            text, count = short.short_text(
                head, options, there, gathered.entries, are_files=gathered.are_files
            )
        except short.Unsaid as why:
            notices.add(f"one description cannot say this, so that each case has an entry: {why}")
        else:
            if count:
                notices.add(f"exceptions, which stand in the manifest's end: {count}")
            return text
    return compose.manifest_text(head, gathered.entries)


def _filled(gathered: Gathered) -> str:
    counts = ", ".join(f"{count} with {socket}" for socket, count in gathered.counts().items())
    return f" ({counts})" if counts else ""


def _write(output: str, data: bytes, *, anew: bool) -> None:
    """Write the whole file or nothing; raise UsageError if it exists and `anew` is true."""
    path = Path(os.path.realpath(output))
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        draft.write_bytes(data)
        if anew:
            path.open("xb").close()  # claims the name, unless the file has appeared meanwhile
        elif path.exists():
            draft.chmod(path.stat().st_mode & 0o7777)
        disk.replace(draft, path)
    except FileExistsError:
        disk.could_remove(draft)
        raise UsageError(f"{quoted(output)} is there already; nothing was written") from None
    except OSError as error:
        disk.could_remove(draft)
        why = disk.writing_reason(path, error)
        raise UsageError(f"{quoted(output)} cannot be written: {why}") from None


# ── telling ─────────────────────────────────────────────────────────────────────────────────


def _say_noticed(notices: Notices, options: Options) -> None:
    lines = list(notices.lines(everything=options.verbose))
    if lines:
        say(block("Noticed:", *lines))


def _say_next(options: Options, there: Paths, *, asked: bool) -> None:
    if asked:
        say(block("The same without asking:", f"  {command_line(options, force=options.force)}"))
    root = [] if there.root() is not None else ["--root", options.folder]
    line = for_shell(["uploader", "validate", options.output, *root])
    say(block("Look at it, then:", f"  {line}"))
