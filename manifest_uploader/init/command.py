"""`uploader init`: looks, proposes, asks, writes, and says what it noticed."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from manifest_uploader.errors import UploaderError, UsageError
from manifest_uploader.init import arguments, compose, gather, paths, terminal, update
from manifest_uploader.init.complete import AcceptDefaults, complete
from manifest_uploader.init.gather import Gathered
from manifest_uploader.init.notices import Notices
from manifest_uploader.init.options import KINDS, Options, words_of
from manifest_uploader.init.paths import Paths
from manifest_uploader.manifest.model import Manifest
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
    old = _existing(options)
    if old is not None:
        options = _remembering(options, old, there)
    asked = bool(options.missing)
    if asked:
        options = _completed(options, there)
    options = replace(options, kind=options.kind or KINDS[0])
    notices = Notices()
    if old is None:
        gathered = gather.gather(options, there, notices, say_progress=say)
        _write_new(options, there, gathered, notices)
    else:
        gathered = gather.gather(options, there, notices, say_progress=say, existing=old.existing)
        _write_more(options, old, gathered)
        _tell_unnamed(options, old, notices)
    _say_noticed(notices, options)
    _say_next(options, there, asked=asked)


# ── a manifest that is there ────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Existing:
    """The manifest to add to."""

    data: bytes
    manifest: Manifest
    existing: gather.ExistingManifest
    head: Options | None
    """The command in its head; None if there is none, or it cannot be read."""


def _existing(options: Options) -> _Existing | None:
    """The manifest to add to; None if a new one is to be written.

    Raises:
        UsageError: it exists without `--update` or `--force`, or is no manifest, or it is missing
            with `--update`.
        ManifestInvalid: it cannot be read.

    """
    path = Path(options.output)
    if path.is_dir():
        hint = "name the file to write, for example: --output " + for_shell([str(path / _DEFAULT)])
        raise UsageError(f"{quoted(options.output)} cannot be written: it is a folder", hint=hint)
    if not options.update:
        if path.exists() and not options.force:
            hint = "--update adds new cases to it, --force writes it anew, --output FILE another"
            raise UsageError(f"{quoted(options.output)} is there already", hint=hint)
        if path.exists() and not _may_be_replaced(path):
            raise UsageError(
                f"{quoted(options.output)} is not a manifest; it stays as it is",
                hint="--force replaces manifests only; name another file with --output",
            )
        return None
    try:
        data = disk.read_bytes(path)
    except FileNotFoundError:
        hint = "leave --update out to write it"
        raise UsageError(f"there is no {quoted(options.output)} to update", hint=hint) from None
    except OSError as error:
        raise UsageError(f"{quoted(options.output)} cannot be read: {disk.reason(error)}") from None
    manifest, text = parse(data, options.output), data.decode("utf-8-sig")
    existing = gather.ExistingManifest(
        update.find_known_cases(manifest, text),
        manifest,
        paths.find(options).prefix(manifest),
        update.read_case_texts(data),
    )
    return _Existing(data, manifest, existing, _head(text))


def _may_be_replaced(path: Path) -> bool:
    """Whether a file is called like a manifest, or is one: a slip must not cost an image."""
    if path.suffix.lower() in {".yaml", ".yml"}:
        return True
    try:
        parse(disk.read_bytes(path), path.name)
    except (OSError, UploaderError):
        return False
    return True


def _head(text: str) -> Options | None:
    words = update.recall_command(text)
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # argparse would print why it fails
            return None if words is None else arguments.read(words)
    except (UploaderError, SystemExit):
        return None


def _remembering(options: Options, old: _Existing, there: Paths) -> Options:
    """The options, completed with the manifest's target and with the command in its head.

    Raises:
        UsageError: another target is given.

    """
    kind, slug = old.manifest.kind.value, old.manifest.slug
    if (options.kind or kind, options.slug or slug) != (kind, slug):
        hint = "leave --kind and --slug out, or write another manifest with --output FILE"
        raise UsageError(f"the manifest is for the {kind} {quoted(slug)}", hint=hint)
    options = replace(options, kind=kind, slug=slug)
    then = old.head if options.missing else None
    if then is None:
        return options
    folder = os.path.realpath(os.path.join(there.manifest_folder, then.folder))  # noqa: PTH118
    if folder != there.folder or then.kind != kind:
        return options
    say(block("As the manifest's head says, with:", f"  {command_line(then)}"))
    table = then.table and os.path.relpath(os.path.join(there.manifest_folder, then.table))  # noqa: PTH118
    return _filled_up(options, replace(then, table=table))


def _filled_up(options: Options, then: Options) -> Options:
    """The options, completed with an earlier command's, and with the sockets of both."""
    given = {one.socket for one in options.sockets}
    recalled = [one for one in then.sockets if one.socket not in given]
    with_table = options if options.table else then
    return replace(
        options,
        each=options.each or then.each,
        sockets=(*recalled, *options.sockets),
        recalled=frozenset(one.socket for one in recalled),
        table=with_table.table,
        keys=options.keys or with_table.keys,
        sheet=options.sheet or with_table.sheet,
        decimal_comma=options.decimal_comma or with_table.decimal_comma,
        title=options.title or then.title,
        order=options.order or then.order,
        check_series=options.check_series and then.check_series,
    )


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
    line = command_line(proposal, update=options.update, force=options.force)
    raise UsageError(
        f"{' and '.join(options.missing)} missing, and nobody is at a terminal to be asked; "
        "nothing was written",
        hint=block("by what is in the folder, type", f"  {line}"),
    )


def command_line(options: Options, *, update: bool = False, force: bool = False) -> str:
    """The command that does this without asking, for this system's shell."""
    words = [*words_of(options), *["--update"] * update, *["--force"] * force]
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
    )
    data = compose.manifest_text(head, gathered.entries).encode()
    parse(data, options.output)
    _write(options.output, data, anew=not options.force)
    say(f"{options.output}: {counted(len(gathered.entries), 'case')}{_filled(gathered)}")
    if root is None:
        notices.add(
            "the folder lies outside the manifest's folder, which names no 'root:' therefore; "
            "give every command where the files are",
            for_shell(["--root", options.folder]),
        )


def _write_more(options: Options, old: _Existing, gathered: Gathered) -> None:
    if not gathered.entries and not gathered.additions:
        say(f"{options.output}: nothing new; it stays as it is")
        return
    data = update.extend(old.data, options.output, gathered.entries, gathered.additions)
    _write(options.output, data, anew=False)
    added = Notices()
    names = [entry.name for entry in gathered.entries]
    if names:
        cases = counted(len(names), "case")
        added.add(f"{options.output}: {cases} added{_filled(gathered)}", *names)
    for one in gathered.additions:
        sockets = ", ".join(socket for socket, _ in one.sockets)
        sentence = f"{options.output}: sockets added to cases that it had"
        added.add(sentence, f"{one.name}: {sockets}")
    lines = added.lines(everything=options.verbose)
    say(block(*(line.removeprefix("- ") for line in lines)))


def _tell_unnamed(options: Options, old: _Existing, notices: Notices) -> None:
    """Name the sockets that the next `--update` would not know."""
    named = {one.socket for one in old.head.sockets} if old.head is not None else set()
    new = [one.socket for one in options.sockets if one.socket not in named]
    if old.head is not None and new:
        what = "sockets that the command in the manifest's head does not name: write them into it"
        notices.add(what, *new)


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
