"""Answers of readers, and files of items, come back whole, and nothing that is there is lost."""

from __future__ import annotations

import csv
import functools
import hashlib
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.sandbox import Fault, Seen
from manifest_uploader.sandbox.reader_answers import plant_for
from manifest_uploader.sandbox.show import delete_object
from manifest_uploader.sandbox.store import Store
from tests import forked
from tests.e2e.data import PDF, mha, write
from tests.e2e.helpers import ARCHIVE, STUDY, Box, Entry, Ran, Served, served
from tests.sandbox.helpers import Client

FILES, KILLED = "files-study", "killed-study"
QUESTIONS = (
    f"{STUDY}=Choice:Is there a nodule?|yes; surely|no",
    f"{STUDY}=Multiple choice:Where?|left|right|both",
    f"{STUDY}=Number:How many?",
    f"{STUDY}=Text:Remarks",
)
READERS = ("anna", "bert", "carl", "dora", "emil")
REMARK = "=1+1, 'two' lines;\nof \"ünïcode\""
ANSWERS: dict[str, Any] = {
    "Is there a nodule?": "yes; surely",
    "Where?": ["left", "both"],
    "How many?": 2.5,
    "Remarks": REMARK,
}
READ = {
    "Is there a nodule?": "yes; surely",
    "Where?": "left; both",
    "How many?": "2.5",
    "Remarks": f"'{REMARK}",
}


class Hook:
    """Counts downloads, and lets those of storage break or stall if it is told to."""

    def __init__(self) -> None:
        self.stored = 0
        self.fault: Fault | None = None
        self.breaks = 0
        """So many downloads break off."""
        self.came = threading.Event()

    def before(self, request: Seen) -> Fault | None:
        if request.kind != "stored":
            return None
        self.stored += 1
        self.came.set()
        return self.fault

    def after(self, request: Seen, status: int) -> Fault | None:
        if request.kind != "stored" or self.breaks <= 0:
            return None
        self.breaks -= 1
        return Fault.truncate()


@pytest.fixture(scope="module")
def hook() -> Hook:
    """What the sandbox's requests go through."""
    return Hook()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, hook: Hook) -> Iterator[Served]:
    """A platform that keeps the bytes of files, and asks questions."""
    folder = tmp_path_factory.mktemp("platform")
    studies = (STUDY, FILES, KILLED)
    with served(
        folder, keep_bytes=True, reader_studies=studies, questions=QUESTIONS, hook=hook
    ) as found:
        yield found


def table(box: Box, name: str, folder: str = "out") -> list[Entry]:
    """A table that was fetched, as the csv module reads it."""
    with (box.folder / folder / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def stored_bytes(sandbox: Served, box: Box, case: str, socket: str) -> bytes:
    """What the platform holds in a socket."""
    value = box.by_title()[case]["values"][socket]
    name = value["file"]["sha256"] if "file" in value else value["image"]
    return (sandbox.dir / "kept" / str(name)).read_bytes()


def delete(sandbox: Served, pk: str) -> None:
    store = Store(sandbox.dir)
    try:
        assert delete_object(store, pk)
    finally:
        store.close()


# ── answers ─────────────────────────────────────────────────────────────────────────────────


def test_200_answers_are_a_table(tmp_path: Path, sandbox: Served) -> None:
    box = Box(tmp_path, sandbox)
    for number in range(10):
        box.add(f"patient-{number:02}", {"some-score": number}, title=f"Patient {number}")
    box.save()
    box.run().expect(0)
    assert sandbox.running is not None
    with Client(sandbox.running) as client:
        client.create(reader_study=STUDY, title="of others")
    store = Store(sandbox.dir)
    for reader in READERS:
        for entry in [*box.entries[::-1], {"title": "of others"}]:
            for question, answer in ANSWERS.items():
                plant_for(store, entry["title"], question, answer, reader=reader)

    ran = box("fetch", "out").expect(0)

    others = "220 answers from 5 readers, 20 of them on display sets that are not in the manifest"
    assert others in ran.out
    rows = table(box, "answers.csv")
    ours = [row for row in rows if row["ours"] == "true"]
    assert [(row["case"], row["title"], row["question"]) for row in ours] == [
        (entry["name"], entry["title"], question)
        for entry in box.entries
        for question in ANSWERS
        for _ in READERS
    ]
    assert {row["question"]: row["answer"] for row in rows} == READ
    assert len({row["pk"] for row in rows}) == 220
    assert Counter(row["creator"] for row in rows) == dict.fromkeys(READERS, 44)
    assert [(row["case"], row["title"]) for row in rows[200:]] == [("", "of others")] * 20
    items = {item["title"]: item["pk"] for item in box.items()}
    assert all(row["display_set"] == items[row["title"]] for row in rows)

    lines = box("fetch", "out", "--json").expect(0).lines
    assert [one["pk"] for one in lines[:-1]] == [row["pk"] for row in rows]
    assert lines[1]["value"] == 1
    assert lines[1]["answer"] == "yes; surely"
    assert lines[-1]["tables"] == {"answers.csv": "unchanged"}

    # a table that is as it was written is brought up to date; what somebody changed is kept
    plant_for(store, "Patient 0", "Remarks", 7, reader="zoe")
    store.close()
    assert f"wrote {Path('out', 'answers.csv')}" in box("fetch", "out").expect(0).out
    assert len(table(box, "answers.csv")) == 221
    by_hand = write(box.folder / "out" / "answers.csv", b"by hand")
    kept = (
        f"kept: {Path('out', 'answers.csv')} is not the file that fetch wrote; --force replaces it"
    )
    assert kept in box("fetch", "out").expect(1).out
    assert by_hand.read_bytes() == b"by hand"
    box("fetch", "out", "--force").expect(0)
    assert len(table(box, "answers.csv")) == 221

    box("fetch", "some", "--only", "patient-0[34]").expect(0)
    chosen = Counter(row["case"] for row in table(box, "answers.csv", "some"))
    assert chosen == {"patient-03": 20, "patient-04": 20}


def test_pandas_reads_the_table(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    from manifest_uploader.output.csv_cells import csv_bytes
    from manifest_uploader.output.fetch_lines import ANSWER_COLUMNS

    row = ["p", "P", True, "Remarks", REMARK, "Text", "anna", "2026-11-28T08:14:06.718388Z"]
    row += ["2026-11-28T08:14:06.718388Z", 12.5, 12.5, None, False, None, "d", "q", "a"]
    path = write(tmp_path / "answers.csv", csv_bytes(ANSWER_COLUMNS, [row, row], breaks=True))

    found = pandas.read_csv(path, parse_dates=["created", "modified"])

    assert list(found.columns) == list(ANSWER_COLUMNS)
    assert found["ours"].dtype == bool
    assert list(found["answer"]) == [f"'{REMARK}"] * 2
    assert found["last_edit_s"].sum() == 25
    assert found["created"].dt.year.tolist() == [2026, 2026]


def test_there_must_be_something_to_fetch_and_a_place_for_it(
    tmp_path: Path, sandbox: Served
) -> None:
    box = Box(tmp_path, sandbox, kind="archive", slug=ARCHIVE)
    box.add_score("a")
    box.save()

    ran = box("fetch", "out").expect(2)
    assert "archives have no answers to fetch" in ran.err
    assert not (tmp_path / "out").exists()

    write(tmp_path / "file", b"")
    assert "'file' is not a folder" in box("fetch", "file", "--items").expect(2).err

    ran = box("fetch", "out", "--items").expect(1)
    assert "unknown which archive items belong to the cases" in ran.out


# ── files ───────────────────────────────────────────────────────────────────────────────────


def test_results_do_not_come_among_the_files_that_are_sent(files: Box) -> None:
    refused = files("fetch", str(files.data), "--items").expect(2)

    assert "is the folder of the files that are sent" in refused.err
    assert "hint: name another folder for the results" in refused.err
    assert not (files.data / "items.csv").exists()


def test_files_and_images_come_by_case_and_socket(
    tmp_path: Path, sandbox: Served, hook: Hook
) -> None:
    box = Box(tmp_path, sandbox, slug=FILES)
    box.add_usual("con")
    for name in ("patient-1", "Patient-1"):
        box.add(name, {"ct-image": {"file": f"{name}/ct.mha"}, "some-score": 1})
        box.write(mha(name), name, "ct.mha")
    box.entries[2]["title"] = "another"
    box.add("files", {"report": {"file": "r.pdf"}, "details": {"value": {"a": 1}}})
    box.write(PDF + b"x" * 100_000, "r.pdf")
    for name in ("image-gone", "item-gone"):
        box.add(name, {"ct-image": {"file": f"{name}.mha"}})
        box.write(mha(name), f"{name}.mha")
    box.save()
    box.run().expect(0)
    out = box.folder / "out"

    hook.breaks = 2
    ran = box("fetch", "out", "--items", "--json", "--jobs", "3").expect(0)

    rows = table(box, "items.csv")
    titles = {"Patient-1": "another"}
    found = [(row["case"], row["title"], row["socket"]) for row in rows]
    assert sorted(found) == sorted(
        (entry["name"], titles.get(entry["name"], entry["name"]), socket)
        for entry in box.entries
        for socket in entry["sockets"]
        if socket != "some-score"
    )
    for row in rows:
        content = (out / row["file"]).read_bytes()
        assert content == stored_bytes(sandbox, box, row["title"], row["socket"])
        assert len(content) == int(row["size"])
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
    assert len({row["file"].lower() for row in rows}) == len(rows)
    names = {row["case"]: row["file"].split("/") for row in rows if row["socket"] == "ct-image"}
    assert names["item-gone"] == ["item-gone", "ct-image", "item-gone.mha"]
    assert names["con"][0].startswith("_con~")
    assert names["patient-1"][0].startswith("patient-1~")
    assert not list(out.rglob("*.part"))
    assert [one["file"] for one in ran.events("file")] == [row["file"] for row in rows]
    assert ran.summary["files"]["fetched"] == len(rows)

    before = hook.stored
    again = box("fetch", "out", "--items", "--json").expect(0).summary
    assert again["files"]["there"] == len(rows)
    assert hook.stored == before

    # without the record, only what the state does not know is downloaded to compare it
    write(out / ".uploader-fetch.jsonl", b'{"name": "half')
    again = box("fetch", "out", "--items", "--json").expect(0).summary
    assert again["files"]["there"] == len(rows)
    assert hook.stored == before + len(rows) - 2
    check_what_differs(box, sandbox)


def check_what_differs(box: Box, sandbox: Served) -> None:
    """What differs from what is on the platform is kept and told, as is what is missing."""
    changed = write(box.folder / "out" / "files" / "report" / "r.pdf", b"by hand")
    delete(sandbox, box.by_title()["image-gone"]["values"]["ct-image"]["image"])
    delete(sandbox, box.by_title()["item-gone"]["pk"])
    ran = box("fetch", "out", "--items").expect(1)
    assert (
        "kept: files/report/r.pdf: differs from the platform's file; --force replaces it" in ran.out
    )
    assert "missing: image-gone/ct-image: nothing is in this socket on the platform" in ran.out
    assert "1 case has no display set on the platform: item-gone" in ran.out
    assert changed.read_bytes() == b"by hand"
    box("fetch", "out", "--items", "--force", "--only", "files").expect(0)
    assert changed.read_bytes() == (box.data / "r.pdf").read_bytes()

    # what the platform holds instead of what was sent comes, and is told
    _exchange_bytes(sandbox, box.by_title()["files"]["pk"], b"other bytes")
    ran = box("fetch", "new", "--items", "--only", "files").expect(1)
    assert (
        "differs: files/report/r.pdf: the platform's file is not the one that was sent" in ran.out
    )
    assert (box.folder / "new" / "files" / "report" / "r.pdf").read_bytes() == b"other bytes"


def _exchange_bytes(sandbox: Served, item: str, content: bytes) -> None:
    sha256 = hashlib.sha256(content).hexdigest()
    write(sandbox.dir / "kept" / sha256, content)
    store = Store(sandbox.dir)
    try:
        exchange = (
            "UPDATE vals SET file = json_set(file, '$.sha256', ?)"
            " WHERE item = ? AND json_extract(file, '$.name') LIKE '%.pdf'"
        )
        assert store.change(exchange, sha256, item) == 1
    finally:
        store.close()


def test_a_rehearsal_fetches_what_it_was_told_to_keep(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.write(PDF, "r.pdf")
    box.add("p", {"report": {"file": "r.pdf"}})
    box.save()
    box.run("--sandbox").expect(0)

    ran = box("fetch", "out", "--sandbox", "--items").expect(1)
    assert (
        "missing: 1 file: a rehearsal keeps no files, except those that `run --sandbox" in ran.out
    )

    box.write(PDF + b"2", "r.pdf")
    box.run("--sandbox", "--keep-bytes").expect(0)
    box("fetch", "out", "--sandbox", "--items").expect(0)
    assert (tmp_path / "out" / "p" / "report" / "r.pdf").read_bytes() == PDF + b"2"


# ── ends ────────────────────────────────────────────────────────────────────────────────────

SIZES = (400_000, 1, 65_536, 250_000, 300_001, 150_000)


def die_after(count: int, code: Path) -> None:
    """Let the process end at once when so many more bytes of files are on the disk."""
    from manifest_uploader.platform import file_download

    growing = file_download._Growing
    add, counting = growing._add, threading.Lock()
    left = count

    def counted(self: Any, piece: bytes) -> None:
        nonlocal left
        with counting:
            add(self, piece[: max(left, 0)])
            left -= len(piece)
            if left <= 0:
                code.write_text("9")
                os._exit(9)

    growing._add = counted  # type: ignore[method-assign]


def killed(box: Box, *arguments: str, prepare: Any) -> None:
    with forked.begun(
        ["fetch", box.manifest.name, *arguments],
        cwd=box.folder,
        environment=box.environment(),
        prepare=prepare,
    ) as running:
        ran = running.end(30)
    assert ran.code == 9, ran.err


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, sandbox: Served) -> Box:
    """A study with files of several sizes."""
    box = Box(tmp_path_factory.mktemp("killed"), sandbox, slug=KILLED)
    for number, size in enumerate(SIZES):
        content = PDF + random.Random(number).randbytes(size)
        box.write(content, f"{number}.pdf")
        box.add(f"case-{number}", {"report": {"file": f"{number}.pdf"}})
    box.save()
    box.run().expect(0)
    return box


def check_files(box: Box, folder: str) -> None:
    out = box.folder / folder
    for number in range(len(SIZES)):
        content = (out / f"case-{number}" / "report" / f"{number}.pdf").read_bytes()
        assert content == (box.data / f"{number}.pdf").read_bytes()
    assert not list(out.rglob("*.part"))
    assert len(table(box, "items.csv", folder)) == len(SIZES)


def test_a_fetch_that_is_killed_again_and_again_ends_with_every_file_whole(files: Box) -> None:
    count = sum(SIZES) // 6
    for kills in range(1, 6):
        killed(files, "out", "--items", "--jobs", "2", prepare=functools.partial(die_after, count))
        there = sum(path.stat().st_size for path in (files.folder / "out").rglob("*.pdf*"))
        # nothing that was there had to come again, but for the last byte of a file
        assert kills * count - 2 * kills <= there <= kills * count

    files("fetch", "out", "--items").expect(0)
    check_files(files, "out")


def die_at_a_table(code: Path) -> None:
    """Let the process end at once before a table gets its name."""
    from manifest_uploader.engine import fetch_folder

    def replace(_: Path, __: Path) -> None:
        code.write_text("9")
        os._exit(9)

    fetch_folder.disk.replace = replace


def test_a_table_is_whole_or_not_there(files: Box) -> None:
    killed(files, "tables", prepare=die_at_a_table)
    assert not (files.folder / "tables" / "answers.csv").exists()

    files("fetch", "tables").expect(0)
    assert table(files, "answers.csv", "tables") == []
    assert not list((files.folder / "tables").glob("*.part"))


@pytest.mark.skipif(os.name == "nt", reason="no process can be sent such signals there")
def test_a_fetch_that_is_stopped_goes_on(files: Box, hook: Hook) -> None:
    hook.came.clear()
    hook.fault = Fault.stall(600)
    with forked.begun(
        ["fetch", files.manifest.name, "stopped", "--items"],
        cwd=files.folder,
        environment=files.environment(),
        prepare=_hurry,
    ) as running:
        assert hook.came.wait(30)
        running.send(signal.SIGTERM)
        found = running.end(15)
    hook.fault = None
    ran = Ran(found.code, found.out, found.err).expect(143)
    assert ran.err.splitlines()[-1] == "stopped; the same command continues where this ended"

    files("fetch", "stopped", "--items").expect(0)
    check_files(files, "stopped")


def _hurry(_: Path) -> None:
    from manifest_uploader.commands import signals

    assert "_LET_LOOK_END_S" in vars(signals)
    vars(signals)["_LET_LOOK_END_S"] = 0.3


def test_two_fetches_do_not_write_into_one_folder(files: Box, hook: Hook) -> None:
    hook.came.clear()
    hook.fault = Fault.stall(600)
    with forked.begun(
        ["fetch", files.manifest.name, "both", "--items"],
        cwd=files.folder,
        environment=files.environment(),
    ) as running:
        assert hook.came.wait(30)
        ran = files("fetch", "both", "--items").expect(3)
        running.process.kill()
    hook.fault = None
    assert "another run is in progress: held by" in ran.err

    files("fetch", "both", "--items").expect(0)
    check_files(files, "both")


def test_a_disk_that_is_full_ends_it_with_its_reason(files: Box) -> None:
    with forked.begun(
        ["fetch", files.manifest.name, "full", "--items"],
        cwd=files.folder,
        environment=files.environment(),
        prepare=_fill_the_disk,
    ) as running:
        found = running.end(30)

    ran = Ran(found.code, found.out, found.err).expect(3)
    assert "'full' cannot be written: No space left on device" in ran.err
    files("fetch", "full", "--items").expect(0)
    check_files(files, "full")


def _fill_the_disk(_: Path) -> None:
    import errno

    from manifest_uploader.platform import file_download

    def add(_: Any, __: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    file_download._Growing._add = add  # type: ignore[method-assign]
