from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.platform import refusals
from tests.helpers import few_examples

LIMIT = 400
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=600),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"detail": "Not found."}, ("Not found.",)),
        (["Values can only be added via update"], ("Values can only be added via update",)),
        ({"title": ["Too long.", "Not unique."]}, ("Too long.", "Not unique.")),
        ({"values": [{}, {"__all__": ["Wrong."]}]}, ("Wrong.",)),
        ({"part_numbers": {"0": ["Too small."]}}, ("Too small.",)),
        (None, ()),
        ({"count": 3, "ok": True, "blank": "  "}, ()),
    ],
)
def test_sentences_are_found_in_every_shape_of_an_error(body: Any, words: tuple[str, ...]) -> None:
    assert refusals.sentences_of(body) == words


def test_equal_sentences_are_told_once() -> None:
    body = {"values": [{"a": ["No."]}, {"a": ["No."]}, {"a": ["Never."]}]}

    assert refusals.refusal_message(400, body) == "No.; Never."


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "the platform refused the request (400)"),
        (404, "the platform does not know this object, or you may not see it (404)"),
        (500, "the platform had an internal error (500)"),
        (418, "the platform answered 418"),
    ],
)
def test_a_page_of_html_is_told_by_its_status(status: int, words: str) -> None:
    assert refusals.refusal_message(status, None) == words


@few_examples
@given(st.integers(100, 599), json_values)
def test_words_are_never_empty_and_never_long(status: int, body: Any) -> None:
    found = refusals.refusal_message(status, body)

    assert 0 < len(found) <= LIMIT


def test_the_words_of_a_fill_go_to_the_sockets_in_the_order_sent() -> None:
    body = {"values": [{}, {"__all__": ["Not a number."]}, {"interface": ["Unknown."]}]}

    found = refusals.by_socket(body, ("ct", "score", "seg"))

    assert found == {"score": "Not a number.", "seg": "Unknown."}


def test_what_a_fill_says_about_the_item_belongs_to_no_socket() -> None:
    body = {"values": [{"__all__": ["Wrong."]}], "title": ["Taken."]}

    assert refusals.by_socket(body, ("ct",)) == {"ct": "Wrong.", None: "Taken."}


def test_values_that_are_no_list_are_about_the_item() -> None:
    body = {"values": ["This field may not be null."]}
    nested = {"values": {"non_field_errors": ["Expected a list of items."]}}

    assert refusals.by_socket(nested, ("ct",)) == {None: "Expected a list of items."}
    assert refusals.by_socket(body, ()) == {}


def test_a_list_says_something_about_the_item() -> None:
    body = ["This display set cannot be changed, as answers for it already exist."]

    assert refusals.by_socket(body, ("ct",)) == {None: body[0]}


@few_examples
@given(json_values, st.lists(st.text(), max_size=3))
def test_any_answer_is_read_without_a_crash(body: Any, sockets: list[str]) -> None:
    found = refusals.by_socket(body, tuple(sockets))

    assert all(0 < len(words) <= LIMIT for words in found.values())


def test_the_reasons_that_matter_are_told_apart() -> None:
    taken = {"non_field_errors": ["The fields title, reader_study must make a unique set."]}
    rows = {"non_field_errors": ["You have created too many uploads. Please try again later."]}
    size = {"detail": "Upload limit reached"}
    missing = {"values": [{"user_uploads": ["Invalid hyperlink - Object does not exist."]}]}
    asked = (
        *(refusals.is_title_taken, refusals.is_row_limit),
        *(refusals.is_size_limit, refusals.is_missing_object),
    )

    found = [[ask(body) for ask in asked] for body in (taken, rows, size, missing, None)]

    assert found == [
        [True, False, False, False],
        [False, True, False, False],
        [False, False, True, False],
        [False, False, False, True],
        [False, False, False, False],
    ]
