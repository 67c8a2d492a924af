"""Workers on this machine: a scheduler and workers, each started again if it ends.

They end with this process, however it ends. Their connections are encrypted although they stay on
this machine: others may work on it, too, and a scheduler does what it is told.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from typing import Any, Final, Self

import distributed

from manifest_uploader.errors import CannotGoOn
from manifest_uploader.system import disk, interpreters

_PROGRAM: Final = "manifest_uploader.cluster.local_process"
_LOOK_S: Final = 0.2
_SOON_S: Final = 3.0
_MOST_EARLY_ENDS: Final = 5
"""A process that ends so often, soon after it began, would not do better the next time."""
_ENCRYPTED: Final = (
    "tls_ca_file",
    *(f"tls_{role}_{what}" for role in ("scheduler", "worker") for what in ("key", "cert")),
)
"""What a scheduler and workers need of temporary certificates."""


class LocalCluster:
    """A scheduler and workers; a context manager."""

    def __init__(self, workers: int) -> None:
        """Start them."""
        self.security: Final = distributed.Security.temporary()
        self._port = _free_port()
        self.address: Final = f"tls://127.0.0.1:{self._port}"
        self._scratch = tempfile.mkdtemp(prefix="uploader-dask-")
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._processes = [
            _Process(one)
            for one in (self._setup(None), *(self._setup(number) for number in range(workers)))
        ]
        self._keeper = threading.Thread(target=self._keep, name="local cluster", daemon=True)
        self._keeper.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End them all."""
        self._over.set()
        with self._lock:
            for process in self._processes:
                process.end()
        disk.remove_tree(self._scratch)

    @property
    def pids(self) -> list[int]:
        """The scheduler's process, then those of the workers."""
        with self._lock:
            return [process.pid for process in self._processes]

    def check(self) -> None:
        """Raise CannotGoOn if a process ends again and again."""
        if any(process.early_ends >= _MOST_EARLY_ENDS for process in self._processes):
            raise CannotGoOn(
                "Dask's processes end as soon as they are started on this machine",
                hint="perhaps there is too little memory for so many: start fewer",
            )

    def _setup(self, number: int | None) -> dict[str, Any]:
        return {
            "worker": number,
            "port": self._port,
            "scratch": os.path.join(self._scratch, str(number)),  # noqa: PTH118 - for JSON
            "security": {name: getattr(self.security, name) for name in _ENCRYPTED},
        }

    def _keep(self) -> None:
        while not self._over.wait(_LOOK_S):
            with self._lock:
                if not self._over.is_set():
                    for process in self._processes:
                        process.keep()


class _Process:
    """One process, which is started again when it ends."""

    def __init__(self, setup: dict[str, Any]) -> None:
        number = setup["worker"]
        self._role = "scheduler" if number is None else f"worker-{number + 1}"
        self._setup = json.dumps(setup).encode() + b"\n"
        self.early_ends = 0
        self._start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def keep(self) -> None:
        """Start it again if it has ended."""
        if self._process.poll() is None or self.early_ends >= _MOST_EARLY_ENDS:
            return
        self._close_input()
        is_early = time.monotonic() - self._started < _SOON_S
        self.early_ends = self.early_ends + 1 if is_early else 0
        if self.early_ends < _MOST_EARLY_ENDS:
            self._start()

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._close_input()

    def _close_input(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def _start(self) -> None:
        self._started = time.monotonic()
        self._process = interpreters.start(_PROGRAM, self._role, stdout=subprocess.DEVNULL)
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it has ended already
            self._process.stdin.write(self._setup)
            self._process.stdin.flush()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port
