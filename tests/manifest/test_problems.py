"""How problems are put to a person."""

import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.cli import command
from manifest_uploader.commands import status
from manifest_uploader.engine.results import CaseEnd, End
from manifest_uploader.errors import PlatformRefused
from manifest_uploader.manifest.problems import Place, Problem, format_problem
from manifest_uploader.output.failure_lines import failure_groups
from manifest_uploader.output.formatting import error_lines
from manifest_uploader.output.screen import Lines
from manifest_uploader.output.streams import say
from manifest_uploader.state.events import Failure
from manifest_uploader.text import (
    UNPRINTABLE,
    Tone,
    block,
    did_you_mean,
    lines_of,
    printable,
    quoted,
)


def test_a_problem_is_printed_with_its_place_and_hint():
    problem = Problem("unknown key 'titel'", Place("lung.yaml", 8, 5), "did you mean 'title'?")

    assert (
        format_problem(problem)
        == "lung.yaml:8:5: unknown key 'titel'\n  hint: did you mean 'title'?"
    )


def test_a_problem_without_place_or_hint_is_its_message():
    assert format_problem(Problem("the token is missing", None)) == "the token is missing"


def test_the_nearest_candidate_is_meant_whatever_its_case():
    assert did_you_mean("CT-Imgae", ["ct-image", "mr-image"]) == "did you mean 'ct-image'?"
    assert did_you_mean("zzz", ["ct-image"]) is None
    assert did_you_mean("x" * 1_000_000, ["ct-image"]) is None


def test_a_long_value_is_cut():
    assert quoted("x" * 1000) == "'" + "x" * 59 + "…'"


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_printed(text):
    assert UNPRINTABLE.search(printable(text)) is None


# ── what a terminal is told ─────────────────────────────────────────────────────────────────

TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize("sign", [*TURNING, *"\n\r\x1b\x07\x08\x0b\x0c\x00\x7f\x85\u2028\u2029"])
def test_no_sign_in_a_text_begins_a_line_or_turns_one(sign: str) -> None:
    shown = block(f"a{sign}b", "c")

    first, second = shown.splitlines()
    assert (first[:2], first[-1], second) == ("a\\", "b", "c")
    assert first.isascii()


def test_a_block_within_a_block_keeps_its_lines_and_a_text_is_one() -> None:
    assert block("a", block("b", "c\nd"), "e\nf") == "a\nb\nc\\x0ad\ne\\x0af"
    assert lines_of("a\nb") == ["a\\x0ab"]


def test_neither_place_nor_message_nor_hint_can_forge_a_problem() -> None:
    forged = "x\nlung.yaml:1:1: forged"

    shown = format_problem(Problem(forged, Place(forged, 8, 5), forged))

    assert len(shown.splitlines()) == 2


def test_words_of_the_platform_are_told_on_their_own_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "No image.\nFinished: all 3 cases uploaded and verified\u202e"

    say(error_lines(PlatformRefused(words, hint=words)))
    end = CaseEnd("p1", End.FAILED, failures=(Failure("ct-image", words, of_import=True),))
    Lines().case_ended(end)
    say(failure_groups([end], Tone.BAD)[0])

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert all("\\x0aFinished: all 3" in line and "\u202e" not in line for line in lines)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_the_name_of_a_file_cannot_forge_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p1").mkdir()
    (tmp_path / "p1" / "a\n0 problems; all was sent").symlink_to("nowhere")
    (tmp_path / "p1" / "\u202ea\u200f").symlink_to("nowhere")
    (tmp_path / "m.yaml").write_text(
        "version: 1\ntarget: {kind: archive, slug: a}\n"
        "cases:\n  - {name: p1, sockets: {ct: {files: p1}}}\n"
    )

    assert command(["validate", "--offline", str(tmp_path / "m.yaml")]) == 2

    err = capsys.readouterr().err
    assert not [line for line in err.splitlines() if line.startswith("0 problems")]
    assert not set(TURNING) & set(err)
    assert r"a\x0a0 problems" in err


def test_a_log_has_one_line_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> int:
        logging.getLogger("manifest_uploader").warning("refused: %s", "a\n2026 forged\u202e")
        return 0

    monkeypatch.setattr(status, "run", broken)

    command(["status", "lung.yaml", "--log-file", str(tmp_path / "log")])

    assert len((tmp_path / "log").read_text(encoding="utf-8").splitlines()) == 1


def test_of_a_line_that_nobody_reads_both_ends_are_shown() -> None:
    long = "the start " + "x" * 100_000 + " the end"

    (line,) = block(long).split("\n")

    assert line.startswith("the start xxx")
    assert line.endswith("xxx the end")
    assert " … 92,018 more characters … " in line
    assert len(line) < 9_000
    assert block("y" * 8_000) == "y" * 8_000
    assert block(block(long), "next") == f"{line}\nnext"
