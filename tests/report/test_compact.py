"""The cases in the page's script element are complete, compact and harmless."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.report.compact import cases_json
from manifest_uploader.report.overview import cases_of
from manifest_uploader.report.rows import File, Row
from manifest_uploader.state.standing import Standing
from tests.entry import uploader
from tests.report.helpers import NOON, pk, write_eventful_run

PICTURE = "UklGRg=="


def row(case: str, socket: str, **more: object) -> Row:
    item = pk(case)
    page = f"https://grand-challenge.org/reader-studies/a/display-sets/{item}/"
    usual = {"title": case, "order": 1, "state": Standing.DONE, "item": item, "page": page,
             "standing": Standing.DONE}  # fmt: skip
    return Row(case=case, socket=socket, **{**usual, **more})  # type: ignore[arg-type]


def packed(rows: list[Row], **more: Any) -> dict[str, Any]:
    given = {"offset_s": 0, "pictures": {}, "kind": TargetKind.READER_STUDY, **more}
    found: dict[str, Any] = json.loads(cases_json(cases_of(rows), **given))
    return found


def test_repeated_texts_are_stored_once() -> None:
    rows = [
        row("a", "ct", files=(File("a.mha"),), size=0, sha256="0" * 64, image=pk("i"),
            sent=NOON, confirmed=NOON + 7.6),
        row("a", "score", value=2.5, confirmed=NOON + 1),
        row("b", "ct", title="B", order=None, item=None, page=None, words="no", remedy="look",
            state=Standing.FAILED, standing=Standing.FAILED),
    ]  # fmt: skip

    found = packed(rows, offset_s=3600, pictures={("a", "ct"): PICTURE})

    at = {text: number for number, text in enumerate(found["texts"])}
    page = at["https://grand-challenge.org/reader-studies/a/display-sets/*/"]
    assert len(at) == len(found["texts"]) == 8
    ct = [at["ct"], at["done"], at[""], at[""], 0, 8, "a.mha", 0, "0" * 64, pk("i"), "", PICTURE]
    score = [at["score"], at["done"], at[""], at[""], "", 1, "2.5", "", "", "", 1]
    failed = [at["ct"], at["failed"], at["No"], at["look"]]
    assert found["cases"] == [
        ["a", 1, 1, pk("a"), page, at["done"], at[""], [ct, score]],
        ["b", "B", "", "", at[""], at["failed"], at[""], [failed]],
    ]
    assert (found["base"], found["offset"], found["noun"]) == (NOON, 3600, "display set")
    assert found["moods"] == {"done": "good", "failed": "bad"}


def test_cases_that_are_jobs_run_while_their_inputs_are_imported() -> None:
    running = row("a", "ct", state=Standing.IMPORTING, standing=Standing.IMPORTING)

    study = packed([running])
    algorithm = packed([running], kind=TargetKind.ALGORITHM)

    assert [one["words"]["importing"] for one in (study, algorithm)] == ["importing", "running"]
    assert algorithm["texts"][algorithm["cases"][0][7][0][1]] == "importing"


def test_files_with_digests_are_listed_up_to_a_hundred() -> None:
    files = tuple(File(f"IM{number}.dcm", "ab" * 32, number) for number in range(150))

    case = packed([row("a", "ct", files=files)])["cases"][0]

    listed = case[-1][0][10]
    assert (len(listed), listed[0], listed[-1]) == (101, ["IM0.dcm", 0, "ab" * 32], 50)


def test_no_text_ends_the_script_element_or_changes_the_writing_direction() -> None:
    hostile = "</script><!--<script>\u202e\u200f\ud800"
    rows = cases_of([row(hostile, hostile, title=hostile, words=hostile, remedy=hostile)])

    text = cases_json(rows, offset_s=0, pictures={}, kind=TargetKind.READER_STUDY)

    assert "<" not in text
    assert json.loads(text)["cases"][0][0] == "</script><!--<script>\\u202e\\u200f\\ud800"
    text.encode()


def test_a_page_of_thousands_stays_small(tmp_path: Path) -> None:
    write_eventful_run(tmp_path, 2000)

    uploader("report", "big.yaml", "--no-pictures", cwd=tmp_path).expect(0)

    assert (tmp_path / "big.report.html").stat().st_size < 4000 * 160
