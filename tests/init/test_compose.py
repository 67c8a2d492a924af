"""A manifest is read back as it was meant, whatever texts are in it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from manifest_uploader.init.compose import (
    Choice,
    Entry,
    Files,
    Head,
    Layout,
    OneFile,
    case_lines,
    comment,
    manifest_text,
    scalar,
)
from manifest_uploader.init.names import make_valid, source_complaint, title_complaint
from manifest_uploader.manifest.model import FileValue, JsonValue
from manifest_uploader.manifest.parser import parse

HEAD = Head("reader-study", "lung", "data", "uploader init data", "manifest-v1.schema.json")
CELLS = st.one_of(
    st.text(max_size=40),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
)


def parse_entries(*entries: Entry) -> Any:
    return parse(manifest_text(HEAD, entries), "manifest.yaml")


def entry_with(socket: str, text: Any) -> Entry:
    return Entry("x", sockets=((socket, text),))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("patient-001", "patient-001"),
        ("patient-001/ct/*.dcm", "patient-001/ct/*.dcm"),
        ("Jörg", "Jörg"),
        ("007", '"007"'),
        ("no", '"no"'),
        ("Off", '"Off"'),
        ("1.0", '"1.0"'),
        ("1e5", '"1e5"'),
        ("2024-01-01", '"2024-01-01"'),
        ("12:30:00", '"12:30:00"'),
        ("null", '"null"'),
        ("~", '"~"'),
        ("", '""'),
        (" a", '" a"'),
        ("a #b", '"a #b"'),
        ("a: b", '"a: b"'),
        ("*.dcm", '"*.dcm"'),
        ("- a", '"- a"'),
        ('say "a"', r'"say \"a\""'),
        ("a\\b", r'"a\\b"'),
        ("a\nb", r'"a\x0ab"'),
        ("a\u202eb", r'"a\u202eb"'),
        ("a\u2028b", r'"a\u2028b"'),
        (True, "true"),
        (2.1, "2.1"),
        (3, "3"),
    ],
)
def test_a_text_is_quoted_if_yaml_would_read_it_as_something_else(text: Any, written: str) -> None:
    assert written == scalar(text)
    assert text == yaml.safe_load(scalar(text))


untimed = settings(deadline=None)
"""How long an example takes depends on what else the computer does."""


@untimed
@given(CELLS)
def test_any_cell_is_read_back_unchanged(cell: Any) -> None:
    assume(cell != "" and source_complaint(cell) is None)

    (one,) = parse_entries(entry_with("some-score", cell)).cases[0].values

    assert isinstance(one, JsonValue)
    assert (type(cell), cell) == (type(one.value), one.value)


@untimed
@given(st.text(max_size=60))
def test_any_title_is_read_back_unchanged(title: str) -> None:
    assume(title_complaint(title) is None)

    case = parse_entries(Entry("x", title, sockets=(("s", 1),))).cases[0]

    assert title.strip() == case.title


@untimed
@given(st.text(min_size=1, max_size=150))
def test_any_folder_name_becomes_a_name_that_a_manifest_accepts(name: str) -> None:
    case = parse_entries(Entry(make_valid(name), sockets=(("s", 1),))).cases[0]

    assert make_valid(name) == case.name


valid_paths = st.text(min_size=1, max_size=40).filter(
    lambda one: source_complaint(Files((one,))) is None
)


@untimed
@given(st.lists(valid_paths, min_size=1, max_size=3, unique=True))
def test_any_valid_path_is_read_back_unchanged(paths: list[str]) -> None:
    assume(source_complaint(Files(tuple(paths))) is None)

    (one,) = parse_entries(entry_with("ct-image", Files(tuple(paths)))).cases[0].values

    assert isinstance(one, FileValue)
    assert tuple(paths) == one.paths


@untimed
@given(st.text(max_size=60))
def test_any_text_becomes_a_comment_of_one_line(text: str) -> None:
    written = comment(text)

    assert [written] == written.splitlines()
    assert written.startswith("# ")
    assert yaml.safe_load(f"{written}\na: 1\n") == {"a": 1}


def test_each_choice_is_a_comment_that_can_be_uncommented() -> None:
    choices = (Choice(Files(("a/1.dcm", "a/2.dcm")), "Scout"), Choice(OneFile("a/3.dcm"), "Thorax"))
    entry = Entry("x", sockets=(("s", 1),), undecided=(("ct-image", choices),))

    lines = case_lines(entry, Layout())

    assert lines[3:] == [
        "      # ct-image: 2 match; choose one and remove the '# ' before its lines",
        "      # (Scout)",
        "      # ct-image:",
        "      #   files:",
        "      #     - a/1.dcm",
        "      #     - a/2.dcm",
        "      # (Thorax)",
        "      # ct-image:",
        "      #   file: a/3.dcm",
    ]
    chosen = [line.replace("# ", "", 1) for line in lines[5:9]]
    text = "\n".join([*lines[:3], *chosen])
    (case,) = yaml.safe_load(text)
    assert case["sockets"] == {"s": 1, "ct-image": {"files": ["a/1.dcm", "a/2.dcm"]}}


def test_the_first_line_names_the_schema_for_editors() -> None:
    there = manifest_text(HEAD, [entry_with("s", 1)]).splitlines()
    missing = manifest_text(
        Head("archive", "a", None, "x", None), [entry_with("s", 1)]
    ).splitlines()

    assert there[0] == "# yaml-language-server: $schema=manifest-v1.schema.json"
    assert missing[0] == there[0]
    assert "uploader schema > manifest-v1.schema.json" in missing[2]
    assert "uploader schema" not in "".join(there)
