"""Workers in jobs of a batch system, by dask-jobqueue and its own configuration files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import dask
import distributed

from manifest_uploader.cluster.address import Batch, Jobs
from manifest_uploader.cluster.link import keep_quiet
from manifest_uploader.errors import CannotGoOn

_CLASSES: Final = {
    Batch.SLURM: "SLURMCluster",
    Batch.PBS: "PBSCluster",
    Batch.LSF: "LSFCluster",
}


@contextlib.contextmanager
def submitted(
    wanted: Jobs, shared: Path
) -> Iterator[tuple[str, distributed.Security, Callable[[], None]]]:
    """Submit jobs.

    Yields the scheduler's address, the certificates to use there, and a function that raises
    CannotGoOn if a job could not be submitted.

    A job that ends, at its time limit for example, is submitted again until the `with` statement
    ends.

    Args:
        wanted: which batch system, and how many jobs.
        shared: a folder that the nodes see: the workers' temporary certificates are in it
            meanwhile, for nobody else to read.

    Raises:
        CannotGoOn: the configuration is not complete, or the jobs cannot be submitted.

    """
    keep_quiet()
    failures: list[str] = []

    def check() -> None:
        if failures:
            raise CannotGoOn(
                f"the jobs cannot be submitted: {failures[-1]}",
                hint="what jobs ask for stands in ~/.config/dask/jobqueue.yaml",
            )

    security = distributed.Security.temporary()
    given: dict[str, Any] = {"security": security, "protocol": "tls://"}
    if dask.config.get(f"jobqueue.{wanted.batch}.shared-temp-directory", None) is None:
        given["shared_temp_directory"] = str(shared)
    try:
        made = getattr(import_module("dask_jobqueue"), _CLASSES[wanted.batch])
        cluster = made(job_cls=_telling(made.job_cls, failures.append), **given)
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        raise CannotGoOn(
            f"Dask cannot prepare jobs for {wanted.batch.upper()}: {_first_line(error)}",
            hint=f"say in ~/.config/dask/jobqueue.yaml what a job gets, under  jobqueue: "
            f"{wanted.batch}:  (uploader help cluster shows one)",
        ) from None
    try:
        try:
            # unlike `scale`, this submits a job again when one has ended
            cluster.adapt(minimum_jobs=wanted.jobs, maximum_jobs=wanted.jobs)
        except (OSError, RuntimeError) as error:
            failures.append(_first_line(error))
        check()
        yield cluster.scheduler_address, security, check
    finally:
        with contextlib.suppress(Exception):  # jobs that were not submitted cannot be ended
            cluster.close()
        _remove_certificates(cluster)


def _telling(job: Any, tell: Callable[[str], None]) -> type:
    """A class of jobs that tells why one cannot be submitted: Dask logs it only."""

    class Job(job):  # type: ignore[misc]
        async def start(self) -> None:
            try:
                await super().start()
            except Exception as error:
                tell(_first_line(error))
                raise

    return Job


def _remove_certificates(cluster: Any) -> None:
    """Remove the files that Dask leaves to the interpreter's exit."""
    for name in ("_job_ca_file", "_job_cert", "_job_key"):
        if (file := getattr(cluster, name, None)) is not None:
            with contextlib.suppress(OSError):
                file.close()


def _first_line(error: Exception) -> str:
    said = str(error).rpartition("stderr:")[2].strip() or str(error).strip()
    return (said or type(error).__name__).splitlines()[0][:200]
