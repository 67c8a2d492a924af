from __future__ import annotations

import io

import pytest

from manifest_uploader.output.paint import Colour, clipped, is_wanted, painted, wrapped, writable
from manifest_uploader.text import Tone, Toned, block, line


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


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        (
            "ok  disk  10 GiB free in the folder",
            24,
            "ok  disk  10 GiB free in\n          the folder",
        ),
        ("    → do this or that", 16, "    → do this or\n      that"),
        ("      → python -m pip install x", 28, "   → python -m pip install x"),
        ("a: 山田 太郎 and more", 12, "a: 山田 太郎\n  and more"),
    ],
)
def test_the_rest_of_a_line_is_below_what_it_belongs_to(
    text: str, width: int, expected: str
) -> None:
    assert wrapped(block(text), width) == expected


def test_a_line_may_be_cut() -> None:
    found = clipped(line(("山田 太郎", Tone.GOOD), ": done"), 8, "…")

    assert (found, found.tones) == ("山田 太…", (Toned(0, 4, Tone.GOOD),))
    assert clipped(found, 8, "…") is found


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "→ é – 山 …"),
        ("latin-1", "> é - \\u5c71 ."),
        ("ascii", "> \\xe9 - \\u5c71 ."),
        ("x", "> \\xe9 - \\u5c71 ."),
    ],
)
def test_signs_that_an_encoding_lacks_are_typed(encoding: str, expected: str) -> None:
    text = line("→ é – 山 ", ("…", Tone.GOOD))
    found = writable(text, encoding)

    assert found == expected
    assert painted(found) == f"{expected[:-1]}\x1b[32m{expected[-1]}\x1b[0m"


def test_a_wrapped_line_keeps_its_tones() -> None:
    text = wrapped(line("one two ", ("three", Tone.BAD), " four"), 8)
    assert painted(text) == "one two\n  \x1b[31mthree\x1b[0m\n  four"
