from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.access import Patience, parse_platform
from manifest_uploader.connection import Connection
from manifest_uploader.sandbox import SandboxOptions, start
from tests.core.box import Box
from tests.core.helpers import TOKEN

QUICK = Patience(stall_s=5, give_up_s=5, first_pause_s=0.001)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, no certificates, no token of whoever runs the tests."""
    for name in list(os.environ):
        if name.upper().endswith("_PROXY") or name.startswith(
            ("SSL_CERT_", "GRAND_CHALLENGE_", "UPLOADER_")
        ):
            monkeypatch.delenv(name)


@pytest.fixture
def connect() -> Iterator[Callable[..., Connection]]:
    """Connections that end with the test."""
    made: list[Connection] = []

    def make(url: str, **more: Any) -> Connection:
        token = more.pop("token", TOKEN)
        made.append(Connection(parse_platform(url, token), **{"patience": QUICK, **more}))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def begin(tmp_path: Path, connect: Callable[..., Connection]) -> Iterator[Callable[..., Box]]:
    """Start a sandbox in this process; what speaks to it as the uploader does."""
    boxes: list[Box] = []

    def start_one(**more: Any) -> Box:
        options = SandboxOptions(
            dir=tmp_path / "sandbox",
            **{
                "reader_studies": ("lung",),
                "archives": ("lung",),
                "sockets": Box.SOCKETS,
                "import_delay_s": 0.0,
                **more,
            },
        )
        running = start(options)
        boxes.append(Box(running, connect(running.url, token=running.token), options.dir))
        return boxes[-1]

    yield start_one
    for box in boxes:
        box.running.close()


@pytest.fixture
def box(begin: Callable[..., Box]) -> Box:
    """A sandbox without faults."""
    return begin()
