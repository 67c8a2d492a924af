"""What runs in a worker, without one."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from manifest_uploader.cluster import on_worker
from manifest_uploader.cluster.calls import Call, Copy, Hello
from manifest_uploader.files.dicom_copy import DicomCopy
from tests.cluster.test_workers import KEY, local_file, never
from tests.e2e.helpers import wait_for
from tests.e2e.slices import write_set

NOBODY: Any = None


def test_processes_of_a_run_that_asks_no_more_end_and_start_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_worker, "_IDLE_S", 0.5)
    write_set(tmp_path / "set", 1)
    (path,) = (tmp_path / "set").iterdir()
    this = psutil.Process(os.getpid())
    before, threads = len(this.children()), set(threading.enumerate())
    run = on_worker._Run(Hello("run", 1, os.fspath(tmp_path)))
    call = Call("1", "run", Copy(local_file(path), KEY))

    for _ in range(2):
        assert isinstance(run.do(call, NOBODY, never), DicomCopy)
        assert len(this.children()) > before
        wait_for(lambda: len(this.children()) == before, seconds=20)
    wait_for(lambda: set(threading.enumerate()) <= threads, seconds=20)
    run.close()
