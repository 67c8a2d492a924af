from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest_uploader.errors import OutputLost
from manifest_uploader.output import streams
from manifest_uploader.text import block
from tests.helpers import few_examples
from tests.output.records import OBEYED_BY_TERMINALS


class Terminal(io.TextIOWrapper):
    """A terminal of an encoding, and the bytes that it was sent."""

    def __init__(self, encoding: str) -> None:
        self.sent = io.BytesIO()
        super().__init__(self.sent, encoding=encoding, newline="\n")


class Broken(io.StringIO):
    """A stream that cannot be written."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._error = error

    def write(self, _: str) -> int:
        raise self._error


def test_a_line_for_people_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    streams.say("3 cases: é ☃")

    assert capsys.readouterr() == ("", "3 cases: é ☃\n")


def test_what_was_asked_for_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    streams.print_out("a\nb")
    streams.print_out(block("c", "d"))
    streams.write_out("e\n")

    assert capsys.readouterr() == ("a\\x0ab\nc\nd\ne\n", "")


@few_examples
@given(st.text())
def test_no_control_character_reaches_a_terminal(text: str) -> None:
    terminal = Terminal("utf-8")

    streams.say(text, terminal)

    assert not OBEYED_BY_TERMINALS.search(terminal.sent.getvalue().decode())


@few_examples
@given(st.text(), st.sampled_from(["cp1252", "ascii", "latin-1", "cp437"]))
def test_a_narrow_terminal_crashes_nothing(text: str, encoding: str) -> None:
    terminal = Terminal(encoding)

    streams.say(text, terminal)

    assert terminal.sent.getvalue().endswith(b"\n")


def test_what_a_narrow_terminal_lacks_is_escaped() -> None:
    terminal = Terminal("cp1252")

    streams.say("café – ☃", terminal)

    assert terminal.sent.getvalue().decode("cp1252") == "café – \\u2603\n"


def test_text_for_a_closed_terminal_is_dropped() -> None:
    streams.say("x", Broken(BrokenPipeError()))
    streams.say("x", Broken(OSError(28, "No space left on device")))


def test_output_that_cannot_be_written_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Broken(OSError(28, "No space left on device")))

    with pytest.raises(OutputLost, match="No space left on device"):
        streams.print_out("x")


def test_a_reader_that_has_gone_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Broken(BrokenPipeError()))

    with pytest.raises(BrokenPipeError):
        streams.write_out("x")
