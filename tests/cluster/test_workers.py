from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import Mock

import distributed
import psutil
import pytest
from msgspec.structs import replace

from manifest_uploader.cluster.calls import Hello, Ready
from manifest_uploader.cluster.link import Link
from manifest_uploader.cluster.local import LocalCluster
from manifest_uploader.cluster.nodes import Nodes
from manifest_uploader.cluster.sending import Permits
from manifest_uploader.cluster.workers import DaskWorkers
from manifest_uploader.engine.data_plane import DataPlane
from manifest_uploader.engine.data_task import (
    DataResult,
    DataTask,
    PartsNotSent,
    PartsSent,
    Reason,
)
from manifest_uploader.engine.looks.looker import look_at_value
from manifest_uploader.errors import CannotGoOn, PlatformRefused
from manifest_uploader.files.copies import CopyMaker, NoCopy
from manifest_uploader.files.importer import Bundle
from manifest_uploader.files.local_file import FileChanged, LocalFile, Source
from manifest_uploader.files.parts import JsonContent
from manifest_uploader.files.value_facts import content
from manifest_uploader.platform.address import Patience
from manifest_uploader.platform.responses import Interrupted
from manifest_uploader.platform.traffic import Meter
from tests.cluster.conftest import joined
from tests.e2e.data import mha
from tests.e2e.helpers import wait_for
from tests.e2e.slices import write_set
from tests.platform.servers import Reply, Scripted, reply, scripted

KEY = "ab" * 32
PART = 64 * 1024


def never() -> bool:
    return False


def local_file(path: Path) -> LocalFile:
    facts = path.stat()
    return LocalFile(os.fspath(path), path.name, facts.st_size, facts.st_mtime_ns)


def source_of(*paths: Path) -> Source:
    files = tuple(map(local_file, paths))
    return Source(files, files[0].name, bundle=len(files) > 1)


def etag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'


@pytest.fixture
def workers(cluster: LocalCluster, tmp_path: Path) -> Iterator[DaskWorkers]:
    with joined(cluster, tmp_path) as found:
        yield found


class Refusing:
    """A data plane of this machine that is not to be asked."""

    def send(self, task: DataTask, **_: Any) -> DataResult:
        raise AssertionError(task)


def plane_of(workers: DaskWorkers, meter: Meter, here: DataPlane | None = None) -> DataPlane:
    return workers.plane(
        here or Refusing(),
        most_parts=8,
        patience=Patience(stall_s=5, give_up_s=5, first_pause_s=0.01),
        meter=meter,
        stopping=never,
    )


# ── looks, hashes, copies, verdicts ─────────────────────────────────────────────────────────


def test_workers_look_hash_and_copy_as_this_machine_does(
    workers: DaskWorkers, tmp_path: Path
) -> None:
    write_set(tmp_path / "set", 2)
    source = source_of(*sorted((tmp_path / "set").iterdir()))
    alone = CopyMaker(KEY, processes=1)
    theirs = workers.copies(KEY, never)
    try:
        assert workers.look(source, None, quick=False, stopping=never) == look_at_value(
            source, None, quick=False
        )
        assert workers.digest(source, never) == content(source)
        assert [theirs.copy(file) for file in source.files] == [
            alone.copy(file) for file in source.files
        ]
    finally:
        alone.close()
        theirs.close()


def test_what_workers_refuse_is_raised_here_with_their_name(
    workers: DaskWorkers, tmp_path: Path
) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(b"no DICOM")
    good = source_of(path)
    changed = replace(good, files=(replace(good.files[0], size=99),))

    with pytest.raises(FileChanged, match=r"on worker '.+': 'a.dcm' changed after it was checked"):
        workers.digest(changed, never)
    with pytest.raises(NoCopy, match=r"on worker '.+': it cannot be de-identified"):
        workers.copies(KEY, never).copy(good.files[0])


def test_the_importer_judges_on_workers(workers: DaskWorkers, tmp_path: Path) -> None:
    path = tmp_path / "ct.mha"
    path.write_bytes(mha(1))

    found = workers.judge(Bundle("key", ((os.fspath(path), "ct.mha"),)), never)

    assert (found.key, found.images, found.width) == ("key", 1, 8)


def test_workers_see_the_files_elsewhere(cluster: LocalCluster, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    path = tmp_path / "theirs" / "a.bin"
    path.write_bytes(b"abc")
    here = replace(local_file(path), full=os.fspath(tmp_path / "here" / "a.bin"))
    source = Source((here,), "a.bin", bundle=False)
    root = os.fspath(tmp_path / "theirs")

    with joined(cluster, tmp_path / "here", worker_root=root) as workers:
        assert workers.digest(source, never) == content(source_of(path))


# ── parts ───────────────────────────────────────────────────────────────────────────────────


def task_of(path: Path, urls: Mapping[int, str], *, part_size: int = PART) -> DataTask:
    source = source_of(path)
    count = -(-source.size // part_size)
    return DataTask(
        content=source,
        size=source.size,
        part_size=part_size,
        send=tuple(range(1, count + 1)),
        stored={},
        urls=urls,
    )


def storage_of(*parts: bytes) -> list[Reply]:
    return [reply(200, ETag=etag(part)) for part in parts]


def test_a_worker_sends_a_file_of_one_part(workers: DaskWorkers, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    meter, added = Meter(), []
    with scripted(*storage_of(b"abc")) as storage:
        found = plane_of(workers, meter).send(
            task_of(path, {1: f"{storage.url}/1"}), sign=refuse_to_sign, add=added.append
        )

    assert isinstance(found, PartsSent)
    assert found.etags == {1: etag(b"abc").strip('"')}
    assert found.worker
    assert sum(added) == 3
    assert bodies(storage) == [b"abc"]
    assert (meter.traffic().requests, meter.traffic().bytes_sent) == (1, 3)
    assert meter.take_pressure() == (1, 0)


def bodies(storage: Scripted) -> list[bytes]:
    return [asked.body for asked in storage.asked]


def refuse_to_sign(number: int) -> Mapping[int, str]:
    raise AssertionError(number)


def test_a_worker_asks_for_the_urls_of_several_parts(workers: DaskWorkers, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    part = bytes(PART)
    path.write_bytes(2 * part)
    asked = []
    with scripted(*storage_of(part)) as storage:
        urls = {number: f"{storage.url}/{number}" for number in (1, 2)}

        def sign(number: int) -> Mapping[int, str]:
            asked.append(number)
            return urls

        found = plane_of(workers, Meter()).send(task_of(path, {}), sign=sign, add=lambda _: None)

    assert isinstance(found, PartsSent)
    assert bodies(storage) == [part, part]
    assert asked[0] == 1


def test_what_signing_raises_ends_the_call(workers: DaskWorkers, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"a" * 2 * PART)

    def sign(_: int) -> Mapping[int, str]:
        raise PlatformRefused("no more")

    with pytest.raises(PlatformRefused, match="no more"):
        plane_of(workers, Meter()).send(task_of(path, {}), sign=sign, add=lambda _: None)


def test_a_file_that_differs_on_a_worker_is_told_with_its_name(
    workers: DaskWorkers, tmp_path: Path
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    task = task_of(path, {1: "https://storage.example/1"})
    path.write_bytes(b"abcd")

    found = plane_of(workers, Meter()).send(task, sign=refuse_to_sign, add=lambda _: None)

    assert isinstance(found, PartsNotSent)
    assert found.reason is Reason.FILE_CHANGED
    assert found.message.startswith("on worker '")
    assert "'a.bin' changed" in found.message


def test_values_that_are_in_no_file_are_sent_from_here(workers: DaskWorkers) -> None:
    sent = PartsNotSent(Reason.STOPPED)

    class Here:
        def send(self, task: DataTask, **_: Any) -> DataResult:
            return sent

    value = JsonContent("a.json", b"{}", "json:1")
    task = DataTask(content=value, size=2, part_size=PART, send=(1,), stored={}, urls={})
    plane = plane_of(workers, Meter(), Here())

    assert plane.send(task, sign=refuse_to_sign, add=lambda _: None) is sent


def test_a_run_that_is_stopped_waits_for_no_worker(workers: DaskWorkers, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")

    with pytest.raises(Interrupted):
        workers.digest(source_of(path), lambda: True)


# ── workers that end, or are of no use ──────────────────────────────────────────────────────


def test_another_worker_does_what_one_that_was_killed_did_not(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    write_set(tmp_path / "set", 40)
    source = source_of(*sorted((tmp_path / "set").iterdir()))
    with joined(cluster, tmp_path) as workers, ThreadPoolExecutor(4) as pool:
        found = [pool.submit(workers.digest, source, never) for _ in range(40)]
        psutil.Process(cluster.pids[1]).kill()
        assert {one.result(timeout=60) for one in found} == {content(source)}
        wait_for(workers.news, seconds=30)
        wait_for(lambda: len(workers.loads()) == 2, seconds=60)


def test_a_scheduler_that_was_killed_is_waited_for(cluster: LocalCluster, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    with joined(cluster, tmp_path) as workers:
        psutil.Process(cluster.pids[0]).kill()
        assert workers.digest(source_of(path), never) == content(source_of(path))


class LostLink:
    """A link whose scheduler has ended."""

    address = "tls://node1:8786"
    is_up = False

    def client(self, *_: object) -> NoReturn:
        raise CannotGoOn("there is none")


def test_a_scheduler_that_does_not_answer_is_told_once() -> None:
    news: list[str] = []
    link: Any = LostLink()
    nodes = Nodes(link, Hello("run", 1, "/"), tell=news.append, lost=lambda _: None)

    wait_for(lambda: bool(news), seconds=10)
    time.sleep(1)
    nodes.close()

    assert len(news) == 1
    assert news[0].startswith("the Dask scheduler at tls://node1:8786 does not answer; the run")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Exception("ModuleNotFoundError(\"No module named 'x'\")"), "does not have manifest-up"),
        (Exception("EOFError()"), "has another version of Python, Dask or uploader"),
        (Ready("node1", "0.0.1", True), "has uploader 0.0.1, and this machine"),
    ],
)
def test_a_worker_of_another_version_is_told_with_its_name(answer: object, message: str) -> None:
    news: list[str] = []
    address = "tls://node1:8786"
    client = Mock()
    client.scheduler_info.return_value = {"workers": {address: {"resources": {}}}}
    given = {"client.return_value": client, "run.return_value": {address: answer}}
    link = Mock(is_up=True, **given)
    nodes = Nodes(link, Hello("run", 1, "/"), tell=news.append, lost=lambda _: None)

    wait_for(lambda: bool(news), seconds=10)
    nodes.close()

    assert news[0].startswith("worker 'node1")
    assert message in news[0]
    assert nodes.loads() == ()


def test_workers_that_do_not_see_the_files_get_no_work(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    link = Link(cluster.address, security=cluster.security, give_up_s=60)
    with DaskWorkers(link, slots=1, worker_root=None) as workers:
        workers.begin(tmp_path / "nowhere")
        news: list[str] = []
        wait_for(lambda: news.extend(workers.news()) or len(news) == 2, seconds=60)
        assert workers.loads() == ()

    assert all("sees no folder '" in one and "it gets no work" in one for one in news)


def test_no_worker_is_waited_for_if_none_will_be_of_use(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    link = Link(cluster.address, security=cluster.security, give_up_s=60)
    with DaskWorkers(link, slots=1, worker_root=None, most_workers=2) as workers:
        workers.begin(tmp_path / "nowhere")

        with pytest.raises(CannotGoOn, match=r"no worker can be used: worker '.+' sees no folder"):
            workers.digest(source_of(Path(__file__)), never)


def test_no_scheduler_is_told_in_one_sentence() -> None:
    with (
        scripted() as nobody,
        pytest.raises(CannotGoOn, match="no Dask scheduler answers at tcp://"),
    ):
        Link(f"tcp://127.0.0.1:{nobody.port}", give_up_s=1, connect_s=0.5)


def test_a_scheduler_with_other_certificates_is_told(cluster: LocalCluster) -> None:
    ours = distributed.Security.temporary()

    with pytest.raises(CannotGoOn, match="but it has other certificates than Dask's"):
        Link(cluster.address, security=ours, give_up_s=1)
    with pytest.raises(CannotGoOn, match="no Dask scheduler, or needs TLS"):
        Link(cluster.address.replace("tls", "tcp"), give_up_s=1)


# ── how many parts ──────────────────────────────────────────────────────────────────────────


def test_all_tasks_together_have_no_more_parts_in_flight_than_allowed() -> None:
    permits = Permits(8, 4)

    taken = [permits.take(100, never) for _ in range(4)]

    assert taken == [4, 2, 1, 1]
    with pytest.raises(Interrupted):
        permits.take(1, lambda: True)
    permits.give_back(4)
    assert permits.take(1, never) == 1
