"""Whatever matches the pattern is a case; everything else is left over."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from manifest_uploader.errors import UsageError
from manifest_uploader.files.case_patterns import read_each
from manifest_uploader.files.case_tree import Tree, find_cases
from manifest_uploader.init.case_files import CaseOpener
from manifest_uploader.manifest.found_case import FoundCase
from tests.e2e.data import write
from tests.has import needs_links


def make_tree(folder: Path, *paths: str) -> Tree:
    for path in paths:
        write(folder / path, "x")
    return Tree(str(folder))


def found_paths(tree: Tree, each: str) -> list[str]:
    return [one.path for one in find_cases(tree, read_each(each))]


def test_cases_are_in_natural_order(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, "p10/a", "p9/a", "p1/a", "notes/a", "readme.txt", ".DS_Store")

    assert found_paths(tree, "p*") == ["p1", "p9", "p10"]
    assert tree.leftovers.others == ["readme.txt", "notes/"]
    assert tree.leftovers.ignored == [".DS_Store"]


def test_files_are_cases_if_no_folder_matches(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, "a.mha", "b.MHA", "c.txt")

    assert found_paths(tree, "*.mha") == ["a.mha", "b.MHA"]
    assert tree.leftovers.others == ["c.txt"]


def test_matching_files_are_left_over_if_a_folder_matches(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, "p1/a", "p2.txt")

    assert found_paths(tree, "p*") == ["p1"]
    assert tree.leftovers.others == ["p2.txt"]


def test_a_patterns_names_are_read_from_the_path(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, "a/p1/s1/x", "a/p2/s1/x", "b/p1/s 2/x", "b/loose.txt")

    cases = find_cases(tree, read_each("{site}/{patient}/{study}"))

    assert [dict(one.names) for one in cases] == [
        {"site": "a", "patient": "p1", "study": "s1"},
        {"site": "a", "patient": "p2", "study": "s1"},
        {"site": "b", "patient": "p1", "study": "s 2"},
    ]
    assert tree.leftovers.others == ["b/loose.txt"]


def test_a_repeated_name_stands_for_the_same_text(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, "p1/p1_ct.mha", "p2/p1_ct.mha", "q_q.mha", "q_r.mha")

    assert found_paths(tree, "{p}/{p}_ct.mha") == ["p1/p1_ct.mha"]
    assert found_paths(tree, "{p}_{p}.mha") == ["q_q.mha"]


def test_two_stars_match_any_depth(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, "a.mha", "x/b.mha", "x/y/c.mha", "x/y/d.txt")

    assert found_paths(tree, "**/*.mha") == ["a.mha", "x/b.mha", "x/y/c.mha"]
    assert tree.leftovers.others == ["x/y/d.txt"]


@needs_links
def test_links_are_followed_once_and_never_into_the_base_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    tree = make_tree(tmp_path / "data", "p1/a.mha")
    write(outside / "p2" / "b.mha", "x")
    (tmp_path / "data" / "p2").symlink_to(outside / "p2")
    (tmp_path / "data" / "p3").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "p4").symlink_to(outside / "p2")
    (tmp_path / "data" / "gone.mha").symlink_to(tmp_path / "nowhere")

    assert found_paths(tree, "p*") == ["p1", "p2"]
    assert tree.leftovers.links == ["p3/", "p4/"]
    assert tree.leftovers.broken == ["gone.mha"]


@pytest.mark.parametrize("each", ["", "/abs", "../up", "a\\b", "a/**", "{1}"])
def test_an_unusable_pattern_is_refused(each: str) -> None:
    with pytest.raises(UsageError):
        read_each(each)


@pytest.mark.parametrize(
    ("pattern", "files", "literal"),
    [
        ("ct/*.dcm", ("ct/2.dcm", "ct/10.dcm"), False),
        ("ct/*.DCM", ("ct/2.dcm", "ct/10.dcm"), False),
        ("**/*.dcm", ("ct/2.dcm", "ct/10.dcm", "ct/old/1.dcm"), False),
        ("ct", ("ct/2.dcm", "ct/10.dcm", "ct/old/1.dcm"), True),
        ("a.mha", ("a.mha",), True),
        ("a*[1].mha", ("a*[1].mha",), True),
        ("{name}_seg.mha", ("p[1]_seg.mha",), True),
        ("{name}_*.mha", ("p[1]_seg.mha",), False),
        ("*.pdf", (), False),
    ],
)
def test_a_pattern_matches_files_of_the_case(
    tmp_path: Path, pattern: str, files: tuple[str, ...], literal: bool
) -> None:
    paths = ["ct/10.dcm", "ct/2.dcm", "ct/old/1.dcm", "a.mha", "a*[1].mha", "p[1]_seg.mha"]
    tree = make_tree(tmp_path, *(f"p[1]/{path}" for path in paths))
    case_files = CaseOpener(tree).open(FoundCase("p[1]", is_file=False))

    matches = case_files.match(pattern, {"name": "p[1]"})

    assert (files, literal) == (matches.files, matches.is_literal)


def test_a_case_that_is_a_file_has_the_files_with_the_same_stem(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, "p1.mhd", "p1.raw", "p10.mhd", "p1.nii.gz", "p1_seg.mha")
    case_files = CaseOpener(tree).open(FoundCase("p1.mhd", is_file=True))

    assert case_files.match("*", {}).files == ("p1.mhd", "p1.nii.gz", "p1.raw")
    assert case_files.match("{name}_seg.mha", {"name": "p1"}).files == ("p1_seg.mha",)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_to_itself_is_broken_and_hides_nothing(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, "p1/a", "p2/a")
    (tmp_path / "p3").symlink_to("p3")
    (tmp_path / "p1" / "b").symlink_to("b")

    assert found_paths(tree, "p*") == ["p1", "p2"]
    assert dict(tree.walk("p1"))[""].files == ["a"]
    assert tree.leftovers.broken == ["p3", "p1/b"]
    assert tree.leftovers.unreadable == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_a_pipe_is_left_over_and_never_opened(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, "p1/a.dcm")
    os.mkfifo(tmp_path / "p1" / "b.dcm")

    assert dict(tree.walk("p1"))[""].files == ["a.dcm"]
    assert tree.leftovers.special == ["p1/b.dcm"]


def test_folders_that_are_nested_too_deeply_are_not_searched(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(250):
        deep /= "d"
    deep.mkdir(parents=True)
    tree = make_tree(tmp_path, "a.mha")

    assert found_paths(tree, "**/*.mha") == ["a.mha"]
    assert [words.rpartition(": ")[2] for words in tree.leftovers.unreadable] == [
        "lies more than 200 folders deep"
    ]
