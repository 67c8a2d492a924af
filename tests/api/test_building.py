from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import manifest_uploader as mu
from manifest_uploader.manifest.model import TargetKind
from tests.helpers import few_examples

STUDY = "reader-study/lung"


def built(*cases: mu.Case, **more: Any) -> mu.Manifest:
    return mu.Manifest.from_cases(cases, **{"target": STUDY, **more})


def of_table(table: Any, **more: Any) -> tuple[mu.Case, ...]:
    usual = {"target": STUDY, "name": "patient", "sockets": {"some-score": mu.Column("score")}}
    return mu.Manifest.from_table(table, **{**usual, **more}).cases


# ── YAML ────────────────────────────────────────────────────────────────────────────────────


def test_the_yaml_is_short_and_quotes_only_what_would_be_read_as_something_else() -> None:
    case = mu.Case(
        "Müller 007",
        {
            "ct-image": mu.Files("p/ct/*.dcm"),
            "mr-image": mu.Files("a b.mha", "c,d.mha"),
            "lesion-seg": mu.File("*/seg.mha"),
            "some-score": 2.1,
            "is-good": True,
            "remark": mu.Value("no"),
            "findings": {"side": "left", "sizes": [1, 2.5]},
            "prior": mu.SameAs("other/ct-image"),
        },
        title="007",
        order=10,
    )
    other = mu.Case("other", {"ct-image": mu.File("o.mha")}, title="")

    text = built(case, other, root="data", identifiable=["PatientID"], import_check=True).text

    assert text == (
        "version: 1\n"
        "target:\n"
        "  kind: reader-study\n"
        "  slug: lung\n"
        "root: data\n"
        "identifiable: [PatientID]\n"
        "import-check: required\n"
        "cases:\n"
        "- name: Müller 007\n"
        "  title: '007'\n"
        "  order: 10\n"
        "  sockets:\n"
        "    ct-image: {files: p/ct/*.dcm}\n"
        "    mr-image: {files: [a b.mha, 'c,d.mha']}\n"
        "    lesion-seg: {file: '*/seg.mha'}\n"
        "    some-score: 2.1\n"
        "    is-good: true\n"
        "    remark: 'no'\n"
        "    findings: {value: {side: left, sizes: [1, 2.5]}}\n"
        "    prior: {same-as: other/ct-image}\n"
        "- name: other\n"
        "  title: ''\n"
        "  sockets:\n"
        "    ct-image: {file: o.mha}\n"
    )


TRAPS = (
    "007",
    "no",
    "on",
    "y",
    "1e5",
    "0o7",
    "08",
    "12:30",
    "2024-01-01",
    "~",
    "",
    "null",
    "1_000",
)
TRAPS += (
    ".5",
    "-",
    "- a",
    "a: b",
    "a #b",
    "#a",
    "*a",
    "&a",
    "!a",
    "{a",
    "[a",
    "'a",
    '"a',
    "|",
    ">",
)
TRAPS += (
    "ä\n\nö",
    "a\\b",
    "\t",
    "😀",
    "\x85",
    "\u2028",
    "a" * 300,
    "%a",
    "@a",
    "`a",
    "?",
    "=",
    "<<",
)
json_values = st.recursive(
    st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
    | st.sampled_from(TRAPS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab1", max_size=3), inner),
    max_leaves=5,
)


@few_examples
@given(st.lists(json_values, min_size=1, max_size=4))
def test_every_value_is_read_as_it_was_meant(values: list[Any]) -> None:
    case = mu.Case("a", {f"s{n}": mu.Value(value) for n, value in enumerate(values)})

    assert built(case).cases == (case,)


@pytest.mark.parametrize("text", TRAPS)
def test_texts_that_look_like_something_else_stay_texts_for_every_reader(text: str) -> None:
    manifest = built(mu.Case("a", {"remark": mu.Value(text)}))

    assert manifest.cases[0].sockets == {"remark": mu.Value(text)}
    assert yaml.safe_load(manifest.text)["cases"][0]["sockets"]["remark"] == text


@pytest.mark.parametrize("text", ["007", "08", "0o7", "1e5", "-1E-5", ".5", "1_000", "y", "No"])
def test_texts_that_some_reader_takes_for_something_else_are_quoted(text: str) -> None:
    assert f"name: '{text}'\n" in built(mu.Case(text, {"x": 1})).text


def test_cases_that_were_read_are_those_that_were_written() -> None:
    cases = (
        mu.Case("a", {"ct-image": mu.Files("ct"), "some-score": 1}, title="A", order=3),
        mu.Case("b", {"ct-image": mu.SameAs("a/ct-image"), "findings": [1, "x"]}, title=""),
    )

    first, second = built(*cases).cases

    assert first == cases[0]
    assert (second.name, second.title) == ("b", "")
    assert second.sockets["findings"] == mu.Value([1, "x"])
    assert second.sockets["ct-image"] == mu.SameAs("a/ct-image")


def test_all_problems_are_told_with_their_cases() -> None:
    cases = [mu.Case("a", {"x": 1}), mu.Case("a", {"x": 2}), mu.Case("b/c", {"ÄÖ": 1})]

    with pytest.raises(mu.ManifestInvalid) as caught:
        built(*cases)

    found = [(one.message, one.place) for one in caught.value.problems]
    assert [place for _, place in found] == [None] * len(found)
    assert found[0][0] == "case 'a': name 'a' is used twice"
    assert any(message.startswith("case 'b/c': ") for message, _ in found)
    assert "is used twice\n  hint: change one of them" in str(caught.value)


def test_a_file_that_is_named_twice_is_told_without_a_line() -> None:
    with pytest.raises(mu.ManifestInvalid) as caught:
        built(mu.Case("a", {"x": mu.Files("1.dcm", "1.dcm")}))

    (problem,) = caught.value.problems
    assert problem.message == "case 'a': file '1.dcm' appears twice"
    assert problem.advice == "keep one of them"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {"a": {1, 2}}, [b"x"]])
def test_what_yaml_cannot_say_is_told_with_its_case(value: Any) -> None:
    with pytest.raises(mu.UsageError, match=r"a/x: .* cannot be a value"):
        built(mu.Case("a", {"x": mu.Value(value)}))


def test_a_text_for_a_socket_has_to_say_what_it_is() -> None:
    with pytest.raises(mu.UsageError) as caught:
        mu.Case("a", {"ct-image": "a.mha"})  # type: ignore[dict-item]

    assert caught.value.hint == "write File('a.mha'), Files('a.mha') or Value('a.mha')"


@pytest.mark.parametrize(
    ("target", "kind", "slug"),
    [
        ("reader-study/lung", "reader-study", "lung"),
        ("archives/lung", "archive", "lung"),
        ("https://grand-challenge.org/reader-studies/lung-1/", "reader-study", "lung-1"),
        ("https://grand-challenge.org/archives/x/items/?page=2", "archive", "x"),
        ("reader-study/archives", "reader-study", "archives"),
    ],
)
def test_a_target_may_be_the_address_of_its_page(target: str, kind: str, slug: str) -> None:
    text = built(mu.Case("a", {"x": 1}), target=target).text

    assert yaml.safe_load(text)["target"] == {"kind": kind, "slug": slug}


@pytest.mark.parametrize("target", ["lung", "study/lung", "", "reader-study/"])
def test_what_is_no_target_is_told(target: str) -> None:
    with pytest.raises(mu.UsageError, match="is not a target") as caught:
        built(mu.Case("a", {"x": 1}), target=target)

    assert all(f"'{kind}/SLUG'" in (caught.value.hint or "") for kind in TargetKind)


# ── tables ──────────────────────────────────────────────────────────────────────────────────


class Frame:
    """What of a DataFrame is used, without pandas."""

    def __init__(self, **columns: list[Any]) -> None:
        self.columns, self._cells = list(columns), list(columns.values())

    def to_dict(self, orient: str) -> list[dict[str, Any]]:
        assert orient == "records"
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*self._cells, strict=True)]


class NAType:
    """An empty cell of pandas: comparing it tells nothing."""

    def __ne__(self, other: object) -> Any:
        raise AssertionError("it is not compared")


def test_rows_become_cases_and_empty_cells_leave_sockets_out() -> None:
    table = Frame(
        patient=["007", "p [2]", "müller", "p4"],
        score=[np.float64(2.5), float("nan"), NAType(), np.int64(3)],
        rank=[1.0, 2.0, 3.0, float("nan")],
        seen=["2024", "no", "{x}", "b"],
    )

    cases = of_table(
        table,
        title="Patient {patient}",
        order="rank",
        sockets={
            "ct-image": mu.Files("{patient}/ct/*.dcm"),
            "lesion-seg": mu.File("{patient}/seg.mha"),
            "some-score": mu.Column("score"),
            "remark": mu.Value("seen {seen} {{x}}"),
        },
    )

    assert [one.title for one in cases] == [
        f"Patient {p}" for p in ("007", "p [2]", "müller", "p4")
    ]
    assert [one.order for one in cases] == [1, 2, 3, None]
    assert [one.sockets.get("some-score") for one in cases] == [
        *(mu.Value(2.5), None, None, mu.Value(3)),
    ]
    assert cases[1].sockets["ct-image"] == mu.Files("p [[]2]/ct/*.dcm")
    assert cases[1].sockets["lesion-seg"] == mu.File("p [2]/seg.mha")
    assert cases[2].sockets["remark"] == mu.Value("seen {x} {x}")


def test_a_csv_file_is_a_table_whose_numbers_are_converted() -> None:
    rows = csv.DictReader(io.StringIO("patient,score,rank\n001,2.5,7\n002,,8\n"))

    cases = of_table(
        rows,
        sockets={"some-score": mu.Column("score", float), "x": mu.Value("a")},
        order=mu.Column("rank", int),
    )

    assert [(one.name, one.order) for one in cases] == [("001", 7), ("002", 8)]
    assert cases[0].sockets == {"some-score": mu.Value(2.5), "x": mu.Value("a")}
    assert cases[1].sockets == {"x": mu.Value("a")}


class Polars:
    def to_dicts(self) -> list[dict[str, Any]]:
        return [{"patient": "a", "score": 1}]


def test_polars_has_tables_too() -> None:
    assert of_table(Polars()) == (mu.Case("a", {"some-score": 1}),)


ROW = {"patient": "a", "score": 1}


@pytest.mark.parametrize(
    ("table", "more", "message"),
    [
        ([], {}, "the table has no rows"),
        ("scores.csv", {}, "a str is not a table"),
        ([["a", 1]], {}, "row 1 of the table is a list, not a dict"),
        ([ROW], {"name": "patent"}, r"no column 'patent'\n  hint: did you mean 'patient'\?"),
        ([ROW, {"patient": None, "score": 1}], {}, "row 2: the column 'patient' is empty"),
        ([{"patient": 7.0, "score": 1}], {}, r"the number 7.0\n  hint: .*dtype={'patient': str}"),
        ([ROW], {"title": "{x}"}, "no column 'x'"),
        ([ROW], {"sockets": {"x": mu.Column("patient", float)}}, "row 1: 'a' in the column"),
        ([ROW], {"order": "patient"}, "row 1: the order 'a' is not a whole number"),
        ([ROW], {"sockets": {"x": "{patient}.mha"}}, "a file or text"),
    ],
)
def test_what_is_wrong_with_a_table_is_told(table: Any, more: Any, message: str) -> None:
    with pytest.raises(mu.UsageError, match=message):
        of_table(table, **more)


def test_a_column_that_is_there_twice_is_refused() -> None:
    table = Frame(patient=["a"], score=[1])
    table.columns = ["patient", "patient"]

    with pytest.raises(mu.UsageError, match="the column 'patient' twice"):
        of_table(table)
