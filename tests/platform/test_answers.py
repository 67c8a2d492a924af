"""Answers and questions are read from what the platform answered, recorded on a real instance."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from manifest_uploader.digests import Json
from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.platform.address import Patience, Platform
from manifest_uploader.platform.answers import (
    AnswerSeen,
    Question,
    list_answers,
    questions_of,
    read_answer,
    read_question,
)
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.model import Target
from tests.helpers import TOKEN
from tests.platform.servers import reply, scripted

STUDY = Target(TargetKind.READER_STUDY, "fx", "6c5c5493-d254-467e-a447-3c8663864abd")
API = "https://gc.localhost/api/v1/reader-studies"
ANSWER: dict[str, Any] = {
    "answer": "text 0",
    "api_url": f"{API}/answers/73655a36-1aa2-489f-aafa-87ce73a87639/",
    "created": "2026-11-27T20:10:55.754012Z",
    "creator": "reader",
    "display_set": f"{API}/display-sets/ad322831-5758-4c55-b718-0a170981ae93/",
    "pk": "73655a36-1aa2-489f-aafa-87ce73a87639",
    "question": f"{API}/questions/16961bcb-587c-4f6b-8a49-2680a1cbe4b6/",
    "modified": "2026-11-27T20:10:55.753990Z",
    "answer_image": None,
    "last_edit_duration": "00:00:12.500000",
    "total_edit_duration": "00:00:12.500000",
    "is_ground_truth": False,
    "score": None,
}
QUESTION: dict[str, Any] = {
    "answer_type": "Multiple choice",
    "api_url": f"{API}/questions/16961bcb-587c-4f6b-8a49-2680a1cbe4b6/",
    "pk": "16961bcb-587c-4f6b-8a49-2680a1cbe4b6",
    "question_text": "anything?",
    "options": [{"id": 3, "title": "yes"}, {"id": 4, "title": "no"}],
}


def test_an_answer_is_read() -> None:
    assert read_answer(ANSWER) == AnswerSeen(
        *("73655a36-1aa2-489f-aafa-87ce73a87639", "text 0"),
        *("16961bcb-587c-4f6b-8a49-2680a1cbe4b6", "ad322831-5758-4c55-b718-0a170981ae93"),
        *("reader", "2026-11-27T20:10:55.754012Z", "2026-11-27T20:10:55.753990Z"),
        *("00:00:12.500000", "00:00:12.500000"),
    )


def test_an_answer_of_other_servers_is_read() -> None:
    found = read_answer(
        ANSWER
        | {"display_set": None, "question": f"{ANSWER['question']}?format=csv", "score": 0.5}
        | {"is_ground_truth": True, "answer_image": f"{API}/cases/{ANSWER['pk'].upper()}/"}
    )

    assert found is not None
    assert (found.display_set, found.score, found.is_ground_truth) == (None, 0.5, True)
    assert found.question == QUESTION["pk"]
    assert found.image == ANSWER["pk"]


@pytest.mark.parametrize("entry", [None, 7, [], {}, {"pk": "x"}])
def test_what_is_no_answer_or_question_is_none(entry: Json) -> None:
    assert read_answer(entry) is None
    assert read_question(entry) is None


@pytest.mark.parametrize("options", [None, "x", [None, {"id": True}, {"id": "3"}]])
def test_options_in_another_form_are_none(options: Json) -> None:
    found = read_question(QUESTION | {"options": options})

    assert found is not None
    assert found.options == {}


def test_questions_and_answers_are_listed() -> None:
    studies = {"results": [{"pk": STUDY.pk, "questions": [QUESTION, None]}]}
    answers = {"count": 1, "next": None, "results": [ANSWER, None]}
    with scripted(reply(body=studies), reply(body=answers)) as server:
        platform = Platform(f"{server.url}/api/v1/", TOKEN)
        with closing(Client(platform, patience=Patience(5.0, 5.0))) as client:
            questions = questions_of(client, STUDY)
            found = list(list_answers(client, STUDY))

    assert questions == {
        QUESTION["pk"]: Question(
            QUESTION["pk"], "anything?", "Multiple choice", {3: "yes", 4: "no"}
        )
    }
    assert [one.pk for one in found] == [ANSWER["pk"]]
    assert [one.path for one in server.asked] == [
        "/api/v1/reader-studies/?slug=fx",
        f"/api/v1/reader-studies/answers/?question__reader_study={STUDY.pk}&limit=1000",
    ]
