"""What the platform does to files and titles that are not as they seem."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.data import dicom_slice, mask, mha, write_series
from tests.e2e.helpers import Box, Served, served
from tests.faults import Instead

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
SOCKET_FAILED = "Image validation for socket {} failed with error: {}"
SINGLE = SOCKET_FAILED.format("Ct Image", "Image imports should result in a single image.")
WORDS = {
    "empty": SOCKET_FAILED.format("Ct Image", "1 file could not be imported."),
    "two-series": SINGLE,
    "stray": SINGLE,
    "sevens": SOCKET_FAILED.format(
        "Airway Segmentation", "The valid voxel values for this segmentation are: {0, 1}."
    ),
}


@pytest.fixture
def seen() -> Instead:
    """Records every request; the import finds nothing else than was sent until it is told."""
    return Instead({})


@pytest.fixture(params=[True, False], ids=["titles", "no-titles-in-answers"])
def sandbox(tmp_path: Path, seen: Instead, request: pytest.FixtureRequest) -> Iterator[Served]:
    with served(tmp_path / "sandbox", hook=seen, title_in_answers=request.param) as sandbox:
        yield sandbox


FOUND = {
    "empty.mha": b"",
    **{f"2-{number}.dcm": dicom_slice(2, number) for number in (2, 3)},
    "z.dcm": dicom_slice(4, 2),
    "sevens.mha": mha("sevens", values=(0, 7)),
}
"""What the import finds, though other files were sent."""


def surprising(box: Box) -> None:
    """Four cases whose files are as they should be, and one of odd values."""
    box.write(mha("empty"), "empty.mha")
    box.add("empty", {"ct-image": {"file": "empty.mha"}})
    for number in range(4):
        box.write(dicom_slice(1, number), "two", f"{1 + number // 2}-{number}.dcm")
    box.add("two-series", {"ct-image": {"files": "two/*.dcm"}})
    write_series(box.data / "stray", 3, 2)
    box.write(dicom_slice(3, 2), "stray", "z.dcm")
    box.add("stray", {"ct-image": {"files": "stray"}})
    box.write(mask("sevens"), "sevens.mha")
    box.add("sevens", {"airway-segmentation": {"file": "sevens.mha"}, "some-score": 1.5})
    box.write(b"", "empty.csv")
    box.write(mha("odd"), "odd.mha")
    odd = {"table": {"file": "empty.csv"}, "remark": "", "ct-image": {"file": "odd.mha"}}
    box.add("odd", {**odd, "is-good": False}, title="Müller & Söhne")
    box.save()


def test_failed_imports_are_told_in_the_platforms_words_and_mended(
    tmp_path: Path, sandbox: Served, seen: Instead
) -> None:
    box = Box(tmp_path, sandbox)
    surprising(box)
    seen.files = dict(FOUND)

    first = box.run("--verbose").expect(1)

    failed = {line["case"]: line for line in first.events("import-failed")}
    assert failed.keys() == WORDS.keys()
    for name, words in WORDS.items():
        assert failed[name]["words"].startswith(words)
        assert first.failures[name][0].startswith(f"{failed[name]['socket']}: {words}")
    assert first.ends == counts(total=5, done=1, failed=4)
    assert box.by_title()["sevens"]["values"] == {"some-score": {"value": 1.5}}
    check_odd(box)

    again = box.run().expect(1)

    assert again.summary["bytes_sent"] == 0
    assert again.ends == counts(total=5, done=1, failed=4, unchanged=1)
    for name, words in WORDS.items():
        assert again.failures[name][0].startswith(f"{failed[name]['socket']}: {words}")
    check_odd(box)

    seen.files.clear()
    box.write(mha("mended"), "empty.mha")
    for number in (2, 3):
        (box.data / "two" / f"2-{number}.dcm").unlink()
    (box.data / "stray" / "z.dcm").unlink()
    box.write(mask("mended"), "sevens.mha")
    mended = box.run().expect(0)

    assert {line["step"] for line in mended.events("opened")} == {
        "empty/ct-image",
        "two-series/ct-image",
        "stray/ct-image",
        "sevens/airway-segmentation",
    }
    assert mended.ends == counts(total=5, done=5, unchanged=1)
    box.check()
    check_odd(box)


def counts(**given: int) -> dict[str, int]:
    names = ("total", "done", "failed", "unsure", "waiting", "pending", "unchanged")
    return dict.fromkeys(names, 0) | given


def check_odd(box: Box) -> None:
    """The empty file and the empty text are there, and the item has its title."""
    values = box.by_title()["Müller & Söhne"]["values"]
    assert values["table"]["file"]["sha256"] == EMPTY
    assert values["remark"] == {"value": ""}
    assert values["is-good"] == {"value": False}


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_files_of_which_no_image_would_come_are_problems_before_anything_is_sent(
    tmp_path: Path, sandbox: Served, seen: Instead, command: str
) -> None:
    """The same files as above, but here they lie on the disk as the import found them."""
    box = Box(tmp_path, sandbox)
    surprising(box)
    for name, data in FOUND.items():
        [path] = box.data.rglob(name)
        path.write_bytes(data)

    ran = box(command).expect(2)

    assert re.sub(r"(?m)^lung\.yaml:\d+:\d+: |^  hint: .*\n", "", ran.err) == (
        "warning: odd/table: 'empty.csv' is empty; it is sent as it is\n"
        "empty/ct-image: 'empty.mha' is empty\n"
        "two-series/ct-image: these files are 2 images, of more than one study: '2-2.dcm', "
        "'2-3.dcm' unlike the others\n"
        "stray/ct-image: these files are 2 images, of more than one study: 'z.dcm' unlike the "
        "others\n"
        "sevens/airway-segmentation: the segmentation contains the voxel value 7; its socket "
        "allows 0, 1\n"
        "4 problems; nothing was sent\n"
        "Next: fix them, then run the same command again\n"
    )
    assert {request.method for request in seen.seen} == {"GET"}
    assert box.items() == []


def test_titles_of_someone_elses_items_are_problems_before_anything_is_sent(
    tmp_path: Path, sandbox: Served, seen: Instead
) -> None:
    titles = ["Patient 1", "Müller & Söhne", "a < b"]
    theirs = Box(tmp_path / "theirs", sandbox)
    mine = Box(tmp_path / "mine", sandbox)
    for number, title in enumerate(titles):
        theirs.add(f"their-{number}", {"some-score": 1}, title=title)
        mine.add(f"my-{number}", {"some-score": 2}, title=title)
    mine.add_usual("other")
    theirs.save()
    mine.save()
    theirs.run().expect(0)
    pks = {title: item["pk"] for title, item in theirs.by_title().items()}
    seen.seen.clear()

    ran = mine.run().expect(2)

    lines = mine.manifest.read_text(encoding="utf-8").splitlines()
    for title in titles:
        place = f"lung.yaml:{lines.index(f'  title: {title}') + 1}:10"
        words = f"the reader study already has a display set titled '{title}' ({pks[title]})"
        assert f"{place}: {words}\n  hint: " in ran.err
    assert "\n3 problems; nothing was sent\n" in ran.err
    assert {request.method for request in seen.seen} == {"GET"}
    assert pks.keys() == mine.by_title().keys()
