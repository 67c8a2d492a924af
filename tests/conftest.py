"""The order of the tests, and what their processes inherit."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from manifest_uploader.files.crew import usable_cores
from manifest_uploader.platform.address import Patience, parse_platform
from manifest_uploader.platform.client import Client
from manifest_uploader.sandbox import Judge, SandboxOptions, start
from tests import simulated
from tests.box import Box
from tests.helpers import TOKEN
from tests.judging import shared_judge

_WAITING: Final = (
    *("guide", "test_readme.py", "cluster", "crash", "e2e"),
    *("test_secrets.py", "test_examples.py"),
)
"""What waits for processes most of its time, the longest first."""
_LONG: Final = (
    *("sandbox/test_gcapi.py", "manifest/test_hostile.py", "commands/test_deidentify.py"),
    *("sandbox/test_judge.py", "files/formats/test_against_panimg.py", "report/test_page.py"),
    *("files/test_importer.py", "init/test_terminal.py", "manifest/test_schema.py"),
)
"""What computes longest: at the end it would leave one core to itself."""


def pytest_configure(config: pytest.Config) -> None:
    """Let signals reach what the tests start, and let it be compiled once."""
    # shells let background jobs ignore the first, and nohup the second
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # hundreds of processes would each compile the whole package
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    simulated.install_from(os.environ)
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        _prepare_modules()


def _prepare_modules() -> None:
    """Let pytest rewrite the tests' modules once: each of its processes would do it for itself."""
    here = Path(__file__).parent
    if any(here.glob("*/__pycache__/test_*-pytest-*.pyc")):
        return
    modules = sorted(map(str, here.rglob("test_*.py")))
    collect = [sys.executable, "-m", "pytest", "-n0", "--collect-only", "-q"]
    cores = usable_cores()
    started = [
        subprocess.Popen([*collect, *modules[first::cores]], stdout=subprocess.DEVNULL)
        for first in range(cores)
    ]
    for process in started:
        process.wait()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, each beside one that computes while it waits."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    waiting = sorted(
        (file for file in files if _rank(file) is not None), key=lambda file: _rank(file) or 0
    )
    computing = sorted((file for file in files if _rank(file) is None), key=_is_short)
    pairs = itertools.zip_longest(waiting, computing)
    items[:] = [item for pair in pairs for file in pair if file for item in files[file]]


def _rank(path: Path) -> int | None:
    inside = path.relative_to(Path(__file__).parent).parts[0]
    return _WAITING.index(inside) if inside in _WAITING else None


def _is_short(path: Path) -> bool:
    return path.relative_to(Path(__file__).parent).as_posix() not in _LONG


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Let no garbage be looked for among thousands of tests, now or later: they all stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


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
                "algorithms": ("lung=some-score->findings",),
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
