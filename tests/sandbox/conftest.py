from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.sandbox import start
from tests.sandbox.helpers import Client, options


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Start a sandbox with a study, an archive and many sockets; return a client of it."""
    clients: list[Client] = []

    def start_one(**more: Any) -> Client:
        clients.append(Client(start(options(tmp_path, **more))))
        return clients[-1]

    yield start_one
    for client in clients:
        client.close()
        client.running.close()


@pytest.fixture
def client(begin: Callable[..., Client]) -> Client:
    return begin()
