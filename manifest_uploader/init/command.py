"""`uploader init`: looks, proposes, asks, writes, and says what it noticed."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Final

from manifest_uploader.errors import UploaderError, UsageError
from manifest_uploader.files import workbook
from manifest_uploader.init import arguments, paths, terminal
from manifest_uploader.init.ask import ask_yes
from manifest_uploader.init.cases import Folder
from manifest_uploader.init.complete import complete, propose
from manifest_uploader.init.dialogue import BACK, HELP, Dialogue, Person
from manifest_uploader.init.draft import Draft, draft, preview
from manifest_uploader.init.notices import Notices
from manifest_uploader.init.options import Options, words_of
from manifest_uploader.init.paths import Paths
from manifest_uploader.init.view import View
from manifest_uploader.manifest.parser import parse
from manifest_uploader.output.streams import say
from manifest_uploader.system import disk
from manifest_uploader.system.extras import EXTRAS, install_command
from manifest_uploader.system.shells import for_shell
from manifest_uploader.text import Tone, block, line, quoted

_DEFAULT: Final = "manifest.yaml"


def init(given: argparse.Namespace) -> int:
    """Do what the parsed arguments say and return the exit code.

    Raises:
        UploaderError: it cannot be done; nothing was written.

    """
    try:
        _init(arguments.options_of(given), given)
    except KeyboardInterrupt:
        say(block("", "stopped; nothing was written"))
        return 130
    return 0


def _init(options: Options, given: argparse.Namespace) -> None:
    there = paths.find(options)
    options = _with_found_table(options)
    _check_output(options)
    if options.table is not None and options.table.lower().endswith(workbook.ENDINGS):
        workbook.check_extra()
    asked = bool(options.missing)
    if not asked:
        made = draft(options, there)
    elif terminal.is_interactive():
        made = _asked(options, there, given)
    else:
        raise _nobody_to_ask(options, there)
    _write(made.options.output, made.data, anew=not options.force)
    terminal.show(line(("Wrote", Tone.GOOD), f" {made.options.output}: {made.counts()}"))
    _say_noticed(made.notices, made.options)
    _say_next(made.options, there, asked=asked)


def _check_output(options: Options) -> None:
    """Raise UsageError if the manifest may not be written where the options say."""
    path = Path(options.output)
    if path.is_dir():
        hint = "name the file to write, for example: --output " + for_shell([str(path / _DEFAULT)])
        raise UsageError(f"{quoted(options.output)} cannot be written: it is a folder", hint=hint)
    if path.exists() and not options.force:
        hint = "--force overwrites it, --output FILE writes another"
        raise UsageError(f"{quoted(options.output)} already exists", hint=hint)
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


def _asked(options: Options, there: Paths, given: argparse.Namespace) -> Draft:
    """The manifest that a person wants, completed with answers."""
    folder, view = Folder(there, options), View(given)
    say(f"Enter takes what is in [ ]; {HELP} helps, {BACK} goes back.")
    if folder.has_workbooks() and not EXTRAS["xlsx"].is_installed:
        say(block("To read Excel files, stop with Ctrl-C and type",
            f"  {install_command('xlsx')}"))  # fmt: skip

    def talk(person: Person) -> Draft:
        made = draft(complete(options, folder, person, view), there)
        person.tell(preview(made))
        help_lines = ("Nothing is sent: the manifest is a text file, which you can change.",)
        if not ask_yes(person, f"Write {options.output}", *help_lines):
            same = command_line(made.options)
            raise UsageError("nothing was written", hint=block("with your answers:", f"  {same}"))
        return made

    return Dialogue(terminal.Terminal()).hold(talk)


def _nobody_to_ask(options: Options, there: Paths) -> UsageError:
    proposed = command_line(propose(options, there))
    return UsageError(
        f"{' and '.join(options.missing)} missing, and not running interactively; nothing was "
        f"written",
        hint=block("from what is in the folder:", f"  {proposed}"),
    )


def command_line(options: Options) -> str:
    """The command that does this without asking, for this system's shell."""
    return for_shell(_command_words(options))


def _command_words(options: Options) -> list[str]:
    return [*words_of(options), *["--force"] * options.force]


# ── writing ─────────────────────────────────────────────────────────────────────────────────


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
        raise UsageError(f"{quoted(output)} already exists; nothing was written") from None
    except OSError as error:
        disk.could_remove(draft)
        why = disk.writing_reason(path, error)
        raise UsageError(f"{quoted(output)} cannot be written: {why}") from None


# ── telling ─────────────────────────────────────────────────────────────────────────────────


def _say_noticed(notices: Notices, options: Options) -> None:
    lines = list(notices.lines(everything=options.verbose))
    if lines:
        terminal.show(block(line(("Noticed:", Tone.STRONG)), *lines))


def _say_next(options: Options, there: Paths, *, asked: bool) -> None:
    if asked:
        say(line(("The same without asking:", Tone.QUIET)))
        terminal.show_command(_command_words(options))
    root = [] if there.root() is not None else ["--root", options.folder]
    following = for_shell(["uploader", "validate", options.output, *root])
    say(block(line(("Check it, then:", Tone.ADVICE)), f"  {following}"))
