"""DICOM image sets from end to end, and what goes wrong with them."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from manifest_uploader.sandbox import Fault, Seen
from tests.e2e.helpers import FULL, Box, served, side_by_side
from tests.e2e.image_sets import SOCKET, killed_often
from tests.e2e.slices import write_set
from tests.faults import Script, Step


def test_a_set_that_is_killed_again_and_again_has_every_file_once(tmp_path: Path) -> None:
    files, rows, kills = (300, 512, 10) if FULL else (8, 16, 2)
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")

    print(killed_often(tmp_path, files=files, rows=rows, kills=kills, seed=seed))


class Spoiling:
    """Spoils a file of the first set in storage, so that the platform refuses the set."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def before(self, request: Seen) -> Fault | None:
        if request.kind == "item-fill" and request.number == 1:
            part = next(one for one in (self._folder / "parts").rglob("*") if one.is_file())
            part.write_bytes(b"no DICOM")
        return None

    def after(self, request: Seen, status: int) -> Fault | None:
        return None


def with_set(box: Box, count: int = 3, *, case: str = "a", **more: Any) -> None:
    """Add a case of a set."""
    write_set(box.data / case, count)
    box.add(case, {SOCKET: {"files": f"{case}/*.dcm", **more}, "some-score": 1.5})
    box.save()


def image_of(box: Box, case: str = "a") -> str:
    return str(box.by_title()[case]["values"][SOCKET]["image"])


def refused_and_sent_again(folder: Path) -> None:
    """A refusal has no message, and all uploads are gone; on request, all files are sent again."""
    sandbox = folder / "sandbox"
    with served(sandbox, hook=Spoiling(sandbox)) as platform:
        box = Box(folder, platform)
        with_set(box)
        assert box.run("--no-wait").expect(4).summary["uploads"] == 3
        make_older(box, 700)

        ran = box.run("--retry-failed").expect(0)

        assert ran.summary["uploads"] == 3
        [failed] = ran.events("import-failed")
        assert failed["socket"] == SOCKET
        assert "and gives no reason" in failed["words"]
        assert "--retry-failed sends all of them again" in failed["words"]
        assert len(box.by_title()["a"]["values"][SOCKET]["files"]) == 3
        assert box.run().expect(0).ends["unchanged"] == 1


def make_older(box: Box, seconds: float) -> None:
    """Let everything that the state tells of have happened earlier."""
    first, *lines = box.state.read_text().splitlines()
    events = [json.loads(line) for line in lines]
    old = [json.dumps(event | {"time": event["time"] - seconds}) for event in events]
    box.state.write_text("\n".join([first, *old]) + "\n")


def lost_answer(folder: Path) -> None:
    """Nobody knows whether the fill took effect: it is sent again, and there is one image."""
    for when in ("before", "after"):
        hook = Script([Step("item-fill", Fault("reset"), when=when)])
        with served(folder / f"sandbox-{when}", hook=hook) as platform:
            box = Box(folder / when, platform)
            with_set(box)

            box.run().expect(0)

            assert platform.running is not None
            assert len(box.by_title()["a"]["values"][SOCKET]["files"]) == 3


def lost_key(folder: Path) -> None:
    """A set that was begun with a key that is lost begins anew: it never mixes two keys."""
    refusal = Fault.answer(400, body=b'{"filename": ["No."]}', content_type="application/json")
    hook = Script([Step("upload-create", refusal, number=3)])
    with served(folder / "sandbox", hook=hook, keep_bytes=True) as platform:
        box = Box(folder, platform)
        with_set(box)
        box.run("--jobs", "1").expect(1)
        key = box.folder / "lung.uid-key"
        old = key.read_text()
        if os.name == "posix":
            assert key.stat().st_mode & 0o077 == 0
        key.write_text("")
        assert "if that is lost, delete this file" in box("plan").expect(2).err
        key.unlink()

        planned = box("plan").expect(1)
        assert "will be in 'lung.uid-key'" in planned.out
        assert "sent again from the first file" in planned.out
        assert not key.exists()
        ran = box.run().expect(0)

        assert (ran.summary["uploads"], key.read_text() != old) == (3, True)
        assert old.splitlines()[-1] not in box.state.read_text()
        assert box.run().expect(0).ends["unchanged"] == 1


def with_the_key(folder: Path) -> None:
    """With its key, a set that was interrupted goes on, and only what is missing is sent."""
    refusal = Fault.answer(400, body=b'{"filename": ["No."]}', content_type="application/json")
    hook = Script([Step("upload-create", refusal, number=3)])
    with served(folder / "sandbox", hook=hook) as platform:
        box = Box(folder, platform)
        with_set(box)
        box.run("--jobs", "1").expect(1)

        planned = box("plan").expect(1)
        assert "1 of 3 files" in planned.out + planned.err
        assert box.run().expect(0).summary["uploads"] == 1


def with_few_rows(folder: Path) -> None:
    """A set that was begun gets the rows that are free, and not one before it that lacks more."""
    refusal = Fault.answer(400, body=b'{"filename": ["No."]}', content_type="application/json")
    hook = Script([Step("upload-create", refusal, number=6)])
    with served(folder / "sandbox", hook=hook, upload_limit=10) as platform:
        box = Box(folder, platform)
        with_set(box, 8, case="a")
        with_set(box, 8, case="b")
        box.run("--jobs", "1", "--only", "b").expect(1)

        ran = box.run("--jobs", "1", "--upload-limit", "10", "--wait-timeout", "5").expect(0)

        assert ran.ends["done"] == 2


def in_several_cases(folder: Path) -> None:
    """The same files in two cases are one image."""
    with served(folder / "sandbox") as platform:
        box = Box(folder, platform)
        with_set(box, name="CT of a")
        box.add("b", {SOCKET: {"files": "a/*.dcm"}})
        box.add("c", {SOCKET: {"same-as": "a/dicom-set"}})
        box.save()

        assert box.run().expect(0).summary["uploads"] == 3

        assert image_of(box) == image_of(box, "b") == image_of(box, "c")


def mistakes(folder: Path) -> None:
    """What the platform would refuse without a word is refused here, before anything is sent."""
    with served(folder / "sandbox") as platform:
        box = Box(folder, platform)
        with_set(box, 4, case="a")
        write_set(box.data / "b", 3)
        write_set(box.data / "b" / "more", 1, series=2)
        box.add("b", {SOCKET: {"files": "b/**/*.dcm"}})
        box.write("text", "a", "notes.dcm")
        box.add("c", {SOCKET: {"files": "a/doe*.dcm", "name": "x" * 256}})
        box.save()

        ran = box("run", "--upload-limit", "3").expect(2)

        assert "name 'xxx" in ran.err
        assert "256 characters" in ran.err
        del box.entries[-1]
        box.save()
        ran = box("run", "--upload-limit", "3").expect(2)
        assert (
            "a/dicom-set: a DICOM image set consists of DICOM files, and 'notes.dcm' is not"
            in ran.err
        )
        odd = "StudyInstanceUID, SeriesInstanceUID, SeriesNumber: '0004-doe-jane-001.dcm' unlike"
        assert f"b/dicom-set: files with different {odd} the others" in ran.err, ran.err
        (box.data / "a" / "notes.dcm").unlink()
        del box.entries[-1]
        box.save()
        ran = box("run", "--upload-limit", "3").expect(2)
        assert "case 'a' needs 4 uploads, but the account may hold 3 at a time" in ran.err
        assert box.items() == []
        assert not (box.folder / "lung.uid-key").exists()


def rehearsed(folder: Path) -> None:
    """A rehearsal takes a value with a name for an image set."""
    box = Box(folder)
    with_set(box, name="CT of patient a")
    box.data.joinpath("a").rename(box.data / "b")
    box.entries = []
    box.add("b", {SOCKET: {"files": "b/*.dcm", "name": "CT of patient b"}})
    box.save()

    ran = box("run", "--sandbox", "--json").expect(0)

    assert ran.summary["uploads"] == 3
    assert (box.folder / "lung.sandbox.uid-key").exists()
    assert not (box.folder / "lung.uid-key").exists()


def test_sets_that_something_happens_to(tmp_path: Path) -> None:
    scenes = (
        *(refused_and_sent_again, lost_answer, lost_key, with_the_key),
        *(with_few_rows, in_several_cases, mistakes, rehearsed),
    )
    side_by_side({one.__name__: lambda one=one: one(tmp_path / one.__name__) for one in scenes})
