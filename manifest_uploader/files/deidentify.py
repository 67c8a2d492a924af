"""De-identifies a folder of DICOM files into another one, which it can continue later.

Invariants: nothing is written into the source folder, whatever links there are; a copy appears
under its name only when it is whole; the same key gives the same bytes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from unicodedata import normalize

import msgspec
from msgspec import Struct

from manifest_uploader.errors import UsageError
from manifest_uploader.files.crew import CannotStart, answers
from manifest_uploader.files.deidentify_results import Batch, FileResult, Outcome, Setup
from manifest_uploader.files.dicom_procedure import does_not_start
from manifest_uploader.files.listing import natural
from manifest_uploader.files.uid_key import make_key, read_key
from manifest_uploader.system import disk

_TASK: Final = "manifest_uploader.files.deidentify_worker:start"
_BATCH: Final = 16
"""Files that a worker gets at a time: an exchange costs a tenth of a small file."""


class Folders(Struct, frozen=True):
    """Where the originals are, where the copies go, and where the key for their UIDs is."""

    source: Path
    """Absolute, with all symbolic links resolved; so are the others."""
    target: Path
    key_file: Path
    key: str | None
    """In hex; None if it has to be made."""


def open_folders(source: str, target: str, key_file: str | None) -> Folders:
    """Check the folders and the key; nothing is written.

    Args:
        source: A folder.
        target: A new or an empty folder, or an earlier result: then there is a key.
        key_file: Default: beside the target, with its name and `.key`.

    Raises:
        UsageError: one of them cannot be used.
    """
    here, there = Path(os.path.realpath(source)), Path(os.path.realpath(target))
    if not here.is_dir():
        is_what = "is not a folder" if here.exists() else "does not exist"
        raise UsageError(f"'{source}' {is_what}", hint="name the folder with the originals")
    if there.exists() and not there.is_dir():
        raise UsageError(f"'{target}' is not a folder", hint="name a new folder for the copies")
    _check_apart(here, there, f"'{source}' and '{target}'")
    path = Path(os.path.realpath(key_file)) if key_file else there.with_name(f"{there.name}.key")
    if _is_in(path.parent, here) or _is_in(path.parent, there):
        hint = "name a file elsewhere with --key FILE; it must not be shared"
        raise UsageError(f"the key '{path}' would be in one of the folders", hint=hint)
    key = read_key(path)
    if key is None and there.is_dir() and any(there.iterdir()):
        hint = "name a new folder, or the key of the earlier run with --key FILE"
        message = f"'{target}' is not empty, and there is no key '{path}' of an earlier run"
        raise UsageError(message, hint=hint)
    return Folders(here, there, path, key)


def find_files(folders: Folders) -> tuple[list[str], list[FileResult]]:
    """The names of all files, relative to the source, and what cannot be copied.

    Links to folders are entered, except those that lead into the target or back to a folder that
    they are in. A file is left out if its copy would take the place of another one's.
    """
    names: list[str] = []
    skipped: list[FileResult] = []
    waiting: list[tuple[str, tuple[str, ...]]] = [("", (str(folders.source),))]
    while waiting:
        folder, above = waiting.pop()
        try:
            entries = sorted(os.scandir(folders.source / folder), key=lambda entry: entry.name)
        except OSError as error:
            skipped.append(FileResult(folder, Outcome.UNREADABLE, about=disk.reason(error)))
            continue
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if not _is_folder(entry):
                names.append(name)
                continue
            real = os.path.realpath(entry.path)
            if real in above or _is_in(Path(real), folders.target):
                skipped.append(FileResult(name, Outcome.LOOP))
            else:
                waiting.append((name, (*above, real)))
    names, twins = _without_twins(sorted(names, key=natural), folders.target)
    return names, [*skipped, *twins]


def _without_twins(names: list[str], target: Path) -> tuple[list[str], list[FileResult]]:
    """The names, and apart from them those that the target takes for the same as an earlier one."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(_folded(name), name)
    if len(first) == len(names) or not _ignores_case(target):
        return names, []
    twins = [(name, one) for name in names if (one := first[_folded(name)]) != name]
    about = "DST treats its name and '{}' as the same"
    return list(first.values()), [
        FileResult(name, Outcome.UNWRITABLE, about=about.format(one)) for name, one in twins
    ]


def _folded(name: str) -> str:
    """The same for all names that a file system which ignores case may take for the same."""
    return normalize("NFC", normalize("NFD", name).casefold())


def _ignores_case(folder: Path) -> bool:
    """Whether a folder, or the one that it would be in, takes `a` and `A` for the same name."""
    there = next(one for one in (folder, *folder.parents) if one.is_dir())
    try:
        with tempfile.NamedTemporaryFile(prefix=".uploader-a", dir=there) as file:
            return Path(file.name).with_name(Path(file.name).name.upper()).exists()
    except OSError:
        return False  # nothing can be written there, which is told later


def deidentify(
    folders: Folders, names: Sequence[str], *, processes: int, others: bool = False
) -> Iterator[Batch]:
    """De-identify files, in worker processes; yield what became of some of them at a time.

    With `others`, files that are not DICOM are copied as they are.

    The key is made first if there is none.

    Raises:
        UsageError: the key cannot be written.
        CannotGoOn: the platform's procedure is not installed, or does not start.
    """
    setup = Setup(
        str(folders.source),
        str(folders.target),
        folders.key or make_key(folders.key_file),
        others,
    )
    batches = [list(names[at : at + _BATCH]) for at in range(0, len(names), _BATCH)]
    died: list[str] = []
    for batch, answer in _ask(setup, batches, processes):
        if answer is None:
            died += batch
        else:
            yield answer
    for batch, answer in _ask(setup, [[name] for name in died], 1):
        crashed = tuple(FileResult(name, Outcome.CRASHED) for name in batch)
        yield answer or Batch(crashed, {}, {}, {})


def _ask(
    setup: Setup, batches: list[list[str]], processes: int
) -> Iterator[tuple[list[str], Batch | None]]:
    requests = ((batch, batch) for batch in batches)
    found = answers(_TASK, requests, processes=processes, setup=msgspec.to_builtins(setup))
    try:
        for batch, answer in found:
            yield batch, None if answer is None else msgspec.convert(answer, Batch)
    except CannotStart:
        raise does_not_start() from None
    finally:
        found.close()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _check_apart(source: Path, target: Path, both: str) -> None:
    """Raise UsageError if one folder is in the other."""
    if _is_in(source, target) or _is_in(target, source):
        hint = (
            "name a folder for the copies that neither contains the originals nor lies among them"
        )
        raise UsageError(f"{both} overlap", hint=hint)


def _is_in(path: Path, folder: Path) -> bool:
    """Whether a path is a folder or in it, whatever case the file system keeps."""
    if path.is_relative_to(folder):
        return True
    if not folder.exists():
        return False
    return any(disk.is_same(one, folder) for one in (path, *path.parents) if one.exists())
