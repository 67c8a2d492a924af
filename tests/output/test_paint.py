from __future__ import annotations

import io

import pytest

from manifest_uploader.output.paint import Colour, is_wanted, painted, wrapped
from manifest_uploader.text import Tone, block, line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_pieces_keep_their_tones_wherever_they_stand() -> None:
    one = line(("failed", Tone.BAD), ": ", line("a ", ("b", Tone.QUIET)))
    both = block("first\x1b", one)

    assert both == "first\\x1b\nfailed: a b"
    assert painted(both) == "first\\x1b\n\x1b[31mfailed\x1b[0m: a \x1b[2mb\x1b[0m"


def test_no_name_can_begin_a_line_or_a_colour() -> None:
    assert line("a\n\x1b[31mb", ("c\n", Tone.GOOD)) == "a\\x0a\\x1b[31mbc\\x0a"


@pytest.mark.parametrize(
    ("choice", "stream", "environment", "wanted"),
    [
        (Colour.AUTO, Terminal(), {}, True),
        (Colour.AUTO, Terminal(), {"NO_COLOR": "1"}, False),
        (Colour.AUTO, Terminal(), {"NO_COLOR": ""}, True),
        (Colour.AUTO, Terminal(), {"TERM": "dumb"}, False),
        (Colour.AUTO, io.StringIO(), {}, False),
        (Colour.AUTO, io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (Colour.ALWAYS, io.StringIO(), {"NO_COLOR": "1"}, True),
        (Colour.NEVER, Terminal(), {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colours_are_for_those_who_want_them(
    choice: Colour, stream: io.StringIO, environment: dict[str, str], wanted: bool
) -> None:
    assert is_wanted(choice, stream, environment) is wanted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two three", "one two\n  three"),
        ("  one two", "  one\n    two"),
        ("longer-than-a-line and more", "longer-than-a-line\n  and\n  more"),
        ("        longer-than-a-line", "        longer-than-a-line"),
        ("12345678", "12345678"),
        ("type it: uploader run lung.yaml", "type it:\n  uploader run lung.yaml"),
        ("see 'uploader logs' for it", "see\n  'uploader logs'\n  for it"),
    ],
)
def test_lines_end_between_words(text: str, expected: str) -> None:
    assert wrapped(block(text), 8) == expected


def test_a_wrapped_line_keeps_its_tones() -> None:
    text = wrapped(line("one two ", ("three", Tone.BAD), " four"), 8)
    assert painted(text) == "one two\n  \x1b[31mthree\x1b[0m\n  four"
