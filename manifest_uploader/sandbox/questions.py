"""The questions of reader studies, as the command line describes and the API presents them."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from manifest_uploader.sandbox.answers import Answer, as_json, invalid, not_found
from manifest_uploader.sandbox.kinds import KINDS
from manifest_uploader.sandbox.requests import Request
from manifest_uploader.sandbox.site import Site, may_edit
from manifest_uploader.sandbox.sockets import OptionInvalid
from manifest_uploader.sandbox.store import Store, is_pk, new_pk

_FORM = '"STUDY=TYPE:TEXT|OPTION|OPTION", e.g. "lung=Choice:Is there a nodule?|yes|no"'
_CHOICES = ("Choice", "Multiple choice")
_NOT_ASKED = ("String", "Integer", "Float", "Anything", "Chart", "Affine transform registration")
TYPES = (
    *("Text", "Number"),
    *(
        kind.name
        for kind in KINDS.values()
        if kind.family == "json" and kind.name not in _NOT_ASKED
    ),
)
"""What the platform calls the types of answers."""


@dataclass(frozen=True)
class Question:
    """A question of a reader study."""

    pk: str
    study: str
    """The pk of the reader study; in what a line describes, its slug."""
    text: str
    kind: str = "Text"
    options: tuple[str, ...] = ()
    """What can be chosen; answers hold their positions, counted from 1."""

    def to_answer(self, given: Any) -> Any:
        """Return an answer with ids in place of the options' titles."""
        ids = {title: number for number, title in enumerate(self.options, 1)}
        if isinstance(given, list):
            return [self.to_answer(one) for one in given]
        return ids.get(given, given) if isinstance(given, str) else given


def parse_question(line: str) -> Question:
    """Return what `STUDY=TYPE:TEXT|OPTION|OPTION` describes."""
    match = re.fullmatch(r"([-\w]+)=([^:|]+):([^|]+)((?:\|[^|]+)*)", line)
    if match is None:
        raise OptionInvalid(f"'{line}' is not a question: it must look like {_FORM}")
    study, name, text, rest = match.groups()
    kind = next((one for one in TYPES if one.casefold() == name.strip().casefold()), None)
    if kind is None:
        raise OptionInvalid(
            f"'{line}': '{name}' is not a type of answer; there are {', '.join(TYPES)}"
        )
    options = tuple(option.strip() for option in rest.split("|")[1:])
    if bool(options) != (kind in _CHOICES):
        need = "needs options, separated by |" if kind in _CHOICES else "has no options"
        raise OptionInvalid(f"'{line}': a question of the type '{kind}' {need}")
    return Question("", study, text.strip(), kind, options)


def add_questions(store: Store, questions: Iterable[Question]) -> None:
    """Make up questions, or change those with the same text; raise OptionInvalid if impossible."""
    for given in questions:
        query = "SELECT pk FROM targets WHERE kind = 'reader-study' AND slug = ?"
        study = store.row(query, given.study)
        if study is None:
            words = f"the question '{given.text}' is for an unknown reader study"
            raise OptionInvalid(f"{words}; make it up: --reader-study {given.study}")
        store.run(
            "INSERT INTO questions (pk, study, text, kind, options) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (study, text) DO UPDATE SET kind = excluded.kind,"
            " options = excluded.options",
            *(new_pk(), study["pk"], given.text, given.kind, json.dumps(given.options)),
        )


def questions_of(store: Store, study: str) -> tuple[Question, ...]:
    """Return a study's questions; if none was given, a made-up one, whose pk does not change."""
    rows = store.rows("SELECT * FROM questions WHERE study = ? ORDER BY seq", study)
    found = tuple(
        Question(row["pk"], study, row["text"], row["kind"], tuple(json.loads(row["options"])))
        for row in rows
    )
    return found or (Question(made_up_pk(study), study, "Remarks"),)


def made_up_pk(study: str) -> str:
    """Return the pk of the question of a study that was given none."""
    return str(uuid.uuid5(uuid.UUID(study), "question"))


def all_questions(store: Store) -> dict[str, Question]:
    """Return the questions of all studies by pk."""
    studies = store.rows("SELECT pk FROM targets WHERE kind = 'reader-study' ORDER BY slug")
    found = (one for study in studies for one in questions_of(store, study["pk"]))
    return {one.pk: one for one in found}


def list_questions(site: Site, request: Request) -> Answer:
    """Return a page of questions, of one study if the query names it."""
    study = request.query.get("reader_study")
    if study and not is_pk(study):
        raise invalid(reader_study=[f"“{study}” is not a valid UUID."])
    found = all_questions(site.store).values() if may_edit(request) else ()
    listed = [one for one in found if not study or one.study == study]
    wanted = listed[request.offset : request.offset + request.limit]
    return as_json(200, request.page_of(len(listed), [question_json(request, q) for q in wanted]))


def get_question(site: Site, request: Request, pk: str) -> Answer:
    """Return one question."""
    if not is_pk(pk):
        raise not_found()
    found = all_questions(site.store).get(pk)
    if found is None or not may_edit(request):
        raise not_found("Question")
    return as_json(200, question_json(request, found))


def question_json(request: Request, question: Question) -> dict[str, Any]:
    """Return a question as the API presents it."""
    texts = ("help_text", "help_text_safe", "image_port", "default_annotation_color")
    bounds = ("min_value", "max_value", "step_size", "min_length", "max_length")
    confirmation = "empty_answer_confirmation"
    options = enumerate(question.options, 1)
    return {
        "answer_type": question.kind,
        "api_url": request.url(f"reader-studies/questions/{question.pk}/"),
        "form_direction": "Horizontal",
        **dict.fromkeys(texts, ""),
        "pk": question.pk,
        "question_text": question.text,
        "question_text_safe": question.text,
        "reader_study": request.url(f"reader-studies/{question.study}/"),
        "required": True,
        "options": [{"id": number, "title": t, "default": False} for number, t in options],
        "interface": None,
        "socket": None,
        "overlay_segments": [],
        "look_up_table": None,
        "widget": _WIDGETS.get(question.kind, ""),
        **{f"answer_{bound}": None for bound in bounds},
        "answer_match_pattern": "",
        confirmation: False,
        f"{confirmation}_label": "",
        f"{confirmation}_label_safe": "",
        "interactive_algorithms": [],
        "algorithms": [],
    }


_WIDGETS: Mapping[str, str] = {"Text": "Text Input", "Number": "Number Input"}
