"""`uploader sandbox`, and the sandbox that `--sandbox` starts for another command."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from manifest_uploader.commands import rehearsal
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
    main,
    start,
)
from manifest_uploader.sandbox.command import add_arguments
from manifest_uploader.system.extras import install_command

__all__ = ["add_arguments", "folder_for", "main", "rehearsal_notes", "started_for"]


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
def started_for(given: argparse.Namespace, folder: Path, manifest: Manifest) -> Iterator[Running]:
    """Run a sandbox with the manifest's target and sockets made up in it.

    It remembers in the folder. `--socket` overrides what is made up, now and later; what is
    made up from the manifest's values follows them.

    Raises:
        UsageError: a `--socket` is wrong.
        CannotGoOn: the sandbox cannot start.

    """
    targets: dict[TargetKind, tuple[str, ...]] = dict.fromkeys(TargetKind, ())
    targets[manifest.kind] = (manifest.slug,)
    options = SandboxOptions(
        dir=folder,
        reader_studies=targets[TargetKind.READER_STUDY],
        archives=targets[TargetKind.ARCHIVE],
        algorithms=rehearsal.algorithms(manifest),
        sockets=tuple(given.socket),
        guessed_sockets=rehearsal.sockets(manifest),
        images=rehearsal.images(manifest),
        upload_limit=given.upload_limit,
        keep_bytes=given.keep_bytes,
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
