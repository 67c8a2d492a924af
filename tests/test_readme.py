"""README.md is true to the letter: its commands are run, and its outputs are theirs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from manifest_uploader.cli import COMMANDS
from tests.entry import uploader
from tests.guide.desk import walk_readme
from tests.guide.pages import README, ROOT, blocks, masked, topics
from tests.report.picture import PICTURE

TEXT = README.read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="README's commands are for a POSIX shell")
def test_every_command_does_what_readme_shows(tmp_path: Path) -> None:
    outputs = list(walk_readme(tmp_path))

    assert len(outputs) > 5
    for block, seen in outputs:
        assert masked(seen) == masked(block.text), f"{block.place}: it is\n{seen}"


def test_it_is_short_and_its_picture_small() -> None:
    assert len(TEXT.splitlines()) <= 250
    assert PICTURE.stat().st_size <= 100_000
    assert f"]({PICTURE.relative_to(ROOT).as_posix()})" in TEXT


def test_the_two_lines_of_set_up_are_those_that_ci_runs() -> None:
    main, tests = (
        [block.text.rstrip("\n") for block in blocks(README) if block.note == note]
        for note in ("the main job", "the tests")
    )
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert main[0].endswith(".venv/bin/uploader run --sandbox examples/reader-study/manifest.yaml")
    assert tests[0].endswith(".venv/bin/python -m pytest")
    assert "\n" not in main[0] + tests[0]
    assert all(f"$(line '{name}')" in script for name in ("the main job", "the tests"))


def test_what_ci_looks_for_is_what_the_first_line_prints() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    patterns = [
        one.replace(")", r"\)")  # as grep takes it
        for one in re.findall(r"^grep -q '(.+)'", script, re.MULTILINE)
    ]
    shown = [block.text for block in blocks(README) if block.note.startswith("output")][:2]

    assert len(patterns) == 2
    assert all(re.search(one, text) for one, text in zip(patterns, shown, strict=True))


def test_its_table_lists_every_command() -> None:
    table = TEXT.split("\n## Commands\n")[1].split("\n## ")[0]

    first_column = "".join(re.findall(r"^\| .*? \|", table, re.MULTILINE))
    listed = re.findall(r"`uploader ([a-z]+)\b", first_column)

    assert sorted(listed) == sorted(COMMANDS)


def test_every_option_is_told_and_every_option_told_exists(tmp_path: Path) -> None:
    helps = {name: uploader(name, "--help", cwd=tmp_path).out for name in COMMANDS}
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (README, *topics()))
    of_others = re.findall(r"^(?:#SBATCH|git) .*$|`dask [^`]*`", pages, re.MULTILINE)

    known, told = _options("".join(helps.values())), _options(pages)

    to_tell = _options("".join(helps[name] for name in ("validate", "plan", "run", "status")))
    assert to_tell - told == set()
    assert told - known - _options("\n".join(of_others)) == set()


def _options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*", text))
