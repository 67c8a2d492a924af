"""Workers, schedulers and connections that fail at a bad moment."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import distributed
import psutil
import pytest

from manifest_uploader import cluster as cluster_package
from manifest_uploader.cluster.address import Local
from manifest_uploader.cluster.link import Link
from manifest_uploader.cluster.local import LocalCluster
from manifest_uploader.cluster.workers import DaskWorkers
from manifest_uploader.engine.data_task import PartsNotSent, PartsSent, Reason
from manifest_uploader.errors import CannotGoOn, PlatformUnreachable
from manifest_uploader.files.value_facts import content
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.platform.traffic import Meter
from manifest_uploader.system import interpreters
from tests.cluster.conftest import joined
from tests.cluster.test_workers import PART, bodies, never, plane_of, source_of, storage_of, task_of
from tests.e2e.helpers import environment, wait_for
from tests.platform.servers import scripted

BEGUN = """
import time
from manifest_uploader.cluster.link import Link
from manifest_uploader.cluster.local import LocalCluster
with LocalCluster(2) as cluster:
    client = Link(cluster.address, security=cluster.security, give_up_s=60).client()
    client.wait_for_workers(2)
    print("begun", flush=True)
    time.sleep(600)
"""
OFFLINE = """
from manifest_uploader.cluster.local_process import main
from manifest_uploader.errors import CannotGoOn, PlatformUnreachable
from manifest_uploader.platform.storage import Storage

def refuse(*_, **__):
    raise PlatformUnreachable("no connection (refused)")

Storage.put_part = refuse
main()
"""


def test_workers_are_heard_after_the_scheduler_was_killed(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    path = tmp_path / "a.bin"
    part = bytes(PART)
    path.write_bytes(2 * part)
    with joined(cluster, tmp_path) as workers, scripted(*storage_of(part)) as storage:
        urls = {number: f"{storage.url}/{number}" for number in (1, 2)}
        psutil.Process(cluster.pids[0]).kill()
        assert workers.digest(source_of(path), never) == content(source_of(path))

        found = plane_of(workers, Meter()).send(
            task_of(path, {}), sign=lambda _: urls, add=lambda _: None
        )

    assert isinstance(found, PartsSent)
    assert bodies(storage) == [part, part]


def test_a_worker_that_does_not_answer_delays_nobody(cluster: LocalCluster, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    frozen = psutil.Process(cluster.pids[1])
    link = Link(cluster.address, security=cluster.security, give_up_s=60)
    wait_for(lambda: len(link.client().scheduler_info()["workers"]) == 2, seconds=30)
    try:
        with DaskWorkers(link, slots=2, worker_root=None) as workers:
            frozen.suspend()
            workers.begin(tmp_path)
            wait_for(lambda: len(workers.loads()) == 1, seconds=30)
            assert workers.digest(source_of(path), never) == content(source_of(path))
            assert [one for one in workers.news() if "does not answer" in one]
            frozen.resume()
            wait_for(lambda: len(workers.loads()) == 2, seconds=20)
            frozen.suspend()
            began = time.monotonic()
        assert time.monotonic() - began < 20
    finally:
        frozen.resume()


def test_a_closed_link_is_not_opened_again(cluster: LocalCluster) -> None:
    link = Link(cluster.address, security=cluster.security, give_up_s=60)
    link.close()

    with pytest.raises(Interrupted):
        link.client()


@pytest.fixture
def offline(cluster: LocalCluster) -> Iterator[None]:
    """One more worker, which cannot reach storage."""
    process = subprocess.Popen([sys.executable, "-c", OFFLINE], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(json.dumps(cluster._setup(7)).encode() + b"\n")
    process.stdin.flush()
    yield
    process.kill()
    process.wait()
    process.stdin.close()


@pytest.mark.usefixtures("offline")
def test_a_worker_that_cannot_reach_storage_gets_no_more_work(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    link = Link(cluster.address, security=cluster.security, give_up_s=60)
    with (
        DaskWorkers(link, slots=2, worker_root=None) as workers,
        scripted(*storage_of(b"abc")) as storage,
        ThreadPoolExecutor(6) as pool,
    ):
        workers.begin(tmp_path)
        wait_for(lambda: len(workers.loads()) == 3, seconds=60)
        plane = plane_of(workers, Meter())

        def sent(_: int) -> PartsSent | PartsNotSent:
            task = task_of(path, {1: f"{storage.url}/1"})
            while True:
                found = plane.send(task, sign=lambda _: task.urls, add=lambda _: None)
                if not isinstance(found, PartsNotSent) or found.reason is not Reason.WORKER_LOST:
                    return found

        found = list(pool.map(sent, range(40)))

        assert all(isinstance(one, PartsSent) for one in found)
        assert bodies(storage) == [b"abc"] * 40
        assert [one for one in workers.news() if "gets no more work: no connection" in one]
        assert len(workers.loads()) == 2


def test_the_last_worker_that_cannot_reach_storage_ends_the_run(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    with LocalCluster(1) as cluster, joined(cluster, tmp_path, expected=1) as workers:
        task = task_of(path, {1: "http://127.0.0.1:9/1"})
        with pytest.raises(PlatformUnreachable, match=r"on worker '.+': no connection"):
            plane_of(workers, Meter()).send(task, sign=lambda _: task.urls, add=lambda _: None)


def test_workers_that_do_not_start_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    monkeypatch.setattr(
        interpreters,
        "_START",
        f"import sys; 'worker' in sys.argv[3] and sys.exit(1); {interpreters._START}",
    )
    with cluster_package.opened(
        Local(1), slots=1, worker_root=None, give_up_s=60, shared=tmp_path
    ) as workers:
        workers.begin(tmp_path)
        end = time.monotonic() + 20
        with pytest.raises(CannotGoOn, match="processes end as soon as they are started"):
            workers.digest(source_of(path), lambda: time.monotonic() > end)


def test_a_run_that_is_killed_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", BEGUN],
        stdout=subprocess.PIPE,
        env=environment(TMPDIR=str(tmp_path)),
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"begun\n"
        children = psutil.Process(run.pid).children()
        assert list(tmp_path.glob("uploader-dask-*/*"))
        run.kill()

    _, alive = psutil.wait_procs(children, timeout=20)
    assert (alive, list(tmp_path.iterdir())) == ([], [])


def test_messages_that_were_sent_are_not_kept(cluster: LocalCluster, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    link = Link(cluster.address, security=cluster.security, give_up_s=60)
    with DaskWorkers(link, slots=2, worker_root=None) as workers:
        workers.begin(tmp_path)
        for _ in range(30):
            workers.digest(source_of(path), never)

        assert len(link.client().scheduler_comm.recent_message_log) <= 10


async def set_status(name: str, dask_worker: distributed.Worker) -> None:
    dask_worker.status = distributed.Status[name]


def test_a_worker_that_is_paused_ends_what_it_began(cluster: LocalCluster, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    part = bytes(PART)
    path.write_bytes(2 * part)
    with joined(cluster, tmp_path) as workers, scripted(*storage_of(part)) as storage:
        link = workers._link
        all_of_them = list(link.client().scheduler_info()["workers"])

        def sign(_: int) -> dict[int, str]:
            link.run(set_status, "paused", workers=all_of_them, longest_s=10)
            return {number: f"{storage.url}/{number}" for number in (1, 2)}

        try:
            found = plane_of(workers, Meter()).send(
                task_of(path, {}), sign=sign, add=lambda _: None
            )
        finally:
            link.run(set_status, "running", workers=all_of_them, longest_s=10)

    assert isinstance(found, PartsSent)
