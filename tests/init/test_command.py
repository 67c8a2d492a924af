"""`uploader init` as a person runs it: folder and options in, manifest and words out."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pytest
import yaml

from manifest_uploader.cli import command
from manifest_uploader.init.paths import Paths
from manifest_uploader.manifest.model import Manifest
from manifest_uploader.manifest.parser import parse
from tests.e2e.data import dicom_slice, mha, write
from tests.entry import Ran, items_of, uploader
from tests.init import trees

STUDY = (
    *("--slug", "lung-nodules", "--each", "patient-*"),
    *("--socket", "ct-image=ct/*.dcm", "--socket", "airway-segmentation=airways.mha"),
    *("--table", "data/scores.csv", "--key", "patient", "--title", "@label"),
    *("--socket", "some-score=@score", "--socket", "is-good=@good"),
)
CLASSIC = (
    *("--slug", "airways", "--each", "patient*_folder"),
    *("--socket", "ct-image=ct.mhd", "--socket", "airway-segmentation=airways.mha"),
)


def init(cwd: Path, *arguments: str, code: int = 0) -> Ran:
    """In a process of its own."""
    ended = uploader("init", *arguments, cwd=cwd)
    assert code == ended.code, ended.err
    assert ended.out == ""
    return ended


class Here:
    """`uploader init` in this process: in a tenth of the time."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self._folder, self._capture = folder, capture

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """What it says."""
        with contextlib.chdir(self._folder):
            ended = command(["init", *arguments])
        said = self._capture.readouterr()
        assert code == ended, said.err
        assert said.out == ""
        return said.err

    def validate(self) -> None:
        """Fail unless the manifest is accepted."""
        with contextlib.chdir(self._folder):
            ended = command(["validate", "--offline", "manifest.yaml"])
        assert ended == 0, self._capture.readouterr().err


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(tmp_path, capsys)


def manifest(folder: Path, name: str = "manifest.yaml") -> Manifest:
    return parse((folder / name).read_bytes(), name)


def assert_finished(folder: Path, cases: int) -> None:
    """A run accepts and finishes it."""
    ran = uploader("run", "--sandbox", "--json", "manifest.yaml", cwd=folder)
    assert ran.code == 0, ran.err
    assert ran.summary["cases"]["done"] == cases
    assert len(items_of(folder / "manifest.sandbox")) == cases


# ── whole trees ─────────────────────────────────────────────────────────────────────────────


def test_the_classic_tree_is_sent(tmp_path: Path) -> None:
    trees.classic(tmp_path)

    ended = init(tmp_path, "mainfolder", *CLASSIC)

    text = (tmp_path / "manifest.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=")
    assert "Noticed" not in ended.err
    assert yaml.safe_load(text)["cases"][0] == {
        "name": "patient1_folder",
        "sockets": {
            "ct-image": {"files": ["patient1_folder/ct.mhd", "patient1_folder/ct.raw"]},
            "airway-segmentation": {"file": "patient1_folder/airways.mha"},
        },
    }
    assert_finished(tmp_path, 3)


def test_a_study_is_sent_and_every_oddity_is_told(tmp_path: Path) -> None:
    trees.study(tmp_path, 5)

    ended = init(tmp_path, "data", *STUDY)

    noticed = ended.err.partition("Noticed:\n")[2].partition("Look at it")[0]
    assert noticed == (
        "- cases without a row in scores.csv:\n    patient-002\n"
        "- cases without a title of their own: readers see the name:\n    patient-002\n"
        "- cases without 'ct-image': DICOM files of more than one series lie together, so that you "
        "have to choose (they stand in the manifest as comments; or "
        '--series "ct-image=DESCRIPTION"):\n'
        "    patient-003: CT series 1.2.826.0.1.3680043.8.498.4.900000, 2 files; "
        "CT series 1.2.826.0.1.3680043.8.498.1001.900000, 2 files\n"
        "- files that no socket takes:\n    patient-004/extra.txt\n"
        "- rows of scores.csv without a case:\n    patient-999 (line 6)\n"
        "- what fits no case:\n    readme.txt\n"
        "- never sent: hidden files, and what systems leave behind:\n    .DS_Store\n"
    )
    cases = yaml.safe_load((tmp_path / "manifest.yaml").read_text(encoding="utf-8"))["cases"]
    assert cases[0] == {
        "name": "patient-001",
        "title": "Patient 1",
        "sockets": {
            "ct-image": {"files": "patient-001/ct/*.dcm"},
            "airway-segmentation": {"file": "patient-001/airways.mha"},
            "some-score": 0.25,
            "is-good": True,
        },
    }
    assert cases[1].keys() == {"name", "sockets"}
    assert cases[2]["sockets"].keys() == {"airway-segmentation", "some-score", "is-good"}
    assert_finished(tmp_path, 5)


def test_two_hundred_patients_are_accepted(tmp_path: Path, here: Here) -> None:
    trees.study(tmp_path, 200, slices=1, side=4)

    err = here("data", *STUDY)

    assert "200 cases (199 with ct-image, 200 with airway-segmentation, 199 with" in err
    here.validate()
    cases = manifest(tmp_path).cases
    assert [case.name for case in cases] == [f"patient-{n:03}" for n in range(1, 201)]


def test_an_update_adds_what_is_new_and_keeps_what_was_edited(tmp_path: Path, here: Here) -> None:
    data = trees.study(tmp_path, 5)
    here("data", *STUDY)
    path = tmp_path / "manifest.yaml"
    edited = (
        path.read_text(encoding="utf-8")
        .replace("title: Patient 1 #", "title: The first #")
        .replace("title: Patient 4", "title: The fourth   # for the readers")
        .replace("  - name: patient-005", "  # from the other hospital\n  - name: patient-005")
    )
    path.write_text(edited, encoding="utf-8")
    for number in (6, 7, 10):
        write(data / f"patient-{number:03}" / "airways.mha", mha(number))

    err = here("data", *STUDY, "--update")

    new = path.read_text(encoding="utf-8")
    assert new.startswith(edited)
    assert "3 cases added (3 with airway-segmentation)" in err
    names = [case.name for case in manifest(tmp_path).cases]
    assert names[-3:] == ["patient-006", "patient-007", "patient-010"]
    assert len(names) == 8
    here.validate()

    here("data", *STUDY, "--update")
    assert new == path.read_text(encoding="utf-8")


def test_an_update_knows_the_command_from_the_head(tmp_path: Path, here: Here) -> None:
    main = trees.classic(tmp_path)
    here("mainfolder", *CLASSIC)
    write(main / "patient4_folder" / "airways.mha", mha(4))
    (main / "patient1_folder").rename(main / "gone")

    err = here("mainfolder", "--update")

    assert "1 case added" in err
    assert "cases of the manifest that fit --each no longer" in err
    assert "    patient1_folder\n" in err
    assert [case.name for case in manifest(tmp_path).cases][-1] == "patient4_folder"


# ── options ─────────────────────────────────────────────────────────────────────────────────


def test_one_case_for_each_file(tmp_path: Path, here: Here) -> None:
    for name in ("scan 2.mha", "scan 10.mha"):
        write(tmp_path / "images" / name, mha(name))
    write(tmp_path / "images" / "scan 2.pdf", "x")

    err = here(
        "images", "--slug", "a", "--kind", "archive", "--each", "*.mha",
        "--socket", "ct-image=*.mha", "--socket", "report=*.pdf",
    )  # fmt: skip

    cases = yaml.safe_load((tmp_path / "manifest.yaml").read_text(encoding="utf-8"))["cases"]
    assert cases == [
        {
            "name": "scan 2",
            "sockets": {"ct-image": {"file": "scan 2.mha"}, "report": {"file": "scan 2.pdf"}},
        },
        {"name": "scan 10", "sockets": {"ct-image": {"file": "scan 10.mha"}}},
    ]
    assert "cases without 'report': nothing fits '*.pdf':\n    scan 10\n" in err
    assert manifest(tmp_path).kind == "archive"


def test_parts_of_the_path_make_titles_and_keys(tmp_path: Path, here: Here) -> None:
    for path in ("a/p1/s1", "a/p1/s2", "b/p2/s1"):
        write(tmp_path / "data" / path / "ct.nii.gz", path)
    write(tmp_path / "t.csv", "who;when;score\np1;s1;1\np1;s2;2,5\np2;s1;3\n")

    here(
        "data", "--slug", "a", "--each", "{site}/{who}/{when}",
        "--socket", "ct=ct.nii.gz", "--title", "{who}, {when} ({site})",
        "--table", "t.csv", "--key", "who", "--key", "when", "--socket", "s=@score",
        "--decimal-comma",
    )  # fmt: skip

    cases = yaml.safe_load((tmp_path / "manifest.yaml").read_text(encoding="utf-8"))["cases"]
    assert [(one["name"], one["title"], one["sockets"]["s"]) for one in cases] == [
        ("a-p1-s1", "p1, s1 (a)", 1),
        ("a-p1-s2", "p1, s2 (a)", 2.5),
        ("b-p2-s1", "p2, s1 (b)", 3),
    ]


def test_titles_and_orders_that_cannot_be_are_told(tmp_path: Path, here: Here) -> None:
    for number in range(1, 6):
        write(tmp_path / "data" / f"p{number}" / "ct.mha", mha(number))
    rows = ["p,t,o", "p1,<b>One</b>,1", "p2,Same,2", "p3,Same,x", "p4,p5,0", "p5,,"]
    write(tmp_path / "t.csv", "\n".join(rows))

    err = here(
        "data", "--slug", "a", "--each", "p*", "--socket", "ct=ct.mha",
        "--table", "t.csv", "--key", "p", "--title", "@t", "--order", "@o",
    )  # fmt: skip

    assert [(case.name, case.title, case.order) for case in manifest(tmp_path).cases] == [
        ("p1", "p1", 1),
        ("p2", "Same", 2),
        ("p3", "p3", None),
        ("p4", "p4", None),
        ("p5", "p5", None),
    ]
    for notices in ("HTML tag", "p3: Same", "p3 ('x')", "p4 ('0')", "p4: p5"):
        assert notices in err


def test_one_of_several_series_is_chosen_by_its_description(tmp_path: Path, here: Here) -> None:
    for patient in (1, 2):
        for number, series in enumerate(("Thorax 1.0", "Scout")):
            for place in range(2 - number * (patient == 1)):
                data = trees.described(dicom_slice(patient * 10 + number, place), series)
                write(tmp_path / "data" / f"p{patient}" / f"IM{number}{place}", data)

    here(
        "data", "--slug", "a", "--each", "p*", "--socket", "ct=*", "--socket", "scout=*",
        "--series", "ct=thorax*", "--series", "scout=Scout",
    )  # fmt: skip

    cases = yaml.safe_load((tmp_path / "manifest.yaml").read_text(encoding="utf-8"))["cases"]
    assert [case["sockets"] for case in cases] == [
        {"ct": {"files": "p1/IM0*"}, "scout": {"file": "p1/IM10"}},
        {"ct": {"files": "p2/IM0*"}, "scout": {"files": "p2/IM1*"}},
    ]


def test_several_images_that_fit_one_socket_are_left_to_choose(tmp_path: Path, here: Here) -> None:
    write(tmp_path / "data" / "p1" / "a.mha", mha(1))
    write(tmp_path / "data" / "p1" / "b.mha", mha(2))
    write(tmp_path / "data" / "p1" / "c.pdf", "x")

    arguments = (
        "data",
        "--slug",
        "a",
        "--each",
        "p*",
        "--socket",
        "i=*.mha",
        "--socket",
        "r=*.pdf",
    )

    err = here(*arguments)

    assert "more than one file fits" in err
    assert "    p1: a.mha; b.mha\n" in err
    assert "# i: 2 fit" in (tmp_path / "manifest.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "'nowhere' does not exist"),
        (["data", "--socket", "CT=a"], "is not the slug of a socket"),
        (["data", "--socket", "a=@b"], "there is no --table"),
        (["data", "--socket", "a=../b"], "leads out of the case"),
        (["data", "--slug", "a b"], "is not a slug"),
        (["data", "--kind", "archive", "--order", "@a", "--table", "t"], "an archive has no order"),
        (["data", "--update", "--force"], "choose one of them"),
        (["data", "--update"], "to update"),
        (["data", "--slug", "a", "--each", "q*", "--socket", "a=b"], "fits 'q*'"),
        (["data", "--slug", "a", "--each", "p*", "--socket", "a=b"], "fits any socket"),
        (["data", "--slug", "a", "--each", "p*", "--socket", "a={x}.mha"], "speaks of '{x}'"),
        (["data", "--slug", "a", "--each", "p*", "--socket", "a=ct.mha", "--title", "{x}"], "{x}"),
        (
            ["data", "--slug", "a", "--each", "p*", "--socket", "a=@scor", "--table", "t.csv",
             "--key", "p"],
            "did you mean 'score'?",
        ),
        (
            ["data", "--slug", "a", "--each", "p*", "--socket", "a=@score", "--table", "t.csv",
             "--key", "score"],
            "no row of t.csv fits a case: score says '7'",
        ),
        (["data", "--output", "no/such.yaml"], "there is no folder"),
        (["data/p1/empty"], "nothing in 'data/p1/empty' fits '*'"),
        (["data", "--each", "q*"], "nothing in 'data' fits 'q*'"),
        (["data", "--table", "other.csv"], "no column"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_before_anything_is_written(
    tmp_path: Path, here: Here, arguments: list[str], words: str
) -> None:
    write(tmp_path / "data" / "p1" / "ct.mha", "x")
    (tmp_path / "data" / "p1" / "empty").mkdir()
    write(tmp_path / "t.csv", "p,score\np1,7\n")
    write(tmp_path / "other.csv", "x\ny\n")

    err = here(*arguments, code=2)

    assert words in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "other.csv", "t.csv"]


def test_what_is_missing_is_proposed_where_nobody_can_be_asked(tmp_path: Path, here: Here) -> None:
    trees.classic(tmp_path)

    err = here("mainfolder", code=2)

    assert err.splitlines()[-1] == (
        "  uploader init mainfolder --slug SLUG --kind reader-study --each 'patient*_folder' "
        "--socket airways=airways.mha --socket ct-image=ct.mhd"
    )
    assert not (tmp_path / "manifest.yaml").exists()


def test_a_manifest_is_never_written_over_unasked(tmp_path: Path, here: Here) -> None:
    trees.classic(tmp_path)
    mine = write(tmp_path / "manifest.yaml", "mine")

    err = here("mainfolder", *CLASSIC, code=2)

    assert "'manifest.yaml' is there already" in err
    assert mine.read_text(encoding="utf-8") == "mine"
    here("mainfolder", *CLASSIC, "--force")
    assert len(manifest(tmp_path).cases) == 3


def test_a_folder_elsewhere_needs_root(tmp_path: Path) -> None:
    trees.classic(tmp_path / "there")
    (tmp_path / "here").mkdir()

    ended = init(tmp_path / "here", "../there/mainfolder", *CLASSIC)

    assert manifest(tmp_path / "here").root is None
    assert "--root ../there/mainfolder" in ended.err
    arguments = ("validate", "--offline", "manifest.yaml", "--root", "../there/mainfolder")
    assert uploader(*arguments, cwd=tmp_path / "here").code == 0


def test_the_working_folder_itself_may_hold_the_cases(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = trees.classic(tmp_path)
    here = Here(main, capsys)

    here(".", *CLASSIC)
    again = here(".", *CLASSIC, "--update")

    assert manifest(main).root == "."
    assert "Noticed" not in again
    here.validate()


def test_a_workbook_is_a_table(tmp_path: Path, here: Here) -> None:
    from openpyxl import Workbook

    write(tmp_path / "data" / "1" / "ct.mha", mha(1))
    write(tmp_path / "data" / "02" / "ct.mha", mha(2))
    book = Workbook()
    assert book.active is not None
    for row in (["id", "score", "remark"], [1, 2.0, "007"], ["02", 1.5, None]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    book.close()

    here(
        "data", "--slug", "a", "--each", "*", "--socket", "ct=ct.mha",
        "--table", "t.xlsx", "--key", "id", "--socket", "s=@score", "--socket", "r=@remark",
    )  # fmt: skip

    cases = yaml.safe_load((tmp_path / "manifest.yaml").read_text(encoding="utf-8"))["cases"]
    assert [(one["name"], one["sockets"].get("s"), one["sockets"].get("r")) for one in cases] == [
        ("1", 2, "007"),
        ("02", 1.5, None),
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_hostile_names_are_harmless(tmp_path: Path, here: Here) -> None:
    names = [
        "<script>alert(1)",
        "=cmd|calc",
        "a\u202eb\u200f",
        "n\nl",
        "e\x1b[31m",
        "a:b",
        "#x",
        "-y",
    ]
    for name in names:
        write(tmp_path / "data" / name / "ct.mha", mha(name))
    write(tmp_path / "data" / "=cmd|calc" / "evil\x1b]0;x\x07.txt", "x")
    write(tmp_path / "data" / os.fsdecode(b"\xff") / "ct.mha", "x")
    rows = ["k,v", '"<script>alert(1)","=1+1"', "a:b,<b>", '#x,"l1\nl2"']
    write(tmp_path / "t.csv", "\n".join(rows))

    err = here(
        "data", "--slug", "a", "--each", "*", "--socket", "ct=ct.mha",
        "--table", "t.csv", "--key", "k", "--socket", "v=@v",
    )  # fmt: skip

    text = (tmp_path / "manifest.yaml").read_text(encoding="utf-8")
    assert not set("\x1b\x07\u202e\u200f") & set(err + text)
    assert "\nl" not in text
    cases = manifest(tmp_path).cases
    assert {"-script-alert(1)", "=cmd|calc", "a-b", "#x", "-y"} <= {case.name for case in cases}
    for name in (r"n\x0al", r"e\x1b[31m", r"a\u202eb", r"\udcff"):
        assert name in err
    here.validate()


def test_names_of_patients_in_dicom_files_are_told(tmp_path: Path, here: Here) -> None:
    import io

    from pydicom import dcmread

    one = dcmread(io.BytesIO(dicom_slice(1, 1)))
    one.PatientName = "Doe^Jane"
    (tmp_path / "data" / "p1").mkdir(parents=True)
    one.save_as(tmp_path / "data" / "p1" / "a.dcm", enforce_file_format=True)

    err = here("data", "--slug", "a", "--each", "p*", "--socket", "ct=*.dcm")

    assert "identifiable: allowed" in err
    assert "p1/a.dcm: PatientName is filled" in err
    assert "Doe" not in err


def test_files_that_only_end_like_dicom_are_told(tmp_path: Path, here: Here) -> None:
    for name in ("p1/ct/0.dcm", "p2/ct/0.dcm"):
        write(tmp_path / "data" / name, b"")
    write(tmp_path / "data" / "p1" / "ct" / "1.dcm", dicom_slice(1, 1))

    err = here("data", "--slug", "a", "--each", "p*", "--socket", "ct=ct/*.dcm")

    notices = "cannot be read as DICOM (empty, or broken?):\n    p1/ct/0.dcm\n    p2/ct/0.dcm\n"
    assert notices in err
    assert "p1/ct/1.dcm" not in err


def test_a_table_without_rows_says_so(tmp_path: Path, here: Here) -> None:
    write(tmp_path / "data" / "p1" / "ct.mha", mha(1))
    write(tmp_path / "t.csv", "id,score\np1,2,3\n")

    err = here(
        "data", "--slug", "a", "--each", "p*", "--socket", "ct=ct.mha",
        "--table", "t.csv", "--key", "id", "--socket", "s=@score", code=2,
    )  # fmt: skip

    assert "t.csv has no row that can be used\n  hint: t.csv: rows with more cells" in err


def test_where_nothing_fits_what_was_noticed_is_told(tmp_path: Path, here: Here) -> None:
    write(tmp_path / "data" / "p1.mha", mha(1))
    write(tmp_path / "data" / ".DS_Store", "x")

    err = here("data", "--slug", "a", "--each", "q*", "--socket", "ct=ct.mha", code=2)

    assert "Noticed:\n- what fits no case:\n    p1.mha\n- never sent" in err


def test_a_bug_is_one_line_and_its_details_are_in_the_log(
    tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret details")

    trees.classic(tmp_path)
    monkeypatch.setattr(Paths, "tree", broken)

    without = here("mainfolder", *CLASSIC, code=70)
    with_log = here("mainfolder", *CLASSIC, "--log-file", "log", code=70)

    assert without == (
        "uploader: a bug: ZeroDivisionError (run again with --log-file FILE for the details); "
        "nothing was sent\n"
    )
    assert "(the details are in log)" in with_log
    assert "secret details" in (tmp_path / "log").read_text(encoding="utf-8")
    assert not (tmp_path / "manifest.yaml").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_manifest_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    trees.classic(tmp_path)
    full = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "sys.dont_write_bytecode = True\n"  # what is compiled would be cut off too, and kept
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "from manifest_uploader.__main__ import main; main()"
    )

    ended = uploader(
        "init", "mainfolder", *CLASSIC, cwd=tmp_path, entry=(sys.executable, "-c", full)
    )

    assert ended.code == 2
    assert "'manifest.yaml' cannot be written: File too large" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["mainfolder"]


def test_help_shows_examples_and_is_listed() -> None:
    list_own = uploader("--help", cwd=Path.cwd())
    helped = uploader("init", "--help", cwd=Path.cwd())

    assert "init" in list_own.out
    assert helped.code == 0
    assert '--socket "ct-image=ct/*.dcm"' in helped.out
