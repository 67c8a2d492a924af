"""Joins the answers of a reader study with the cases and questions that they belong to. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from manifest_uploader.digests import Json
from manifest_uploader.platform.answers import AnswerSeen, Question
from manifest_uploader.platform.model import ItemSeen

_CLOCK: Final = re.compile(r"(?:(\d+)[ T])?(\d+):(\d\d):(\d\d(?:\.\d+)?)")
"""Django's own form: `1 02:03:04.500000`."""
_ISO: Final = re.compile(
    r"P(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?"
)
_UNITS_S: Final = (86_400, 3_600, 60, 1)


class AnswerRow(Struct, frozen=True):
    """An answer with the names of what it belongs to."""

    case: str | None
    """None: its display set belongs to no case of the manifest."""
    title: str | None
    """Of the display set; None if the study no longer has it, or the answer belongs to none."""
    question: Question | None
    """None: the study no longer has it."""
    readable: str | int | float | bool | None
    """The answer with the titles of choices instead of their ids; JSON as text."""
    last_edit_s: float | None
    total_edit_s: float | None
    seen: AnswerSeen


def join_answers(
    answers: Iterable[AnswerSeen],
    questions: Mapping[str, Question],
    items: Mapping[str, ItemSeen],
    *,
    chosen: Mapping[str, str],
    others: bool = True,
) -> tuple[AnswerRow, ...]:
    """One row for each answer: those of the cases in the manifest's order, then all others.

    Args:
        answers: of the study, and perhaps of other studies, which are left out.
        questions: of the study, by pk and in order.
        items: of the study, by pk.
        chosen: pk of an item → name of the case, in the manifest's order.
        others: with the answers whose display sets belong to no case.

    """
    places = {pk: place for place, pk in enumerate(chosen)}
    order = {pk: place for place, pk in enumerate(questions)}
    rows = []
    for one in answers:
        item = one.display_set
        is_ours = item in chosen
        belongs = is_ours or one.question in questions or item in items
        if belongs and (is_ours or others):
            rows.append(_row(one, questions, items, chosen))
    last = (len(places), len(order))
    return tuple(
        sorted(
            rows,
            key=lambda row: (
                places.get(row.seen.display_set or "", last[0]),
                row.title or "",
                row.seen.display_set or "",
                order.get(row.seen.question or "", last[1]),
                row.seen.created,
                row.seen.pk,
            ),
        )
    )


def _row(
    one: AnswerSeen,
    questions: Mapping[str, Question],
    items: Mapping[str, ItemSeen],
    chosen: Mapping[str, str],
) -> AnswerRow:
    item = items.get(one.display_set or "")
    question = questions.get(one.question or "")
    return AnswerRow(
        chosen.get(one.display_set or ""),
        None if item is None else item.title,
        question,
        readable(one.answer, question),
        seconds_of(one.last_edit),
        seconds_of(one.total_edit),
        one,
    )


def readable(answer: Json, question: Question | None) -> str | int | float | bool | None:
    """An answer as people read it; several choices are separated by `; `."""
    options = {} if question is None else question.options
    match answer:
        case None | str() | bool():
            return answer
        case int():
            return options.get(answer, answer)
        case float():
            return answer
        case list() if options and all(type(one) is int for one in answer):
            return "; ".join(options.get(one, str(one)) for one in answer)
        case _:
            return json.dumps(answer, ensure_ascii=False)


def seconds_of(text: str | None) -> float | None:
    """A length of time in seconds; None if it is in no form that the platform uses."""
    for form in (_CLOCK, _ISO):
        if text and (match := form.fullmatch(text)) and any(match.groups()):
            amounts = (float(part or 0) for part in match.groups())
            return sum(amount * unit for amount, unit in zip(amounts, _UNITS_S, strict=True))
    return None
