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
from manifest_uploader.manifest.model import Case, Manifest
from manifest_uploader.manifest.parser import parse
from manifest_uploader.manifest.problems import ManifestInvalid, Problem
from manifest_uploader.manifest.selection import select
from manifest_uploader.system import disk


class Reading(Struct, frozen=True):
    """A manifest as far as it can be read, and what is wrong with its text."""

    manifest: Manifest
    """The chosen cases; if there are problems, all cases that could be read."""
    whole: tuple[Case, ...]
    """All cases, chosen or not."""
    names: frozenset[str]
    """The names of all cases."""
    problems: tuple[Problem, ...] = ()


def read_manifest(options: Options) -> Reading:
    """Read the manifest.

    Raises:
        ManifestInvalid: no part of the text can be used.
        UsageError: there is no such file, or no such case.

    """
    problems: tuple[Problem, ...] = ()
    try:
        whole = parse(_text(options.manifest), options.manifest)
    except ManifestInvalid as invalid:
        if invalid.rest is None:
            raise
        whole, problems = invalid.rest, invalid.problems
    names = frozenset(case.name for case in whole.cases)
    if problems:
        return Reading(whole, whole.cases, names, problems)
    return Reading(select(whole, only=options.only, first=options.first), whole.cases, names)


def _text(path: str) -> bytes:
    try:
        return disk.read_bytes(Path(path))
    except FileNotFoundError:
        raise UsageError(f"there is no file '{path}'", hint="is its name spelt right?") from None
    except OSError as error:
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
