"""The order of the tests, and what their processes inherit."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from manifest_uploader.platform.address import Patience, parse_platform
from manifest_uploader.platform.client import Client
from manifest_uploader.sandbox import Judge, SandboxOptions, start
from tests.box import Box
from tests.helpers import TOKEN
from tests.judging import shared_judge

_FIRST: Final = ("test_readme.py", "crash", "e2e", "test_secrets.py", "test_examples.py", "report")
"""The longest: begun last, one of them would keep the others' processes waiting."""


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start, and let it be compiled once."""
    # shells let background jobs ignore it
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # hundreds of processes would each compile the whole package
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    items.sort(key=lambda item: _rank(item.path))


def _rank(path: Path) -> int:
    inside = path.relative_to(Path(__file__).parent).parts[0]
    return _FIRST.index(inside) if inside in _FIRST else len(_FIRST)


QUICK = Patience(stall_s=5, give_up_s=5, first_pause_s=0.001)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, no certificates, no token of whoever runs the tests."""
    for name in list(os.environ):
        if name.upper().endswith("_PROXY") or name.startswith(
            ("SSL_CERT_", "GRAND_CHALLENGE_", "UPLOADER_")
        ):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def judge() -> Judge:
    """What judges the images of all sandboxes in this process."""
    return shared_judge()


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """Connections that end with the test."""
    made: list[Client] = []

    def make(url: str, **more: Any) -> Client:
        token = more.pop("token", TOKEN)
        made.append(Client(parse_platform(url, token), **{"patience": QUICK, **more}))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def begin(
    tmp_path: Path, connect: Callable[..., Client], judge: Judge
) -> Iterator[Callable[..., Box]]:
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
                "judge": judge,
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
