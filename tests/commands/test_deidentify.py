"""`uploader deidentify`, from its entry point: whole, resumable, and honest about the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import SecondaryCaptureImageStorage

from manifest_uploader import cli
from manifest_uploader.files.importer import import_check
from tests.entry import ENTRY, environment, uploader
from tests.files.helpers import make_link
from tests.files.importing import a_slice, bundle, write
from tests.has import needs_signals

NAME = "MUSTERMANN^ERIKA"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two patients' series, one of them without an ending."""
    folder = tmp_path / "scans"
    for number in (1, 2, 3):
        names = {"PatientName": NAME, "PatientID": "ID4711", "InstitutionName": "St Mary"}
        write(a_slice(number, **names), folder / "p1" / "ct" / f"IM{number}.dcm")
        write(a_slice(number, series=2, **names), folder / "p2" / f"{number}")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_folder_is_copied_without_names(source: Path, tmp_path: Path) -> None:
    before = content(source)

    ended = uploader("deidentify", "scans", "clean", cwd=tmp_path)

    assert (ended.code, ended.out.split("\n")[0]) == (
        0,
        "6 files: 6 de-identified, 0 already done, 0 left out",
    )
    assert "replaced by dummy values: InstitutionName (6), PatientID (6), PatientName (6)" in (
        ended.out
    )
    assert f"note: the key that makes the new UIDs is in '{tmp_path / 'clean.key'}'" in ended.err
    assert content(source) == before
    assert content(tmp_path / "clean").keys() == before.keys()
    for copy in content(tmp_path / "clean").values():
        assert not any(word in copy for word in (b"MUSTERMANN", b"ID4711", b"St Mary"))
    assert not any(word in ended.out + ended.err for word in ("MUSTERMANN", "ID4711", "St Mary"))


def test_colours_tell_what_was_done_from_what_was_left_out(source: Path, tmp_path: Path) -> None:
    (source / "p1" / "notes.txt").write_text("seen by night")
    (source / "p2" / "1").write_bytes((source / "p2" / "1").read_bytes()[:-100])

    ended = uploader("deidentify", "scans", "clean", "--color", "always", cwd=tmp_path)

    assert "\x1b[32m5 de-identified\x1b[0m, 0 already done, \x1b[33m2 left out\x1b[0m" in ended.out
    assert "\x1b[31m'p2/1':\x1b[0m its pixel data is cut off" in ended.err
    assert "\x1b[2mnote:\x1b[0m --with-others" in ended.err


def test_copies_are_imported_as_the_originals_are(source: Path, tmp_path: Path) -> None:
    assert uploader("deidentify", "scans", "clean", cwd=tmp_path).code == 0

    folders = [source / "p1" / "ct", tmp_path / "clean" / "p1" / "ct"]
    found = import_check(bundle(*sorted(one.iterdir()), key=str(one)) for one in folders)

    original, copy = sorted(found, key=lambda one: folders.index(Path(one.key)))
    assert (copy.images, copy.depth, copy.spacing) == (1, 3, original.spacing)


def test_a_second_run_does_what_is_new_with_the_same_uids(source: Path, tmp_path: Path) -> None:
    assert uploader("deidentify", "scans", "clean", cwd=tmp_path).code == 0
    before = content(tmp_path / "clean")
    write(a_slice(4, PatientName=NAME), source / "p1" / "ct" / "IM4.dcm")

    ended = uploader("deidentify", "scans", "clean", cwd=tmp_path)

    assert (ended.code, ended.out.split("\n")[0]) == (
        0,
        "7 files: 1 de-identified, 6 already done, 0 left out",
    )
    assert "key" not in ended.err
    after = content(tmp_path / "clean")
    assert {name: after[name] for name in before} == before
    series = {
        pydicom.dcmread(one).SeriesInstanceUID for one in (tmp_path / "clean/p1/ct").iterdir()
    }
    assert len(series) == 1


def test_the_same_key_makes_the_same_copy_elsewhere(source: Path, tmp_path: Path) -> None:
    for target in ("one", "two"):
        assert uploader("deidentify", "scans", target, "--key", "my.key", cwd=tmp_path).code == 0

    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert not (tmp_path / "one.key").exists()


def test_files_without_a_copy_are_named_and_the_code_is_1(source: Path, tmp_path: Path) -> None:
    path = source / "p1" / "ct" / "IM2.dcm"
    path.write_bytes(path.read_bytes()[:-28])
    write(a_slice(9, SOPClassUID=SecondaryCaptureImageStorage), source / "p2" / "scout")
    (source / "p2" / "report.txt").write_text("Patient: Erika Mustermann")
    (source / "p2" / ".DS_Store").write_bytes(b"x")

    ended = uploader("deidentify", "scans", "clean", cwd=tmp_path)

    assert (ended.code, ended.out.split("\n")[0]) == (
        1,
        "9 files: 5 de-identified, 0 already done, 4 left out",
    )
    assert ended.err.split("\n")[:3] == [
        "'p2/report.txt': it is not DICOM; it was not copied",
        (
            "'p2/scout': the platform's procedure does not cover its kind, "
            "Secondary Capture Image Storage; it was not copied"
        ),
        "'p1/ct/IM2.dcm': its pixel data is cut off: 100 of 128 bytes; it was not copied",
    ]
    assert "DS_Store" not in ended.err
    names = content(tmp_path / "clean").keys()
    assert not {"p1/ct/IM2.dcm", "p2/scout", "p2/report.txt", "p2/.DS_Store"} & names


def test_many_files_of_one_kind_are_named_only_if_asked(source: Path, tmp_path: Path) -> None:
    for number in range(25):
        (source / f"{number}.txt").write_text("a note")

    short = uploader("deidentify", "scans", "clean", cwd=tmp_path).err
    whole = uploader("deidentify", "scans", "clean", "--verbose", cwd=tmp_path).err

    assert short.count("is not DICOM") == 20
    assert "5 more like that (--verbose names them all)" in short
    assert whole.count("is not DICOM") == 25


def test_hidden_files_alone_are_no_failure(source: Path, tmp_path: Path) -> None:
    (source / ".DS_Store").write_bytes(b"x")

    assert uploader("deidentify", "scans", "clean", cwd=tmp_path).code == 0


def test_names_in_paths_and_in_pictures_are_told_without_the_names(tmp_path: Path) -> None:
    folder = tmp_path / "scans" / "MUSTERMANN_ERIKA"
    write(a_slice(1, PatientName=NAME, BurnedInAnnotation="YES"), folder / "1")
    write(a_slice(2, PatientName=NAME), folder / "2")

    ended = uploader("deidentify", "scans", "clean", cwd=tmp_path)

    assert ended.code == 0
    assert (
        "note: the paths of 2 files contain a word of their PatientName: rename files and folders "
        "in DST before you share them\n"
    ) in ended.err
    assert "note: 1 file may show the patient's name in the picture" in ended.err
    assert (tmp_path / "clean" / "MUSTERMANN_ERIKA" / "1").exists()


def test_json_lines_say_the_same(source: Path, tmp_path: Path) -> None:
    (source / "note").write_text("a note")

    ended = uploader("deidentify", "scans", "clean", "--json", cwd=tmp_path)

    left_out, summary = ended.lines
    assert ended.code == 1
    assert left_out == {"event": "left-out", "file": "note", "outcome": "not-dicom"}
    assert summary["event"] == "summary"
    files: dict[str, Any] = summary["files"]
    assert (files["total"], files["done"], files["not-dicom"]) == (7, 6, 1)
    assert sum(number for name, number in files.items() if name != "total") == 7
    assert summary["replaced"]["PatientName"] == 6
    assert summary["key"] == str(tmp_path / "clean.key")


# ── refusals ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gone", "clean"), "'gone' does not exist"),
        (("scans/p2/1", "clean"), "'scans/p2/1' is not a folder"),
        (("scans", "file"), "'file' is not a folder"),
        (("scans", "scans"), "'scans' and 'scans' overlap"),
        (("scans", "scans/clean"), "'scans' and 'scans/clean' overlap"),
        (("scans/p2", "scans"), "'scans/p2' and 'scans' overlap"),
        (("scans", "link/clean"), "'scans' and 'link/clean' overlap"),
        (("link", "scans/p2"), "'link' and 'scans/p2' overlap"),
        (("scans", "full"), "'full' is not empty, and there is no key"),
        (("scans", "clean", "--key", "scans/key"), "would be in one of the folders"),
        (("scans", "clean", "--key", "clean/key"), "would be in one of the folders"),
        (("scans", "clean", "--key", "file"), "does not hold a key"),
        (("empty", "clean"), "'empty' contains no file"),
        (("scans", "clean", "--jobs", "0"), "must be a whole number, 1 or higher, not '0'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    make_link(tmp_path / "link", source)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "other").write_text("x")
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    before = content(tmp_path)

    code = cli.command(["deidentify", *arguments])

    assert code == 2
    assert words in capsys.readouterr().err
    assert content(tmp_path) == before


# ── interruptions ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Files enough to interrupt the work on them."""
    folder = tmp_path / "large"
    noise = np.random.default_rng(1).integers(0, 4000, (256, 256), np.uint16).tobytes()
    write(a_slice(1, size=256, PixelData=noise, PatientName=NAME), folder / "0")
    first = (folder / "0").read_bytes()
    for number in range(1, 400):
        (folder / str(number)).write_bytes(first)
    return folder


@needs_signals
@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT", "SIGTERM"])
def test_after_an_interruption_the_same_command_goes_on(
    large: Path, tmp_path: Path, how: str
) -> None:
    if not hasattr(signal, how) or (os.name == "nt" and how != "SIGTERM"):
        pytest.skip(f"this system has no {how}")
    process = subprocess.Popen(
        [*ENTRY, "deidentify", "large", "clean"],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    end = time.monotonic() + 60
    while not (tmp_path / "clean").exists() or len(list((tmp_path / "clean").iterdir())) < 20:
        assert time.monotonic() < end
        time.sleep(0.01)

    process.send_signal(getattr(signal, how))

    _, err = process.communicate(timeout=60)
    assert process.returncode == {"SIGKILL": -9, "SIGINT": 130, "SIGTERM": 143}[how]
    assert "Traceback" not in err
    done = content(tmp_path / "clean")
    assert len({zlib.crc32(one) for name, one in done.items() if not name.startswith(".")}) == 1
    ended = uploader("deidentify", "large", "clean", cwd=tmp_path)
    assert ended.code == 0
    assert ended.out.startswith("400 files: ")
    names = content(tmp_path / "clean")
    assert len(names) == 400
    assert len({zlib.crc32(one) for one in names.values()}) == 1


def test_other_files_are_copied_if_asked(source: Path, tmp_path: Path) -> None:
    (source / "p1" / "notes.csv").write_text("a,b\n")
    words = ("deidentify", "scans", "clean", "--with-others")

    without = uploader(*words[:-1], cwd=tmp_path)
    first = uploader(*words, cwd=tmp_path)
    again = uploader(*words, cwd=tmp_path)

    assert without.code == 1
    assert "note: --with-others also copies files that are not DICOM" in without.err
    assert (first.code, again.code) == (0, 0)
    summary = "7 files: 0 de-identified, 6 already done, 1 copied as they are, 0 left out"
    assert first.out.splitlines()[0] == again.out.splitlines()[0] == summary
    assert (tmp_path / "clean" / "p1" / "notes.csv").read_text() == "a,b\n"


def test_what_was_changed_in_its_place_stays(source: Path, tmp_path: Path) -> None:
    (source / "notes.csv").write_text("a,b\n")
    words = ("deidentify", "scans", "clean", "--with-others")
    assert uploader(*words, cwd=tmp_path).code == 0
    (tmp_path / "clean" / "notes.csv").write_text("by hand")

    again = uploader(*words, cwd=tmp_path)

    assert again.code == 1
    assert "'notes.csv': DST has another file of that name, which was kept" in again.err
    assert (tmp_path / "clean" / "notes.csv").read_text() == "by hand"


def test_a_missing_procedure_is_told(source: Path, tmp_path: Path) -> None:
    (tmp_path / "broken" / "grand_challenge_dicom_de_identifier").mkdir(parents=True)
    (tmp_path / "broken" / "grand_challenge_dicom_de_identifier" / "__init__.py").touch()

    ended = uploader(
        *("deidentify", "scans", "clean"),
        cwd=tmp_path,
        given=environment(PYTHONPATH=str(tmp_path / "broken")),
        entry=(sys.executable, "-W", "error", "-m", "manifest_uploader"),
    )

    assert ended.code == 3
    assert "the platform's procedure for de-identification does not start" in ended.err
    assert not (tmp_path / "clean").exists()
