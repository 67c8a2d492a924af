from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from tests.crash.helpers import Recorder, Rich, mha, platform, store_number
from tests.e2e.helpers import ended, wait_for

FILE_SOCKETS = ("ct-image", "mr-image", "report", "table", "details", "measures")


def six_uploads(folder: Path, cases: int) -> Rich:
    box = Rich(folder, root=folder / "data")
    for number in range(cases):
        name = f"patient-{number:02}"
        for slug, suffix in zip(("ct-image", "mr-image"), ("ct", "mr"), strict=True):
            box.write(mha((slug, name)), name, f"{suffix}.mha")
        box.write(b"%PDF-1.4" + name.encode(), name, "report.pdf")
        box.write(name, name, "table.csv")
        box.write(f'["{name}"]', name, "measures.json")
        sockets = {
            "ct-image": {"file": f"{name}/ct.mha"},
            "mr-image": {"file": f"{name}/mr.mha"},
            "report": {"file": f"{name}/report.pdf"},
            "table": {"file": f"{name}/table.csv"},
            "details": {"value": [name]},
            "measures": {"file": f"{name}/measures.json"},
        }
        assert tuple(sockets) == FILE_SOCKETS
        box.add(name, sockets)
    box.save()
    return box


def test_more_uploads_than_rows_finish_by_themselves(tmp_path: Path) -> None:
    box = six_uploads(tmp_path, 40)

    with platform(tmp_path, upload_limit=25, import_delay_s=0.25) as box.served:
        ran = box.go("--upload-limit", "25").expect(0)
        box.check()
        rows = store_number(box.served, "SELECT COUNT(*) FROM uploads")

    assert (ran.ends["done"], ran.ends["failed"], ran.events("failed")) == (40, 0, [])
    assert ran.events("paused")
    assert "uploads paused for" in ran.err
    assert "too many uploads" in ran.err
    assert ran.summary["uploads"] == 240
    assert rows == 0


def test_rows_that_never_drain_end_the_run_with_their_number(tmp_path: Path) -> None:
    box = six_uploads(tmp_path, 8)
    began = time.monotonic()

    with platform(tmp_path, upload_limit=25, import_delay_s=float("inf")) as box.served:
        ran = box.go("--upload-limit", "25", "--wait-timeout", "2").expect(1)
        rows = store_number(box.served, "SELECT COUNT(*) FROM uploads")

    assert time.monotonic() - began < 30
    assert rows == 26
    assert "26 upload slots in use, and none became free" in ran.err
    assert (ran.ends["failed"], ran.ends["unsure"]) == (0, 0)
    assert ran.ends["waiting"] >= 1
    assert ran.ends["pending"] >= 1
    assert ran.ends["waiting"] + ran.ends["pending"] == 8


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently on Windows")
def test_a_run_that_is_stopped_does_not_say_that_no_row_became_free(tmp_path: Path) -> None:
    box = six_uploads(tmp_path, 8)
    state = tmp_path / "lung.state.jsonl"

    with platform(tmp_path, upload_limit=25, import_delay_s=float("inf")) as box.served:
        run = box.spawn("run", "--upload-limit", "25")
        wait_for(lambda: state.exists() and '"paused"' in state.read_text(encoding="utf-8"))
        run.send_signal(signal.SIGINT)
        ran = ended(run, seconds=30).expect(130)

    assert "stopped; the same command continues" in ran.err
    assert "became free" not in ran.err


def test_a_case_that_needs_more_rows_than_there_are_is_a_problem_beforehand(
    tmp_path: Path,
) -> None:
    box = six_uploads(tmp_path, 2)

    with platform(tmp_path, hook=(seen := Recorder())) as box.served:
        ran = box.go("--upload-limit", "5").expect(2)
        items = box.items()

    assert ran.err.count("needs 6 uploads, but the account may hold 5 at a time") == 2
    assert "\n2 problems; nothing was sent\n" in ran.err
    assert (items, seen.changes) == ([], 0)


@pytest.mark.parametrize(("cases", "size_limit"), [(6, 900), (2, 1)])
def test_a_limit_of_bytes_is_waited_for_while_imports_drain(
    tmp_path: Path, cases: int, size_limit: int
) -> None:
    """Where not even one case fits, it is filled with what there is, again and again."""
    box = six_uploads(tmp_path, cases)

    with platform(tmp_path, size_limit=size_limit, import_delay_s=0.2) as box.served:
        ran = box.go("--wait-timeout", "20").expect(0)
        box.check()

    assert ran.events("paused")
    assert "Upload limit reached" in ran.err


@pytest.mark.parametrize("jobs", ["1", "8"])
def test_a_limit_of_bytes_that_nothing_drains_is_final_and_named(tmp_path: Path, jobs: str) -> None:
    box = Rich(tmp_path, root=tmp_path / "data")
    for number in range(3):
        box.write(b"%PDF-1.4" + bytes(9 * 2**20), f"{number}.pdf")
        box.add(f"patient-{number}", {"report": {"file": f"{number}.pdf"}})
    box.add("patient-4", {"some-score": 1.5})
    box.save()

    with platform(tmp_path, size_limit=0) as box.served:
        ran = box.go("--jobs", jobs, "--wait-timeout", "20").expect(1)
        items = box.by_title()

    assert (ran.ends["failed"], ran.ends["done"]) == (3, 1)
    assert list(items) == ["patient-4"]
    assert set(ran.failures) == {f"patient-{number}" for number in range(3)}
    for [reason] in ran.failures.values():
        assert reason.startswith("report: Upload limit reached")
    assert "2 GiB" in ran.err
