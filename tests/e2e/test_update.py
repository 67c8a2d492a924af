"""What is declared is what is there: changes are sent, and nothing else is."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.by_hand import answer
from tests.e2e.data import mask, mha
from tests.e2e.helpers import UPLOADER, Box, Entry, environment, held, served
from tests.faults import Instead


@pytest.fixture
def seen() -> Instead:
    """Records every request."""
    return Instead({})


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of thirty cases that are on the platform, and the platform's own."""
    folder = tmp_path_factory.mktemp("template")
    with served(folder / "sandbox") as sandbox:
        box = Box(folder, sandbox)
        for number in range(30):
            box.add_usual(f"case-{number}")
        box.save()
        box.run().expect(0)
    return folder


@pytest.fixture
def box(template: Path, tmp_path: Path, seen: Instead) -> Iterator[Box]:
    """The thirty cases, and a platform that has them."""
    folder = tmp_path / "lung"
    shutil.copytree(template, folder)
    with served(folder / "sandbox", hook=seen) as sandbox:
        box = Box(folder, sandbox)
        box.load()
        yield box


def actions(plan: dict[str, Entry]) -> dict[str, str]:
    """What a plan does, of the cases that it does something for."""
    return {name: line["action"] for name, line in plan.items() if line["action"] != "nothing"}


def nothing_more(box: Box) -> None:
    """A further run sends nothing and finds everything unchanged."""
    summary = box.run().expect(0).summary
    assert (summary["bytes_sent"], summary["uploads"]) == (0, 0)
    assert summary["cases"]["unchanged"] == summary["cases"]["total"] == len(box.entries)


def test_exactly_what_changed_is_planned_and_sent(box: Box, seen: Instead) -> None:
    before = {title: item["pk"] for title, item in box.by_title().items()}
    box.entries[0]["sockets"]["some-score"] = 99.5
    segmentation = box.write(mask("another"), "case-1", "airways.mha")
    box.entries[2]["sockets"]["remark"] = "a socket more"
    box.entries[3]["title"] = "Another title"
    box.save()

    planned = box("plan", "--json").expect(0)

    assert {request.method for request in seen.seen if request.kind != "item-create"} == {"GET"}
    changed = ("case-0", "case-1", "case-2", "case-3")
    assert actions(planned.plan) == dict.fromkeys(changed, "update")
    assert {name: line["sockets"] for name, line in planned.plan.items() if line["sockets"]} == {
        "case-0": ["some-score"],
        "case-1": ["airway-segmentation"],
        "case-2": ["remark"],
    }
    assert {planned.plan[name]["state"] for name in changed} == {"changed"}
    assert planned.summary["bytes"] == segmentation.stat().st_size
    assert planned.summary["uploads"] == 1

    seen.seen.clear()
    ran = box.run().expect(0)

    assert ran.summary["bytes_sent"] == segmentation.stat().st_size
    assert sum(request.kind == "item-fill" for request in seen.seen) == 4
    assert {line["step"] for line in ran.events("started")} == {
        *("case-0:fill", "case-1/airway-segmentation", "case-1:fill"),
        *("case-2:fill", "case-3:fill"),
    }
    assert ran.ends["unchanged"] == 26
    box.check()
    before["Another title"] = before.pop("case-3")
    assert before == {title: item["pk"] for title, item in box.by_title().items()}
    nothing_more(box)


def test_what_left_the_manifest_is_told_and_stays(box: Box) -> None:
    del box.entries[0]["sockets"]["some-score"]
    gone = box.entries.pop(5)
    box.save()

    ran = box.run().expect(0)

    assert ran.summary["bytes_sent"] == 0
    stays = "was removed from the manifest; its {} stays on the platform: {}".format
    assert f"1 socket {stays('value', 'case-0/some-score')}" in ran.err
    assert f"1 case {stays('display set', 'case-5 (')}" in ran.err
    items = box.by_title()
    assert items["case-0"]["values"]["some-score"] == {"value": 0.5}
    assert held(items["case-5"]) == box.wanted(gone)


def test_a_renamed_case_of_the_same_title_is_the_same_case(box: Box, seen: Instead) -> None:
    before = box.by_title()
    box.entries[2] |= {"name": "renamed", "title": "case-2"}
    box.save()

    ran = box.run().expect(0)

    assert not [request for request in seen.seen if request.kind in ("item-fill", "upload-create")]
    assert (ran.summary["bytes_sent"], ran.ends["unchanged"]) == (0, 30)
    assert before == box.by_title()
    assert box("status", "--json").expect(0).plan["renamed"]["state"] == "done"


def test_touched_moved_and_copied_files_are_the_same(box: Box, tmp_path: Path) -> None:
    for file in box.data.rglob("*.mha"):
        file.touch()
    nothing_more(box)
    moved = tmp_path / "elsewhere" / "deep"
    moved.parent.mkdir()
    moved.mkdir()
    for path in (box.manifest, box.state, box.data):
        path.rename(moved / path.name)
    nothing_more(Box(moved, box.served, box.entries))


def test_a_change_of_the_same_size_is_noticed_by_its_time_or_by_checksum(box: Box) -> None:
    path = box.data / "case-0" / "ct.mha"
    was = path.stat()
    path.write_bytes(mha("changed"))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))

    assert actions(box("plan", "--json").expect(0).plan) == {}
    assert actions(box("plan", "--json", "--checksum").expect(0).plan) == {"case-0": "update"}
    ran = box.run("--checksum").expect(0)

    assert ran.summary["bytes_sent"] == was.st_size
    box.check()


def test_replaced_images_whose_import_fails_are_failed_though_the_old_ones_are_there(
    box: Box, seen: Instead
) -> None:
    old = box.by_title()
    good = [box.data / "case-0" / "ct.mha", box.data / "case-1" / "airways.mha"]
    contents = [path.read_bytes() for path in good]
    good[0].write_bytes(mha("new"))
    good[1].write_bytes(mask("new"))
    seen.files = {"ct.mha": b"no image", "airways.mha": mha("sevens", values=(0, 7))}

    ran = box.run().expect(1)

    failed = {line["case"]: line for line in ran.events("import-failed")}
    assert failed.keys() == {"case-0", "case-1"}
    assert failed["case-0"]["words"].endswith("1 file could not be imported.")
    assert "it contains the voxel values: {7}" in failed["case-1"]["words"]
    assert (ran.ends["failed"], ran.ends["done"]) == (2, 28)
    assert box.by_title() == old
    again = box.run().expect(1)
    assert again.summary["bytes_sent"] == 0
    for line in failed.values():
        assert line["words"] in again.err
    once_more = box.run("--retry-failed", "--no-wait").expect(4)
    assert {line["case"] for line in once_more.events("started")} == {"case-0", "case-1"}
    assert once_more.summary["bytes_sent"] == good[1].stat().st_size

    seen.files = {}
    for path, content in zip(good, contents, strict=True):
        path.write_bytes(content)
    box.run().expect(0)
    box.check()


def delete(box: Box, pk: str) -> None:
    """Delete an item, as a person does on the web page."""
    assert box.served is not None
    words = [*UPLOADER, "sandbox", "delete", "--dir", str(box.served.dir), pk]
    subprocess.run(words, env=environment(), check=True, timeout=60)


def test_a_deleted_item_is_told_and_made_anew_only_when_asked(box: Box) -> None:
    pk = box.by_title()["case-4"]["pk"]
    delete(box, pk)

    planned = box("plan", "--json").expect(1)
    ran = box.run().expect(1)

    assert planned.plan["case-4"]["state"] == "deleted"
    assert (ran.ends["failed"], ran.ends["done"], ran.summary["bytes_sent"]) == (1, 29, 0)
    assert ran.failures == {"case-4": ["it was deleted on the platform; --recreate recreates it"]}
    assert len(box.items()) == 29

    anew = box.run("--recreate").expect(0)

    assert {line["case"] for line in anew.events("started")} == {"case-4"}
    box.check()
    assert box.by_title()["case-4"]["pk"] != pk


def test_without_its_state_titles_that_are_there_stop_everything_or_are_adopted(
    box: Box, seen: Instead
) -> None:
    before = box.items()
    box.state.unlink()
    seen.seen.clear()

    ran = box.run().expect(2)

    for item in before:
        assert f"already has a display set titled '{item['title']}' ({item['pk']})" in ran.err
    assert "--adopt" in ran.err
    assert "\n30 problems; nothing was sent\n" in ran.err
    assert {request.method for request in seen.seen} == {"GET"}

    box.entries[0]["sockets"]["some-score"] = 77
    box.save()
    adopted = box.run("--adopt").expect(0)

    assert (adopted.summary["bytes_sent"], adopted.summary["uploads"]) == (0, 0)
    assert {line["step"] for line in adopted.events("started")} == {"case-0:fill"}
    assert {item["pk"] for item in before} == {item["pk"] for item in box.items()}
    box.check()
    nothing_more(box)


def test_untitled_cases_without_a_state_need_to_be_called_new(box: Box) -> None:
    other = Box(box.folder / "other", box.served)
    other.add("untitled", {"some-score": 3}, title="")
    other.save()

    refused = other.run().expect(2)
    ran = other.run("--new").expect(0)

    assert "--new" in refused.err
    assert ran.ends["done"] == 1
    assert [item["title"] for item in box.items()].count("") == 1
    assert other.run().expect(0).ends["unchanged"] == 1


def test_an_item_with_answers_cannot_change_and_says_so(box: Box) -> None:
    assert box.served is not None
    item = box.by_title()["case-2"]
    assert box.served is not None
    answer(box.served, item["pk"])
    box.entries[2]["sockets"]["some-score"] = 5
    box.entries[3]["sockets"]["some-score"] = 6
    box.save()

    ran = box.run().expect(1)

    words = "This display set cannot be changed, as answers for it already exist."
    assert ran.failures == {"case-2": [words]}
    assert box.by_title()["case-3"]["values"]["some-score"] == {"value": 6}
    assert (ran.ends["failed"], ran.ends["done"]) == (1, 29)


def test_given_orders_and_values_of_many_kinds_are_updated(box: Box) -> None:
    box.entries[0]["order"] = 500
    empty: Entry = {"value": []}
    full: Entry = {"value": {"nodules": [1, 2.5, None]}}
    box.entries[1]["sockets"] |= {"is-good": True, "count": 1, "remark": "", "findings": empty}
    box.save()
    box.run().expect(0)
    box.check()
    box.entries[0]["order"] = 7
    box.entries[1]["sockets"] |= {"is-good": False, "count": 0, "remark": "x", "findings": full}
    box.save()

    box.run().expect(0)

    box.check()
