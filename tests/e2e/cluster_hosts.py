"""Workers on hosts of their own, each with a line of 80 Mbit/s: three send 2.7 times what one does.

python -m tests.e2e.cluster_hosts [--cases 150] [--mib 4] [--mbit 80]

The hosts are network namespaces, which need root and Linux: the run, the scheduler, the platform
and each worker have one. Dask's connections between them are encrypted. Storage is reached as
127.0.0.1 from each host, through a relay, because the sandbox listens nowhere else.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import distributed

from tests.e2e.data import mha
from tests.e2e.helpers import ROOT, UPLOADER, Box, Served, environment

_NET: Final = "10.77.0"
_WORKERS: Final = 3
_LEAST: Final = 2.7
_ALONE: Final = ("--nworkers", "1", "--nthreads", "2", "--no-dashboard")


# ── hosts ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Host:
    """A network namespace with one line to all others."""

    name: str
    number: int

    @property
    def address(self) -> str:
        return f"{_NET}.{self.number}"

    def popen(self, words: list[str], **more: Any) -> subprocess.Popen[str]:
        """Start a command there."""
        inside = ["ip", "netns", "exec", self.name, *words]
        return subprocess.Popen(inside, text=True, cwd=ROOT, **more)


@contextlib.contextmanager
def hosts(names: list[str], *, slow: list[str], mbit: int) -> Iterator[dict[str, Host]]:
    """Hosts on one switch; those that are slow send no faster than `mbit`."""
    prefix = f"up{os.getpid() % 10000}"
    found = {name: Host(f"{prefix}-{name}", number) for number, name in enumerate(names, start=2)}
    switch = f"{prefix}br"
    _ip("link", "add", switch, "type", "bridge")
    _ip("link", "set", switch, "up")
    try:
        for name, host in found.items():
            line = f"{prefix}v{host.number}"
            _ip("netns", "add", host.name)
            _ip("link", "add", line, "type", "veth", "peer", "name", "eth0", "netns", host.name)
            _ip("link", "set", line, "master", switch, "up")
            _ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", "eth0")
            _ip("-n", host.name, "link", "set", "eth0", "up")
            _ip("-n", host.name, "link", "set", "lo", "up")
            if name in slow:
                limit = ["tbf", "rate", f"{mbit}mbit", "burst", "64kb", "latency", "50ms"]
                words = ["tc", "-n", host.name, "qdisc", "add", "dev", "eth0", "root", *limit]
                subprocess.run(words, check=True)
        yield found
    finally:
        for host in found.values():
            _ip("netns", "del", host.name, check=False)
        _ip("link", "del", switch, check=False)


def _ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=not check)


# ── what runs on them ───────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def ending(*processes: subprocess.Popen[str]) -> Iterator[None]:
    """End processes after the `with` statement."""
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@contextlib.contextmanager
def platform(place: dict[str, Host], folder: Path) -> Iterator[Served]:
    """The sandbox on its host, and a relay to it on each other one."""
    words = [*UPLOADER, "sandbox", "--json", "--dir", str(folder), "--reader-study=lung-nodules"]
    words += ["--socket=ct-image=Image", "--no-importer"]
    server = place["platform"].popen(words, stdout=subprocess.PIPE, env=environment())
    with ending(server):
        assert server.stdout is not None
        ready = json.loads(server.stdout.readline())
        port = ready["url"].split(":")[2].split("/")[0]
        there = f"{place['platform'].address}:{port}"
        relay = [sys.executable, "-m", "tests.e2e.relay"]
        relays = [place["platform"].popen([*relay, there, f"127.0.0.1:{port}"])]
        relays += [
            host.popen([*relay, f"127.0.0.1:{port}", there])
            for name, host in place.items()
            if name != "platform"
        ]
        with ending(*relays):
            yield Served(folder, ready["url"], ready["token"], ready["token_without_rights"])


def certificates(folder: Path) -> dict[str, str]:
    """Dask's settings for encrypted connections, for an environment."""
    made = distributed.Security.temporary()
    (folder / "ca.pem").write_text(made.tls_ca_file)
    (folder / "key.pem").write_text(made.tls_client_key)
    (folder / "cert.pem").write_text(made.tls_client_cert)
    found = {"CA_FILE": "ca.pem"}
    for role in ("CLIENT", "SCHEDULER", "WORKER"):
        found |= {f"{role}__KEY": "key.pem", f"{role}__CERT": "cert.pem"}
    prefix = "DASK_DISTRIBUTED__COMM__TLS__"
    return {prefix + name: str(folder / file) for name, file in found.items()}


@dataclass(frozen=True)
class Sent:
    """How fast a study was sent."""

    bytes_s: float
    requests: int
    workers: int


def sent(place: dict[str, Host], folder: Path, *, workers: int, cases: int, mib: int) -> Sent:
    """Send a study from so many workers."""
    folder.mkdir()
    tls = certificates(folder)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with platform(place, folder / "sandbox") as served:
        box = Box(folder / "lung", served)
        for number in range(cases):
            name = f"patient-{number:03}"
            box.write(_image(number, mib), name, "ct.mha")
            box.add(name, {"ct-image": {"file": f"{name}/ct.mha"}})
        box.save()
        env = {**box.environment(), **tls}
        dask = [sys.executable, "-m", "dask"]
        address = f"tls://{place['scheduler'].address}:8786"
        scheduler = place["scheduler"].popen(
            [*dask, "scheduler", "--host", address, "--no-dashboard"], env=env, **quiet
        )
        crew = [
            place[f"worker{number}"].popen([*dask, "worker", address, *_ALONE], env=env, **quiet)
            for number in range(workers)
        ]
        with ending(scheduler, *crew):
            time.sleep(10)  # they register
            words = [*UPLOADER, "run", "--json", "--dask", address, str(box.manifest)]
            run = place["run"].popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            out, err = run.communicate(timeout=600)
    assert run.returncode == 0, err + out
    box.check()
    events = [json.loads(line) for line in box.state.read_text().splitlines()[1:]]
    begun = min(one["time"] for one in events if one["event"] == "opened")
    uploads = [one for one in events if one["event"] == "done" and "sha256" in one]
    names = {one["worker"] for one in uploads}
    took = max(one["time"] for one in uploads) - begun
    requests = json.loads(out.splitlines()[-1])["requests"]
    return Sent(sum(one["size"] for one in uploads) / took, requests, len(names))


def _image(seed: int, mib: int) -> bytes:
    head, _, _ = mha(seed, side=1).partition(b"LOCAL\n")
    head = head.replace(b"1 1 4", f"512 {512 * mib} 4".encode()) + b"LOCAL\n"
    return head + random.Random(seed).randbytes(mib * 2**20)


def report(folder: Path, *, cases: int, mib: int, mbit: int) -> str:
    """Compare one worker and three; a report in one line."""
    crew = [f"worker{number}" for number in range(_WORKERS)]
    names = ["run", "scheduler", "platform", *crew]
    with hosts(names, slow=crew, mbit=mbit) as place:
        one = sent(place, folder / "one", workers=1, cases=cases, mib=mib)
        three = sent(place, folder / "three", workers=_WORKERS, cases=cases, mib=mib)
    factor = three.bytes_s / one.bytes_s
    assert (one.workers, three.workers) == (1, _WORKERS)
    assert factor >= _LEAST, f"{factor:.2f} times, {one}, {three}"
    return (
        f"{cases} files of {mib} MiB, {mbit} Mbit/s for each worker: "
        f"{one.bytes_s / 2**20:.1f} MiB/s from one, {three.bytes_s / 2**20:.1f} from three: "
        f"{factor:.2f} times; "
        f"{one.requests} and {three.requests} requests"
    )


def main() -> None:
    """The bar at its full size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=150)
    parser.add_argument("--mib", type=int, default=4)
    parser.add_argument("--mbit", type=int, default=80)
    given = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(report(Path(folder), **given) + "\n")


if __name__ == "__main__":
    main()
