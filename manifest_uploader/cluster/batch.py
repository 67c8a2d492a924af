"""Workers in jobs of a batch system, by dask-jobqueue and its own configuration files."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

import dask
import distributed

from manifest_uploader.cluster.address import Batch, Jobs
from manifest_uploader.cluster.link import keep_quiet
from manifest_uploader.cluster.submitting import Submissions, in_short, patient
from manifest_uploader.errors import CannotGoOn
from manifest_uploader.system import disk

_FIRST_S: Final = 60.0
"""Longest time until it is known whether the batch system takes jobs."""
_CLOSE_S: Final = 20.0
_OF_WORKERS: Final = ("tls_ca_file", "tls_worker_key", "tls_worker_cert")
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
    CannotGoOn if jobs were refused and none was ever taken.

    A job that ends, at its time limit for example, is submitted again until the `with` statement
    ends.

    Args:
        wanted: which batch system, and how many jobs.
        shared: a folder that the nodes see: the workers' temporary certificates are in it
            meanwhile, for nobody else to read.

    Raises:
        CannotGoOn: the configuration is not complete, or the jobs cannot be submitted.

    """
    name = wanted.batch.upper()
    made = getattr(import_module("dask_jobqueue"), _CLASSES[wanted.batch])
    command = shlex.split(made.job_cls.submit_command)[0]
    if shutil.which(command) is None:
        raise CannotGoOn(
            f"this machine cannot submit jobs to {name}: it has no command '{command}'",
            hint=f"type this on a machine that has it, such as the login node of the cluster, or "
            f"use --dask instead of --dask-{wanted.batch}",
        )
    keep_quiet()
    security = distributed.Security.temporary()
    submissions = Submissions(wanted.jobs)
    configured = dask.config.get(f"jobqueue.{wanted.batch}", None) or {}
    with _folder(configured.get("shared-temp-directory") or str(shared)) as folder:
        _write(security, folder)
        try:
            cluster = made(
                job_cls=patient(made.job_cls, submissions),
                security=security,
                protocol="tls://",
                scheduler_options={"dashboard_address": ":0"},
                log_directory=configured.get("log-directory") or str(folder),
            )
        except (ValueError, TypeError, OSError, RuntimeError) as error:
            raise CannotGoOn(
                f"Dask cannot prepare jobs for {name}: {_why(error)}",
                hint=f"say in ~/.config/dask/jobqueue.yaml what a job gets, under  jobqueue: "
                f"{wanted.batch}:  (uploader help cluster shows one)",
            ) from None
        try:
            # unlike `scale`, this submits a job again when one has ended
            cluster.adapt(minimum_jobs=wanted.jobs, maximum_jobs=wanted.jobs)
            submissions.wait(_FIRST_S)
            submissions.check(name)
            yield cluster.scheduler_address, security, partial(submissions.check, name)
        finally:
            submissions.over.set()
            with contextlib.suppress(Exception):  # jobs end by themselves without a scheduler
                cluster.close(timeout=_CLOSE_S)


@contextlib.contextmanager
def _folder(shared: str) -> Iterator[Path]:
    """A folder for certificates and the jobs' logs, which nobody else can read."""
    real = os.path.expanduser(os.path.expandvars(shared))  # noqa: PTH111 - as dask-jobqueue
    try:
        made = tempfile.mkdtemp(prefix=".uploader-dask-", dir=real)
    except OSError as error:
        raise CannotGoOn(
            f"no file can be written to '{real}', where jobs would find their certificates "
            f"({disk.reason(error)})",
            hint="name a folder that all nodes see, as  shared-temp-directory  in "
            "~/.config/dask/jobqueue.yaml",
        ) from None
    try:
        yield Path(made)
    finally:
        disk.remove_tree(made)


def _write(security: distributed.Security, folder: Path) -> None:
    """Write what workers need of temporary certificates, and let their jobs read it there.

    Dask would write files that outlive the run.
    """
    for name in _OF_WORKERS:
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(getattr(security, name))
        setattr(security, name, str(path))


def _why(error: Exception) -> str:
    if "cores and memory" in str(error):
        return "its configuration does not say how many cores and how much memory each gets"
    return in_short(error)
