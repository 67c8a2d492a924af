from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from manifest_uploader.engine.results import CaseEnd, End
from manifest_uploader.manifest.problems import Place, Problem
from manifest_uploader.output import json_lines
from manifest_uploader.state.events import Done, Failed, Failure, ImportFailed, Noticed
from manifest_uploader.state.standing import CaseStanding, Standing
from tests.helpers import (
    STUDY,
    case,
    facts_of,
    few_examples,
    file_value,
    image_value,
    inputs,
    json_value,
    pk,
    plan_of,
    step_id,
)
from tests.output.records import progress_of, summary_of


def test_json_is_one_line_of_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    json_lines.write_json({"words": "é\n☃\x1b"})

    assert capsys.readouterr().out == '{"words": "\\u00e9\\n\\u2603\\u001b"}\n'


def test_a_problem_names_its_place() -> None:
    problem = Problem("unknown key 'titel'", Place("lung.yaml", 8, 5), "did you mean 'title'?")

    assert json_lines.problem_json(problem) == {
        "severity": "problem",
        "file": "lung.yaml",
        "line": 8,
        "column": 5,
        "message": "unknown key 'titel'",
        "hint": "did you mean 'title'?",
    }
    assert json_lines.problem_json(replace(problem, place=None))["line"] is None
    assert json_lines.problem_json(problem, warning=True)["severity"] == "warning"


def test_a_plan_names_its_requests_and_what_readers_will_see() -> None:
    plan = plan_of(
        case(
            "a",
            file_value("ct-image"),
            json_value("some-score", 1),
            image_value("mr-image"),
            title="A",
        ),
        values={("a", "ct-image"): facts_of("ct", size=20 * 2**20)},
    )
    [one] = plan.cases

    found = json_lines.plan_json(one, calls=True)

    assert (found["case"], found["title"], found["action"]) == ("a", "A", "create")
    assert (found["uploads"], found["bytes"], found["names"]) == (1, 20 * 2**20, ["ct.mha"])
    assert found["requests"] == 3 + 3 + 1 + 1 + 1
    assert found["sockets"] == ["ct-image", "some-score", "mr-image"]
    assert found["calls"][0].startswith("POST reader-studies/display-sets/ {")
    assert "<" in found["calls"][1]
    assert json.dumps(found)
    assert "calls" not in json_lines.plan_json(one, calls=False)


def test_a_plan_ends_with_its_totals() -> None:
    one, other = case("a", file_value("ct-image")), case("b", file_value("ct-image"))
    plan = plan_of(one, other)

    found = json_lines.plan_summary_json(plan, inputs(one, other, rows_used=7).facts)

    assert found["event"] == "summary"
    assert found["cases"] == {"total": 2, "create": 2}
    assert (found["uploads"], found["bytes"], found["rows_used"]) == (2, 200, 7)
    assert found["requests"] == 2 * (3 + 1 + 1 + 1 + 1)


def test_where_a_case_stands() -> None:
    stand = CaseStanding("a", "A", Standing.FAILED, pk(1), (Failure(None, "No image."),))

    assert json_lines.stand_json(stand) == {
        "case": "a",
        "title": "A",
        "state": "failed",
        "action": None,
        "item": pk(1),
        "words": "No image.",
        "unchecked": [],
    }
    assert json_lines.stand_json(replace(stand, failures=()))["words"] is None


def test_a_status_ends_with_its_totals() -> None:
    assert json_lines.status_summary_json({"new": 1, "done": 2}) == {
        "event": "summary",
        "cases": {"total": 3, "new": 1, "done": 2},
    }


# ── run ─────────────────────────────────────────────────────────────────────────────────────


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_event_is_a_json_line_with_the_promised_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    observer = json_lines.JsonLines()
    observer.begins(plan_of(), STUDY)
    observer.event(Done("a", step_id("a:create"), pk=pk(1)))
    observer.event(ImportFailed("a", step_id("a/ct-image"), "ct-image", "No image."))
    observer.case_ended(CaseEnd("a", End.FAILED))
    observer.tick(progress_of())
    observer.note("a note")
    observer.ends(summary_of(CaseEnd("a", End.FAILED)))

    first, second, last = written(capsys)
    assert first == {
        "event": "done",
        "case": "a",
        "step": "a:create",
        "socket": None,
        "pk": pk(1),
    }
    assert (second["event"], second["socket"]) == ("import-failed", "ct-image")
    assert last["event"] == "summary"


@pytest.mark.parametrize(
    "event", [Noticed((pk(1),)), Failed("a", step_id("a:fill"), words="", final=False)]
)
def test_what_is_no_news_of_a_case_is_no_json_line(
    capsys: pytest.CaptureFixture[str], event: Any
) -> None:
    json_lines.JsonLines().event(event)

    assert written(capsys) == []


@few_examples
@given(st.lists(st.builds(CaseEnd, st.text(), st.sampled_from(End), st.booleans()), max_size=30))
def test_the_counts_of_a_summary_add_up(ends: list[CaseEnd]) -> None:
    found = json_lines.summary_json(summary_of(*ends))

    cases = found["cases"]
    assert sum(cases[end.value] for end in End) == cases["total"] == len(ends)
    assert found["event"] == "summary"
    assert {"uploads", "bytes_sent", "requests", "retries", "elapsed_s"} <= found.keys()
