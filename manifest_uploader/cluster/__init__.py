"""Workers on other machines, by Dask: they read, hash, de-identify and send files.

- `opened`: the workers that `--dask` and its like name, until a `with` statement ends

The token, the state and all requests to the platform's API stay with the run. No other package
imports Dask.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from manifest_uploader.cluster.address import Jobs, Local, Scheduler, Wanted
from manifest_uploader.errors import CannotGoOn, ExtraMissing
from manifest_uploader.system.extras import EXTRAS

if TYPE_CHECKING:
    from manifest_uploader.engine.data_plane import Workers


@contextmanager
def opened(
    wanted: Wanted, *, slots: int, worker_root: str | None, give_up_s: float, shared: Path
) -> Iterator[Workers]:
    """The workers of a run.

    Args:
        wanted: which workers.
        slots: how many tasks each performs at a time.
        worker_root: where they see the files; None: at the same place as this machine.
        give_up_s: longest time without a scheduler.
        shared: a folder that all machines see, for certificates of batch jobs.

    Raises:
        ExtraMissing: Dask is not installed.
        CannotGoOn: there is no scheduler, jobs cannot be submitted, or Dask's configuration
            cannot be read.

    """
    if not EXTRAS["dask"].is_installed:
        raise ExtraMissing("workers need packages that are not installed", "dask")
    try:
        from manifest_uploader.cluster.link import Link  # noqa: PLC0415 - late: 1 s, an extra
        from manifest_uploader.cluster.workers import DaskWorkers  # noqa: PLC0415 - as that
    except ValueError as error:  # Dask reads its configuration when it is imported
        raise _not_readable(error) from None

    most: int | None = None
    with ExitStack() as stack:
        match wanted:
            case Scheduler(address=address):
                hint = "start one with  dask scheduler , and workers with  dask worker"
                link = Link(address, give_up_s=give_up_s, hint=hint)
            case Local(workers=workers):
                from manifest_uploader.cluster.local import LocalCluster  # noqa: PLC0415 - as that

                local = stack.enter_context(LocalCluster(workers))
                most = workers
                link = Link(
                    local.address,
                    security=local.security,
                    give_up_s=give_up_s,
                    check=local.check,
                )
            case Jobs():
                from manifest_uploader.cluster.batch import submitted  # noqa: PLC0415 - as that

                address, security, check = stack.enter_context(submitted(wanted, shared))
                link = Link(address, security=security, give_up_s=give_up_s, check=check)
        yield stack.enter_context(
            DaskWorkers(link, slots=slots, worker_root=worker_root, most_workers=most)
        )


def _not_readable(error: ValueError) -> CannotGoOn:
    found = re.search(r"file at (['\"])(.+?)\1", str(error))
    where = f"'{found[2]}'" if found else "in ~/.config/dask or /etc/dask"
    return CannotGoOn(
        f"Dask cannot read its configuration {where}",
        hint="it must be valid YAML that you may read: correct it, or move it away",
    )
