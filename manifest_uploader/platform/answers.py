"""The answers of a reader study's readers, and the questions that they answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from manifest_uploader.digests import Json
from manifest_uploader.platform.items import is_pk, pk_in
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.responses import results_of
from manifest_uploader.platform.targets import type_of

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

_ANSWERS: Final = "reader-studies/answers/"


class Question(Struct, frozen=True):
    """A question of a reader study."""

    pk: str
    text: str
    answer_type: str
    """As the platform calls it: Text, Choice, Multiple choice, 2D bounding box …"""
    options: Mapping[int, str] = field(default_factory=dict)
    """Id → title of the choices; empty if there are none."""


class AnswerSeen(Struct, frozen=True):
    """An answer as the platform shows it."""

    pk: str
    answer: Json
    """Of a choice the id, or a list of ids; otherwise any JSON."""
    question: str | None
    """The question's pk."""
    display_set: str | None
    """The display set's pk; None: the answer belongs to none."""
    creator: str
    created: str
    """ISO 8601, as the platform gives it."""
    modified: str
    last_edit: str | None = None
    """A length of time, as the platform gives it: `00:00:12.500000` or `PT12.5S`."""
    total_edit: str | None = None
    score: float | None = None
    is_ground_truth: bool = False
    image: str | None = None
    """The pk of the image that the answer is, or has."""


def questions_of(client: Client, target: Target) -> dict[str, Question]:
    """The questions of a reader study by pk, in their order.

    Raises:
        PlatformRefused: the answer is not a list.

    """
    path = type_of(target.kind).path
    for study in results_of(client.get(path, slug=target.slug), path):
        if isinstance(study, dict) and study.get("pk") == target.pk:
            listed = study.get("questions")
            found = map(read_question, listed if isinstance(listed, list) else [])
            return {one.pk: one for one in found if one is not None}
    return {}


def list_answers(client: Client, target: Target) -> Iterator[AnswerSeen]:
    """All answers of a reader study that this user may see, and perhaps others.

    An editor sees those of all readers, a reader only their own. A platform that does not know the
    filter lists the answers of other studies, too.
    """
    for page in client.pages(_ANSWERS, "answers", question__reader_study=target.pk):
        for entry in page:
            if (found := read_answer(entry)) is not None:
                yield found


def read_question(entry: Json) -> Question | None:
    """The question in an answer of the API; None if it is not one."""
    if not isinstance(entry, dict) or not is_pk(entry.get("pk")):
        return None
    text = entry.get("question_text")
    listed = entry.get("options")
    options = {
        one["id"]: str(one.get("title"))
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict) and type(one.get("id")) is int
    }
    return Question(
        entry["pk"].lower(),
        text if isinstance(text, str) else "",
        str(entry.get("answer_type") or ""),
        options,
    )


def read_answer(entry: Json) -> AnswerSeen | None:
    """The answer in an answer of the API; None if it is not one."""
    if not isinstance(entry, dict) or not is_pk(entry.get("pk")):
        return None
    score = entry.get("score")
    return AnswerSeen(
        entry["pk"].lower(),
        entry.get("answer"),
        pk_in(entry.get("question")),
        pk_in(entry.get("display_set")),
        str(entry.get("creator") or ""),
        str(entry.get("created") or ""),
        str(entry.get("modified") or ""),
        _text(entry.get("last_edit_duration")),
        _text(entry.get("total_edit_duration")),
        score if isinstance(score, int | float) and not isinstance(score, bool) else None,
        entry.get("is_ground_truth") is True,
        pk_in(entry.get("answer_image")),
    )


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
