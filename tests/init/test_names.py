"""Names of cases are as similar to the names of folders as a manifest allows."""

from __future__ import annotations

import pytest

from manifest_uploader.files.case_patterns import read_each
from manifest_uploader.init.names import make_unique, make_valid, raw_name
from manifest_uploader.manifest.found_case import FoundCase, stem


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("patient-001", "patient-001"),
        ("Jörg Müller, 2", "Jörg Müller, 2"),
        ("007", "007"),
        ("a:b", "a-b"),
        ("a / b", "a-b"),
        (" a ", "a"),
        ("a\nb", "ab"),
        ("a\u202eb\u200f", "ab"),
        ("<script>alert(1)</script>", "-script-alert(1)-script-"),
        ("a &amp; b", "a -amp- b"),
        ("=cmd|' /C calc'!A0", "=cmd|'-C calc'!A0"),
        ("uploading-0123456789ab", "case-uploading-0123456789ab"),
        ("\x00", "case"),
        ("x" * 150, "x" * 100),
    ],
)
def test_a_name_is_altered_only_as_far_as_necessary(name: str, valid: str) -> None:
    assert valid == make_valid(name)


def test_a_taken_name_gets_a_number() -> None:
    assert make_unique("a", {"b"}) == "a"
    assert make_unique("a", {"a", "a-2"}) == "a-3"
    assert make_unique("x" * 100, {"x" * 100}) == "x" * 98 + "-2"


@pytest.mark.parametrize(
    ("name", "without"),
    [("a.mha", "a"), ("a.nii.gz", "a"), ("a", "a"), (".a", ".a"), ("v1.0 final", "v1.0 final")],
)
def test_a_stem_has_no_ending(name: str, without: str) -> None:
    assert without == stem(name)


@pytest.mark.parametrize(
    ("each", "path", "is_file", "name"),
    [
        ("patient-*", "patient-001", False, "patient-001"),
        ("*.mha", "scan 1.mha", True, "scan 1"),
        ("{site}/{patient}/{study}", "a/p1/s1", False, "a-p1-s1"),
        ("*/ct.mha", "p1/ct.mha", True, "p1"),
        ("only", "only", False, "only"),
        ("**/*.mha", "a/b/c.mha", True, "a-b-c"),
    ],
)
def test_a_case_is_named_by_the_parts_of_its_path_that_vary(
    each: str, path: str, is_file: bool, name: str
) -> None:
    assert name == raw_name(FoundCase(path, is_file), read_each(each))
