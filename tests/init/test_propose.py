"""The proposed options are those that a person would choose after a look at the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifest_uploader.init.arguments import read
from manifest_uploader.init.complete import propose
from manifest_uploader.init.options import Options, words_of
from manifest_uploader.init.paths import find
from manifest_uploader.init.propose import propose_pattern
from manifest_uploader.init.slugs import to_slug
from tests.e2e.data import dicom_slice, mha, write
from tests.init import trees


def propose_options(folder: Path, *given: str) -> Options:
    options = read([str(folder), "--output", str(folder.parent / "manifest.yaml"), *given])
    return propose(options, find(options))


def socket_options(options: Options) -> list[str]:
    words = words_of(options)
    return [words[n + 1] for n, word in enumerate(words) if word == "--socket"]


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["patient-001", "patient-002", "patient-010"], "patient-*"),
        (["patient1_folder", "patient2_folder"], "patient*_folder"),
        (["p1", "p2", "p3", "p4", "docs"], "p*"),
        (["p1_a", "p2_b", "p3_c"], "p*"),
        (["anna", "bert"], "*"),
        (["001", "002"], "*"),
        (["[1]", "[2]"], "[[]*]"),
    ],
)
def test_the_pattern_covers_folders_that_look_alike(names: list[str], pattern: str) -> None:
    assert pattern == propose_pattern(names)


def test_a_slug_has_lower_case_letters_digits_and_hyphens() -> None:
    assert to_slug("CT Thorax (1.0 mm)") == "ct-thorax-1-0-mm"
    assert to_slug("…") == ""


def test_mhd_files_are_proposed_without_their_data_files(tmp_path: Path) -> None:
    options = propose_options(trees.write_mhd_patients(tmp_path))

    assert options.each == "patient*_folder"
    assert socket_options(options) == ["airways=airways.mha", "ct-image=ct.mhd"]


def test_a_tables_columns_are_proposed_as_key_title_and_sockets(tmp_path: Path) -> None:
    options = propose_options(trees.write_dicom_patients(tmp_path, 6))

    assert options.each == "patient-*"
    assert socket_options(options) == [
        "ct-image=ct/*.dcm",
        "airways=airways.mha",
        "score=@score",
        "good=@good",
    ]
    assert (options.keys, options.title) == (("patient",), "@label")


def test_a_key_can_be_only_a_part_of_the_cases_names(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        write(tmp_path / "data" / f"patient-{number}" / "ct.mha", mha(number))
    write(tmp_path / "data" / "a.csv", "id;score\n1;2\n2;3\n3;4\n")

    options = propose_options(tmp_path / "data")

    assert (options.each, options.keys) == ("patient-{id}", ("id",))
    assert socket_options(options) == ["ct-image=ct.mha", "score=@score"]


def test_folders_inside_sites_are_the_cases(tmp_path: Path) -> None:
    for site, patient in (("a", "p1"), ("a", "p2"), ("b", "p3"), ("b", "p4")):
        write(tmp_path / "data" / site / patient / "ct.nii.gz", "x")

    options = propose_options(tmp_path / "data")

    assert options.each == "*/p*"
    assert socket_options(options) == ["ct-image=ct.nii.gz"]


def test_folders_inside_patients_are_not_cases(tmp_path: Path) -> None:
    for patient in ("p1", "p2", "p3"):
        write(tmp_path / "data" / patient / "ct" / "a.dcm", dicom_slice(int(patient[1:]), 0))
        write(tmp_path / "data" / patient / "seg" / "a.mha", "x")

    options = propose_options(tmp_path / "data")

    assert options.each == "p*"
    assert socket_options(options) == ["ct-image=ct/*.dcm", "a=seg/a.mha"]


def test_a_patients_name_in_a_file_name_becomes_a_placeholder(tmp_path: Path) -> None:
    for patient in ("p1", "p2", "p3"):
        write(tmp_path / "data" / patient / f"{patient}_ct.nii.gz", "x")
        write(tmp_path / "data" / patient / "report.pdf", "x")

    options = propose_options(tmp_path / "data")

    assert socket_options(options) == ["report=report.pdf", "ct-image={name}_ct.nii.gz"]


def test_files_are_the_cases_if_there_are_no_folders(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / "data" / f"scan {number}.mha", mha(number))
    write(tmp_path / "data" / "notes.txt", "x")

    options = propose_options(tmp_path / "data")

    assert options.each == "*.mha"
    assert socket_options(options) == ["image={name}.mha"]


def test_series_in_one_folder_get_sockets_of_their_own(tmp_path: Path) -> None:
    for patient in (1, 2):
        for number, series in enumerate(("Thorax 1.0", "Scout")):
            for place in range(2):
                path = tmp_path / "data" / f"p{patient}" / f"IM{number}{place}"
                write(
                    path,
                    trees.with_series_description(
                        dicom_slice(patient * 10 + number, place), series
                    ),
                )

    options = propose_options(tmp_path / "data")

    assert sorted(socket_options(options)) == ["scout-image=*", "thorax-1-0-image=*"]
    assert sorted(filter(None, (one.series for one in options.sockets))) == [
        "Scout",
        "Thorax 1.0",
    ]


def test_options_that_were_given_are_kept(tmp_path: Path) -> None:
    main = trees.write_mhd_patients(tmp_path)

    options = propose_options(main, "--each", "patient1*", "--socket", "x=ct.*", "--slug", "mine")

    assert (options.each, options.slug, socket_options(options)) == (
        "patient1*",
        "mine",
        ["x=ct.*"],
    )


@pytest.mark.parametrize(
    "given",
    [
        ["--slug", "a", "--each", "p-*", "--socket", "ct=ct/*.dcm", "--title", "{name}, 1"],
        ["--kind", "archive", "--table", "a b.csv", "--key", "p", "--key", "s", "--socket", "s=@x"],
        ["--each", "*.mha", "--socket", "ct", "--order", "@rank", "--table", "t", "--key", "k"],
        ["--socket", "ct=*", "--series", "ct=*thorax*", "--no-series-check", "--decimal-comma"],
    ],
)
def test_the_words_of_options_read_back_as_the_same_options(given: list[str]) -> None:
    options = read(["data", "--slug", "x", *given])

    assert read(words_of(options)[2:]) == read(
        ["data", "--kind", "reader-study", "--slug", "x", *given]
    )
