"""Starts the sandbox of a rehearsal, with all that the manifest needs made up in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def started_for(
    manifest: Manifest, stem: Path, *, sockets: Sequence[str], upload_limit: int
) -> Iterator[Running]:
    """Run a sandbox with the manifest's target and sockets made up in it.

    It remembers in `STEM.sandbox`. `sockets` (`SLUG=KIND`) override what is made up, now and later;
    what is made up from the manifest's values follows them.

    Raises:
        UsageError: one of `sockets` is wrong.
        CannotGoOn: the sandbox cannot start.

    """
    targets: dict[TargetKind, tuple[str, ...]] = dict.fromkeys(TargetKind, ())
    targets[manifest.kind] = (manifest.slug,)
    options = SandboxOptions(
        dir=stem.with_name(stem.name + ".sandbox"),
        reader_studies=targets[TargetKind.READER_STUDY],
        archives=targets[TargetKind.ARCHIVE],
        sockets=tuple(sockets),
        guessed_sockets=rehearsal.sockets(manifest),
        images=rehearsal.images(manifest),
        upload_limit=upload_limit,
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
