"""The servers that the clients talk to."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmark.measure import compiling

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
STUDY = "benchmark"


@dataclass(frozen=True)
class Server:
    """A sandbox, or a bare storage endpoint, in a process of its own."""

    url: str
    token: str
    ca: str | None

    @property
    def env(self) -> dict[str, str]:
        """What a client needs to know, as environment variables."""
        found = {
            "GRAND_CHALLENGE_API_URL": self.url,
            "GRAND_CHALLENGE_AUTHORIZATION": self.token,
        }
        return found | ({"SSL_CERT_FILE": self.ca} if self.ca else {})


@contextlib.contextmanager
def sandbox(folder: Path, *arguments: str, sockets: Sequence[str]) -> Iterator[Server]:
    """A sandbox with one reader study, over TLS."""
    command = [sys.executable, "-m", "manifest_uploader", "sandbox", "--json", "--tls"]
    command += ["--no-importer"]  # it would take time from what is measured
    command += ["--dir", str(folder), "--reader-study", STUDY, "--import-delay", "0"]
    command += [part for socket in sockets for part in ("--socket", socket)]
    with _serving([*command, *arguments], folder.parent) as ready:
        yield Server(ready["url"], ready["token"], ready["ca"])


@contextlib.contextmanager
def storage(folder: Path, *, certificates: Path, latency_ms: int, mbit: float) -> Iterator[Server]:
    """An endpoint that speaks just enough S3, with the certificate of a sandbox."""
    command = [sys.executable, "-m", "tests.benchmark.storage", str(certificates)]
    with _serving([*command, str(latency_ms), str(mbit)], folder) as ready:
        yield Server(ready["url"], "", str(certificates / "ca.pem"))


@contextlib.contextmanager
def _serving(command: Sequence[str], cwd: Path) -> Iterator[dict[str, str]]:
    env = compiling({"PYTHONPATH": str(ROOT)})
    with subprocess.Popen(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdout is not None
        try:
            yield json.loads(child.stdout.readline())
        finally:
            child.terminate()
            child.wait(30)
