"""Workers, schedulers and connections that fail at a bad moment."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from manifest_uploader.cluster.link import Link
from manifest_uploader.cluster.local import LocalCluster
from manifest_uploader.cluster.workers import DaskWorkers
from manifest_uploader.engine.data_task import PartsSent
from manifest_uploader.files.value_facts import content
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.platform.traffic import Meter
from tests.cluster.conftest import joined
from tests.cluster.test_workers import PART, bodies, never, plane_of, source_of, storage_of, task_of
from tests.e2e.helpers import wait_for
from tests.platform.servers import scripted


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
