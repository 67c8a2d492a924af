"""Fills by tickets: each failure with its own reason, each image complete, each case once."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from manifest_uploader.sandbox import Fault, Seen
from tests.crash.helpers import store_change, store_number
from tests.e2e.data import dicom_slice, mask, mha, write_series
from tests.e2e.helpers import Box, served
from tests.faults import Instead, Losing, Script

MISSING = "12345678-1234-4234-8234-123456789abc"
OLD_SESSIONS = (
    "INSERT INTO sessions (pk, user, status, message, uploads) WITH RECURSIVE n(i) AS"
    " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 15000)"
    " SELECT printf('%08x-0000-4000-8000-00000000000e', i), 3, 'Failed',"
    " 'Image validation for socket Ct Image failed with error: An old one.', '[]' FROM n"
)


@contextmanager
def usual_cases(folder: Path, count: int, hook: Script, **more: Any) -> Iterator[Box]:
    """Cases of an image, a segmentation and a score."""
    with served(folder / "sandbox", hook=hook, **more) as sandbox:
        box = Box(folder, sandbox)
        for number in range(count):
            box.add_usual(f"patient-{number}")
        box.save()
        yield box


def rename(box: Box, number: int, slug: str, name: str) -> None:
    """Give a case's image a name by which a hook knows it."""
    entry = box.entries[number]
    path = box.data / entry["sockets"][slug]["file"]
    entry["sockets"][slug] = {"file": f"{path.parent.name}/{name}"}
    path.rename(path.with_name(name))
    box.save()


def kinds_of(hook: Script) -> list[str]:
    return [request.kind for request in hook.seen]


# ── the order within a case ─────────────────────────────────────────────────────────────────


def test_tickets_are_made_after_the_uploads_and_before_the_item(tmp_path: Path) -> None:
    seen = Script(())
    with usual_cases(tmp_path, 1, seen) as box:
        box.run("--jobs", "1").expect(0)

        box.check()
        kinds = kinds_of(seen)
        order = [kind for kind in kinds if kind in {"complete", "session-create", "item-create"}]
        assert order == ["item-create", *["complete"] * 2, *["session-create"] * 2, "item-create"]
        assert kinds.count("item-fill") == 1
        assert "sessions" not in kinds


@dataclass
class Killer:
    """Kills a process around one request of a kind."""

    kind: str
    number: int
    when: str
    process: subprocess.Popen[str] | None = None
    seen: list[Seen] = field(default_factory=list)

    def before(self, request: Seen) -> Fault | None:
        self.seen.append(request)
        return self._kill(request, "before")

    def after(self, request: Seen, status: int) -> Fault | None:
        return self._kill(request, "after")

    def _kill(self, request: Seen, when: str) -> Fault | None:
        place = (request.kind, request.number, when)
        if self.process is None or place != (self.kind, self.number, self.when):
            return None
        self.process.kill()
        self.process = None
        return Fault.reset()


STEPS = [("session-create", 1), ("session-create", 2), ("item-create", 2), ("item-fill", 1)]
"""The first creation only asks for rights."""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("kind", "number"), STEPS)
def test_a_run_killed_between_any_two_steps_goes_on_with_its_uploads(
    tmp_path: Path, kind: str, number: int, when: str
) -> None:
    killer = Killer(kind, number, when)
    with usual_cases(tmp_path, 1, killer) as box:  # type: ignore[arg-type]
        with box.spawn("run", "--json", "--jobs", "1") as process:
            killer.process = process
            process.communicate(timeout=60)
        assert process.returncode == -9

        again = box.run("--jobs", "1").expect(0)

        box.check()
        box.check_state()
        assert (again.summary["uploads"], again.summary["bytes_sent"]) == (0, 0)
        used = "SELECT COUNT(*) FROM sessions WHERE status != 'Queued'"
        assert box.served is not None
        assert store_number(box.served, used) == 2, "each upload was imported once"


# ── an account with many sessions ───────────────────────────────────────────────────────────


def test_old_sessions_are_neither_listed_nor_told(tmp_path: Path) -> None:
    """Whatever the account holds, the requests are the same."""
    found = []
    for name, old in (("new", False), ("old", True)):
        seen = Instead({"lost.mha": b""})
        with usual_cases(tmp_path / name, 2, seen) as box:
            assert box.served is not None
            if old:
                assert store_change(box.served, OLD_SESSIONS) == 15000
            rename(box, 1, "ct-image", "lost.mha")

            ran = box.run("--jobs", "1").expect(1)

            kinds = kinds_of(seen)
            found.append(sorted(kinds[: kinds.index("part")]))
            assert "sessions" not in kinds
            assert "An old one" not in ran.err + ran.out
            [failed] = ran.events("import-failed")
            assert (failed["case"], "1 file could not be imported" in failed["words"]) == (
                "patient-1",
                True,
            )
    assert found[0] == found[1]


# ── reasons ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("has_sessions", [True, False], ids=["tickets", "no-tickets"])
def test_cases_that_fail_at_once_are_told_each_with_its_own_reason(
    tmp_path: Path, has_sessions: bool
) -> None:
    """Without tickets it is not certain which of them, and this is told."""
    sevens = {f"{number}.mha": mha(number, values=(0, 6 + number)) for number in (1, 2, 3)}
    hook = Instead({**sevens, "4.mha": b"no image"})
    with usual_cases(tmp_path, 6, hook, upload_sessions=has_sessions) as box:
        for number in (1, 2, 3, 4):
            rename(box, number, "airway-segmentation", f"{number}.mha")

        ran = box.run().expect(1)

        words = {line["case"]: line["words"] for line in ran.events("import-failed")}
        assert words.keys() == {f"patient-{number}" for number in (1, 2, 3, 4)}
        assert "1 file could not be imported" in words["patient-4"]
        for number in (1, 2, 3):
            own = f"contains the voxel values: {{{6 + number}}}" in words[f"patient-{number}"]
            assert own or not has_sessions
            assert "several cases fit" in words[f"patient-{number}"] or has_sessions
        assert ran.ends["done"] == 2


def test_a_failed_import_is_sent_again_with_a_new_ticket(tmp_path: Path) -> None:
    """Its first stage failed and left the upload, which another session takes."""
    hook = Instead({"lost.mha": b"no image"})
    with usual_cases(tmp_path, 1, hook) as box:
        rename(box, 0, "ct-image", "lost.mha")
        box.run().expect(1)
        hook.seen.clear()

        again = box.run("--retry-failed").expect(1)

        assert again.summary["uploads"] == 0
        assert kinds_of(hook).count("session-create") == 1
        assert "1 file could not be imported" in again.events("import-failed")[0]["words"]
        hook.files.clear()
        box.write(mha("mended"), "patient-0", "lost.mha")
        box.run().expect(0)
        box.check()


# ── a platform without tickets ──────────────────────────────────────────────────────────────


def test_a_platform_without_tickets_is_asked_once_and_filled_with_uploads(tmp_path: Path) -> None:
    seen = Script(())
    with usual_cases(tmp_path, 3, seen, upload_sessions=False) as box:
        assert box.served is not None
        store_change(box.served, OLD_SESSIONS)

        box.run("--jobs", "1").expect(0)

        box.check()
        box.check_state()
        kinds = kinds_of(seen)
        assert kinds.count("session-create") == 1
        assert "sessions" not in kinds[: kinds.index("part")], "nothing before the first byte"
        looks = kinds.count("upload-list")
        assert kinds.count("sessions") <= 6 + 2 * looks, "only the newest are read, of 16 pages"


# ── complete images ─────────────────────────────────────────────────────────────────────────


@contextmanager
def series(folder: Path, hook: Losing, slices: int = 6) -> Iterator[Box]:
    """A series that is whole on the disk, and loses something on its way."""
    with served(folder / "sandbox", hook=hook) as sandbox:
        box = Box(folder, sandbox)
        write_series(box.data / "ct", 1, slices, side=16)
        box.add("patient-003", {"ct-image": {"files": "ct/*.dcm"}, "some-score": 1.5})
        box.save()
        yield box


FIVE_OF_SIX = "ct-image: 5 of 6 slices arrived"


@pytest.mark.parametrize("empty", [True, False], ids=["emptied", "dropped"])
def test_a_slice_lost_by_the_import_fails_the_case(tmp_path: Path, empty: bool) -> None:
    hook = Losing("*IM0006.dcm", empty=empty)
    with series(tmp_path, hook) as box:
        first = box.run().expect(1)

        [failed] = first.events("import-failed")
        assert (failed["arrived"], failed["expected"]) == (5, 6)
        assert first.failures["patient-003"][0].startswith(FIVE_OF_SIX)
        says = "; the platform says: 1 file could not be imported\n    patient-003  ct/*.dcm  http"
        assert (f"{FIVE_OF_SIX}{says}" in first.err) == empty
        assert first.ends["failed"] == 1
        assert FIVE_OF_SIX in box("status").expect(1).out

        again = box.run().expect(1)
        assert again.failures["patient-003"][0].startswith(FIVE_OF_SIX)
        assert again.summary["bytes_sent"] == 0

        hook.pattern = "none"
        box.run("--retry-failed").expect(0)
        box.check()


def test_slices_are_counted_by_the_run_that_sees_them_arrive(tmp_path: Path) -> None:
    with series(tmp_path, Losing("*IM0006.dcm", empty=True)) as box:
        box.run("--no-wait")

        second = box.run().expect(1)

        assert second.failures["patient-003"][0].startswith(FIVE_OF_SIX)
        assert second.summary["bytes_sent"] == 0


def test_a_complete_series_is_counted_once(tmp_path: Path) -> None:
    hook = Losing("none", empty=False)
    with series(tmp_path, hook) as box:
        box.run().expect(0)
        assert kinds_of(hook).count("image-get") == 1
        hook.seen.clear()

        box.run().expect(0)

        assert not {"image-get", "image-list"} & set(kinds_of(hook))


def test_a_note_beside_the_slices_is_told_and_does_no_harm(tmp_path: Path) -> None:
    """It was told before anything was sent; that the platform says so, too, is no news."""
    with series(tmp_path, Losing("none", empty=False)) as box:
        box.write("taken in the morning", "ct", "notes.txt")
        box.entries[0]["sockets"]["ct-image"] = {"files": "ct"}
        box.save()

        ran = box.run().expect(0)

        warned, *others = [line for line in ran.err.splitlines() if "ct-image" in line]
        assert warned.endswith(
            "warning: patient-003/ct-image: the platform leaves out 'notes.txt': not part of the "
            "image"
        )
        assert others == []
        assert box.run().expect(0).ends["unchanged"] == 1


def test_a_segmentation_series_and_other_formats_are_not_counted(tmp_path: Path) -> None:
    with series(tmp_path, Losing("none", empty=False)) as box:
        box.write(mask("x"), "mask.mha")
        box.entries[0]["sockets"]["airway-segmentation"] = {"file": "mask.mha"}
        box.write(dicom_slice(5, 0, side=16), "one.dcm")
        box.entries[0]["sockets"]["mr-image"] = {"file": "one.dcm"}
        box.save()

        box.run().expect(0)

        box.check()


# ── images that do not exist ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_an_image_that_does_not_exist_is_a_problem_before_anything_is_made(
    tmp_path: Path, command: str
) -> None:
    seen = Script(())
    with served(tmp_path / "sandbox", hook=seen) as sandbox:
        box = Box(tmp_path, sandbox)
        box.add("a", {"ct-image": {"image": MISSING}, "some-score": 1.5})
        box.save()

        ran = box(command).expect(2)

        line = next(
            number
            for number, text in enumerate(box.manifest.read_text().splitlines(), 1)
            if MISSING in text
        )
        assert f"lung.yaml:{line}:" in ran.err
        assert f"the platform has no image '{MISSING}', or you may not see it" in ran.err
        assert not {request.method for request in seen.seen} - {"GET"}
        assert box.items() == []


def test_images_that_were_seen_in_an_item_of_ours_are_not_looked_for_again(tmp_path: Path) -> None:
    seen = Script(())
    with served(tmp_path / "sandbox", hook=seen, images=(MISSING,)) as sandbox:
        box = Box(tmp_path, sandbox)
        box.add("a", {"ct-image": {"image": MISSING}})
        box.save()
        box.run().expect(0)
        assert kinds_of(seen).count("image-get") == 1
        seen.seen.clear()

        box.run().expect(0)

        assert not {"image-get", "image-list"} & set(kinds_of(seen))
