"""Values of another type than those of the same socket in other cases."""

from __future__ import annotations

from manifest_uploader.manifest.mixed_values import mixed_values
from tests.helpers import case, json_value


def said(*values: object) -> list[str]:
    cases = [case(f"c{number}", json_value("x", value)) for number, value in enumerate(values)]
    return [problem.message.partition("here ")[2] for problem in mixed_values(cases)]


def test_the_rarer_type_is_remarked_on() -> None:
    assert said(1, 2.5, "n/a", 3) == ["the text 'n/a'"]
    assert said("a", "12", 12) == ["the number 12"]
    assert said(True, False, 0, "?") == ["the number 0", "the text '?'"]
    assert said({"a": 1}, {}, [1], True) == ["a list", "true"]


def test_values_of_one_type_and_those_of_other_sockets_are_not() -> None:
    assert said(1, 2.5, -3) == []
    assert mixed_values([case("a", json_value("x", 1), json_value("y", "t"))]) == []
    assert mixed_values([case("a", json_value("x", 1)), case("b", json_value("x", "t"))], ()) == []
