"""The settings about workers on other machines, and the workers that they name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from manifest_uploader.cluster.address import Batch, Jobs, Wanted, parse
from manifest_uploader.engine.options import JOBS, Options
from manifest_uploader.engine.reading import read_manifest
from manifest_uploader.errors import UsageError

if TYPE_CHECKING:
    from manifest_uploader.api.settings import Settings

MOST_JOBS: Final = 32
JOBS_PER_WORKER: Final = 4
_MOST_JOBS_OF_WORKERS: Final = 512


@contextmanager
def with_workers(given: Settings, options: Options) -> Iterator[Options]:
    """The options with the workers that were asked for, until the `with` statement ends.

    Raises:
        UsageError: as for `wanted_workers`.
        ExtraMissing, CannotGoOn: as for `cluster.opened`.

    """
    wanted = wanted_workers(given)
    if wanted is None:
        yield options
        return
    from manifest_uploader import cluster  # noqa: PLC0415 - few ask for it

    read_manifest(options)  # what is wrong with it is told before anything is started
    with cluster.opened(
        wanted,
        slots=given.jobs_per_worker or JOBS_PER_WORKER,
        worker_root=given.worker_root,
        give_up_s=given.give_up_after,
        shared=Path(given.manifest).absolute().parent,
    ) as workers:
        yield replace(options, workers=workers)


def wanted_workers(given: Settings) -> Wanted | None:
    """The workers that were asked for; None if this machine does the work.

    Raises:
        UsageError: several kinds were asked for, or one with a wrong address, or none although
            something is said about workers.

    """
    batches = {batch: getattr(given, f"dask_{batch}") for batch in Batch}
    asked: list[Wanted] = [Jobs(batch, jobs) for batch, jobs in batches.items() if jobs]
    asked += [parse(given.dask)] if given.dask is not None else []
    if len(asked) > 1:
        ways = ", ".join(["--dask", *(f"--dask-{batch}" for batch in Batch)])
        raise UsageError("several options name the workers", hint=f"give only one of {ways}")
    idle = {"--worker-root": given.worker_root, "--jobs-per-worker": given.jobs_per_worker}
    for option, value in idle.items():
        if value is not None and not asked:
            raise UsageError(f"{option} has no effect without workers", hint="add --dask ADDRESS")
    if given.worker_root is not None and not _is_full(given.worker_root):
        raise UsageError(
            f"--worker-root: '{given.worker_root}' is not a full path", hint="start it with /"
        )
    return asked[0] if asked else None


def _is_full(path: str) -> bool:
    """Whether a path on another machine, of whatever system, is absolute."""
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()


def jobs_of(given: Settings) -> int:
    """How many steps at a time; raises as `wanted_workers` does."""
    if wanted_workers(given) is None:
        return min(given.jobs or JOBS, MOST_JOBS)
    return min(given.jobs or MOST_JOBS, _MOST_JOBS_OF_WORKERS)
