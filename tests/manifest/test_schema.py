"""The published schema: explains every key, and agrees with what the uploader accepts."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from manifest_uploader.manifest.formats import FORMATS
from manifest_uploader.manifest.schema import schema_text
from tests.manifest.helpers import problems_of
from tests.manifest.test_manifest import WHOLE

SCHEMA = json.loads(schema_text())
VALIDATOR = Draft202012Validator(SCHEMA)
WITH_FORMATS = jsonschema_rs.Draft202012Validator(SCHEMA, formats=FORMATS, validate_formats=True)

words = st.sampled_from(
    [
        "a",
        "patient-1",
        "Patient 1",
        "",
        " ",
        " a",
        "a ",
        "a/b",
        "a:b",
        "<b>",
        "a < 5",
        "uploading-0123456789ab",
        " uploading-0123456789ab",
        "a\x01",
        "\n",
        "a\u2028",
        "x" * 100,
        "x" * 101,
        "x" * 255,
        "x" * 256,
        "é",
        "CT",
        "7",
        "../a",
        "/a",
        "C:/a",
        "a\\b",
        "a/*.dcm",
        "**/../a",
        "./..",
        "..a",
        "https://x/a",
        ".",
        "a/../b",
        "~",
        "6cae04d9-f29e-43bf-8b4f-414a1712c245",
        "https://x.org/6CAE04D9-f29e-43bf-8b4f-414a1712c245/",
        "reader-study",
        "archive",
        "algorithm",
        "allowed",
        "a&amp;b",
        "a/../../b",
        "a\x00",
        "lung-nodules",
        "lung nodules",
    ]
)
scalars = words | st.sampled_from([0, 1, 2, -1, 10, 1.5, 1.0, 2**31 - 1, 2**31, True, False, None])
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2)
)


def sometimes(wanted, odds=6):
    """Mostly what is wanted, sometimes anything."""
    return st.integers(0, odds).flatmap(lambda n: anything if n == odds else wanted)


def mapping(required, optional=None):
    """Mostly with the right keys."""
    right = st.fixed_dictionaries(required, optional=optional or {})
    return sometimes(right, 12) | st.tuples(right, st.dictionaries(words, scalars, max_size=1)).map(
        lambda both: {**both[1], **both[0]}
    )


paths = sometimes(words)
keywords = st.sampled_from(
    ["PatientID", "PatientName", "patientid", "PatientsID", "Patient ID", "(0010,0020)", "Size"]
)
sockets = sometimes(
    scalars
    | mapping({"files": paths | st.lists(paths, max_size=3)})
    | mapping({"file": paths})
    | mapping({"value": anything})
    | mapping({"image": words}),
    20,
)
cases = mapping(
    {
        "name": sometimes(words),
        "sockets": sometimes(
            st.dictionaries(st.sampled_from(["ct", "a-1", "CT", "x y", ""]), sockets, max_size=3)
        ),
    },
    {"title": sometimes(words), "order": sometimes(st.integers(-1, 3))},
)
manifests = mapping(
    {
        "version": sometimes(st.just(1), 20),
        "target": mapping(
            {
                "kind": sometimes(st.sampled_from(["reader-study", "archive", "algorithm"]), 20),
                "slug": sometimes(st.just("s")),
            }
        ),
        "cases": sometimes(st.lists(cases, max_size=1), 20),
    },
    {
        "root": sometimes(words),
        "identifiable": sometimes(st.just("allowed") | st.lists(sometimes(keywords), max_size=3)),
        "import-check": sometimes(st.just("required")),
    },
)

templates = sometimes(
    scalars
    | mapping(
        {"files": paths | st.lists(paths, max_size=3)}, {"optional": sometimes(st.just(True))}
    )
    | mapping({"file": paths}, {"optional": sometimes(st.just(True))})
    | mapping({"column": words})
    | mapping({"value": anything}),
    20,
)
many = mapping(
    {
        "version": sometimes(st.just(1), 20),
        "target": mapping(
            {
                "kind": sometimes(st.sampled_from(["reader-study", "archive", "algorithm"]), 20),
                "slug": st.just("s"),
            }
        ),
        "each": sometimes(
            st.sampled_from(["p-{n}", "*", "a/*/{b}", "**", "../a", "{", "{}", "."]), 20
        ),
        "case": sometimes(
            mapping(
                {"sockets": st.dictionaries(st.sampled_from(["ct", "CT"]), templates, max_size=2)},
                {
                    "name": sometimes(st.sampled_from(["{n}", "a{", ""])),
                    "title": sometimes(st.sampled_from(["{n}", "{{", {"column": "a"}, ""])),
                    "order": sometimes(st.just({"column": "a"})),
                },
            ),
            20,
        ),
    },
    {
        "table": sometimes(
            words | mapping({"file": words}, {"separator": words, "decimal": words})
        ),
        "key": sometimes(words | st.lists(words, max_size=2)),
        "exclude": sometimes(st.lists(words, max_size=2)),
        "cases": sometimes(
            st.lists(
                mapping(
                    {"name": words},
                    {
                        "title": words,
                        "sockets": st.dictionaries(st.just("ct"), sockets | st.none(), max_size=1),
                    },
                ),
                max_size=1,
            )
        ),
    },
)

NOT_ALL_IN_EDITORS = ("leads out of", "an HTML entity", "is not a DICOM keyword")
"""Words of the formats, which editors do not check; of paths they know those that begin
with '..', of keywords those that no dictionary could have."""


@given(manifests | many)
@settings(max_examples=1200, deadline=None)
def test_schema_and_uploader_accept_the_same(data):
    target = data.get("target") if isinstance(data, dict) else None
    slug = target.get("slug") if isinstance(target, dict) else None
    assume(type(slug) is not float)  # 1.0 is the integer 1 in JSON, but as a text it is no slug

    problems = problems_of(json.dumps(data))

    for_editors = [p for p in problems if not any(words in p for words in NOT_ALL_IN_EDITORS)]
    assert WITH_FORMATS.is_valid(data) == (problems == [])
    if for_editors or not problems:
        assert VALIDATOR.is_valid(data) == (problems == [])


@pytest.mark.parametrize(("path", "known"), [("../a", True), ("a/../../b", False), ("a/b", None)])
def test_editors_know_the_plainest_ways_out_of_the_root(path, known):
    data = {
        "version": 1,
        "target": {"kind": "archive", "slug": "s"},
        "cases": [{"name": "a", "sockets": {"ct": {"files": path}}}],
    }

    assert WITH_FORMATS.is_valid(data) == (known is None)
    assert VALIDATOR.is_valid(data) == (known is not True)


good = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "target": st.fixed_dictionaries(
            {"kind": st.just("reader-study"), "slug": st.from_regex(r"[a-z0-9-]+", fullmatch=True)}
        ),
        "cases": st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.from_regex(r"[a-z][a-z0-9 _-]{0,30}[a-z0-9]", fullmatch=True),
                    "sockets": st.dictionaries(
                        st.from_regex(r"[a-z0-9_-]+", fullmatch=True),
                        st.one_of(
                            st.integers(-(2**60), 2**60),
                            st.floats(allow_nan=False, allow_infinity=False),
                            st.booleans(),
                            st.text(
                                alphabet=st.characters(
                                    blacklist_categories=("Cs", "Cc"),
                                    blacklist_characters="\ufeff\ufffe\uffff",
                                )
                            ),
                            st.fixed_dictionaries(
                                {
                                    "files": st.lists(
                                        st.from_regex(r"[a-z]+(/[a-z*]+)?\.dcm", fullmatch=True),
                                        min_size=1,
                                        unique=True,
                                    )
                                }
                            ),
                        ),
                        min_size=1,
                        max_size=3,
                    ),
                }
            ),
            min_size=1,
            max_size=3,
            unique_by=lambda case: case["name"],
        ),
    }
)


@given(good)
@settings(max_examples=100, deadline=None)
def test_manifests_that_are_right_are_right_for_both(data):
    assert VALIDATOR.is_valid(data)
    assert problems_of(json.dumps(data, ensure_ascii=False)) == []


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)

    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_schema_is_found_in_a_checkout():
    checkout = Path(__file__).parents[2] / "schemas" / "manifest-v1.schema.json"

    assert checkout.read_text(encoding="utf-8") == schema_text()


def keys_of(schema, path=""):
    """Every key that the schema describes, with its own schema."""
    for key, inner in schema.get("properties", {}).items():
        yield f"{path}/{key}", inner
        yield from keys_of(inner, f"{path}/{key}")


ALL_KEYS = dict(
    [
        *keys_of(SCHEMA),
        *keys_of(SCHEMA["$defs"]["case"], "case"),
        *keys_of(SCHEMA["$defs"]["socket"], "socket"),
        *keys_of(SCHEMA["$defs"]["exception"], "exception"),
        *keys_of(SCHEMA["$defs"]["template"], "template"),
        *keys_of(SCHEMA["$defs"]["template-socket"], "template-socket"),
        *keys_of(SCHEMA["$defs"]["from-column"], "from-column"),
        *keys_of(SCHEMA["properties"]["table"]["then"], "table"),
    ]
)


def test_the_keys_are_found():
    assert {"/target/kind", "case/name", "socket/files"} < set(ALL_KEYS)


@pytest.mark.parametrize("key", ALL_KEYS)
def test_every_key_has_title_description_and_examples_that_fit(key):
    schema = ALL_KEYS[key]

    assert schema["title"]
    assert schema["description"]
    assert schema["examples"]
    inside = Draft202012Validator({**schema, "$defs": SCHEMA["$defs"]})
    assert all(inside.is_valid(example) for example in schema["examples"])


def test_the_schemas_own_examples_fit():
    assert all(VALIDATOR.is_valid(example) for example in SCHEMA["examples"])


def test_the_manifest_of_the_documentation_fits_the_schema():
    import yaml

    assert VALIDATOR.is_valid(yaml.safe_load(WHOLE))
