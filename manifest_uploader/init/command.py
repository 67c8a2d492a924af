"""The command `uploader init`: look, propose, ask, write, and tell what was noticed."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from manifest_uploader.console import counted, say
from manifest_uploader.errors import UploaderError, UsageError
from manifest_uploader.init import arguments, compose, gather, place, terminal, update
from manifest_uploader.init.complete import Accepting, complete
from manifest_uploader.init.gather import Gathered
from manifest_uploader.init.options import KINDS, Options, words_of
from manifest_uploader.init.place import Place
from manifest_uploader.init.told import Told
from manifest_uploader.manifest import parse
from manifest_uploader.model import Manifest
from manifest_uploader.problems import quoted


def init(given: argparse.Namespace) -> int:
    """Do what the parsed arguments say; the exit code.

    Raises:
        UploaderError: it cannot be done; nothing was written.

    """
    try:
        _init(arguments.options_of(given))
    except KeyboardInterrupt:
        say("\nstopped; nothing was written")
        return 130
    return 0


def _init(options: Options) -> None:
    there = place.find(options)
    options = _with_found_table(options)
    old = _existing(options)
    if old is not None:
        options = _remembering(options, old, there)
    asked = bool(options.missing)
    if asked:
        options = _completed(options, there)
    options = replace(options, kind=options.kind or KINDS[0])
    told = Told()
    if old is None:
        gathered = gather.gather(options, there, told, say_progress=say)
        _write_new(options, there, gathered, told)
    else:
        gathered = gather.gather(options, there, told, say_progress=say, known=old.known)
        _write_more(options, old, gathered)
    _say_noticed(told, options)
    _say_next(options, there, asked=asked)


# ── a manifest that is there ────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Existing:
    """The manifest to add to."""

    data: bytes
    manifest: Manifest
    known: gather.Known


def _existing(options: Options) -> _Existing | None:
    """The manifest that is to be added to; None where a new one is to be written.

    Raises:
        UsageError: there is one and nothing was said of it, or none where there should be one.
        ManifestInvalid: it cannot be read.

    """
    path = Path(options.output)
    if not options.update:
        if path.exists() and not options.force:
            hint = "--update adds new cases to it, --force writes it anew, --output FILE another"
            raise UsageError(f"{quoted(options.output)} is there already", hint=hint)
        return None
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        hint = "leave --update out to write it"
        raise UsageError(f"there is no {quoted(options.output)} to update", hint=hint) from None
    except OSError as error:
        raise UsageError(f"{quoted(options.output)} cannot be read: {error.strerror}") from None
    manifest = parse(data, options.output)
    there = place.find(options)
    known = update.known(manifest, data.decode("utf-8-sig"))
    return _Existing(data, manifest, gather.Known(known, manifest, there.prefix(manifest)))


def _remembering(options: Options, old: _Existing, there: Place) -> Options:
    """The options with the manifest's target, and what is missing from the command in its head.

    Raises:
        UsageError: the target given is another.

    """
    kind, slug = old.manifest.kind.value, old.manifest.slug
    if (options.kind or kind, options.slug or slug) != (kind, slug):
        hint = "leave --kind and --slug out, or write another manifest with --output FILE"
        raise UsageError(f"the manifest is for the {kind} {quoted(slug)}", hint=hint)
    options = replace(options, kind=kind, slug=slug)
    words = update.recalled(old.data.decode("utf-8-sig")) if options.missing else None
    if words is None:
        return options
    try:
        then = arguments.read(words)
    except (UploaderError, SystemExit):
        return options
    folder = os.path.realpath(os.path.join(there.home, then.folder))  # noqa: PTH118
    table = then.table and os.path.relpath(os.path.join(there.home, then.table))  # noqa: PTH118
    if folder != there.base or then.kind != kind:
        return options
    say("As the manifest's head says, with:\n  " + command_line(then))
    return replace(
        then,
        folder=options.folder,
        output=options.output,
        slug=slug,
        kind=kind,
        table=table,
        update=True,
        verbose=options.verbose,
    )


def _with_found_table(options: Options) -> Options:
    """The options with the table where it is: in the working folder, else in the cases' folder."""
    if options.table is None or Path(options.table).exists():
        return options
    inside = Path(options.folder, options.table)
    return replace(options, table=str(inside)) if inside.exists() else options


# ── what is missing ─────────────────────────────────────────────────────────────────────────


def _completed(options: Options, there: Place) -> Options:
    """The options with what was missing, as a person answers.

    Raises:
        UsageError: nobody is there to answer; the hint is the command to type.

    """
    if terminal.is_there():
        return complete(options, there, terminal.Terminal())
    proposal = complete(options, there, Accepting())
    line = command_line(proposal, update=options.update, force=options.force)
    raise UsageError(
        f"{' and '.join(options.missing)} missing, and nobody is at a terminal to be asked; "
        "nothing was written",
        hint=f"by what is in the folder, type\n  {line}",
    )


def command_line(options: Options, *, update: bool = False, force: bool = False) -> str:
    """The command that does this without asking, for this system's shell."""
    words = [*words_of(options), *["--update"] * update, *["--force"] * force]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


# ── writing ─────────────────────────────────────────────────────────────────────────────────


def _write_new(options: Options, there: Place, gathered: Gathered, told: Told) -> None:
    root = there.root()
    head = compose.Head(
        kind=options.kind or KINDS[0],
        slug=options.slug or "",
        root=root,
        words=shlex.join(words_of(there.from_home(options))),
        schema=there.schema(),
    )
    data = compose.whole(head, gathered.entries).encode()
    parse(data, options.output)
    _write(options.output, data, anew=not options.force)
    say(f"{options.output}: {counted(len(gathered.entries), 'case')}{_filled(gathered)}")
    if root is None:
        told.add(
            "the folder lies outside the manifest's folder, which names no 'root:' therefore; "
            "give every command where the files are",
            f"--root {shlex.quote(options.folder)}",
        )


def _write_more(options: Options, old: _Existing, gathered: Gathered) -> None:
    if not gathered.entries:
        say(f"{options.output}: nothing new; it stays as it is")
        return
    data = update.extended(old.data, options.output, gathered.entries)
    _write(options.output, data, anew=False)
    added = Told()
    names = [entry.name for entry in gathered.entries]
    added.add(f"{options.output}: {counted(len(names), 'case')} added{_filled(gathered)}", *names)
    say("\n".join(added.lines(everything=options.verbose)).removeprefix("- "))


def _filled(gathered: Gathered) -> str:
    counts = ", ".join(f"{count} with {socket}" for socket, count in gathered.counts().items())
    return f" ({counts})" if counts else ""


def _write(output: str, data: bytes, *, anew: bool) -> None:
    """Write the whole file or nothing; `anew` never over one that is there."""
    path = Path(os.path.realpath(output))
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        draft.write_bytes(data)
        if anew:
            path.open("xb").close()  # takes the name, unless somebody else has it by now
        elif path.exists():
            draft.chmod(path.stat().st_mode & 0o7777)
        draft.replace(path)
    except FileExistsError:
        draft.unlink(missing_ok=True)
        raise UsageError(f"{quoted(output)} is there already; nothing was written") from None
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"{quoted(output)} cannot be written: {error.strerror}") from None


# ── telling ─────────────────────────────────────────────────────────────────────────────────


def _say_noticed(told: Told, options: Options) -> None:
    lines = list(told.lines(everything=options.verbose))
    if lines:
        say("\n".join(["Noticed:", *lines]))


def _say_next(options: Options, there: Place, *, asked: bool) -> None:
    if asked:
        say(f"The same without asking:\n  {command_line(options, force=options.force)}")
    root = "" if there.root() is not None else f" --root {shlex.quote(options.folder)}"
    output = shlex.quote(options.output)
    say(f"Look at it, then:\n  uploader validate {output}{root}")
