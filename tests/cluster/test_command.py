"""`--dask` on the command line: what is wrong with it, and what crosses the network."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.system.extras import install_command
from tests.e2e.helpers import Box, Served, ended, environment, served
from tests.entry import uploader
from tests.platform.servers import accepting, pass_on

FORGETFUL = """
import importlib.util as util
find = util.find_spec
util.find_spec = lambda name, *rest: None if name == "distributed" else find(name, *rest)
from manifest_uploader.__main__ import main
main()
"""
ENCRYPTED = "distributed: {comm: {require-encryption: true}}"
NO_SUCH_FILES = "distributed: {comm: {tls: {ca-file: no.pem, client: {cert: no.pem, key: no.pem}}}}"
ONE_CORE = "jobqueue: {slurm: {cores: 1, memory: 2GB, processes: 1}}"
WITHOUT_EXTRA = (sys.executable, "-c", FORGETFUL)
PLUGIN = '''
"""Records what the workers of a scheduler are given to do."""
import pickle
from distributed.diagnostics.plugin import WorkerPlugin


class Recorder(WorkerPlugin):
    def setup(self, worker):
        self.worker = worker

    def transition(self, key, start, finish, **_):
        task = self.worker.state.tasks.get(key)
        if task is not None and task.run_spec is not None:
            with open("tasks", "ab") as file:
                file.write(pickle.dumps(task.run_spec))


async def dask_setup(worker):
    await worker.plugin_add(Recorder(), name="recorder")
'''


needs_a_shell = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "sandbox") as running:
        yield running


def box_of(folder: Path, sandbox: Served, cases: int) -> Box:
    box = Box(folder / "lung", sandbox)
    for number in range(cases):
        box.add_usual(f"patient-{number}")
    box.save()
    return box


# ── what is wrong ───────────────────────────────────────────────────────────────────────────


def test_without_the_extra_one_sentence_names_what_to_install(
    tmp_path: Path, sandbox: Served
) -> None:
    box = box_of(tmp_path, sandbox, 1)

    found = uploader(
        *("run", "--dask", "local:2", "lung.yaml"),
        cwd=box.folder,
        given=box.environment(),
        entry=WITHOUT_EXTRA,
    ).expect(3)

    assert found.err == (
        "uploader: workers need packages that are not installed\n"
        f"  hint: install them with: {install_command('dask')}\n"
    )
    assert not box.state.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dask", "node1"), "'node1' is not the address of a Dask scheduler"),
        (("--dask", "tcp://10.1.2.3:8786"), "is on another machine, and the connection to it is"),
        (("--dask", "local:2", "--dask-slurm", "3"), "several options name the workers"),
        (("--worker-root", "/data"), "--worker-root has no effect without workers"),
        (("--jobs-per-worker", "3"), "--jobs-per-worker has no effect without workers"),
        (("--dask", "local:1", "--worker-root", "a/b"), "--worker-root: 'a/b' is not a full path"),
        (("--dask-slurm", "0"), "--dask-slurm: must be a whole number, 1 or higher"),
    ],
)
def test_wrong_options_are_told(
    tmp_path: Path, sandbox: Served, arguments: tuple[str, ...], message: str
) -> None:
    box = box_of(tmp_path, sandbox, 1)

    found = box("plan", *arguments).expect(2)

    assert message in found.err


def commands(folder: Path, **scripts: str) -> str:
    """A PATH with stand-ins for a batch system's commands."""
    folder.mkdir()
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def configured(folder: Path, text: str) -> dict[str, str]:
    (folder / "dask.yaml").write_text(text)
    return {"DASK_CONFIG": str(folder / "dask.yaml")}


@needs_a_shell
def test_a_job_without_a_size_is_told_with_the_file_to_write(
    tmp_path: Path, sandbox: Served
) -> None:
    box = box_of(tmp_path, sandbox, 1)
    path = commands(tmp_path / "bin", sbatch="exit 1")
    env = {**box.environment(), **configured(tmp_path, ""), "PATH": path}

    found = box("plan", "--dask-slurm", "2", env=env).expect(3)

    assert "Dask cannot prepare jobs for SLURM: its configuration does not say" in found.err
    assert "~/.config/dask/jobqueue.yaml" in found.err


def test_a_machine_without_the_batch_system_is_told(tmp_path: Path, sandbox: Served) -> None:
    box = box_of(tmp_path, sandbox, 1)

    found = box("plan", "--dask-lsf", "2").expect(3)

    assert "this machine cannot submit jobs to LSF: it has no command 'bsub'" in found.err


@needs_a_shell
def test_jobs_that_are_refused_are_told_in_the_words_of_the_batch_system(
    tmp_path: Path, sandbox: Served
) -> None:
    box = box_of(tmp_path, sandbox, 1)
    path = commands(tmp_path / "bin", sbatch="echo 'sbatch: error: no such queue' >&2; exit 1")
    env = {**box.environment(), **configured(tmp_path, ONE_CORE), "PATH": path}

    found = box("plan", "--dask-slurm", "2", env=env).expect(3)

    assert found.err.startswith(
        "uploader: SLURM takes no job: sbatch: error: no such queue\n  hint"
    )
    assert "Traceback" not in found.err
    assert not list(box.folder.glob(".*dask*"))


@needs_a_shell
def test_workers_in_jobs_upload_and_nothing_of_them_is_left(
    tmp_path: Path, sandbox: Served
) -> None:
    box = box_of(tmp_path, sandbox, 2)
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    path = commands(
        tmp_path / "bin",
        sbatch=f'bash "$1" >/dev/null 2>&1 </dev/null & touch {jobs}/$$; echo job $$',
        scancel=f'for one; do mv "{jobs}/$one" "{jobs}/$one.cancelled"; done',
    )
    env = {**box.environment(), **configured(tmp_path, ONE_CORE), "PATH": path}

    found = box("run", "--dask-slurm", "1", env=env).expect(0)

    assert "all 2 cases uploaded and verified" in found.out + found.err
    assert not list(box.folder.glob(".*dask*"))
    assert [one.suffix for one in jobs.iterdir()] == [".cancelled"]


@pytest.mark.parametrize(
    ("options", "configuration", "message"),
    [
        (("--dask", "tls://127.0.0.1:1"), "", "needs certificates, and Dask's configuration on"),
        (("--dask", "tls://127.0.0.1:1"), NO_SUCH_FILES, "names for tls://127.0.0.1:1 cannot be"),
        (("--dask", "127.0.0.1:1"), ENCRYPTED, "allows encrypted connections only, and tcp://"),
        (("--dask", "local:1"), "distributed: [", "Dask cannot read its configuration '"),
    ],
)
def test_a_configuration_of_dask_that_does_not_fit_is_told_in_words(
    tmp_path: Path, sandbox: Served, options: tuple[str, ...], configuration: str, message: str
) -> None:
    box = box_of(tmp_path, sandbox, 1)
    (tmp_path / "dask.yaml").write_text(configuration)
    env = {**box.environment(), "DASK_CONFIG": str(tmp_path / "dask.yaml")}

    found = box("plan", *options, env=env).expect(3)

    assert message in found.err
    assert "Error" not in found.err
    assert "hint: " in found.err


# ── what crosses the network ────────────────────────────────────────────────────────────────


class Wire:
    """Passes connections on to a scheduler, and keeps what its clients send."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.seen = bytearray()
        self._lock = threading.Lock()

    def serve(self, client: socket.socket) -> None:
        with (
            client,
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port)) as server,
        ):
            back = threading.Thread(target=pass_on, args=(server, client), daemon=True)
            back.start()
            pass_on(client, server, self._keep)
            back.join()

    def _keep(self, piece: bytes) -> bytes:
        with self._lock:
            self.seen += piece
        return piece


@contextlib.contextmanager
def scheduler_and_worker(folder: Path) -> Iterator[int]:
    """A scheduler as `dask scheduler` starts it, and a worker that records; the port."""
    (folder / "recorder.py").write_text(PLUGIN)
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    given: dict[str, Any] = {
        "cwd": folder,
        "env": environment(DASK_DISTRIBUTED__COMM__COMPRESSION="null"),
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    dask = [sys.executable, "-m", "dask"]
    local = ["--host", "127.0.0.1", "--no-dashboard"]
    processes = [
        subprocess.Popen([*dask, "scheduler", *local, "--port", str(port)], **given),
        subprocess.Popen(
            [
                *(*dask, "worker", f"tcp://127.0.0.1:{port}", *local),
                *("--no-nanny", "--nthreads", "1", "--preload", "recorder.py"),
            ],
            **given,
        ),
    ]
    try:
        yield port
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_nothing_that_workers_are_sent_contains_the_token(tmp_path: Path, sandbox: Served) -> None:
    box = box_of(tmp_path, sandbox, 4)
    with scheduler_and_worker(tmp_path) as port:
        wire = Wire(port)
        with accepting(wire.serve) as tapped:
            more = {**box.environment(), "DASK_DISTRIBUTED__COMM__COMPRESSION": "null"}
            address = f"tcp://127.0.0.1:{tapped}"
            run = box.spawn("run", "--json", "--dask", address, env=more)
            ended(run, seconds=120).expect(0)

    box.check()
    tasks = (tmp_path / "tasks").read_bytes()
    assert b"airways.mha" in tasks, "the plugin recorded"
    assert b"airways.mha" in wire.seen, "the wire was tapped"
    for told in (tasks, bytes(wire.seen)):
        assert sandbox.token.encode() not in told
        assert sandbox.token.encode("utf-16-le") not in told
    assert os.fspath(box.state).encode() not in tasks
