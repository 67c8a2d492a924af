"""The main program of a scheduler or a worker that `local` starts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import dask
import distributed

from manifest_uploader.cluster.link import keep_quiet
from manifest_uploader.system import disk


def main() -> None:
    """Run what the first line of standard input says; end when the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    setup = json.loads(sys.stdin.buffer.readline() or b"{}")
    threading.Thread(target=_end_with_parent, args=(setup["scratch"],), daemon=True).start()
    keep_quiet()
    dask.config.set(temporary_directory=setup["scratch"])
    security = distributed.Security(require_encryption=True, **setup["security"])
    asyncio.run(
        _scheduler(setup, security) if setup["worker"] is None else _worker(setup, security)
    )


def _end_with_parent(scratch: str) -> None:
    """End when the parent does; a parent that was killed could remove no folder."""
    while sys.stdin.buffer.read(4096):
        pass
    disk.remove_tree(scratch)
    with contextlib.suppress(OSError):  # the last one removes the folder of all
        Path(scratch).parent.rmdir()
    os._exit(0)


async def _scheduler(setup: dict[str, Any], security: distributed.Security) -> None:
    async with distributed.Scheduler(
        host="127.0.0.1",
        port=setup["port"],
        protocol="tls://",
        security=security,
        dashboard_address="127.0.0.1:0",
    ) as scheduler:
        await scheduler.finished()


async def _worker(setup: dict[str, Any], security: distributed.Security) -> None:
    async with distributed.Worker(
        f"tls://127.0.0.1:{setup['port']}",
        name=str(setup["worker"] + 1),
        nthreads=1,
        memory_limit=0,
        security=security,
        dashboard=False,
        death_timeout=60,
    ) as worker:
        await worker.finished()
