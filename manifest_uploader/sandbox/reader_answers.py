"""Readers' answers to the questions of reader studies."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from sqlite3 import Row
from typing import Any

from manifest_uploader.sandbox.answers import Answer, as_json, invalid, not_found
from manifest_uploader.sandbox.fields import FieldInvalid, missing_object, read_link
from manifest_uploader.sandbox.questions import Question, all_questions, questions_of
from manifest_uploader.sandbox.requests import API, Request
from manifest_uploader.sandbox.site import Site, may_edit, user_name
from manifest_uploader.sandbox.store import Store, is_pk, new_pk, now, timestamp

_ITEMS = f"{API}reader-studies/display-sets/"
_QUESTIONS = f"{API}reader-studies/questions/"
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")
_CLOCK = re.compile(r"(?:(\d+):)??(?:(\d+):)?(\d+(?:\.\d+)?)")
_FILTERS: Mapping[str, tuple[str, str]] = {
    "question__reader_study": (
        "SELECT 1 FROM targets WHERE kind = 'reader-study' AND pk = ?",
        "item IN (SELECT pk FROM items WHERE target = ?)",
    ),
    "display_set": ("SELECT 1 FROM items WHERE pk = ?", "item = ?"),
}
"""By parameter: whether the object with this pk exists, and which answers belong to it."""


class AnswerImpossible(Exception):
    """Says in one line why an answer cannot be stored."""


def plant_answer(
    store: Store,
    item: str,
    question: str,
    answer: Any,
    *,
    reader: str,
    duration_s: float | None = None,
) -> str:
    """Store a reader's answer to a question about a display set; return its pk.

    The display set cannot be changed from then on. Raises AnswerImpossible if the reader has
    answered this question already.
    """
    query = "SELECT 1 FROM answers WHERE item = ? AND question = ? AND creator = ?"
    if store.row(query, item, question, reader) is not None:
        words = f"User {reader} has already answered this question for this display set."
        raise AnswerImpossible(words)
    pk = new_pk()
    store.run("UPDATE items SET answered = 1 WHERE pk = ?", item)
    store.run(
        "INSERT INTO answers (pk, item, question, answer, created, creator, duration)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        *(pk, item, question, json.dumps(answer), now(), reader, duration_s),
    )
    return pk


def plant_for(store: Store, item: str, question: str, answer: Any, *, reader: str) -> str:
    """Store an answer to a display set, by its pk or title, and a question, by its pk or text.

    Without a question, it is the first one. Titles of options become their ids. Raises
    AnswerImpossible.
    """
    query = (
        "SELECT i.pk, i.target FROM items i JOIN targets t ON t.pk = i.target"
        " WHERE t.kind = 'reader-study' AND (i.pk = ? OR i.title = ?)"
    )
    rows = store.rows(query, item, item)
    if len(rows) != 1:
        how_many = "several display sets are" if rows else "no display set is"
        raise AnswerImpossible(f"{how_many} called '{item}'")
    asked = questions_of(store, rows[0]["target"])
    found = [one for one in asked if question in ("", one.pk, one.text)]
    if not found:
        known = ", ".join(f"'{one.text}'" for one in asked)
        raise AnswerImpossible(f"there is no question '{question}', only {known}")
    given = found[0].to_answer(answer)
    if not found[0].takes(given):
        known = ", ".join(f"'{title}'" for title in found[0].options)
        raise AnswerImpossible(f"{json.dumps(answer)} is not one of the options {known}")
    return plant_answer(store, rows[0]["pk"], found[0].pk, given, reader=reader)


def create_answer(site: Site, request: Request) -> Answer:
    """Store the user's answer to a question about a display set."""
    fields = _read(site, request)
    try:
        pk = plant_answer(
            site.store,
            fields["display_set"],
            fields["question"].pk,
            request.data.get("answer"),
            reader=user_name(request),
            duration_s=fields.get("last_edit_duration"),
        )
    except AnswerImpossible as error:
        raise invalid(non_field_errors=[str(error)]) from error
    row = _find(site, request, pk)
    return as_json(201, _answer_json(request, row))


def list_answers(site: Site, request: Request) -> Answer:
    """Return a page of the answers that the user may see, the oldest first."""
    return _list(site, request, "? OR creator = ?", may_edit(request), user_name(request))


def list_own_answers(site: Site, request: Request) -> Answer:
    """Return a page of the user's own answers."""
    return _list(site, request, "creator = ?", user_name(request))


def get_answer(site: Site, request: Request, pk: str) -> Answer:
    """Return one answer."""
    return as_json(200, _answer_json(request, _find(site, request, pk)))


def change_answer(site: Site, request: Request, pk: str) -> Answer:
    """Refuse to change an answer, as the platform does unless a study allows it."""
    _find(site, request, pk)
    raise invalid(non_field_errors=["This reader study does not allow answer modification."])


def find_ground_truth(_site: Site, _request: Request, _study: str, _item: str) -> Answer:
    """Answer 404: no study of the sandbox is educational."""
    raise not_found()


def _list(site: Site, request: Request, seen: str, *seen_values: Any) -> Answer:
    conditions, values = [f"({seen})"], list(seen_values)
    for parameter, (exists, belongs) in _FILTERS.items():
        if pk := request.query.get(parameter):
            _check_choice(site, parameter, pk, exists)
            conditions.append(belongs)
            values.append(pk)
    if creator := request.query.get("creator"):
        conditions.append("creator = ?")
        values.append(creator)
    if request.query.get("is_ground_truth", "").lower() == "true":
        conditions.append("0")
    found = f"FROM answers WHERE {' AND '.join(conditions)}"
    count = site.store.number(f"SELECT COUNT(*) {found}", *values)
    rows = site.store.rows(
        f"SELECT * {found} ORDER BY created, rowid LIMIT ? OFFSET ?",
        *(*values, request.limit, request.offset),
    )
    return as_json(200, request.page_of(count, [_answer_json(request, row) for row in rows]))


def _check_choice(site: Site, parameter: str, pk: str, exists: str) -> None:
    if not is_pk(pk):
        raise invalid(**{parameter: [f"“{pk}” is not a valid UUID."]})
    if site.store.row(exists, pk) is None:
        words = "Select a valid choice. That choice is not one of the available choices."
        raise invalid(**{parameter: [words]})


def _find(site: Site, request: Request, pk: str) -> Row:
    if not is_pk(pk):
        raise not_found()
    query = "SELECT * FROM answers WHERE pk = ? AND (? OR creator = ?)"
    row = site.store.row(query, pk, may_edit(request), user_name(request))
    if row is None:
        raise not_found("Answer")
    return row


def _read(site: Site, request: Request) -> dict[str, Any]:
    """Return the request's fields, or answer 400 with the errors of all of them."""
    readers: dict[str, Callable[[Any], Any]] = {
        "display_set": lambda link: _read_item(site, request, link),
        "question": lambda link: _read_question(site, request, link),
        "last_edit_duration": _read_duration,
    }
    found: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, read in readers.items():
        try:
            if name in request.data:
                found[name] = read(request.data[name])
            elif name != "last_edit_duration":
                errors[name] = ["This field is required."]
        except FieldInvalid as error:
            errors[name] = error.words
    if errors:
        raise invalid(**errors)
    return found


def _read_item(site: Site, request: Request, link: Any) -> str:
    if link is None:
        raise FieldInvalid("This field may not be null.")
    pk = read_link(link, _ITEMS)
    if site.store.row("SELECT 1 FROM items WHERE pk = ?", pk) is None or not may_edit(request):
        raise missing_object()
    return pk


def _read_question(site: Site, request: Request, link: Any) -> Question:
    if link is None:
        raise FieldInvalid("This field may not be null.")
    found = all_questions(site.store).get(read_link(link, _QUESTIONS))
    if found is None or not may_edit(request):
        raise missing_object()
    return found


def _read_duration(given: Any) -> float | None:
    """Return a duration in seconds, which is given as PT12.5S or as HH:MM:SS."""
    if given is None:
        return None
    match = _DURATION.fullmatch(str(given)) or _CLOCK.fullmatch(str(given))
    if match is None or not any(match.groups()):
        words = "Duration has wrong format. Use one of these formats instead: "
        raise FieldInvalid(f"{words}[DD] [HH:[MM:]]ss[.uuuuuu].")
    hours, minutes, seconds = (float(group or 0) for group in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _answer_json(request: Request, row: Row) -> dict[str, Any]:
    moment = timestamp(row["created"])
    duration = None if row["duration"] is None else _clock(row["duration"])
    return {
        "answer": json.loads(row["answer"]),
        "api_url": request.url(f"reader-studies/answers/{row['pk']}/"),
        "created": moment,
        "modified": moment,
        "creator": row["creator"],
        "display_set": f"{request.base}{_ITEMS}{row['item']}/",
        "pk": row["pk"],
        "question": f"{request.base}{_QUESTIONS}{row['question']}/",
        "answer_image": None,
        "is_ground_truth": False,
        "score": None,
        "last_edit_duration": duration,
        "total_edit_duration": duration,
    }


def _clock(seconds: float) -> str:
    """Return a duration as HH:MM:SS with microseconds if there are any."""
    return re.sub(r"^(\d):", r"0\1:", str(timedelta(seconds=seconds)))
