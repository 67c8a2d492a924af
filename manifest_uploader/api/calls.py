"""What `validate`, `plan`, `run`, `verify` and `status` do, for the command line and for Python."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from manifest_uploader.api import handles
from manifest_uploader.api.findings import Fetched, Plan, Validation, Verification
from manifest_uploader.api.results import Result, Status
from manifest_uploader.api.settings import Settings
from manifest_uploader.engine import run as engine
from manifest_uploader.engine.options import Options
from manifest_uploader.engine.progress import Observer
from manifest_uploader.engine.reading import UNWATCHED, Watching
from manifest_uploader.errors import UsageError

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU
    from manifest_uploader.engine.fetching import Wanted
    from manifest_uploader.plan.fetched import FetchedFile


def validate(options: Options, watching: Watching = UNWATCHED) -> Validation:
    """Find everything that is wrong, without changing anything.

    Raises:
        ManifestInvalid: with every problem.

    """
    manifest, facts = engine.validate(options, watching)
    return Validation(
        manifest.path,
        warnings=facts.warnings,
        cases=len(manifest.cases),
        files=facts.files,
        looked=facts.files_looked,
        imported=facts.imported,
        asked=options.platform is not None,
    )


def plan(options: Options, watching: Watching = UNWATCHED) -> Plan:
    """What a run would do now; changes and writes nothing.

    Raises:
        ManifestInvalid: with every problem.

    """
    steps, facts = engine.plan(options, watching)
    return Plan.of(steps, facts, options.choices.upload_limit)


def run(
    options: Options, observers: Sequence[Observer], stop: threading.Event, *, sandbox: bool
) -> Result:
    """Upload everything, and wait until it is seen on the platform.

    Args:
        options: of the run.
        observers: are told what happens.
        stop: stops it once it is set; what is under way ends first.
        sandbox: the platform is a sandbox of its own.

    Raises:
        ManifestInvalid: with every problem; nothing was sent.
        CannotGoOn: the same run continues once the cause is removed.
        Interrupted: it was stopped before it sent anything.

    """
    usable = _with_usable_jobs(options, observers, sandbox=sandbox)
    summary = engine.run(usable, observers, stop)
    if sandbox:
        from manifest_uploader.api import sandboxes  # noqa: PLC0415 - a server; few need it

        summary = replace(summary, notes=summary.notes + sandboxes.rehearsal_notes(summary))
    return Result.of(summary)


def refuse_quick(given: Settings) -> None:
    """Raise UsageError if a run shall look into one file of each value only."""
    if given.quick:
        raise UsageError(
            f"{given.spelled('quick')} is for 'validate' and 'plan': 'run' reads every file that "
            "it sends",
            hint="leave it out; files that were read before are not read again",
        )


def _with_usable_jobs(options: Options, observers: Sequence[Observer], *, sandbox: bool) -> Options:
    """The options with as many jobs as there may be open files, and a note if that is fewer."""
    limit = handles.open_limit()
    jobs = handles.usable_jobs(options.jobs, limit=limit, sandbox=sandbox)
    if (note := handles.jobs_note(jobs, options.jobs, limit)) is not None:
        for observer in observers:
            observer.note(note)
    return replace(options, jobs=jobs)


def verify(
    options: Options,
    watching: Watching = UNWATCHED,
    tell: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Compare the platform with the manifest and the state file, and change nothing.

    `tell` is told how many files were downloaded.
    """
    from manifest_uploader.engine import verification  # noqa: PLC0415 - late: 0.1 s of CPU

    return Verification(verification.verify(options, watching, tell))


def fetch(
    options: Options,
    wanted: Wanted,
    watching: Watching = UNWATCHED,
    tell: Callable[[FetchedFile], None] = lambda _: None,
) -> Fetched:
    """Bring answers of readers, and files of items, back from the platform.

    `tell` is told of each file as soon as it, and all before it, are there.
    """
    from manifest_uploader.engine import fetching  # noqa: PLC0415 - late: 0.1 s of CPU
    from manifest_uploader.output import fetch_lines  # noqa: PLC0415 - late, as that

    told = fetching.Told(fetch_lines.tables, tell)
    found, put = fetching.fetch(options, wanted, told, watching)
    return Fetched(found, put, wanted.folder)


def status(options: Options) -> Status:
    """Where each case stands, from the state file alone."""
    return Status.of(list(engine.status(options)))
