from __future__ import annotations

import json
from pathlib import Path

from tests.crash.driver import Kill
from tests.crash.helpers import platform, rich_box
from tests.e2e.data import sha256


def test_receipts_tell_the_sha256_of_every_file_though_runs_are_killed(tmp_path: Path) -> None:
    with platform(tmp_path) as served:
        box = rich_box(tmp_path, served, 2, root=tmp_path / "data")
        for line in (8, 9, 10):
            box.go("--receipts", kill=Kill("before", line)).expect(-9)
        box.go("--receipts").expect(0)
        box.check()

    receipts = [
        json.loads(line) for line in (tmp_path / "lung.receipts.jsonl").read_text().splitlines()
    ]
    told = {
        (one["case"], file["name"]): (file["sha256"], file["size"])
        for one in receipts
        for file in one["files"]
    }
    for path in (path for path in box.data.rglob("*") if path.is_file()):
        if path.name != "protocol.json":  # a value, not a file on the platform
            name = path.relative_to(box.data).parts[0]
            assert told[name, path.name] == (sha256(path), path.stat().st_size)
    uploads = {(one["case"], one["socket"]) for one in receipts}
    assert len(uploads) == 2 * 7
    assert not any("/" in file["name"] for one in receipts for file in one["files"])
