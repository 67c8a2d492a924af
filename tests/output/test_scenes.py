"""What terminals show is what was recorded; `python -m tests.output.scenes` records it anew."""

from __future__ import annotations

import re

import pytest

from manifest_uploader.output.cells import width_of
from manifest_uploader.output.live_view import TYPED
from tests.output import scenes

COMMAND = re.compile("uploader |python.* -m ")
EVERY = [(name, width) for name in scenes.SCENES for width in scenes.WIDTHS]


@pytest.mark.parametrize(("name", "width"), EVERY)
def test_a_screen_looks_as_recorded(name: str, width: int) -> None:
    expected = scenes.file_of(name, width).read_text(encoding="utf-8")

    assert scenes.recorded(name, width) == expected


def test_every_recording_is_that_of_a_scene() -> None:
    expected = {scenes.file_of(name, width) for name, width in EVERY}

    assert set(scenes.FOLDER.iterdir()) == expected


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", scenes.SCENES)
def test_no_line_is_longer_than_the_terminal_unless_it_is_one_word(name: str, width: int) -> None:
    for row in scenes.rows_of_scene(name, width):
        assert width_of(row) <= width or " " not in row.strip() or COMMAND.search(row), row


@pytest.mark.parametrize("name", ["run-fresh", "run-of-jobs"])
def test_old_terminals_get_signs_that_they_have(name: str) -> None:
    names = (scenes.WIDE, "気道.nii.gz")
    text = "\n".join(scenes.rows_of_scene(name, 120, TYPED))
    for one in names:
        text = text.replace(one, "")

    assert text.isascii()
