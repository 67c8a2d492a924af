"""One scheduler with two workers on this machine, for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from manifest_uploader.cluster.link import Link
from manifest_uploader.cluster.local import LocalCluster
from manifest_uploader.cluster.workers import DaskWorkers
from tests.e2e.helpers import wait_for


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(2) as found:
        yield found


@contextmanager
def joined(
    cluster: LocalCluster,
    root: Path,
    *,
    slots: int = 2,
    worker_root: str | None = None,
    expected: int = 2,
) -> Iterator[DaskWorkers]:
    """The cluster's workers, all of which have joined a run."""
    link = Link(cluster.address, security=cluster.security, give_up_s=60)
    with DaskWorkers(link, slots=slots, worker_root=worker_root) as workers:
        workers.begin(root)
        wait_for(lambda: len(workers.loads()) == expected, seconds=60)
        yield workers
