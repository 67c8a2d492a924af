"""Answers are joined with cases and questions, and read as people read them."""

from __future__ import annotations

import pytest

from manifest_uploader.digests import Json
from manifest_uploader.plan.answer_rows import join_answers, readable, seconds_of
from manifest_uploader.platform.answers import AnswerSeen, Question
from manifest_uploader.platform.model import ItemSeen
from tests.helpers import pk

SIDE = Question(pk(50), "Which side?", "Choice", {1: "left", 2: "right"})
SIDES = Question(pk(51), "Which sides?", "Multiple choice", {1: "left", 2: "right"})
TEXT = Question(pk(52), "Remarks", "Text")
QUESTIONS = {one.pk: one for one in (SIDE, SIDES, TEXT)}
ITEMS = {
    pk(number): ItemSeen(pk(number), title, None, {})
    for number, title in ((1, "Patient 1"), (2, "Patient 2"), (3, "of others"))
}
CHOSEN = {pk(1): "p1", pk(2): "p2"}


def answer(
    number: int, answer: Json = "fine", *, item: str | None = None, question: Question = TEXT
) -> AnswerSeen:
    return AnswerSeen(
        pk(100 + number), answer, question.pk, item, "reader", f"2026-11-2{number}", ""
    )


def test_rows_are_in_the_order_of_cases_and_questions_and_others_come_last() -> None:
    listed = [
        answer(1, item=pk(3)),
        answer(2, item=pk(2)),
        answer(3, item=pk(1)),
        answer(4, 2, item=pk(1), question=SIDE),
        answer(5),
        answer(6, item=pk(9)),
    ]

    rows = join_answers(listed, QUESTIONS, ITEMS, chosen=CHOSEN)

    assert [(row.case, row.title, row.seen.pk) for row in rows] == [
        ("p1", "Patient 1", pk(104)),
        ("p1", "Patient 1", pk(103)),
        ("p2", "Patient 2", pk(102)),
        (None, None, pk(105)),
        (None, None, pk(106)),
        (None, "of others", pk(101)),
    ]
    assert rows[0].readable == "right"


def test_answers_of_other_studies_and_of_cases_that_were_not_chosen_are_left_out() -> None:
    foreign = Question(pk(60), "Elsewhere?", "Text")
    listed = [answer(1, item=pk(9), question=foreign), answer(2, item=pk(2)), answer(3)]

    assert [row.seen.pk for row in join_answers(listed, QUESTIONS, ITEMS, chosen=CHOSEN)] == [
        pk(102),
        pk(103),
    ]
    assert join_answers(listed, QUESTIONS, ITEMS, chosen={pk(1): "p1"}, others=False) == ()


def test_a_question_that_is_gone_leaves_the_answer() -> None:
    (row,) = join_answers([answer(1, [1], item=pk(1))], {}, ITEMS, chosen=CHOSEN)

    assert row.question is None
    assert row.readable == "[1]"


@pytest.mark.parametrize(
    ("given", "question", "expected"),
    [
        (2, SIDE, "right"),
        (7, SIDE, 7),
        ([1, 2], SIDES, "left; right"),
        ([2, 7], SIDES, "right; 7"),
        ([], SIDES, ""),
        ([1, "a", [2]], SIDES, '[1, "a", [2]]'),
        (True, SIDE, True),
        (None, TEXT, None),
        ("=1+1", TEXT, "=1+1"),
        (2.5, TEXT, 2.5),
        ({"type": "Point", "ü": [1]}, TEXT, '{"type": "Point", "ü": [1]}'),
        ([1, 2], TEXT, "[1, 2]"),
    ],
)
def test_an_answer_reads_as_people_read_it(given: Json, question: Question, expected: Json) -> None:
    assert readable(given, question) == expected
    assert type(readable(given, question)) is type(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00:00:12.500000", 12.5),
        ("1 02:03:04", 93_784),
        ("PT12.5S", 12.5),
        ("P1DT2H3M4S", 93_784),
        ("P", None),
        ("soon", None),
        (None, None),
    ],
)
def test_lengths_of_time_are_seconds(text: str | None, expected: float | None) -> None:
    assert seconds_of(text) == expected
