"""Which files a value names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from manifest_uploader.files.listing import Listing
from manifest_uploader.files.local_file import FileChanged, Source
from manifest_uploader.files.root import Root, find_root
from manifest_uploader.files.search import is_there, resolve
from manifest_uploader.files.value_facts import content, value_facts
from manifest_uploader.manifest.model import FileValue
from manifest_uploader.manifest.problems import ManifestInvalid, Place
from tests.files.helpers import (
    PLACE,
    file_value,
    find_problem,
    find_problems,
    find_source,
    make_dicom,
    make_files,
    make_link,
    manifest_with_root,
    root_at,
    stat_file,
    upload_names,
)

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="not to be had on Windows")


# what a path names


def test_a_file_travels_under_its_own_name(tmp_path: Path) -> None:
    make_files(tmp_path, {"p1/scan.mha": b"12345"})

    source = find_source(tmp_path, "p1/scan.mha", single=True)

    assert Source((stat_file(tmp_path.resolve() / "p1" / "scan.mha"),), "scan.mha", False) == source


def test_several_files_travel_as_a_zip_named_for_the_socket(tmp_path: Path) -> None:
    make_files(tmp_path, ["ct/b.dcm", "ct/a.dcm"])

    source = find_source(tmp_path, "ct/*.dcm")

    assert (source.name, source.bundle) == ("ct-image.zip", True)


def test_a_glob_that_matches_one_file_makes_no_zip(tmp_path: Path) -> None:
    make_files(tmp_path, ["ct/a.dcm"])

    source = find_source(tmp_path, "ct/*.dcm")

    assert (source.name, source.bundle) == ("a.dcm", False)


def test_files_come_in_natural_order(tmp_path: Path) -> None:
    make_files(tmp_path, ["IM10.dcm", "im2.dcm", "IM1.dcm", "IM02.dcm", "IM1b.dcm"])

    assert upload_names(tmp_path, "*.dcm") == [
        "IM1.dcm",
        "IM1b.dcm",
        "IM02.dcm",
        "im2.dcm",
        "IM10.dcm",
    ]


def test_a_list_keeps_the_order_in_which_it_is_written(tmp_path: Path) -> None:
    make_files(tmp_path, ["b.raw", "a.raw", "c.raw"])

    assert upload_names(tmp_path, "c.raw", "a.raw", "b.raw") == ["c.raw", "a.raw", "b.raw"]


def test_a_file_named_by_two_patterns_counts_once(tmp_path: Path) -> None:
    make_files(tmp_path, ["a.dcm", "b.dcm"])

    assert upload_names(tmp_path, "b.*", "*.dcm", "./a.dcm") == ["b.dcm", "a.dcm"]


def test_a_folder_stands_for_all_files_below_it(tmp_path: Path) -> None:
    make_files(tmp_path, ["ct/2.dcm", "ct/10.dcm", "ct/more/1.dcm"])

    assert (
        ["2.dcm", "10.dcm", "1.dcm"]
        == upload_names(tmp_path, "ct")
        == upload_names(tmp_path, "ct/")
    )


def test_the_root_itself_can_be_the_folder(tmp_path: Path) -> None:
    make_files(tmp_path, ["a.dcm", "x/b.dcm"])

    assert upload_names(tmp_path, ".") == ["a.dcm", "b.dcm"]


@pytest.mark.parametrize("pattern", ["ct/**/*.dcm", "**/*.dcm", "**", "ct/**", "**/**/*.dcm"])
def test_two_stars_reach_every_folder_below(tmp_path: Path, pattern: str) -> None:
    make_files(tmp_path, ["ct/1.dcm", "ct/a/2.dcm", "ct/a/b/3.dcm"])

    assert upload_names(tmp_path, pattern) == ["1.dcm", "2.dcm", "3.dcm"]


def test_two_stars_in_the_middle_reach_folders_at_any_depth(tmp_path: Path) -> None:
    make_files(tmp_path, ["p/ct/1.dcm", "p/a/ct/2.dcm", "p/a/mr/3.dcm", "p/a/b/ct/4.dcm"])

    assert {"1.dcm", "2.dcm", "4.dcm"} == set(upload_names(tmp_path, "p/**/ct/*.dcm"))


def test_a_glob_may_stand_for_folders_on_the_way(tmp_path: Path) -> None:
    make_files(tmp_path, ["s1/ct/1.dcm", "s2/ct/2.dcm", "s3/mr/3.dcm", "t4/ct/4.dcm"])

    assert upload_names(tmp_path, "s?/ct/*.dcm") == ["1.dcm", "2.dcm"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.dcm", ["a1.dcm", "A.DCM"]),
        ("*.DCM", ["a1.dcm", "A.DCM"]),
        ("a*.dcm", ["a1.dcm"]),
        ("A*.d?m", ["A.DCM"]),
        ("[ab]*.dcm", ["a1.dcm"]),
        ("*.nii.gz", ["x.NII.gz", "y.nii.gz"]),
        ("?.nii.gz", ["x.NII.gz", "y.nii.gz"]),
        ("x.*", ["x.NII.gz"]),
        ("[!x].nii.gz", ["y.nii.gz"]),
        ("*1*", ["a1.dcm"]),
        ("a1*.dcm*", ["a1.dcm"]),
    ],
)
def test_case_matters_but_for_the_ending(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    make_files(tmp_path, ["A.DCM", "a1.dcm", "x.NII.gz", "y.nii.gz"])

    assert expected == upload_names(tmp_path, pattern)


def test_what_the_star_stands_for_does_not_overlap_what_surrounds_it(tmp_path: Path) -> None:
    make_files(tmp_path, ["abb.x", "ab.x"])

    assert upload_names(tmp_path, "ab*b.x") == ["abb.x"]


def test_hidden_files_and_the_system_s_own_never_match(tmp_path: Path) -> None:
    own = [".x.dcm", "Thumbs.db", "desktop.ini", "DICOMDIR", ".git/a.dcm", "._1.dcm"]
    make_files(tmp_path, ["1.dcm", *own])

    assert (
        ["1.dcm"]
        == upload_names(tmp_path, "**/*")
        == upload_names(tmp_path, ".")
        == upload_names(tmp_path, "*")
    )


def test_a_hidden_file_that_is_named_is_taken(tmp_path: Path) -> None:
    make_files(tmp_path, [".x.mha", "DICOMDIR"])

    assert upload_names(tmp_path, ".x.mha", "DICOMDIR") == [".x.mha", "DICOMDIR"]


def test_brackets_in_a_name_that_exists_are_no_glob(tmp_path: Path) -> None:
    make_files(tmp_path, ["ct [1]/scan[2].mha", "ct [1]/scan2.mha", "ct 1/wrong.mha"])

    assert upload_names(tmp_path, "ct [1]/scan[2].mha") == ["scan[2].mha"]
    assert upload_names(tmp_path, "ct [1]/*2.mha") == ["scan2.mha"]


def test_a_name_in_brackets_wins_over_what_its_pattern_would_match(tmp_path: Path) -> None:
    make_files(tmp_path, ["a/x[1].mha", "a/x1.mha", "b/x1.mha"])

    assert upload_names(tmp_path, "a/x[1].mha") == ["x[1].mha"]
    assert upload_names(tmp_path, "b/x[1].mha") == ["x1.mha"]
    assert upload_names(tmp_path, "a*/x[1].mha") == ["x[1].mha"]


def test_a_file_without_bytes_is_a_file(tmp_path: Path) -> None:
    make_files(tmp_path, ["empty.csv"])

    assert find_source(tmp_path, "empty.csv", single=True).size == 0


def test_a_folder_seen_before_is_seen_again_with_its_new_files(tmp_path: Path) -> None:
    make_files(tmp_path, ["a.dcm"])
    os.utime(tmp_path, (1, 1))
    where = root_at(tmp_path)
    before = resolve(file_value("*.dcm"), where)

    make_files(tmp_path, ["b.dcm"])
    after = resolve(file_value("*.dcm"), where)

    assert isinstance(before, Source)
    assert isinstance(after, Source)
    assert (len(before.files), len(after.files)) == (1, 2)


def test_a_folder_that_did_not_change_is_listed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_files(tmp_path, [f"x-{number:03}.mha" for number in range(100)])
    os.utime(tmp_path, (1, 1))
    where = root_at(tmp_path)
    listed = count_listings(monkeypatch)

    for number in range(100):
        assert isinstance(resolve(file_value(f"x-{number:03}.*"), where), Source)

    assert len(listed) == 1


def count_listings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that are listed from now on."""
    listed: list[str] = []
    scandir = os.scandir

    def count(path: str) -> object:
        listed.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", count)
    return listed


def test_an_exact_path_lists_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_files(tmp_path, ["images/x-1.mha"])
    monkeypatch.delattr(os, "scandir")

    assert upload_names(tmp_path, "images/x-1.mha") == ["x-1.mha"]


# what is wrong with a path


def test_a_glob_without_a_match_names_the_glob_and_the_root(tmp_path: Path) -> None:
    make_files(tmp_path, ["patient-002/ct/a.txt"])

    assert find_problem(tmp_path, "patient-002/ct/*.dcm") == (
        "no file matches 'patient-002/ct/*.dcm' (in data)",
        None,
    )


def test_a_glob_in_a_folder_that_is_not_there_hints_at_one_that_is(tmp_path: Path) -> None:
    make_files(tmp_path, ["patient-002/ct/a.dcm"])

    assert find_problem(tmp_path, "patient-02/ct/*.dcm") == (
        "no file matches 'patient-02/ct/*.dcm' (in data)",
        "did you mean 'patient-002'?",
    )


def test_a_glob_that_matches_only_folders_says_so(tmp_path: Path) -> None:
    make_files(tmp_path, ["p/s1/a.dcm", "p/s2/a.dcm"])

    assert find_problem(tmp_path, "p/s*") == (
        "no file matches 'p/s*' (in data)",
        "it matches 2 folders; their files are 'p/s*/*'",
    )


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("p1/scan.mhd", "did you mean 'p1/scan.mha'?"),
        ("p1/other", None),
        ("p01/scan.mha", "did you mean 'p1'?"),
        ("p2/scan.mha", None),
        ("p1/scans-02.mha", None),
        ("p1\\scan.mha", "write paths with '/'"),
    ],
)
@needs_posix
def test_a_missing_file_hints_at_a_likely_one(tmp_path: Path, written: str, hint: str) -> None:
    make_files(tmp_path, ["p1/scan.mha"])

    assert (f"file '{written}' does not exist (in data)", hint) == find_problem(tmp_path, written)


def test_a_name_in_another_case_is_hinted_at(tmp_path: Path) -> None:
    make_files(tmp_path, ["Scan.MHA"])
    if (tmp_path / "scan.mha").exists():
        pytest.skip("case does not matter on this disk")

    assert find_problem(tmp_path, "scan.mha") == (
        "file 'scan.mha' does not exist (in data)",
        "did you mean 'Scan.MHA'?",
    )


def test_one_file_was_promised_and_several_match(tmp_path: Path) -> None:
    make_files(tmp_path, ["a.dcm", "b.dcm", "c.dcm"])

    message, hint = find_problem(tmp_path, "*.dcm", single=True)

    assert message == "'*.dcm' matches 3 files (in data)"
    assert "files" in str(hint)


def test_one_file_was_promised_and_a_folder_is_there(tmp_path: Path) -> None:
    make_files(tmp_path, ["ct/a.dcm"])

    assert find_problem(tmp_path, "ct", single=True)[0] == "'ct' is a folder (in data)"


def test_an_empty_folder_is_a_problem(tmp_path: Path) -> None:
    make_files(tmp_path, ["ct/.hidden", "ct/deeper/Thumbs.db"])

    assert find_problem(tmp_path, "ct") == ("folder 'ct' contains no files (in data)", None)


@pytest.mark.parametrize("written", ["../x.mha", "a/../../x.mha", "..", "/x", "C:/x", "\\x"])
def test_a_path_out_of_the_root_is_a_problem(tmp_path: Path, written: str) -> None:
    make_files(tmp_path, ["x.mha", "root/a/y.mha"])

    message, hint = find_problem(tmp_path / "root", written)

    assert f"'{written}' is outside the root (in data)" == message
    assert "--root" in str(hint)


def test_dots_that_stay_inside_are_followed(tmp_path: Path) -> None:
    make_files(tmp_path, ["a/x..y.mha"])

    assert upload_names(tmp_path, "b/../a/x..y.mha") == ["x..y.mha"]


def test_every_wrong_path_of_a_list_is_named(tmp_path: Path) -> None:
    make_files(tmp_path, ["a.mha"])

    wrong = find_problems(tmp_path, "no.csv", "a.mha", "neither/*.pdf")

    assert [problem.message.removesuffix(" (in data)") for problem in wrong] == [
        "file 'no.csv' does not exist",
        "no file matches 'neither/*.pdf'",
    ]


def test_each_path_of_a_list_is_told_at_its_own_place(tmp_path: Path) -> None:
    first, second = Place("m.yaml", 8, 11), Place("m.yaml", 9, 11)
    listed = FileValue("ct", ("no.csv", "no.pdf"), False, first, places=(first, second))

    wrong = resolve(listed, root_at(tmp_path))

    assert isinstance(wrong, tuple)
    assert [problem.place for problem in wrong] == [first, second]


def test_many_problems_of_one_value_are_counted_rather_than_listed(tmp_path: Path) -> None:
    wrong = find_problems(tmp_path, *(f"no-{number}" for number in range(300)))

    assert (len(wrong), wrong[-1].message) == (6, "295 more problems of this value")


@pytest.mark.parametrize("written", ["a\0b", "\ud800", "x" * 300])
def test_a_path_that_no_disk_can_hold_does_not_exist(tmp_path: Path, written: str) -> None:
    assert "does not exist" in find_problem(tmp_path, written)[0]


@needs_posix
def test_a_pipe_is_not_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.dcm")

    assert find_problem(tmp_path, "pipe.dcm") == (
        "'pipe.dcm' is not a regular file (in data)",
        None,
    )
    assert find_problem(tmp_path, "*.dcm") == ("'pipe.dcm' is not a regular file (in data)", None)


@needs_posix
def test_a_file_that_may_not_be_read_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_files(tmp_path, ["a.dcm"])
    (tmp_path / "a.dcm").chmod(0)
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    assert find_problem(tmp_path, "a.dcm") == (
        "'a.dcm' cannot be read: permission denied (in data)",
        None,
    )


def test_a_folder_that_may_not_be_listed_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_files(tmp_path, ["ct/a.dcm"])

    def deny(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", deny)

    assert (
        find_problem(tmp_path, "ct")[0] == "folder 'ct' cannot be read: Permission denied (in data)"
    )


# links


def test_a_link_inside_the_root_is_followed(tmp_path: Path) -> None:
    make_files(tmp_path, {"real/a.mha": b"123"})
    make_link(tmp_path / "a.mha", tmp_path / "real" / "a.mha")

    source = find_source(tmp_path, "a.mha")

    assert (source.name, source.size) == ("a.mha", 3)


@pytest.mark.parametrize("pattern", ["in/a.mha", "in/*.mha", "in", "**"])
def test_a_link_out_of_the_root_needs_leave(tmp_path: Path, pattern: str) -> None:
    make_files(tmp_path, ["outside/a.mha", "data/in/.keep"])
    make_link(tmp_path / "data" / "in" / "a.mha", tmp_path / "outside" / "a.mha")

    message, hint = find_problem(tmp_path / "data", pattern)

    assert message == "'in/a.mha' is a link out of the root (in data)"
    assert "--follow-links" in str(hint)
    assert isinstance(
        resolve(file_value(pattern), root_at(tmp_path / "data", follow_links=True)), Source
    )


@pytest.mark.parametrize("pattern", ["in/a.mha", "in/*.mha", "in", "**/*.mha"])
def test_a_folder_that_links_out_of_the_root_needs_leave(tmp_path: Path, pattern: str) -> None:
    make_files(tmp_path, ["outside/a.mha", "data/.keep"])
    make_link(tmp_path / "data" / "in", tmp_path / "outside")

    message, hint = find_problem(tmp_path / "data", pattern)

    assert message == "'in' leads out of the root by a link (in data)"
    assert "--follow-links" in str(hint)
    assert isinstance(
        resolve(file_value(pattern), root_at(tmp_path / "data", follow_links=True)), Source
    )


def test_a_link_to_nothing_hints_at_fetching(tmp_path: Path) -> None:
    make_link(tmp_path / "a.dcm", tmp_path / "annex" / "a")

    message, hint = find_problem(tmp_path, "*.dcm")

    assert message == "'a.dcm' is a link to a file that does not exist (in data)"
    assert "git annex get" in str(hint)


@pytest.mark.parametrize("follow_links", [False, True])
def test_links_in_a_circle_lead_to_each_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, follow_links: bool
) -> None:
    make_files(tmp_path, ["a/1.dcm", "b/2.dcm"])
    make_link(tmp_path / "a" / "up", tmp_path)
    make_link(tmp_path / "a" / "to-b", tmp_path / "b")
    make_link(tmp_path / "b" / "to-a", tmp_path / "a")

    listed = count_listings(monkeypatch)

    found = resolve(file_value("**/1.dcm"), root_at(tmp_path, follow_links=follow_links))

    assert isinstance(found, Source)
    assert [file.path for file in found.files] == [tmp_path.resolve() / "a" / "1.dcm"]
    assert len(listed) < 10


# names


def test_dicom_files_with_equal_names_get_their_place(tmp_path: Path) -> None:
    make_files(tmp_path, ["s1/IM1.dcm", "s1/IM2.dcm", "s2/IM1.dcm"])

    assert upload_names(tmp_path, "s1", "s2") == ["0001-IM1.dcm", "0002-IM2.dcm", "0003-IM1.dcm"]


def test_dicom_without_an_ending_is_known_by_its_bytes(tmp_path: Path) -> None:
    make_dicom(tmp_path / "s1" / "IM1")
    make_dicom(tmp_path / "s2" / "IM1")

    assert upload_names(tmp_path, "*/*") == ["0001-IM1", "0002-IM1"]


def test_other_files_with_equal_names_are_a_problem_that_names_both(tmp_path: Path) -> None:
    make_files(tmp_path, ["s1/x.png", "s2/x.png", "s2/y.png"])

    message, hint = find_problem(tmp_path, "**/*.png")

    assert "'s1/x.png' and 's2/x.png' have the same name and go into one upload" in message
    assert hint is not None


def test_names_that_differ_only_in_case_are_equal(tmp_path: Path) -> None:
    make_files(tmp_path, ["s1/IM1.dcm", "s2/im1.dcm", "t1/Übersicht.png", "t2/übersicht.PNG"])

    message, hint = find_problem(tmp_path, "t*/*")

    assert upload_names(tmp_path, "s*/*") == ["0001-IM1.dcm", "0002-im1.dcm"]
    assert (
        "'t1/Übersicht.png' and 't2/übersicht.PNG' have names that differ only in case" in message
    )
    assert hint is not None


@needs_posix
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a\nb.mha", "the name of 'a\\nb.mha' contains a control character"),
        ("a\\b.mha", "the name of 'a\\b.mha' contains a backslash"),
        (" a.mha", "the name of ' a.mha' begins or ends with a space"),
        ("x" * 125 + ".mha", f"the name of '{'x' * 125}.mha' is longer than 128 characters"),
        ("a\x85.mha", "the name of 'a\\x85.mha' contains a control character"),
    ],
)
def test_a_name_that_the_platform_stumbles_over_is_a_problem(
    tmp_path: Path, name: str, words: str
) -> None:
    make_files(tmp_path, [name])

    message, hint = find_problem(tmp_path, "*")

    assert message.startswith(words)
    assert hint == "rename the file"


@pytest.mark.skipif(sys.platform != "linux", reason="only there names may be any bytes")
def test_a_name_that_is_not_utf8_is_a_problem(tmp_path: Path) -> None:
    with open(os.path.join(os.fsencode(tmp_path), b"a\xff.mha"), "wb"):  # noqa: PTH118, PTH123
        pass

    assert (
        find_problem(tmp_path, "*")[0] == "the name of 'a\\udcff.mha' is not valid UTF-8 (in data)"
    )


@pytest.mark.parametrize("name", ["x" * 124 + ".mha", "ä (1).mha", "日本.mha", "a b.mha", "-.mha"])
def test_every_other_name_is_taken(tmp_path: Path, name: str) -> None:
    make_files(tmp_path, [name])

    assert [name] == upload_names(tmp_path, "*.mha")


def test_a_name_is_spelt_alike_whatever_the_disk_makes_of_its_accents(tmp_path: Path) -> None:
    make_files(tmp_path, ["cafe\u0301.mha"])

    assert upload_names(tmp_path, "*.mha") == ["caf\u00e9.mha"]


# companions


@pytest.mark.parametrize("data", ["LOCAL", "LIST", "LIST 2D", "slice%03d.raw 1 10 1"])
def test_a_header_that_names_no_single_data_file_stands_alone(tmp_path: Path, data: str) -> None:
    make_files(tmp_path, {"x.mhd": f"NDims = 3\nElementDataFile = {data}\n".encode()})

    assert upload_names(tmp_path, "x.mhd") == ["x.mhd"]


def test_a_header_comes_with_its_data(tmp_path: Path) -> None:
    make_files(tmp_path, {"p/x.mhd": b"NDims = 3\r\nElementDataFile = x.raw\r\n", "p/x.raw": b"1"})

    assert upload_names(tmp_path, "p/x.mhd", "p/x.raw") == ["x.mhd", "x.raw"]


def test_a_header_without_its_data_says_to_list_both(tmp_path: Path) -> None:
    make_files(tmp_path, {"p/x.mhd": b"ElementDataFile = x.raw", "p/x.raw": b"1"})

    assert find_problem(tmp_path, "p/x.mhd", single=True) == (
        "'p/x.mhd' has its data in 'x.raw', which is not among the files (in data)",
        'list both: files: ["p/x.mhd", "p/x.raw"]',
    )


def test_data_that_is_not_there_cannot_be_listed(tmp_path: Path) -> None:
    make_files(tmp_path, {"p/x.mhd": b"ElementDataFile = x.raw", "p/y.raw": b"1"})

    assert find_problem(tmp_path, "p/x.mhd", single=True) == (
        "'p/x.mhd' has its data in 'x.raw', which does not exist (in data)",
        "copy it there; if it has another name, set ElementDataFile to that name",
    )


def test_a_header_that_names_a_folder_is_a_problem(tmp_path: Path) -> None:
    make_files(tmp_path, {"x.mhd": b"ElementDataFile = data/x.raw", "data/x.raw": b"1"})

    assert (
        (find_problem(tmp_path, "x.mhd", "data/x.raw")[0])
        == "'x.mhd' names its data file 'data/x.raw', but they are uploaded side by side (in data)"
    )


def test_a_slide_keeps_its_folder_below_it(tmp_path: Path) -> None:
    make_files(tmp_path, ["s/a.mrxs", "s/a/Slidedat.ini", "s/a/Data1.dat", "s/note.txt"])

    assert upload_names(tmp_path, "s") == ["a.mrxs", "note.txt", "a/Data1.dat", "a/Slidedat.ini"]
    assert upload_names(tmp_path, "s/a.mrxs", "s/a/D*") == ["a.mrxs", "a/Data1.dat"]


def test_a_slide_at_the_root_keeps_its_folder_too(tmp_path: Path) -> None:
    make_files(tmp_path, ["a.mrxs", "a/Data1.dat"])

    assert upload_names(tmp_path, "a.mrxs", "a") == ["a.mrxs", "a/Data1.dat"]


def test_a_slide_without_its_folder_says_to_list_both(tmp_path: Path) -> None:
    make_files(tmp_path, ["s/a.mrxs", "s/a/Data1.dat"])

    assert find_problem(tmp_path, "s/a.mrxs", single=True) == (
        "'s/a.mrxs' comes without the files of its folder 's/a' (in data)",
        'list both: files: ["s/a.mrxs", "s/a"]',
    )


# the root


def test_the_root_is_relative_to_the_manifest(tmp_path: Path) -> None:
    make_files(tmp_path, ["m/data/a.mha"])

    found = find_root(
        manifest_with_root(tmp_path / "m" / "m.yaml", "data"), root=None, follow_links=False
    )

    assert (tmp_path.resolve() / "m" / "data", "in data") == (found.path, found.shown)


def test_without_a_root_files_lie_beside_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    found = find_root(manifest_with_root(Path("m.yaml"), None), root=None, follow_links=False)

    assert tmp_path.resolve() == found.path
    assert first_words("*.x", found) == "no file matches '*.x' (in the manifest's folder)"


def first_words(path: str, where: Root) -> str:
    wrong = resolve(file_value(path), where)
    assert isinstance(wrong, tuple)
    return wrong[0].message


def test_a_root_from_the_command_line_may_be_anywhere(tmp_path: Path) -> None:
    make_files(tmp_path, ["m/m.yaml", "far/a.mha"])

    found = find_root(
        manifest_with_root(tmp_path / "m" / "m.yaml", "none"),
        root=str(tmp_path / "far"),
        follow_links=False,
    )

    assert tmp_path.resolve() / "far" == found.path


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("no", "root 'no' does not exist"),
        ("m.yaml", "root 'm.yaml' is not a folder"),
        ("..", "root '..' is outside the manifest's folder"),
        ("/", "root '/' is outside the manifest's folder"),
        ("x/../../far", "root 'x/../../far' is outside the manifest's folder"),
    ],
)
def test_a_root_that_cannot_be_is_a_problem_at_its_place(
    tmp_path: Path, written: str, message: str
) -> None:
    make_files(tmp_path, ["m/m.yaml", "far/a.mha"])

    with pytest.raises(ManifestInvalid) as caught:
        find_root(
            manifest_with_root(tmp_path / "m" / "m.yaml", written), root=None, follow_links=False
        )

    [problem] = caught.value.problems
    assert (message, PLACE) == (problem.message, problem.place)
    assert "--root" in str(problem.hint)


def test_a_root_that_links_out_of_the_manifest_s_folder_needs_leave(tmp_path: Path) -> None:
    make_files(tmp_path, ["m/m.yaml", "far/a.mha"])
    make_link(tmp_path / "m" / "data", tmp_path / "far")
    written = manifest_with_root(tmp_path / "m" / "m.yaml", "data")

    with pytest.raises(ManifestInvalid) as caught:
        find_root(written, root=None, follow_links=False)

    assert caught.value.problems[0].message == "root 'data' is a link out of the manifest's folder"
    assert tmp_path.resolve() / "far" == find_root(written, root=None, follow_links=True).path


def test_a_missing_root_from_the_command_line_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ManifestInvalid) as caught:
        find_root(manifest_with_root(tmp_path / "m.yaml", None), root="gone", follow_links=False)

    [problem] = caught.value.problems
    assert problem.message == "root 'gone' does not exist"


# facts and content


def test_facts_change_with_name_size_and_time_alone(tmp_path: Path) -> None:
    make_files(tmp_path, {"a/x.raw": b"123", "b/x.raw": b"456", "c/x.raw": b"456", "d/y.raw": b"7"})
    for folder, seconds in {"a": 5, "b": 5, "c": 6}.items():
        os.utime(tmp_path / folder / "x.raw", (seconds, seconds))

    a, b, c = (value_facts(find_source(tmp_path, f"{folder}/x.raw")) for folder in "abc")

    assert (a.files, a.size, a.name, a.content) == (1, 3, "x.raw", None)
    assert a.stat == b.stat != c.stat


def test_content_changes_with_names_and_bytes_alone(tmp_path: Path) -> None:
    make_files(tmp_path, {"a/x": b"1", "b/x": b"1", "c/x": b"2", "d/y": b"1"})
    os.utime(tmp_path / "a" / "x", (5, 5))

    a, b, c, d = (content(find_source(tmp_path, f"{folder}/*")) for folder in "abcd")

    assert a == b
    assert len({a, c, d}) == 3


@pytest.mark.parametrize("change", ["longer", "touched", "replaced", "gone"])
def test_content_of_a_file_that_changed_is_not_told(tmp_path: Path, change: str) -> None:
    make_files(tmp_path, {"x.raw": b"123"})
    path = tmp_path / "x.raw"
    os.utime(path, (5, 5))
    source = find_source(tmp_path, "x.raw")

    match change:
        case "longer":
            path.write_bytes(b"1234")
            os.utime(path, (5, 5))
        case "touched":
            os.utime(path, (6, 6))
        case "replaced":
            (tmp_path / "new").write_bytes(b"456")
            (tmp_path / "new").replace(path)
        case "gone":
            path.unlink()

    with pytest.raises(FileChanged, match=r"'x\.raw'"):
        content(source)


@pytest.mark.parametrize("piece", ["[", "*a", "?", ".a", "a/"])
def test_a_path_longer_than_any_may_be_is_not_tried(tmp_path: Path, piece: str) -> None:
    make_files(tmp_path, ["a.dcm"])

    [problem] = find_problems(tmp_path, piece * 50_000)

    assert problem.message.endswith("…' is longer than any path may be (in data)")
    assert len(problem.message) < 100


@pytest.mark.parametrize(
    ("paths", "there"),
    [
        (["a.mha"], True),
        (["A.mha"], False),
        (["*.MHA"], True),
        (["folder"], True),
        (["empty"], False),
        (["folder/*.dcm"], True),
        (["folder/*.mha"], False),
        (["none", "a.mha"], True),
        (["none", "neither/*"], False),
        (["../x"], True),
        (["u\u0308.mha"], True),
    ],
)
def test_what_is_optional_is_there_if_any_file_is(tmp_path, paths, there):
    for name in ("a.mha", "folder/1.DCM", "empty/.hidden", "\u00fc.mha"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    value = FileValue("x", tuple(paths), False, Place("m.yaml", 1, 1))

    assert is_there(value, Root(tmp_path.resolve(), follow_links=False)) is there


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_folders_side_by_side_have_the_real_paths_that_the_system_knows(tmp_path: Path) -> None:
    for name in ("a", "b", "elsewhere/c"):
        (tmp_path / name / "ct").mkdir(parents=True)
    (tmp_path / "linked").symlink_to("elsewhere")
    (tmp_path / "lost").symlink_to("nowhere")
    listing = Listing()
    paths = [
        "a",
        "b",
        "a/ct",
        "b/ct",
        "linked",
        "linked/c",
        "linked/c/ct",
        "lost",
        "none",
        "none/x",
    ]

    found = [listing.real(str(tmp_path / path)) for path in ["", *paths, *reversed(paths)]]

    assert found == [os.path.realpath(tmp_path / path) for path in ["", *paths, *reversed(paths)]]
    assert listing.real("/") == "/"
