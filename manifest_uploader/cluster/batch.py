"""Workers in jobs of a batch system, by dask-jobqueue and its own configuration files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import dask
import distributed

from manifest_uploader.cluster.address import Batch, Jobs
from manifest_uploader.errors import CannotGoOn

_CLASSES: Final = {
    Batch.SLURM: "SLURMCluster",
    Batch.PBS: "PBSCluster",
    Batch.LSF: "LSFCluster",
}


@contextlib.contextmanager
def submitted(wanted: Jobs, shared: Path) -> Iterator[tuple[str, distributed.Security]]:
    """Submit jobs; yields the scheduler's address and the certificates to use there.

    A job that ends, at its time limit for example, is submitted again until the `with` statement
    ends.

    Args:
        wanted: which batch system, and how many jobs.
        shared: a folder that the nodes see: the workers' temporary certificates are in it
            meanwhile, for nobody else to read.

    Raises:
        CannotGoOn: the configuration is not complete, or the jobs cannot be submitted.

    """
    security = distributed.Security.temporary()
    given: dict[str, Any] = {"security": security, "protocol": "tls://"}
    if dask.config.get(f"jobqueue.{wanted.batch}.shared-temp-directory", None) is None:
        given["shared_temp_directory"] = str(shared)
    try:
        made = getattr(import_module("dask_jobqueue"), _CLASSES[wanted.batch])
        cluster = made(**given)
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        raise CannotGoOn(
            f"Dask cannot prepare jobs for {wanted.batch.upper()}: {_first_line(error)}",
            hint=f"say in ~/.config/dask/jobqueue.yaml what a job gets, under  jobqueue: "
            f"{wanted.batch}:  (uploader help cluster shows one)",
        ) from None
    with contextlib.closing(cluster):
        try:
            # unlike `scale`, this submits a job again when one has ended
            cluster.adapt(minimum_jobs=wanted.jobs, maximum_jobs=wanted.jobs)
        except (OSError, RuntimeError) as error:
            raise CannotGoOn(f"the jobs cannot be submitted: {_first_line(error)}") from None
        yield cluster.scheduler_address, security


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
