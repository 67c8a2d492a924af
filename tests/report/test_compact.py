"""The rows in the page's script element are complete, compact and harmless."""

from __future__ import annotations

import json
from pathlib import Path

from manifest_uploader.report.compact import rows_json
from manifest_uploader.report.rows import File, Row
from manifest_uploader.state.standing import Standing
from tests.entry import uploader
from tests.report.helpers import NOON, pk, write_eventful_run


def row(case: str, socket: str, **more: object) -> Row:
    item = pk(case)
    page = f"https://grand-challenge.org/reader-studies/a/display-sets/{item}/"
    usual = {"title": case, "order": 1, "state": Standing.DONE, "item": item, "page": page,
             "standing": "confirmed"}  # fmt: skip
    return Row(case=case, socket=socket, **{**usual, **more})  # type: ignore[arg-type]


def test_repeated_texts_are_stored_once() -> None:
    rows = [
        row("a", "ct", files=(File("a.mha"),), size=0, sha256="0" * 64, image=pk("i"),
            sent=NOON, confirmed=NOON + 7.6),
        row("a", "score", value=2.5, confirmed=NOON + 1),
        row("b", "ct", title="B", order=None, item=None, page=None, words="no", standing="failed"),
    ]  # fmt: skip

    found = json.loads(rows_json(rows, offset_s=3600))

    texts = found["texts"]
    assert texts == [
        "https://grand-challenge.org/reader-studies/a/display-sets/*/",
        *("", "ct", "confirmed", "score", "failed", "no"),
    ]
    assert found["cases"] == [["a", 1, 1, pk("a"), 0], ["b", "B", "", "", 1]]
    assert found["rows"] == [
        [0, 2, 3, 1, 0, 8, "a.mha", 0, "0" * 64, pk("i")],
        [0, 4, 3, 1, "", 1, "2.5"],
        [1, 2, 5, 6],
    ]
    assert (found["base"], found["offset"]) == (NOON, 3600)


def test_no_text_ends_the_script_element_or_changes_the_writing_direction() -> None:
    hostile = "</script><!--<script>\u202e\u200f\ud800"

    text = rows_json([row(hostile, hostile, title=hostile, words=hostile)], offset_s=0)

    assert "<" not in text
    assert json.loads(text)["cases"][0][0] == "</script><!--<script>\\u202e\\u200f\\ud800"
    text.encode()


def test_a_page_of_thousands_stays_small(tmp_path: Path) -> None:
    write_eventful_run(tmp_path, 2000)

    uploader("report", "big.yaml", cwd=tmp_path).expect(0)

    assert (tmp_path / "big.report.html").stat().st_size < 4000 * 160
