from __future__ import annotations

from typing import Any

import pytest

from manifest_uploader.errors import PlatformRefused
from manifest_uploader.platform.responses import Response, detail_of, results_of


@pytest.mark.parametrize(("status", "ok"), [(200, True), (201, True), (299, True), (300, False)])
def test_an_answer_is_good_by_its_status(status: int, ok: bool) -> None:
    assert Response(status).ok is ok


@pytest.mark.parametrize("body", [None, [], [1], "x", 5])
def test_what_is_no_object_has_no_fields(body: Any) -> None:
    assert Response(200, body).fields == {}
    assert Response(200, {"pk": 1}).fields == {"pk": 1}


def test_the_results_of_a_list_are_a_list() -> None:
    assert results_of(Response(200, {"results": [1, 2]}), "uploads/") == [1, 2]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Response(200, {"results": None}), "no reason given"),
        (Response(200, [1]), "no reason given"),
        (Response(404, {"detail": "Not found."}), "Not found."),
        (Response(400, {"results": []}), "no reason given"),
    ],
)
def test_any_other_answer_is_told_with_what_was_asked_for(answer: Response, words: str) -> None:
    with pytest.raises(PlatformRefused) as caught:
        results_of(answer, "uploads/")

    assert caught.value.message == f"the platform did not list uploads: {words}"


def test_reasons_are_cut() -> None:
    assert len(detail_of({"detail": "x" * 5000})) == 200
    assert detail_of({"detail": ["x"]}) == "no reason given"
