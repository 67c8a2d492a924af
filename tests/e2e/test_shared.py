from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from pathlib import Path

from manifest_uploader.sandbox.store import Store
from tests.e2e.data import mask, mha
from tests.e2e.helpers import FULL, SOCKETS, Box, served, side_by_side
from tests.e2e.shared import images_made, killed_often
from tests.faults import Instead


def test_cases_that_share_images_upload_each_once_whenever_killed(tmp_path: Path) -> None:
    cases, images, kills = (40, 10, 20) if FULL else (6, 2, 2)
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")

    print(killed_often(tmp_path, cases=cases, images=images, kills=kills, seed=seed))


def images_of(box: Box) -> dict[str, dict[str, str]]:
    """Title → socket → the image in it."""
    return {
        title: {slug: one["image"] for slug, one in item["values"].items() if "image" in one}
        for title, item in box.by_title().items()
    }


EXTRA = ("second-segmentation=Segmentation,segments=0-1", "any-segmentation=Segmentation")


def within_one_case(box: Box) -> None:
    box.write(mha("one"), "ct.mha")
    sockets = {"ct-image": {"file": "ct.mha"}, "mr-image": {"files": "*.mha"}}
    box.add("one-case", {**sockets, "some-score": 1})
    box.save()

    summary = box.run().expect(0).summary

    assert summary["uploads"] == 1
    found = images_of(box)["one-case"]
    assert found["ct-image"] == found["mr-image"]
    assert box.run().expect(0).ends["unchanged"] == 1


def changed_files(box: Box) -> None:
    box.write(mha("old"), "ct.mha")
    box.add("changed-a", {"ct-image": {"file": "ct.mha"}})
    box.add("changed-b", {"ct-image": {"file": "ct.mha"}, "remark": "b"})
    box.save()
    planned = box("plan").expect(0)
    assert "ct-image (the image of changed-a/ct-image), remark" in planned.err + planned.out
    assert "1 upload, 349 B saved, because an image" in planned.err + planned.out
    box.run().expect(0)
    old = images_of(box)["changed-b"]["ct-image"]
    box.write(mha("new"), "ct.mha")

    summary = box.run().expect(0).summary

    assert summary["uploads"] == 1
    new = images_of(box)["changed-b"]["ct-image"]
    assert old != new == images_of(box)["changed-a"]["ct-image"]


def copies(box: Box) -> None:
    for name in ("copy-a", "copy-b"):
        box.write(mha("copied"), name, "ct.mha")
        box.add(name, {"ct-image": {"file": f"{name}/ct.mha"}})
    box.save()
    assert not any(one["shared"] for one in box("plan", "--json").expect(0).plan.values())

    assert box.run("--checksum").expect(0).summary["uploads"] == 1

    assert images_of(box)["copy-a"] == images_of(box)["copy-b"]
    assert box.run().expect(0).ends["unchanged"] == 2


def one_after_the_other(box: Box) -> None:
    box.write(mha("only"), "ct.mha")
    box.add("only-a", {"ct-image": {"file": "ct.mha"}})
    box.add("only-b", {"ct-image": {"file": "ct.mha"}})
    box.save()
    assert box.run("--only", "only-b").expect(0).summary["uploads"] == 1

    assert box.run("--only", "only-a").expect(0).summary["uploads"] == 0
    assert images_of(box)["only-a"] == images_of(box)["only-b"]


def named_explicitly(box: Box) -> None:
    """A chain that leads to a later case, and two cases that use each other's images."""
    box.write(mha("same"), "ct.mha")
    box.write(mha("other"), "mr.mha")
    box.add("same-a", {"ct-image": {"same-as": "same-b/ct-image"}, "remark": "a"})
    box.add("same-b", {"ct-image": {"same-as": "same-c/ct-image"}, "mr-image": {"file": "mr.mha"}})
    box.add("same-c", {"ct-image": {"file": "ct.mha"}, "mr-image": {"same-as": "same-b/mr-image"}})
    box.save()
    assert box("plan", "--json").expect(0).plan["same-a"]["shared"] == {
        "ct-image": "same-c/ct-image"
    }

    summary = box.run().expect(0).summary

    assert summary["uploads"] == 2
    found = images_of(box)
    assert found["same-a"]["ct-image"] == found["same-b"]["ct-image"] == found["same-c"]["ct-image"]
    assert found["same-b"]["mr-image"] == found["same-c"]["mr-image"]
    assert box.run().expect(0).ends["unchanged"] == 3


def not_an_image(box: Box) -> None:
    box.write(b"%PDF-1.7\n", "report.pdf")
    box.add("not-a", {"report": {"file": "report.pdf"}})
    box.add("not-b", {"report": {"same-as": "not-a/report"}})
    box.add("not-c", {"ct-image": {"file": "gone.mha"}})
    box.add("not-d", {"ct-image": {"same-as": "not-c/ct-image"}})
    box.save()

    told = box("validate").expect(2).err

    assert "socket 'report' of kind 'PDF file' takes no image; 'same-as' is for images" in told
    assert told.count("gone.mha") == 1


def other_kinds(box: Box) -> None:
    box.write(mask("kinds"), "mask.mha")
    slugs = ["airway-segmentation", "mr-image", *(one.partition("=")[0] for one in EXTRA)]
    box.add("kinds", {slug: {"file": "mask.mha"} for slug in slugs})
    box.save()

    assert box.run().expect(0).summary["uploads"] == 2
    found = images_of(box)["kinds"]
    same = {slug for slug, image in found.items() if image == found["airway-segmentation"]}
    assert same == {*slugs} - {"mr-image"}


def test_images_of_several_sockets(tmp_path: Path) -> None:
    with served(tmp_path / "sandbox", sockets=(*SOCKETS, *EXTRA)) as sandbox:
        scenarios = [within_one_case, changed_files, one_after_the_other, other_kinds, copies]
        scenarios += [named_explicitly, not_an_image]

        def acted(scenario: Callable[[Box], None]) -> Callable[[], None]:
            name = scenario.__name__
            return lambda: scenario(Box(tmp_path / name, sandbox, name=name))

        side_by_side({one.__name__: acted(one) for one in scenarios})


def test_the_image_of_another_value_is_what_verify_expects(tmp_path: Path) -> None:
    with served(tmp_path / "sandbox") as sandbox:
        box = Box(tmp_path, sandbox)
        box.write(mha("x"), "ct.mha")
        for name in ("a", "b"):
            box.add(name, {"ct-image": {"file": "ct.mha"}})
        box.save()
        box.run().expect(0)
        box("verify").expect(0)
        [pk] = {one["ct-image"] for one in images_of(box).values()}
        store = Store(sandbox.dir)
        store.run("DELETE FROM vals WHERE item = ?", box.by_title()["a"]["pk"])
        store.close()

        box("verify").expect(1)
        ran = box.run("--verify").expect(0)

        assert ran.summary["uploads"] == 0
        assert {one["ct-image"] for one in images_of(box).values()} == {pk}


def test_an_image_that_the_platform_no_longer_has_is_sent_again(tmp_path: Path) -> None:
    with served(tmp_path / "sandbox") as sandbox:
        box = Box(tmp_path, sandbox)
        box.write(mha("x"), "ct.mha")
        box.add("a", {"ct-image": {"file": "ct.mha"}})
        box.save()
        box.run().expect(0)
        store = Store(sandbox.dir)
        store.run("DELETE FROM vals WHERE image = ?", images_of(box)["a"]["ct-image"])
        store.run("DELETE FROM images")
        store.close()
        for name in ("b", "c"):
            box.add(name, {"ct-image": {"file": "ct.mha"}})
        box.save()

        ran = box.run().expect(0)

        assert ran.summary["uploads"] == 1
        assert "note: the image of a/ct-image is no longer on the platform" in ran.err
        assert images_of(box)["b"] == images_of(box)["c"] != {}
        assert box.run("--verify").expect(0).summary["uploads"] == 0
        assert images_of(box)["a"] == images_of(box)["b"]


def test_users_of_an_image_fail_with_its_reason_and_follow_it(tmp_path: Path) -> None:
    hook = Instead({"lost.mha": b"no image"})
    with served(tmp_path / "sandbox", hook=hook) as sandbox:
        box = Box(tmp_path, sandbox)
        box.write(mha("lost"), "lost.mha")
        for name in ("a", "b", "c"):
            box.add(name, {"ct-image": {"file": "lost.mha"}, "some-score": 1})
        box.entries[0]["sockets"]["mr-image"] = {"file": "lost.mha"}
        box.save()

        first = box.run().expect(1)

        words = {
            (one["case"], one["socket"]): one["words"] for one in first.events("import-failed")
        }
        reason = "it uses the image of a/ct-image, which failed: "
        own = words.pop(("a", "ct-image"))
        assert words.keys() == {("a", "mr-image"), ("b", "ct-image"), ("c", "ct-image")}
        assert {one.removeprefix(reason) for one in words.values()} == {own}
        assert (first.summary["uploads"], first.ends["failed"]) == (1, 3)
        assert box.by_title().keys() == {"a"}
        assert {one["state"] for one in box("status", "--json").expect(1).plan.values()} == {
            "failed"
        }

        again = box.run().expect(1)

        assert (again.summary["uploads"], again.ends["failed"]) == (0, 3)
        assert not [one for one in again.events("import-failed") if one["case"] != "a"]
        hook.files.clear()
        mended = box.run("--retry-failed").expect(0)
        assert (mended.ends["done"], images_made(sandbox.dir)) == (3, 1)
        box.check()


def test_users_of_an_image_that_is_not_imported_yet_wait(tmp_path: Path) -> None:
    with served(tmp_path / "sandbox", import_delay_s=math.inf) as sandbox:
        box = Box(tmp_path, sandbox)
        box.write(mha("late"), "ct.mha")
        for name in ("a", "b", "c"):
            box.add(name, {"ct-image": {"file": "ct.mha"}})
        box.save()

        first = box.run("--no-wait").expect(4)

        assert (first.ends["waiting"], first.summary["uploads"]) == (3, 1)
        assert "note: b, c: not sent yet, because it uses images of other cases" in first.err
        assert box.run("--wait-timeout", "1").expect(4).summary["uploads"] == 0
    with served(tmp_path / "sandbox") as box.served:
        assert box.run().expect(0).summary["uploads"] == 0
        box.check()
        box.check_state()
