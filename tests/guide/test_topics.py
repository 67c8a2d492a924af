"""The topics of `uploader help` are true to the letter: their commands are run by copying."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from manifest_uploader.guide.topics import TOPICS, text_of
from manifest_uploader.manifest.parser import parse
from tests import shim
from tests.guide.desk import Prepared, Program, prepared, walk_topic
from tests.guide.pages import NOT_RUN, README, ROOT, Block, blocks, masked, topics

HEAD = "version: 1\ntarget: {kind: archive, slug: lung}\ncases:\n- name: patient-001\n  sockets:\n"
PAGES = [README, *topics()]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a POSIX shell")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    with prepared(tmp_path_factory.mktemp("prepared")) as found:
        yield found


@pytest.fixture(scope="module")
def quick() -> Iterator[Program]:
    """The program as forked processes run it; README's own commands start interpreters."""
    with shim.program() as text:
        yield Program(text=text)


@POSIX
@pytest.mark.parametrize("page", topics(), ids=lambda page: page.stem)
def test_every_command_does_what_the_topic_shows(
    page: Path, tmp_path: Path, shared: Prepared, quick: Program
) -> None:
    for block, seen in walk_topic(page, tmp_path, shared, quick):
        assert masked(seen) == masked(block.text), f"{block.place}: it is\n{seen}"


def test_every_topic_has_its_file_and_a_title() -> None:
    assert sorted(TOPICS) == sorted(page.stem for page in topics())
    assert all(text_of(name).startswith("# ") for name in TOPICS)
    assert not [name for name in TOPICS if "<!--" in text_of(name)]


def test_every_fence_is_read() -> None:
    for page in PAGES:
        fences = len(re.findall(r"^```", page.read_text(encoding="utf-8"), re.MULTILINE))
        assert fences == 2 * len(blocks(page)), page.name


def test_what_is_not_run_is_listed_with_its_reason() -> None:
    all_of_them = [block for page in PAGES for block in blocks(page)]
    prefix = "not run here: "
    reasons = {one.note.removeprefix(prefix) for one in all_of_them if prefix in one.note}

    assert reasons == NOT_RUN
    unmarked = [one for one in all_of_them if one.language not in {"sh", "yaml", "python"}]
    assert [one.place for one in unmarked if not one.note] == []


def test_the_yaml_blocks_are_manifests() -> None:
    found = [one for page in PAGES for one in blocks(page) if one.language == "yaml"]

    for block in found:
        if block.text.startswith("version:"):
            manifest = parse(block.text.encode(), block.place)
            assert (manifest.short is not None) == ("\neach:" in block.text)
            assert manifest.short or manifest.cases
        elif block.note == "values":
            assert parse(_in_a_case(block).encode(), block.place).cases[0].values
        elif block.note == "part of a manifest":
            example = (ROOT / "examples" / "reader-study" / "manifest.yaml").read_text("utf-8")
            lines = [re.sub(r" +# .*", "", line) for line in example.splitlines()]
            assert set(block.text.splitlines()) <= set(lines)
        else:
            assert block.text.startswith("# yaml-language-server")
    assert len(found) > 5


def _in_a_case(block: Block) -> str:
    return HEAD + "".join(f"    {line}\n" for line in block.text.splitlines())


def test_every_topic_that_is_named_exists() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)

    named = set(re.findall(r"uploader help ([a-z-]+)", text))

    assert named - set(TOPICS) == set()
    readme = README.read_text(encoding="utf-8")
    linked = re.findall(r"\(manifest_uploader/guide/([a-z-]+)\.md\)", readme)
    assert sorted(linked) == sorted(TOPICS)


def test_outputs_that_differ_are_noticed() -> None:
    shown = "patient-1: done\nall 2 cases; sent 5 B, 22 requests, 0.7 s"

    assert masked(shown) == masked(shown.replace("22", "23").replace("0.7", "12"))
    assert masked(shown) != masked(shown.replace("5 B", "6 B"))
