from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.sandbox import Judge, start
from tests.sandbox.helpers import Client, options


@pytest.fixture
def start_sandbox(tmp_path: Path, judge: Judge) -> Iterator[Callable[..., Client]]:
    """Return a function that starts a sandbox with many sockets and returns its client."""
    clients: list[Client] = []

    def start_one(**more: Any) -> Client:
        clients.append(Client(start(options(tmp_path, **{"judge": judge, **more}))))
        return clients[-1]

    yield start_one
    for client in clients:
        client.close()
        client.running.close()


@pytest.fixture
def client(start_sandbox: Callable[..., Client]) -> Client:
    return start_sandbox()
