"""How problems are put to a person."""

from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.model import Place, Problem
from manifest_uploader.problems import UNPRINTABLE, did_you_mean, format_problem, printable, quoted


def test_a_problem_is_printed_with_its_place_and_hint():
    problem = Problem("unknown key 'titel'", Place("lung.yaml", 8, 5), "did you mean 'title'?")

    assert (
        format_problem(problem)
        == "lung.yaml:8:5: unknown key 'titel'\n  hint: did you mean 'title'?"
    )


def test_a_problem_without_place_or_hint_is_its_message():
    assert format_problem(Problem("the token is missing", None)) == "the token is missing"


def test_the_nearest_candidate_is_meant_whatever_its_case():
    assert did_you_mean("CT-Imgae", ["ct-image", "mr-image"]) == "did you mean 'ct-image'?"
    assert did_you_mean("zzz", ["ct-image"]) is None
    assert did_you_mean("x" * 1_000_000, ["ct-image"]) is None


def test_a_long_value_is_cut():
    assert quoted("x" * 1000) == "'" + "x" * 59 + "…'"


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_printed(text):
    assert UNPRINTABLE.search(printable(text)) is None
