"""Only the schema rejects a malformed manifest, in the words that stand beside its rules."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import manifest_uploader
from manifest_uploader.manifest import form
from manifest_uploader.manifest.formats import FORMATS
from manifest_uploader.manifest.model import NAME_LENGTH, TargetKind
from manifest_uploader.manifest.schema import schema_text
from manifest_uploader.manifest.wording import _WORDS
from tests.manifest.helpers import HEAD, case_with, problems_of

SCHEMA = json.loads(schema_text())
NOT_A_RULE = {
    *("$schema", "$id", "$defs", "$ref", "$comment", "title", "description", "examples"),
    *("errorMessage", "x-hint", "allOf", "if", "then", "else", "properties", "items"),
    "patternProperties",
}
"""Keywords that reject nothing by themselves."""


def subschemas(schema, path="#"):
    """Every subschema with its place, but what only a condition or a negation looks at."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for key in ("additionalProperties", "items", "then", "else"):
        yield from subschemas(schema.get(key), f"{path}/{key}")
    for key in ("properties", "patternProperties", "$defs"):
        for name, inner in schema.get(key, {}).items():
            yield from subschemas(inner, f"{path}/{key}/{name}")
    for index, inner in enumerate(schema.get("allOf", [])):
        yield from subschemas(inner, f"{path}/allOf/{index}")


def rules():
    """The subschemas that reject something by themselves."""
    for path, schema in subschemas(SCHEMA):
        mine = {
            key
            for key in schema.keys() - NOT_A_RULE
            if not (key == "additionalProperties" and schema[key])
        }
        if mine - {"type"} or ("type" in mine and path != "#"):
            yield path, schema


RULES = dict(rules())


def test_the_rules_are_found():
    assert len(RULES) > 50


@pytest.mark.parametrize("path", RULES)
def test_a_rule_stands_beside_its_words(path):
    words = RULES[path].get("errorMessage")
    if words is None and path.endswith("/then"):
        words = dict(subschemas(SCHEMA))[path.removesuffix("/then")]["errorMessage"]

    assert words


def test_the_words_have_no_placeholder_that_is_unknown():
    texts = [
        text
        for _, schema in subschemas(SCHEMA)
        for words in (schema.get("errorMessage", ""), schema.get("x-hint", ""))
        for text in ([words] if isinstance(words, str) else words)
    ]

    used = {name for text in texts for name in re.findall(r"\{(\w+)\}", text)}

    assert used == set(_WORDS)


def test_the_code_knows_the_names_and_numbers_of_the_schema():
    lengths = [
        rule["maxLength"] for rule in SCHEMA["$defs"]["case-name"]["allOf"] if "maxLength" in rule
    ]
    kinds = [
        rule["enum"]
        for rule in SCHEMA["properties"]["target"]["properties"]["kind"]["allOf"]
        if "enum" in rule
    ]
    formats = {schema["format"] for _, schema in subschemas(SCHEMA) if "format" in schema}

    assert lengths == [NAME_LENGTH]
    assert kinds == [list(TargetKind)]
    assert formats == FORMATS.keys()


# ── a rule less ─────────────────────────────────────────────────────────────────────────────


def without(schema, *messages, keyword=None):
    """The schema without the rules that have such a message."""
    if isinstance(schema, list):
        return [without(inner, *messages, keyword=keyword) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    removed = schema.get("errorMessage") in messages and keyword in (None, *schema)
    return {
        key: without(inner, *messages, keyword=keyword)
        for key, inner in schema.items()
        if not (removed and key not in NOT_A_RULE - {"if"})
    }


def named(name):
    return case_with("1").replace("name: a", f"name: {name}")


def titled(title):
    return named(f"a\n    title: {title}")


ENTITY = "{key} {value} has an HTML entity, which the platform alters"
MALFORMED = {
    "a negative order": (
        named("a\n    order: -4"),
        "order -4 is out of range",
        ("order {value} is out of range",),
    ),
    "an order too large": (
        named("a\n    order: 2147483648"),
        "order 2147483648 is out of range",
        ("order {value} is out of range",),
    ),
    "an order that is text": (
        named("a\n    order: '5'"),
        "order must be a whole number, not '5'",
        ("order must be a whole number, not {value}",),
    ),
    "an order in an archive": (
        named("a\n    order: 5").replace("reader-study", "archive"),
        "an archive has no order",
        ("an archive has no order",),
    ),
    "a name with a slash": (
        named("a/b"),
        "name 'a/b' has '/' or ':' in it",
        ("name {value} has '/' or ':' in it",),
    ),
    "a name that does not print": (
        named(r'"a\eb"'),
        r"name 'a\x1bb' contains an unprintable character",
        ("name {value} contains an unprintable character",),
    ),
    "a name with a blank": (
        named("'a '"),
        "name 'a ' begins or ends with a space",
        ("name {value} begins or ends with a space",),
    ),
    "a long name": (
        named("x" * 101),
        f"name '{'x' * 59}…' is longer than 100 characters",
        ("name {value} is longer than 100 characters",),
    ),
    "a tag in a title": (
        titled("<b>"),
        "title '<b>' has an HTML tag, which the platform alters",
        ("{key} {value} has an HTML tag, which the platform alters",),
    ),
    "an entity in a name": (
        named("a&amp;b"),
        "name 'a&amp;b' has an HTML entity, which the platform alters",
        (ENTITY,),
    ),
    "a reserved title": (
        titled("uploading-0123456789ab"),
        "title 'uploading-0123456789ab' is reserved",
        ("{key} {value} is reserved",),
    ),
    "a long title": (
        titled("x" * 256),
        f"title '{'x' * 59}…' has 256 characters",
        ("title {value} has {length} characters",),
    ),
    "a slug that is none": (
        case_with("1").replace("lung-nodules", "lung nodules"),
        "'lung nodules' is not a slug",
        ("{value} is not a slug",),
    ),
    "another version": (
        case_with("1").replace("version: 1", "version: 2"),
        "version 2 is not known",
        ("version {value} is not known",),
    ),
    "identifiable files": (
        case_with("1") + "identifiable: true\n",
        "identifiable cannot be true",
        ("identifiable cannot be {value}",),
    ),
    "a list that allows nothing": (
        case_with("1") + "identifiable: []\n",
        "identifiable is an empty list",
        ("identifiable is an empty list",),
    ),
    "a keyword that is none": (
        case_with("1") + "identifiable: [PatientsID]\n",
        "'PatientsID' is not a DICOM keyword",
        ("{value} is not a DICOM keyword",),
    ),
    "a keyword twice": (
        case_with("1") + "identifiable: [PatientID, PatientID]\n",
        "keyword 'PatientID' appears twice",
        ("keyword {value} appears twice",),
    ),
    "a keyword that is a number": (
        case_with("1") + "identifiable: [7]\n",
        "a DICOM keyword cannot be 7",
        ("a DICOM keyword cannot be {value}", "{value} is not a DICOM keyword"),
    ),
    "another import check": (
        case_with("1") + "import-check: yes\n",
        "import-check cannot be 'yes'",
        ("import-check cannot be {value}",),
    ),
    "an unknown key": (
        case_with("1") + "rot: data\n",
        "unknown key 'rot'",
        ("unknown key {value}",),
    ),
    "an unknown key of a case": (
        titled("a").replace("title:", "titel:"),
        "unknown key 'titel'",
        ("unknown key {value}",),
    ),
    "a socket that is no slug": (
        case_with("1").replace("x: 1", "X Y: 1"),
        "'X Y' is not the slug of a socket",
        ("{value} is not the slug of a socket",),
    ),
    "two sources": (
        case_with("{file: a, value: 1}"),
        "socket 'x' has both 'file' and 'value'",
        ("socket {socket} has both {first} and {value}",),
    ),
    "an absolute path": (
        case_with("{file: /a}"),
        "path '/a' is absolute",
        ("path {value} is absolute",),
    ),
    "a path that leads out": (
        case_with("{file: a/../../b}"),
        "path 'a/../../b' leads out of the root",
        ("path {value} leads out of the root",),
    ),
    "a path with backslashes": (
        case_with(r"{file: a\b}"),
        r"path 'a\b' has backslashes",
        ("path {value} has backslashes",),
    ),
    "a file twice": (
        case_with("{files: [a, a]}"),
        "file 'a' appears twice",
        ("file {value} appears twice",),
    ),
    "an image that is none": (
        case_with("{image: a}"),
        "'a' does not name an image on the platform",
        ("{value} does not name an image on the platform",),
    ),
    "a NUL": (
        case_with(r'{value: ["\0"]}'),
        r"the platform cannot store '\x00'",
        ("the platform cannot store {value}",),
    ),
    "this case has no sockets": (
        f"{HEAD}cases:\n  - name: a\n",
        "this case has no sockets",
        ("this case has no sockets",),
    ),
}


@pytest.fixture
def published(monkeypatch):
    """Publishes another schema for one test."""

    def publish(schema):
        form.published_form.cache_clear()
        monkeypatch.setattr(form, "schema_text", lambda: json.dumps(schema))

    yield publish
    form.published_form.cache_clear()


@pytest.mark.parametrize("name", MALFORMED)
def test_without_its_rule_a_malformed_manifest_passes(name, published):
    text, said, messages = MALFORMED[name]
    before = [problem.split("\n")[0].split(": ", 1)[1] for problem in problems_of(text)]

    published(without(SCHEMA, *messages))

    assert before == [said]
    assert problems_of(text) == []


def test_without_one_rule_the_others_still_reject(published):
    published(without(SCHEMA, "order {value} is out of range", keyword="minimum"))

    assert problems_of(MALFORMED["a negative order"][0]) == []
    assert problems_of(MALFORMED["an order too large"][0])


def test_a_copy_of_the_package_without_the_rule_for_order_accepts_minus_four(tmp_path):
    package = Path(manifest_uploader.__file__).parent
    shutil.copytree(package, tmp_path / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    manifest = tmp_path / "m.yaml"
    manifest.write_text(MALFORMED["a negative order"][0], encoding="utf-8")
    schema = tmp_path / "schemas" / "manifest-v1.schema.json"
    schema.parent.mkdir()

    def validate():
        return subprocess.run(
            [sys.executable, "-m", "manifest_uploader", "validate", "--offline", str(manifest)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    schema.write_text(schema_text(), encoding="utf-8")
    whole = validate()
    schema.write_text(
        json.dumps(without(SCHEMA, "order {value} is out of range", keyword="minimum")),
        encoding="utf-8",
    )
    less = validate()

    assert (whole.returncode, less.returncode) == (2, 0)
    assert "order -4 is out of range" in whole.stderr


# ── where it is said ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", ["007", "7", "+1", "-1", "1" * 30])
def test_a_key_that_looks_like_a_number_is_found(key):
    text = case_with("1").replace("x: 1", f'"{key}": {{value: null}}')

    assert f"socket '{key}' has no value" in "\n".join(problems_of(text))


def test_a_problem_below_an_empty_key_is_found():
    problems = problems_of(case_with(r'{value: {"": {"": "\0"}}}'))

    assert [problem.split("\n")[0] for problem in problems] == [
        r"m.yaml:8:28: the platform cannot store '\x00'"
    ]


def test_what_a_target_forbids_is_said_though_the_target_comes_last():
    cases = "cases:\n  - {name: a, order: 1, sockets: {x: 1}}\n"

    problems = problems_of(f"version: 1\n{cases}target: {{kind: archive, slug: a}}\n")

    assert [problem.split("\n")[0] for problem in problems] == [
        "m.yaml:3:22: an archive has no order"
    ]


def test_of_the_rules_about_one_value_the_first_broken_one_is_reported():
    problems = problems_of(titled(f"'<b>&amp;{'x' * 300}'"))

    assert len(problems) == 1
    assert "characters" in problems[0]


def test_what_stands_after_a_comma_is_not_taken_for_an_unknown_key():
    on_one_line = problems_of(case_with("{file: a, b.dcm}"))
    on_two_lines = problems_of(case_with("\n        file: a\n        b.dcm:"))
    of_a_target = problems_of("target: {kind: archive, slug:b}\n")

    assert "'b.dcm' is read as a key without a value" in on_one_line[0]
    assert "unknown key 'b.dcm'" in on_two_lines[0]
    assert "unknown key 'slug:b'" in "\n".join(of_a_target)


def test_a_manifest_of_very_many_mistakes_is_answered_in_time():
    sockets = "".join(f"      X{number}: null\n" for number in range(50_000))

    problems = problems_of(f"{HEAD}cases:\n  - name: a\n    sockets:\n{sockets}")

    assert len(problems) == 1001
