"""Runs that a released version began, and that were killed, are finished by this one."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from tests.entry import Ran, items_of, uploader
from tests.state.corpus.interrupted.prepare import RUNS, prepare

STREAMS = 3 * (1119 + 3982 + 18 + 349 + 35)
"""Bytes of the files of three cases, each sent as one stream."""
SENT = {
    "mid-upload": (15, STREAMS - (1119 + 3982 + 18 + 349 + 35 + 349 + 1119)),
    "between-creation-and-fill": (0, 0),
    "imports-pending": (0, 0),
}
"""By the name of a run: the uploads that it had still to complete, and the missing bytes."""


def run(manifest: Path) -> Ran:
    return uploader("run", "--sandbox", manifest.name, "--json", cwd=manifest.parent).expect(0)


def test_each_interrupted_run_is_finished() -> None:
    assert RUNS.keys() == SENT.keys()


@pytest.mark.parametrize("name", SENT)
def test_an_interrupted_run_is_finished_and_nothing_is_sent_twice(
    name: str, tmp_path: Path
) -> None:
    manifest = prepare(name, tmp_path / name)
    data = manifest.parent / "data"

    first, second = run(manifest), run(manifest)

    none = dict.fromkeys(("failed", "unsure", "waiting", "pending"), 0)
    assert first.ends == {"total": 3, "done": 3, "unchanged": 0} | none
    assert (first.summary["uploads"], first.summary["bytes_sent"]) == SENT[name]
    assert second.ends == {"total": 3, "done": 3, "unchanged": 3} | none
    assert (second.summary["uploads"], second.summary["bytes_sent"]) == (0, 0)
    assert [line["event"] for line in second.lines] == ["summary"]
    items = items_of(manifest.with_name("manifest.sandbox"))
    assert sorted(item["title"] for item in items) == ["Patient 1", "Patient 2", "Patient 3"]
    for item in items:
        number = int(item["title"].removeprefix("Patient "))
        report = (data / f"patient-{number}" / "report.pdf").read_bytes()
        assert len(item["values"]) == 8
        assert item["values"]["some-score"] == {"value": number + 0.5}
        assert item["values"]["report"]["file"]["sha256"] == sha256(report).hexdigest()
        assert len(item["values"]["mr-image"]["files"]) == 3
