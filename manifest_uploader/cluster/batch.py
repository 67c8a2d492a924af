"""Workers in jobs of a batch system, by dask-jobqueue and its own configuration files."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
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
def submitted(wanted: Jobs, shared: Path) -> Iterator[tuple[str, distributed.Security]]:
    """Submit jobs; yields the scheduler's address and the certificates to use there.

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
        with _cluster(wanted, given) as cluster:
            yield cluster.scheduler_address, security


@contextlib.contextmanager
def _cluster(wanted: Jobs, given: dict[str, Any]) -> Iterator[Any]:
    """A cluster of dask-jobqueue with its jobs; raises CannotGoOn."""
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
        yield cluster


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
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
