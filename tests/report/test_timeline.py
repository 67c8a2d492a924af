"""The timeline counts records in bins of time, and its plots are plain SVG."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.report.figures import _labels, _ticks, draw
from manifest_uploader.report.timeline import Timeline, _bins, make_timeline
from tests.report.helpers import NOON, Line, pk, read_stored, upload_lines, whole_case


def timeline_of(folder: Path, lines: list[Line]) -> Timeline:
    return make_timeline(read_stored(folder, lines).events)


def test_without_records_the_timeline_and_its_plots_are_empty() -> None:
    assert Timeline() == make_timeline(())
    assert draw(Timeline(), UTC) == ()


def test_cases_are_counted_from_the_bin_in_which_they_end(tmp_path: Path) -> None:
    lines = [*whole_case("a", NOON), *whole_case("b", NOON + 20, words="no")]

    timeline = timeline_of(tmp_path, lines)

    assert (timeline.done[-1], timeline.failed[-1]) == (1, 1)
    bin_of_confirmation = next(
        number for number, one in enumerate(timeline.bins) if one.end > NOON + 9
    )
    assert (timeline.done[bin_of_confirmation - 1], timeline.done[bin_of_confirmation]) == (0, 1)
    assert set(timeline.done[bin_of_confirmation:]) == {1}


def test_a_failed_case_that_is_done_later_no_longer_counts_as_failed(tmp_path: Path) -> None:
    lines = [*whole_case("a", NOON, words="no"), *whole_case("a", NOON + 30)]

    timeline = timeline_of(tmp_path, lines)

    assert (timeline.done[-1], timeline.failed[-1]) == (1, 0)
    assert max(count for count in timeline.failed if count is not None) == 1


def test_throughput_is_spread_over_the_time_an_upload_took(tmp_path: Path) -> None:
    timeline = timeline_of(tmp_path, upload_lines("a", "ct-image", NOON, size=1000, took=10))

    widths = [one.end - one.start for one in timeline.bins]
    rates = [rate or 0 for rate in timeline.throughput]
    assert sum(a * b for a, b in zip(widths, rates, strict=True)) == pytest.approx(1000)
    assert rates[1:9] == pytest.approx([100] * 8)


def test_pauses_repeats_and_failures_are_counted(tmp_path: Path) -> None:
    step = {"case": "a", "step": "a/ct-image", "socket": "ct-image"}
    opened = upload_lines("a", "ct-image", NOON)[0]
    lines = [
        opened,
        {"time": NOON, "event": "paused", **step, "why": "too many uploads"},
        {"time": NOON, "event": "failed", **step, "words": "no", "final": False},
        {**opened, "pk": pk("anew")},
    ]

    timeline = timeline_of(tmp_path, lines)

    assert (timeline.pauses, timeline.repeats, timeline.failures) == ((1,), (1,), (1,))


def test_the_start_of_an_upload_and_its_row_are_not_a_repeat(tmp_path: Path) -> None:
    started = {"time": NOON, "event": "started", "case": "a", "step": "a/ct-image",
               "socket": "ct-image"}  # fmt: skip

    timeline = timeline_of(tmp_path, [started, *upload_lines("a", "ct-image", NOON)])

    assert sum(count or 0 for count in timeline.repeats) == 0


def test_imports_are_timed_from_the_fill(tmp_path: Path) -> None:
    timeline = timeline_of(tmp_path, whole_case("a", NOON))

    assert [one for one in timeline.import_median_s if one is not None] == [7.0]
    assert [one for one in timeline.import_longest_s if one is not None] == [7.0]


def test_a_long_silence_becomes_a_bin_of_no_length(tmp_path: Path) -> None:
    lines = [*whole_case("a", NOON), *whole_case("b", NOON + 50_000)]

    timeline = timeline_of(tmp_path, lines)

    assert sum(one.silence for one in timeline.bins) == 1
    assert all(one.end - one.start <= 2 for one in timeline.bins)


def test_labels_name_the_day_where_it_changes(tmp_path: Path) -> None:
    hours = [line for hour in range(24) for line in whole_case(f"a{hour}", NOON + 3600 * hour)]

    days = _labels(timeline_of(tmp_path, hours).bins, UTC)
    one = _labels(timeline_of(tmp_path, whole_case("a", NOON)).bins, UTC)

    assert [label for label in days if label] == ["23 Nov 10:00", "18:00", "24 Nov 02:00"]
    assert [label for label in one if label] == ["10:00:00", "10:00:04", "10:00:08"]


@given(st.lists(st.floats(0, 4e9), min_size=1, max_size=50))
def test_bins_are_few_and_cover_every_time(times: list[float]) -> None:
    times.sort()

    bins = _bins(times)

    assert len(bins) <= 70
    assert all(a.end <= b.start for a, b in itertools.pairwise(bins))
    assert all(any(one.start <= time < one.end for one in bins) for time in times)


@given(st.floats(1e-6, 1e15))
def test_ticks_are_few_and_reach_the_top(top: float) -> None:
    ticks = _ticks(top, (1, 60, 3600))

    assert 2 <= len(ticks) <= 7
    assert ticks[0] == 0
    assert ticks[-1] >= top * 0.999999


def test_plots_are_svg_without_scripts_styles_or_foreign_text(tmp_path: Path) -> None:
    lines = [*whole_case("<b>a</b>", NOON), *whole_case("b", NOON + 900, words="<script>")]

    figures = draw(timeline_of(tmp_path, lines), UTC)

    assert [figure.title for figure in figures] == [
        "Cases over time",
        "Throughput",
        "Import waiting times",
    ]
    for figure in figures:
        root = ET.fromstring(figure.svg)
        tags = {one.tag.rpartition("}")[2] for one in root.iter()}
        assert tags <= {"svg", "g", "rect", "path", "text", "title", "circle"}
        assert not any({"style", "id", "href"} & one.attrib.keys() for one in root.iter())


def test_the_same_timeline_gives_the_same_plots(tmp_path: Path) -> None:
    timeline = timeline_of(tmp_path, whole_case("a", NOON))

    assert draw(timeline, UTC) == draw(timeline, UTC)
