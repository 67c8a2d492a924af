"""How every command begins: reads the manifest, and learns who is told and who stops it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from manifest_uploader.engine.activity import Activity, Doing
from manifest_uploader.engine.options import Options
from manifest_uploader.engine.progress import Looking, Tell, nobody
from manifest_uploader.errors import UsageError
from manifest_uploader.files.expanding import Cases, find_cases_of
from manifest_uploader.files.root import find_root
from manifest_uploader.manifest.model import Case, Manifest
from manifest_uploader.manifest.parser import parse, without_collector
from manifest_uploader.manifest.problems import ManifestInvalid, Problem, in_file_order
from manifest_uploader.manifest.selection import select
from manifest_uploader.system import disk
from manifest_uploader.system.shells import for_shell


class Reading(Struct, frozen=True):
    """A manifest as far as it can be read, and what is wrong with its text."""

    manifest: Manifest
    """The chosen cases; if there are problems, all cases that could be read."""
    whole: tuple[Case, ...]
    """All cases, chosen or not."""
    names: frozenset[str]
    """The names of all cases."""
    problems: tuple[Problem, ...] = ()
    remarks: tuple[Problem, ...] = ()
    """What is odd about cases that are described together."""


def read_manifest(options: Options) -> Reading:
    """Read the manifest.

    Raises:
        ManifestInvalid: no part of the text can be used.
        UsageError: there is no such file, or no such case.

    """
    problems: tuple[Problem, ...] = ()
    try:
        whole = parse(manifest_bytes(options.manifest), options.manifest)
    except ManifestInvalid as invalid:
        if invalid.rest is None:
            raise
        whole, problems = invalid.rest, invalid.problems
    remarks: tuple[Problem, ...] = ()
    if whole.short is not None:
        found = _expanded(options, whole, problems)
        whole, remarks = found.manifest, found.remarks
        problems = in_file_order((*problems, *found.problems))
        if not whole.cases:
            raise ManifestInvalid(problems, warnings=remarks)
    names = frozenset(case.name for case in whole.cases)
    if problems:
        return Reading(whole, whole.cases, names, problems, remarks)
    chosen = select(whole, only=options.only, first=options.first)
    return Reading(chosen, whole.cases, names, remarks=remarks)


def _expanded(options: Options, manifest: Manifest, problems: tuple[Problem, ...]) -> Cases:
    """The manifest with the cases that it describes.

    Raises:
        ManifestInvalid: there is no root to look for them in.

    """
    try:
        root = find_root(manifest, root=options.root, follow_links=options.follow_links)
    except ManifestInvalid as invalid:
        raise ManifestInvalid(in_file_order((*problems, *invalid.problems))) from None
    with without_collector():
        return find_cases_of(manifest, root)


def manifest_bytes(path: str) -> bytes:
    """What is in the file of a manifest; raises UsageError if it cannot be read."""
    try:
        return disk.read_bytes(Path(path))
    except FileNotFoundError:
        raise UsageError(
            f"file '{path}' does not exist", hint="check the spelling of its name"
        ) from None
    except OSError as error:
        if Path(path).is_dir():
            hint = f"to write a manifest for what is in it: {for_shell(['uploader', 'init', path])}"
            raise UsageError(f"'{path}' is a folder, not a manifest", hint=hint) from None
        raise UsageError(f"'{path}' cannot be read: {disk.reason(error)}") from None


class Watching(Struct, frozen=True):
    """Who is told how far the look at the local files is, and who stops it."""

    looking: Tell = nobody
    importing: Callable[[int], None] = lambda _: None
    """Is told how many images the importer has judged."""
    stopping: Callable[[], bool] = lambda: False
    """Whether the command is being stopped."""
    doing: Callable[[Doing], None] = lambda _: None
    """Is told what the command does, while somebody attends to it."""
    activity: Activity = field(default_factory=Activity)

    def attend(self) -> None:
        """Tell what the command does now."""
        self.doing(self.activity.now())

    def look(self, looking: Looking) -> None:
        """Note and tell how far the look at the files is."""
        self.activity.looking = looking
        self.looking(looking)

    def judged(self, images: int) -> None:
        """Note and tell how many images the importer has judged."""
        self.activity.images = images
        self.importing(images)


UNWATCHED: Final = Watching()
