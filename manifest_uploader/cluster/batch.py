"""Workers in jobs of a batch system, by dask-jobqueue and its own configuration files."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import dask
import distributed

from manifest_uploader.cluster.address import Batch, Jobs
from manifest_uploader.cluster.link import keep_quiet
from manifest_uploader.errors import CannotGoOn

_OF_ROLES: Final = tuple(
    f"tls_{role}_{what}" for role in ("scheduler", "worker", "client") for what in ("key", "cert")
)
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
        shared: a folder that the nodes see: meanwhile, a hidden folder in it has the workers'
            temporary certificates, for nobody else to read, and the jobs' logs.

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

    configured = dask.config.get(f"jobqueue.{wanted.batch}", None) or {}
    hidden = tempfile.TemporaryDirectory(
        prefix=".uploader-dask-",
        dir=configured.get("shared-temp-directory") or shared,
        ignore_cleanup_errors=True,  # a job that ends may still write its log
    )
    with hidden as folder:
        security = _certificates(Path(folder))
        given: dict[str, Any] = {
            "security": security,
            "protocol": "tls://",
            "scheduler_options": {"dashboard_address": ":0"},
            "log_directory": configured.get("log-directory") or folder,
        }
        with _cluster(wanted, given, failures) as cluster:
            check()
            yield cluster.scheduler_address, security, check


@contextlib.contextmanager
def _cluster(wanted: Jobs, given: dict[str, Any], failures: list[str]) -> Iterator[Any]:
    """A cluster of dask-jobqueue with its jobs.

    Why jobs cannot be submitted is appended to `failures`. Raises CannotGoOn if the configuration
    is not complete.
    """
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
        yield cluster
    finally:
        with contextlib.suppress(Exception):  # jobs that were not submitted cannot be ended
            cluster.close()


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


def _certificates(folder: Path) -> distributed.Security:
    """Temporary certificates in files, whose names jobs can be told."""
    made = distributed.Security.temporary()
    files = {}
    for name in ("tls_ca_file", *_OF_ROLES):
        path = folder / f"{name}.pem"
        path.touch(mode=0o600)
        path.write_text(getattr(made, name))
        files[name] = str(path)
    return distributed.Security(require_encryption=True, **files)


def _first_line(error: Exception) -> str:
    said = str(error).rpartition("stderr:")[2].strip() or str(error).strip()
    return (said or type(error).__name__).splitlines()[0][:200]
