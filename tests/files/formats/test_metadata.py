"""The optional fields that the importer checks."""

from __future__ import annotations

import time

import pytest

from manifest_uploader.files.formats.metadata import _PATTERNS, metadata_flaws


def wrong(timepoints: int = 1, **fields: str) -> list[str]:
    """The names of the fields that the importer refuses."""
    return [flaw.about for flaw in metadata_flaws(fields, timepoints)]


@pytest.mark.parametrize(
    "fields",
    [
        {"WindowCenter": "12", "WindowWidth": "-1.5e3"},
        {"WindowCenter": "[1, 2]", "WindowWidth": "[3,4]"},
        {"Laterality": "L", "SliceThickness": ".5", "t0": "0", "t1": "2E5"},
        {"Comment": "anything", "Modality": "MET_MOD_CT"},
        {"ContentTimes": "235959.123", "Exposures": "1.5"},
        {"SmallestImagePixelValue": "-1024", "LargestImagePixelValue": "+3071"},
    ],
)
def test_fields_of_the_right_form_are_fine(fields: dict[str, str]) -> None:
    assert wrong(**fields) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WindowCenter", "1."),
        ("WindowCenter", "wide"),
        ("SliceThickness", ""),
        ("SliceThickness", "1 2"),
        ("Laterality", "L" * 129),
        ("ContentTimes", "240000"),
        ("ContentTimes", "120000 120001"),
        ("Exposures", "1,2"),
        ("t0", "nan"),
    ],
)
def test_a_field_of_another_form_is_named(name: str, value: str) -> None:
    assert wrong(**{name: value}) == [name]


def test_a_list_of_window_centers_needs_as_many_widths() -> None:
    assert wrong(WindowCenter="[1, 2]") == ["WindowCenter"]
    assert wrong(WindowCenter="[1, 2]", WindowWidth="3") == ["WindowCenter"]
    assert wrong(WindowCenter="[1, 2]", WindowWidth="[3]") == ["WindowCenter", "WindowWidth"]


def test_there_are_as_many_times_as_timepoints() -> None:
    assert wrong(2, ContentTimes="120000 120001", Exposures="1 2") == []
    assert wrong(3, ContentTimes="120000 120001") == ["ContentTimes"]


def test_a_long_line_of_digits_takes_no_time() -> None:
    started = time.process_time()

    for name in _PATTERNS.keys() - {"Laterality"}:
        assert wrong(**{name: "1" * 9990 + "x"}) == [name]
        assert wrong(**{name: "[" + "1," * 4990}) == [name]

    assert time.process_time() - started < 0.5
