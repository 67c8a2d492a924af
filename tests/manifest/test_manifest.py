"""What a manifest that is right becomes."""

import gc
import hashlib

import pytest
import yaml

from manifest_uploader.manifest import yaml_reader
from manifest_uploader.manifest.model import (
    FileValue,
    Identifiable,
    ImageValue,
    JsonValue,
    TargetKind,
)
from manifest_uploader.manifest.near_json import looks_like
from manifest_uploader.manifest.parser import parse
from manifest_uploader.manifest.problems import ManifestInvalid, Place
from tests.manifest.helpers import HEAD, case_with, problems_of, value_of

WHOLE = """\
# yaml-language-server: $schema=../../schemas/manifest-v1.schema.json
version: 1
target:
  kind: reader-study              # or archive
  slug: lung-nodules              # from the page's address
root: data
cases:
  - name: patient-001
    title: "  Patient 1 "
    order: 10
    sockets:
      ct-image:
        files: "patient-001/ct/*.dcm"
      airway-segmentation:
        file: patient-001/airways.mha
      some-score: 2.1
      findings:
        value: {nodules: 2, side: left}
      previous-ct:
        image: 6CAE04D9-f29e-43bf-8b4f-414a1712c245
  - name: 12
    sockets:
      ct-image: {files: [a.mhd, a.raw]}
"""


@pytest.fixture(params=["libyaml", "pure"], autouse=True)
def parser(request, monkeypatch):
    """Everything here holds for both parsers."""
    if request.param == "pure":
        monkeypatch.setattr(yaml_reader, "LOADER", yaml.SafeLoader)


def test_the_manifest_of_the_documentation_is_read_whole():
    manifest = parse(WHOLE, "dir/lung.yaml")

    first, second = manifest.cases
    assert (manifest.path, manifest.kind) == ("dir/lung.yaml", TargetKind.READER_STUDY)
    assert (manifest.slug, manifest.root) == ("lung-nodules", "data")
    assert (manifest.identifiable, manifest.import_check) == (Identifiable(), False)
    assert (first.name, first.title, first.order) == ("patient-001", "Patient 1", 10)
    assert (second.name, second.title, second.order) == ("12", "12", None)


def test_every_kind_of_value_is_read_with_its_place():
    first, second = parse(WHOLE, "m").cases

    assert first.values == (
        FileValue(
            "ct-image", ("patient-001/ct/*.dcm",), False, Place("m", 13, 16), Place("m", 12, 7)
        ),
        FileValue(
            "airway-segmentation",
            ("patient-001/airways.mha",),
            True,
            Place("m", 15, 15),
            Place("m", 14, 7),
        ),
        JsonValue("some-score", 2.1, Place("m", 16, 19), Place("m", 16, 7)),
        JsonValue(
            "findings", {"nodules": 2, "side": "left"}, Place("m", 18, 16), Place("m", 17, 7)
        ),
        ImageValue(
            "previous-ct",
            "6cae04d9-f29e-43bf-8b4f-414a1712c245",
            Place("m", 20, 16),
            Place("m", 19, 7),
        ),
    )
    places = (Place("m", 23, 26), Place("m", 23, 33))
    assert second.values == (
        FileValue("ct-image", ("a.mhd", "a.raw"), False, places[0], Place("m", 23, 7), places),
    )


def test_places_are_those_of_slug_root_name_and_title():
    manifest = parse(WHOLE, "m")

    first, second = manifest.cases
    assert Place("m", 5, 9) == manifest.slug_place
    assert Place("m", 6, 7) == manifest.root_place
    assert (Place("m", 8, 11), Place("m", 9, 12)) == (first.place, first.title_place)
    assert Place("m", 21, 11) == second.place == second.title_place


def test_columns_count_characters_and_not_bytes():
    case = parse(f"{HEAD}cases:\n  - {{title: Zoë 😀, name: a, sockets: {{x: 1}}}}\n", "m").cases[0]

    assert Place("m", 6, 26) == case.place


def test_without_a_root_its_place_is_the_beginning_of_the_file():
    manifest = parse(case_with("1"), "m")

    assert (None, Place("m", 1, 1)) == (manifest.root, manifest.root_place)


def test_the_digest_is_that_of_the_bytes():
    data = case_with("1").encode()

    assert hashlib.sha256(data).hexdigest() == parse(data, "m").digest
    assert parse(data, "m") == parse(data.decode(), "m")


@pytest.mark.parametrize(
    "change", [lambda d: b"\xef\xbb\xbf" + d, lambda d: d.replace(b"\n", b"\r\n")]
)
def test_a_byte_order_mark_and_windows_line_ends_move_no_place(change):
    plain = parse(WHOLE.encode(), "m")

    assert plain.cases == parse(change(WHOLE.encode()), "m").cases


def test_identifiable_allowed_is_taken_at_its_word():
    found = parse(case_with("1") + "identifiable: allowed\n", "m")

    assert found.identifiable == Identifiable(everything=True)
    assert found.identifiable_place == Place("m", 9, 15)
    assert found.identifiable.forbidden(["PatientName"]) == ()


def test_identifiable_lists_what_may_stay():
    found = parse(case_with("1") + "identifiable: [PatientID, PatientBirthDate]\n", "m")

    allowed = found.identifiable
    assert allowed == Identifiable(keywords=frozenset({"PatientID", "PatientBirthDate"}))
    named = ["PatientName", "PatientID", "OtherPatientIDs", "PatientName"]
    assert allowed.forbidden(named) == ("PatientName", "OtherPatientIDs")


def test_without_identifiable_nothing_may_stay():
    found = parse(case_with("1"), "m")

    assert found.identifiable_place is None
    assert found.identifiable.forbidden(["PatientID"]) == ("PatientID",)


def test_a_manifest_may_require_the_import_check():
    assert parse(case_with("1") + "import-check: required\n", "m").import_check


def test_an_archive_is_a_target_too():
    assert TargetKind.ARCHIVE is parse(case_with("1").replace("reader-study", "archive"), "m").kind


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-0", 0),
        ("12", 12),
        ("1.0", 1.0),
        ("-2.5e-3", -0.0025),
        ("1e5", 1e5),
        ("1E+2", 100.0),
        *[
            (text, text)
            for text in (
                "no",
                "on",
                "yes",
                "True",
                "tRUE",
                "fALSE",
                "nULL",
                "NULL",
                "~",
                "007",
                "+1",
                ".5",
                "5.",
                "0x1F",
                "0o7",
                "1_000",
                "12:30:00",
                "2024-01-01",
                ".nan",
                ".inf",
                "-.inf",
                "NaN",
                "Infinity",
                "1e",
                "--1",
                "=",
            )
        ],
        ("'1'", "1"),
        ('"true"', "true"),
        ("''", ""),
        ('"\\u00e9"', "é"),
        ("|\n        a\n        b", "a\nb\n"),
    ],
)
def test_a_scalar_reads_as_json_reads_it(written, read):
    value = value_of(written).value

    assert read == value
    assert type(read) is type(value)


def test_numbers_as_titles_and_slugs_keep_the_text_they_were_written_with():
    text = case_with("1").replace("name: a", "name: 1.50").replace("lung-nodules", "2024")
    manifest = parse(text, "m")

    assert (manifest.slug, manifest.cases[0].name) == ("2024", "1.50")


def test_keys_of_a_value_are_texts_as_in_json():
    assert value_of("{value: {1: a, true: null, '': 2}}").value == {"1": "a", "true": None, "": 2}


def test_an_alias_is_a_copy_at_its_own_place():
    text = (
        f"{HEAD}cases:\n  - name: a\n    sockets: &all\n      x: &one 1\n"
        "      y: *one\n  - {name: b, sockets: *all}\n"
    )
    first, second = parse(text, "m").cases

    assert JsonValue("y", 1, Place("m", 9, 10), Place("m", 9, 7)) == first.values[1]
    assert first.values == second.values


def test_an_empty_title_is_no_title_and_may_come_many_times():
    cases = [
        f"  - {{name: n{i}, title: {t}, sockets: {{x: 1}}}}\n" for i, t in enumerate(["''", '"  "'])
    ]

    assert [case.title for case in parse(f"{HEAD}cases:\n{''.join(cases)}", "m").cases] == ["", ""]


@pytest.mark.parametrize(
    "title", ["A & B", "a < 5 & b > 3", "R&D", "AT&T", "x" * 255, "50 %", "é😀", "it's"]
)
def test_a_title_that_the_platform_keeps_is_accepted(title):
    text = case_with("1").replace("name: a", f'name: a\n    title: "{title}"')

    assert title == parse(text, "m").cases[0].title


@pytest.mark.parametrize(
    "address",
    [
        "6cae04d9-f29e-43bf-8b4f-414a1712c245",
        "https://grand-challenge.org/api/v1/cases/images/6CAE04D9-F29E-43BF-8B4F-414A1712C245/",
        "https://grand-challenge.org/viewers/x/6cae04d9-f29e-43bf-8b4f-414a1712c245",
    ],
)
def test_an_image_is_named_by_pk_or_address(address):
    assert value_of(f"{{image: '{address}'}}").pk == "6cae04d9-f29e-43bf-8b4f-414a1712c245"


@pytest.mark.parametrize(
    "path",
    ["a", ".", "a/../b", "a b.mha", "a/**/*.dcm", "ä.mha", "..a", "a..", "x[1].dcm", "~x", "-"],
)
def test_a_relative_path_is_taken_as_written(path):
    assert (path,) == value_of(f"{{file: '{path}'}}").paths


def test_after_a_thousand_problems_the_rest_is_not_listed():
    problems = problems_of(HEAD + "cases:\n" + "  - 1\n" * 5000)

    assert len(problems) == 1001
    assert "more than 1,000 problems; the rest are not listed" in problems[-1]


def test_problems_come_in_the_order_of_the_file():
    cases = "cases:\n  - {name: a, order: 1, sockets: {x: null}}\n"
    text = cases + "x: 1\ntarget: {kind: archive, slug: a}\n"
    with pytest.raises(ManifestInvalid) as caught:
        parse(text, "m")

    places = [(problem.place.line, problem.place.column) for problem in caught.value.problems]
    assert places == [(1, 1), (2, 22), (2, 38), (3, 1)]


def test_no_place_or_path_escapes_what_a_terminal_obeys():
    assert problems_of("x", "a\x1b[31m.yaml")[0].startswith("a\\x1b[31m.yaml:1:1: ")


def test_the_collector_is_left_as_it_was():
    parse(case_with("1"), "m")

    assert gc.isenabled()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (".5", "write 0.5"),
        ("+1", "write 1"),
        ("5.", "write 5"),
        ("007", "write 7"),
        ("-.5", "write -0.5"),
        ("1_000", "write 1000"),
        ("1,5", "write 1.5"),
        ("0x1F", "write 31"),
        ("2.5", "write 2.5 without quotes"),
        ("1e5", "write 1e5 without quotes"),
        ("true", "write true without quotes"),
        ("yes", "write true"),
        ("True", "write true"),
        ("on", "write true"),
        ("no", "write false"),
        ("OFF", "write false"),
        *[
            (text, None)
            for text in ("", "left", ".", "-", "12:30:00", "1.2.3", "2024-01-01", "e5", "1" * 200)
        ],
    ],
)
def test_a_text_that_was_meant_as_something_else_gets_a_hint(text, hint):
    assert hint == looks_like(text)
