"""Starts the sandbox of a rehearsal, with all that the manifest needs made up in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from manifest_uploader.api import rehearsal
from manifest_uploader.engine.results import Summary
from manifest_uploader.errors import CannotGoOn, UsageError
from manifest_uploader.manifest.model import Manifest, TargetKind
from manifest_uploader.sandbox import (
    FolderUnusable,
    OptionInvalid,
    PortTaken,
    Running,
    SandboxOptions,
    find_judge,
    start,
)
from manifest_uploader.system.extras import install_command


class MadeUp(Struct, frozen=True):
    """What a rehearsal's sandbox is made up from."""

    manifest: Manifest
    sockets: Sequence[str]
    """`SLUG=KIND`, instead of what the manifest's values tell, now and later."""
    upload_limit: int
    keep_bytes: bool = False
    """Keep the files that are sent, for `fetch`."""


@contextmanager
def folder_for(stem: Path, state: Path, *, sends: bool) -> Iterator[Path]:
    """The folder in which a sandbox remembers: `STEM.sandbox`.

    Unless it is there already, it stays only if something was sent.
    """
    folder = stem.with_name(stem.name + ".sandbox")
    if folder.exists():
        yield folder
    elif not sends:
        with TemporaryDirectory(prefix="uploader-sandbox-", ignore_cleanup_errors=True) as place:
            yield Path(place)
    else:
        try:
            yield folder
        finally:
            if not state.exists():
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def started_for(made_up: MadeUp, folder: Path) -> Iterator[Running]:
    """Run a sandbox with the manifest's target and sockets made up in it; it remembers in a folder.

    What is made up from the manifest's values follows them.

    Raises:
        UsageError: one of the sockets is wrong.
        CannotGoOn: the sandbox cannot start.

    """
    manifest = made_up.manifest
    targets: dict[TargetKind, tuple[str, ...]] = dict.fromkeys(TargetKind, ())
    targets[manifest.kind] = (manifest.slug,)
    options = SandboxOptions(
        dir=folder,
        reader_studies=targets[TargetKind.READER_STUDY],
        archives=targets[TargetKind.ARCHIVE],
        algorithms=rehearsal.algorithms(manifest),
        sockets=tuple(made_up.sockets),
        guessed_sockets=rehearsal.sockets(manifest),
        images=rehearsal.images(manifest),
        upload_limit=made_up.upload_limit,
        keep_bytes=made_up.keep_bytes,
    )
    try:
        running = start(options)
    except OptionInvalid as error:
        raise UsageError(str(error)) from None
    except (FolderUnusable, PortTaken) as error:
        raise CannotGoOn(f"the sandbox cannot start: {error}") from None
    with running:
        yield running


def rehearsal_notes(summary: Summary) -> tuple[str, ...]:
    """What the summary of a run against a sandbox of its own says besides."""
    if not summary.uploads or find_judge().name is not None:
        return ()
    note = (
        "the sandbox accepted images without reading them; to let the platform's own importer "
        f"judge them: {install_command('importer')}"
    )
    return (note,)
