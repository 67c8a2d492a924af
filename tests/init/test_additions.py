"""New sockets are added to existing cases, and every existing byte is kept."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
import yaml

from manifest_uploader.errors import UsageError
from manifest_uploader.init.compose import Entry, Files, OneFile
from manifest_uploader.init.update import Addition, extend, read_case_texts
from manifest_uploader.manifest.parser import parse
from tests.e2e.data import mask, mha, write
from tests.init import trees
from tests.init.test_command import MHD_OPTIONS, InitCommand, init, read_manifest
from tests.init.test_update import HEAD

__all__ = ["init"]  # a fixture
NEW_SOCKETS = (
    ("seg", OneFile("p1/seg.mha")),
    ("docs", Files(("p1/a.pdf", "p1/b.pdf"))),
    ("n", True),
)


def add_sockets(text: str, place: int = 0) -> list[str]:
    """Add the sockets, check that nothing else changes, and return the added lines."""
    more = [Addition(place, "p1", NEW_SOCKETS)]
    new = extend(text.encode(), "m.yaml", (), more).decode()
    changes = list(difflib.ndiff(text.splitlines(keepends=True), new.splitlines(keepends=True)))
    assert not [line for line in changes if line[0] in "-?"], changes
    values = parse(new, "m.yaml").cases[place].values
    assert [one.socket for one in values][-3:] == ["seg", "docs", "n"]
    return [line[2:] for line in changes if line[0] == "+"]


LAST_CASE = "  - name: p2\n    sockets:\n      s: 1\n"


@pytest.mark.parametrize(
    ("case", "after"),
    [
        ("  - name: p1\n    sockets:\n      s: 1\n", "      s: 1\n"),
        ("  - name: p1\n    sockets:\n      s: 1 # mine\n\n", "      s: 1 # mine\n"),
        ("  - sockets:\n      s: 1\n    name: p1\n", "      s: 1\n"),
        (
            "  - name: p1\n    sockets:\n      s: 1\n      # no seg: nothing fits\n    # p1\n",
            "      # no seg: nothing fits\n",
        ),
        ("  - name: p1\n    sockets:\n      s: |+\n        a\n\n\n", "        a\n\n\n"),
        ("  - name: p1\n    sockets:\n      s: >-\n        a\n        b\n", "        b\n"),
        ("  - name: p1\n    sockets:\n      s: a\n        b\n    title: T\n", "        b\n"),
        ("  - name: p1\n    sockets:\n      s: {value: [\n1]}\n", "1]}\n"),
        ("  - name: p1\n    sockets:\n      s: {files: [a,\n        b]}\n", "b]}\n"),
        (
            "  - name: p1\n    sockets:\n      s:\n        files:\n        - a\n        - b\n",
            "- b\n",
        ),
        ("  -\n    name: p1\n    sockets:\n      s: 1\n", "      s: 1\n"),
    ],
)
def test_sockets_are_added_after_the_existing_ones_of_their_case(case: str, after: str) -> None:
    text = HEAD + "cases:\n" + case + LAST_CASE

    new = extend(text.encode(), "m.yaml", (), [Addition(0, "p1", NEW_SOCKETS)]).decode()

    lines = add_sockets(text)
    assert "".join(lines) == (
        "      seg:\n        file: p1/seg.mha\n      docs:\n        files:\n"
        "          - p1/a.pdf\n          - p1/b.pdf\n      n: true\n"
    )
    assert after + lines[0] in new


def test_the_files_own_indentation_and_line_ends_are_kept() -> None:
    case = "-   name: p1\r\n    sockets:\r\n        s: 1"

    lines = add_sockets(HEAD.replace("\n", "\r\n") + "cases:\r\n" + case + "\r\n")

    assert lines[:2] == ["        seg:\r\n", "            file: p1/seg.mha\r\n"]


def test_a_last_line_without_an_end_can_be_followed_by_sockets_and_cases() -> None:
    text = HEAD + "cases:\n  - name: p1\n    sockets:\n      s: 1"
    entry = Entry("p2", sockets=(("ct", OneFile("p2/ct.mha")),))

    new = extend(text.encode(), "m.yaml", [entry], [Addition(0, "p1", NEW_SOCKETS[:1])]).decode()

    assert new == text + (
        "\n      seg:\n        file: p1/seg.mha\n\n"
        "  - name: p2\n    sockets:\n      ct:\n        file: p2/ct.mha\n"
    )


@pytest.mark.parametrize(
    "case",
    [
        "  - {name: p1, sockets: {s: 1}}\n",
        "  - name: p1\n    sockets: {s: 1}\n",
        "  - name: p1\n    sockets: &a\n      s: 1\n",
        "  - &a\n    name: p1\n    sockets:\n      s: 1\n",
    ],
)
def test_cases_in_brackets_or_with_anchors_are_not_open(case: str) -> None:
    text = HEAD + "cases:\n" + case + LAST_CASE

    assert [one.is_open for one in read_case_texts(text.encode())] == [False, True]


def test_cases_that_share_sockets_by_an_alias_are_not_open() -> None:
    case = "  - name: p1\n    sockets: &a\n      s: 1\n  - name: p2\n    sockets: *a\n"

    assert [one.is_open for one in read_case_texts((HEAD + "cases:\n" + case).encode())] == [
        False,
        False,
    ]


def test_a_socket_that_exists_already_is_refused() -> None:
    text = HEAD + "cases:\n  - name: p1\n    sockets:\n      seg: 1\n"

    with pytest.raises(UsageError, match="without changing it"):
        extend(text.encode(), "m.yaml", (), [Addition(0, "p1", NEW_SOCKETS)])


# ── the command ─────────────────────────────────────────────────────────────────────────────


def write_outgrown_manifest(folder: Path, init: InitCommand) -> str:
    """Write a manifest, then the segmentations that two of its three patients lacked."""
    main = trees.write_mhd_patients(folder)
    for number in (1, 2):
        (main / f"patient{number}_folder" / "airways.mha").unlink()
    init("mainfolder", *MHD_OPTIONS)
    for number in (1, 2):
        write(main / f"patient{number}_folder" / "airways.mha", mask(number))
    return (folder / "manifest.yaml").read_text(encoding="utf-8")


def test_a_file_that_appears_later_is_added_to_its_case(tmp_path: Path, init: InitCommand) -> None:
    old = write_outgrown_manifest(tmp_path, init).replace(
        "name: patient1_folder #", "name: patient1_folder # mine,"
    )
    (tmp_path / "manifest.yaml").write_text(old, encoding="utf-8")

    err = init("mainfolder", "--update")

    assert (
        "manifest.yaml: sockets added to cases that it had:\n"
        "    patient1_folder: airway-segmentation\n    patient2_folder: airway-segmentation\n"
    ) in err
    new = (tmp_path / "manifest.yaml").read_text(encoding="utf-8")
    changes = list(difflib.ndiff(old.splitlines(), new.splitlines()))
    assert [line for line in changes if line[0] != " "] == [
        "+       airway-segmentation:",
        "+         file: patient1_folder/airways.mha",
        "+       airway-segmentation:",
        "+         file: patient2_folder/airways.mha",
    ]
    init.validate()
    assert "nothing new" in init("mainfolder", "--update")


def test_a_new_socket_is_added_to_those_of_the_command_in_the_head(
    tmp_path: Path, init: InitCommand
) -> None:
    main = trees.write_mhd_patients(tmp_path)
    init("mainfolder", *MHD_OPTIONS)
    write(main / "patient2_folder" / "report.pdf", "x")
    write(main / "patient4_folder" / "ct.mhd", mha(4))
    write(main / "scores.csv", "who,score\npatient1_folder,007\npatient3_folder,7\n")

    err = init(
        "mainfolder", "--update", "--socket", "report=report.pdf",
        "--table", "mainfolder/scores.csv", "--key", "who", "--socket", "score=@score",
    )  # fmt: skip

    cases = yaml.safe_load((tmp_path / "manifest.yaml").read_text(encoding="utf-8"))["cases"]
    assert [one["sockets"].get("score") for one in cases] == ["007", None, 7, None]
    assert cases[1]["sockets"]["report"] == {"file": "patient2_folder/report.pdf"}
    assert cases[3]["sockets"] == {"ct-image": {"file": "patient4_folder/ct.mhd"}}
    assert "does not name: write them into it:\n    report\n    score\n" in err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            (
                "      ct-image:\n        files:\n          - patient1_folder/ct.mhd\n"
                "          - patient1_folder/ct.raw\n"
            ),
            "      {ct-image: {files: [patient1_folder/ct.mhd, patient1_folder/ct.raw]}}\n",
            (
                "written in brackets, or with an anchor or alias (add them by hand):\n"
                "    patient1_folder: airway-segmentation: patient1_folder/airways.mha\n"
            ),
        ),
        (
            "      # no airway-segmentation: nothing fits 'airways.mha'\n",
            "      # airway-segmentation: not this one\n",
            "stand in a comment of their case, and are left there:\n    patient1_folder: airway",
        ),
        (
            "      # no airway-segmentation: nothing fits 'airways.mha'\n",
            "      lungs: {file: patient1_folder/airways.mha}\n",
            (
                "another socket of their case has these files (a name that you changed? Change it "
                "in the command, too):\n    patient1_folder: airway-segmentation"
            ),
        ),
    ],
)
def test_sockets_that_are_not_added_are_named(
    tmp_path: Path, init: InitCommand, old: str, new: str, words: str
) -> None:
    text = write_outgrown_manifest(tmp_path, init)
    assert old in text
    edited = text.replace(old, new, 1)
    if new.startswith("      {"):
        edited = edited.replace("sockets: # what goes where", "sockets: # what", 1)
    (tmp_path / "manifest.yaml").write_text(edited, encoding="utf-8")

    err = init("mainfolder", "--update")

    assert words in err
    assert "    patient2_folder: airway-segmentation\n" in err
    first, second, _ = read_manifest(tmp_path).cases
    assert "airway-segmentation" not in [one.socket for one in first.values]
    assert "airway-segmentation" in [one.socket for one in second.values]


def test_a_renamed_column_is_not_added_again(tmp_path: Path, init: InitCommand) -> None:
    main = trees.write_mhd_patients(tmp_path)
    write(main / "scores.csv", "who,score\npatient1_folder,1\n")
    table = ("--table", "mainfolder/scores.csv", "--key", "who", "--socket", "score=@score")
    init("mainfolder", *MHD_OPTIONS, *table)
    path = tmp_path / "manifest.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(" score: 1", " grade: 1"), "utf-8")

    err = init("mainfolder", "--update")

    assert "nothing new" in err
    assert "no case has, left out (name them with --socket to add them):\n    score=@score\n" in err


def test_a_folder_with_two_cases_in_the_manifest_is_named(
    tmp_path: Path, init: InitCommand
) -> None:
    text = write_outgrown_manifest(tmp_path, init)
    second = text.replace("  - name: patient2_folder", "  - name: again", 1)
    start = second.index("  - name: again")
    text += second[start : second.index("  - name: patient3_folder")].rstrip() + "\n"
    (tmp_path / "manifest.yaml").write_text(text, encoding="utf-8")

    err = init("mainfolder", "--update")

    assert (
        "several cases of this folder (add them by hand):\n    patient2_folder and again: " in err
    )
    assert "    patient1_folder: airway-segmentation\n" in err
