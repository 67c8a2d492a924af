"""`uploader init` as a user runs it: what it writes and what it says."""

from __future__ import annotations

import contextlib
import os
import re
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
from tests.files.dicom.samples import slice_bytes
from tests.init import trees

DICOM_OPTIONS = (
    *("--slug", "lung-nodules", "--each", "patient-*"),
    *("--socket", "ct-image=ct/*.dcm", "--socket", "airway-segmentation=airways.mha"),
    *("--table", "data/scores.csv", "--key", "patient", "--title", "@label"),
    *("--socket", "some-score=@score", "--socket", "is-good=@good"),
)
MHD_OPTIONS = (
    *("--slug", "airways", "--each", "patient*_folder"),
    *("--socket", "ct-image=ct.mhd", "--socket", "airway-segmentation=airways.mha"),
)


def run_subprocess(cwd: Path, *arguments: str, code: int = 0) -> Ran:
    """Run `uploader init` in its own process."""
    ran = uploader("init", *arguments, cwd=cwd)
    assert code == ran.code, ran.err
    assert ran.out == ""
    return ran


class InitCommand:
    """Runs `uploader init --explicit` in this process, in a tenth of the time."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self._folder, self._capture = folder, capture

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run the command and return its standard error."""
        explicit = ["--explicit"] if "--slug" in arguments else []
        with contextlib.chdir(self._folder):
            ran = command(["init", *arguments, *explicit])
        said = self._capture.readouterr()
        assert code == ran, said.err
        assert said.out == ""
        return said.err

    def validate(self) -> None:
        """Check that the manifest is valid."""
        with contextlib.chdir(self._folder):
            ran = command(["validate", "--offline", "manifest.yaml"])
        assert ran == 0, self._capture.readouterr().err


@pytest.fixture
def init(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> InitCommand:
    return InitCommand(tmp_path, capsys)


def read_manifest(folder: Path, name: str = "manifest.yaml") -> Manifest:
    return parse((folder / name).read_bytes(), name)


def assert_finished(folder: Path, cases: int) -> None:
    """Run the manifest and check that all cases are done."""
    ran = uploader("run", "--sandbox", "--json", "manifest.yaml", cwd=folder)
    assert ran.code == 0, ran.err
    assert ran.summary["cases"]["done"] == cases
    assert len(items_of(folder / "manifest.sandbox")) == cases


# ── whole trees ─────────────────────────────────────────────────────────────────────────────


def test_a_manifest_of_mhd_files_can_be_run(tmp_path: Path) -> None:
    trees.write_mhd_patients(tmp_path)

    ran = run_subprocess(tmp_path, "mainfolder", *MHD_OPTIONS, "--explicit")

    text = (tmp_path / "manifest.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=")
    assert "Noticed" not in ran.err
    assert yaml.safe_load(text)["cases"][0] == {
        "name": "patient1_folder",
        "sockets": {
            "ct-image": {"files": ["patient1_folder/ct.mhd", "patient1_folder/ct.raw"]},
            "airway-segmentation": {"file": "patient1_folder/airways.mha"},
        },
    }
    assert_finished(tmp_path, 3)


def test_a_manifest_of_dicom_files_can_be_run_and_every_oddity_is_named(tmp_path: Path) -> None:
    trees.write_dicom_patients(tmp_path, 5)

    ran = run_subprocess(tmp_path, "data", *DICOM_OPTIONS, "--explicit")

    noticed = ran.err.partition("Noticed:\n")[2].partition("Check it")[0]
    assert noticed == (
        "- cases without a row in scores.csv:\n    patient-002\n"
        "- cases without a title of their own: readers see the name:\n    patient-002\n"
        "- cases without 'ct-image': DICOM files of more than one series lie together, so you "
        "have to choose (they are in the manifest as comments; or "
        '--series "ct-image=DESCRIPTION"):\n'
        "    patient-003: CT series 1.2.826.0.1.3680043.8.498.4.900000, 2 files; "
        "CT series 1.2.826.0.1.3680043.8.498.1001.900000, 2 files\n"
        "- files not assigned to any socket:\n    patient-004/extra.txt\n"
        "- rows of scores.csv without a case:\n    patient-999 (line 6)\n"
        "- not matched to any case:\n    readme.txt\n"
        "- never sent: hidden files and system files:\n    .DS_Store\n"
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


def test_two_hundred_patients_are_accepted(tmp_path: Path, init: InitCommand) -> None:
    trees.write_dicom_patients(tmp_path, 200, slices=1, side=4)

    err = init("data", *DICOM_OPTIONS)

    assert "200 cases (199 with ct-image, 200 with airway-segmentation, 199 with" in err
    init.validate()
    cases = read_manifest(tmp_path).cases
    assert [case.name for case in cases] == [f"patient-{n:03}" for n in range(1, 201)]


# ── options ─────────────────────────────────────────────────────────────────────────────────


def test_each_file_can_be_a_case(tmp_path: Path, init: InitCommand) -> None:
    for name in ("scan 2.mha", "scan 10.mha"):
        write(tmp_path / "images" / name, mha(name))
    write(tmp_path / "images" / "scan 2.pdf", "x")

    err = init(
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
    assert "cases without 'report': nothing matches '*.pdf':\n    scan 10\n" in err
    assert read_manifest(tmp_path).kind == "archive"


def test_parts_of_the_path_make_titles_and_keys(tmp_path: Path, init: InitCommand) -> None:
    for path in ("a/p1/s1", "a/p1/s2", "b/p2/s1"):
        write(tmp_path / "data" / path / "ct.nii.gz", path)
    write(tmp_path / "t.csv", "who;when;score\np1;s1;1\np1;s2;2,5\np2;s1;3\n")

    init(
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


def test_titles_and_orders_that_no_manifest_accepts_are_named(
    tmp_path: Path, init: InitCommand
) -> None:
    for number in range(1, 6):
        write(tmp_path / "data" / f"p{number}" / "ct.mha", mha(number))
    rows = ["p,t,o", "p1,<b>One</b>,1", "p2,Same,2", "p3,Same,x", "p4,p5,0", "p5,,"]
    write(tmp_path / "t.csv", "\n".join(rows))

    err = init(
        "data", "--slug", "a", "--each", "p*", "--socket", "ct=ct.mha",
        "--table", "t.csv", "--key", "p", "--title", "@t", "--order", "@o",
    )  # fmt: skip

    assert [(case.name, case.title, case.order) for case in read_manifest(tmp_path).cases] == [
        ("p1", "p1", 1),
        ("p2", "Same", 2),
        ("p3", "p3", None),
        ("p4", "p4", None),
        ("p5", "p5", None),
    ]
    for words in ("HTML tag", "p3: Same", "p3 ('x')", "p4 ('0')", "p4: p5"):
        assert words in err


def test_one_of_several_series_is_chosen_by_its_description(
    tmp_path: Path, init: InitCommand
) -> None:
    for patient in (1, 2):
        for number, series in enumerate(("Thorax 1.0", "Scout")):
            for place in range(2 - number * (patient == 1)):
                data = trees.with_series_description(
                    dicom_slice(patient * 10 + number, place), series
                )
                write(tmp_path / "data" / f"p{patient}" / f"IM{number}{place}", data)

    init(
        "data", "--slug", "a", "--each", "p*", "--socket", "ct=*", "--socket", "scout=*",
        "--series", "ct=thorax*", "--series", "scout=Scout",
    )  # fmt: skip

    cases = yaml.safe_load((tmp_path / "manifest.yaml").read_text(encoding="utf-8"))["cases"]
    assert [case["sockets"] for case in cases] == [
        {"ct": {"files": "p1/IM0*"}, "scout": {"file": "p1/IM10"}},
        {"ct": {"files": "p2/IM0*"}, "scout": {"files": "p2/IM1*"}},
    ]


def test_several_images_for_one_socket_are_left_undecided(
    tmp_path: Path, init: InitCommand
) -> None:
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

    err = init(*arguments)

    assert "more than one file matches" in err
    assert "    p1: a.mha; b.mha\n" in err
    assert "# i: 2 match" in (tmp_path / "manifest.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "'nowhere' does not exist"),
        (["data", "--socket", "CT=a"], "is not the slug of a socket"),
        (["data", "--socket", "a=@b"], "there is no --table"),
        (["data", "--socket", "a=../b"], "leads out of the case"),
        (["data", "--slug", "a b"], "is not a slug"),
        (["data", "--kind", "archive", "--order", "@a", "--table", "t"], "an archive has no order"),
        (["data", "--update"], "finds new folders by itself"),
        (["data", "--slug", "a", "--each", "q*", "--socket", "a=b"], "matches 'q*'"),
        (["data", "--slug", "a", "--each", "p*", "--socket", "a=b"], "matches any socket"),
        (["data", "--slug", "a", "--each", "p*", "--socket", "a={x}.mha"], "uses '{x}'"),
        (["data", "--slug", "a", "--each", "p*", "--socket", "a=ct.mha", "--title", "{x}"], "{x}"),
        (
            ["data", "--slug", "a", "--each", "p*", "--socket", "a=@scor", "--table", "t.csv",
             "--key", "p"],
            "did you mean 'score'?",
        ),
        (
            ["data", "--slug", "a", "--each", "p*", "--socket", "a=@score", "--table", "t.csv",
             "--key", "score"],
            "no row of t.csv matches a case: score has '7'",
        ),
        (
            ["data", "--output", "no/such.yaml"],
            "does not exist\n  hint: create it, or name another file with --output",
        ),
        (["data/p1/empty"], "nothing in 'data/p1/empty' matches '*'"),
        (["data", "--each", "q*"], "nothing in 'data' matches 'q*'"),
        (["data", "--table", "other.csv"], "no column"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_before_anything_is_written(
    tmp_path: Path, init: InitCommand, arguments: list[str], words: str
) -> None:
    write(tmp_path / "data" / "p1" / "ct.mha", "x")
    (tmp_path / "data" / "p1" / "empty").mkdir()
    write(tmp_path / "t.csv", "p,score\np1,7\n")
    write(tmp_path / "other.csv", "x\ny\n")

    err = init(*arguments, code=2)

    assert words in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "other.csv", "t.csv"]


def test_without_a_terminal_a_complete_command_is_proposed(
    tmp_path: Path, init: InitCommand
) -> None:
    trees.write_mhd_patients(tmp_path)

    err = init("mainfolder", code=2)

    assert err.splitlines()[-1] == (
        "  uploader init mainfolder --slug SLUG --kind reader-study --each 'patient*_folder' "
        "--socket airways=airways.mha --socket ct-image=ct.mhd"
    )
    assert not (tmp_path / "manifest.yaml").exists()


def test_an_existing_manifest_is_only_overwritten_with_force(
    tmp_path: Path, init: InitCommand
) -> None:
    trees.write_mhd_patients(tmp_path)
    mine = write(tmp_path / "manifest.yaml", "mine")

    err = init("mainfolder", *MHD_OPTIONS, code=2)

    assert "'manifest.yaml' already exists" in err
    assert mine.read_text(encoding="utf-8") == "mine"
    init("mainfolder", *MHD_OPTIONS, "--force")
    assert len(read_manifest(tmp_path).cases) == 3


def test_a_folder_outside_the_manifests_folder_needs_root(tmp_path: Path) -> None:
    trees.write_mhd_patients(tmp_path / "there")
    (tmp_path / "here").mkdir()

    ran = run_subprocess(tmp_path / "here", "../there/mainfolder", *MHD_OPTIONS, "--explicit")

    assert read_manifest(tmp_path / "here").root is None
    assert "--root ../there/mainfolder" in ran.err
    arguments = ("validate", "--offline", "manifest.yaml", "--root", "../there/mainfolder")
    assert uploader(*arguments, cwd=tmp_path / "here").code == 0


def test_the_working_folder_itself_may_hold_the_cases(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = trees.write_mhd_patients(tmp_path)
    init = InitCommand(main, capsys)

    init(".", *MHD_OPTIONS)
    again = init(".", *MHD_OPTIONS, "--force")

    assert read_manifest(main).root == "."
    assert "Noticed" not in again
    init.validate()


def test_a_workbook_is_a_table(tmp_path: Path, init: InitCommand) -> None:
    from openpyxl import Workbook

    write(tmp_path / "data" / "1" / "ct.mha", mha(1))
    write(tmp_path / "data" / "02" / "ct.mha", mha(2))
    book = Workbook()
    assert book.active is not None
    for row in (["id", "score", "remark"], [1, 2.0, "007"], ["02", 1.5, None]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    book.close()

    init(
        "data", "--slug", "a", "--each", "*", "--socket", "ct=ct.mha",
        "--table", "t.xlsx", "--key", "id", "--socket", "s=@score", "--socket", "r=@remark",
    )  # fmt: skip

    cases = yaml.safe_load((tmp_path / "manifest.yaml").read_text(encoding="utf-8"))["cases"]
    assert [(one["name"], one["sockets"].get("s"), one["sockets"].get("r")) for one in cases] == [
        ("1", 2, "007"),
        ("02", 1.5, None),
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_files_in_a_folder_called_like_a_pattern_are_listed(
    tmp_path: Path, init: InitCommand
) -> None:
    for case in ("**", "p1"):
        for name in ("1.png", "2.png"):
            write(tmp_path / "data" / case / name, case)

    init("data", "--slug", "a", "--each", "*", "--socket", "i=*.png")

    cases = yaml.safe_load((tmp_path / "manifest.yaml").read_text(encoding="utf-8"))["cases"]
    assert [case["sockets"]["i"]["files"] for case in cases] == [
        ["**/1.png", "**/2.png"],
        "p1/*.png",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_hostile_names_are_harmless(tmp_path: Path, init: InitCommand) -> None:
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

    err = init(
        "data", "--slug", "a", "--each", "*", "--socket", "ct=ct.mha",
        "--table", "t.csv", "--key", "k", "--socket", "v=@v",
    )  # fmt: skip

    text = (tmp_path / "manifest.yaml").read_text(encoding="utf-8")
    assert not set("\x1b\x07\u202e\u200f") & set(err + text)
    assert "\nl" not in text
    cases = read_manifest(tmp_path).cases
    assert {"-script-alert(1)", "=cmd|calc", "a-b", "#x", "-y"} <= {case.name for case in cases}
    for name in (r"n\x0al", r"e\x1b[31m", r"a\u202eb", r"\udcff"):
        assert name in err
    init.validate()


def test_patients_names_in_dicom_files_are_noticed_but_not_shown(
    tmp_path: Path, init: InitCommand
) -> None:
    for number in range(1, 4):
        named = {"PatientName": "Doe^Jane"} if number > 1 else {}
        data = slice_bytes(number, PatientID="4711", **named)
        write(tmp_path / "data" / "p1" / f"{number}.dcm", data)

    err = init("data", "--slug", "a", "--each", "p*", "--socket", "ct=*.dcm")

    assert "which 'uploader validate' refuses (remove it with 'uploader deidentify', or say" in err
    assert "    p1/ct: PatientID in 3 of 3 files, PatientName in 2 of 3 files\n" in err
    assert not {"Doe", "4711"} & set(re.findall(r"\w+", err))


def test_files_that_only_end_like_dicom_are_named(tmp_path: Path, init: InitCommand) -> None:
    write(tmp_path / "data" / "p1" / "ct" / "0.dcm", b"")

    err = init("data", "--slug", "a", "--each", "p*", "--socket", "ct=ct/*.dcm")

    assert "cannot be read as DICOM (empty or damaged?):\n    p1/ct/0.dcm\n" in err
    assert "    p1/ct: '0.dcm' is empty\n" in err


def test_a_table_without_usable_rows_is_refused(tmp_path: Path, init: InitCommand) -> None:
    write(tmp_path / "data" / "p1" / "ct.mha", mha(1))
    write(tmp_path / "t.csv", "id,score\np1,2,3\n")

    err = init(
        "data", "--slug", "a", "--each", "p*", "--socket", "ct=ct.mha",
        "--table", "t.csv", "--key", "id", "--socket", "s=@score", code=2,
    )  # fmt: skip

    assert "t.csv has no row that can be used\n  hint: t.csv: rows with more cells" in err


def test_if_nothing_fits_the_notices_are_part_of_the_hint(
    tmp_path: Path, init: InitCommand
) -> None:
    write(tmp_path / "data" / "p1.mha", mha(1))
    write(tmp_path / "data" / ".DS_Store", "x")

    err = init("data", "--slug", "a", "--each", "q*", "--socket", "ct=ct.mha", code=2)

    assert "Noticed:\n- not matched to any case:\n    p1.mha\n- never sent" in err


def test_a_bug_takes_one_line_and_its_details_are_in_the_log(
    tmp_path: Path, init: InitCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret details")

    trees.write_mhd_patients(tmp_path)
    monkeypatch.setattr(Paths, "tree", broken)

    without = init("mainfolder", *MHD_OPTIONS, code=70)
    with_log = init("mainfolder", *MHD_OPTIONS, "--log-file", "log", code=70)

    assert without == (
        "uploader: a bug: ZeroDivisionError (run again with --log-file FILE for the details); "
        "nothing was sent\n"
    )
    assert "(the details are in log)" in with_log
    assert "secret details" in (tmp_path / "log").read_text(encoding="utf-8")
    assert not (tmp_path / "manifest.yaml").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_manifest_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    trees.write_mhd_patients(tmp_path)
    full = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "sys.dont_write_bytecode = True\n"  # else truncated bytecode would be kept
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "from manifest_uploader.__main__ import main; main()"
    )

    ran = uploader(
        "init", "mainfolder", *MHD_OPTIONS, cwd=tmp_path, entry=(sys.executable, "-c", full)
    )

    assert ran.code == 2
    assert "'manifest.yaml' cannot be written: File too large" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["mainfolder"]


def test_the_command_is_listed_and_its_help_has_examples() -> None:
    overview = uploader("--help", cwd=Path.cwd())
    help_text = uploader("init", "--help", cwd=Path.cwd())

    assert "\n    init " in overview.out
    assert help_text.code == 0
    assert '--socket "ct-image=ct/*.dcm"' in help_text.out
