"""Whatever a manifest's bytes are: a Manifest or ManifestInvalid, in bounded time."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from manifest_uploader.manifest import yaml_reader
from manifest_uploader.text import UNPRINTABLE
from tests.manifest.helpers import HEAD, case_with, problems_of
from tests.manifest.test_manifest import WHOLE

SEEDS = [WHOLE.encode(), *(p.read_bytes() for p in (Path(__file__).parent / "bad").glob("*.yaml"))]
PIECES = [
    b"[",
    b"]",
    b"{",
    b"}",
    b": ",
    b"- ",
    b"&a ",
    b"*a",
    b"!!x ",
    b"!",
    b"|",
    b">",
    b"'",
    b'"',
    b"\\",
    b"\t",
    b"\n",
    b"\r",
    b"  ",
    b"---\n",
    b"...\n",
    b"%YAML 1.1\n",
    b"%TAG ! x\n",
    b"<<: ",
    b"? ",
    b"#",
    b"\x00",
    b"\xff",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"~",
    b"null",
    b"1e999",
    b"9" * 400,
    b"\\ud800",
    b".nan",
    b"@",
    b"`",
    b",",
    b"cases:",
    b"sockets:",
    b"name: ",
]


def mutated(random_: random.Random) -> bytes:
    data = bytearray(random_.choice(SEEDS)[:3000])
    for _ in range(random_.randint(1, 6)):
        at = random_.randint(0, len(data))
        upto = at + random_.choice([0, 0, 1, random_.randint(0, 30)])
        data[at:upto] = random_.choice([*PIECES, bytes([random_.randrange(256)])])
    return bytes(data)


def test_ten_thousand_mutated_manifests_are_read_or_refused():
    random_ = random.Random(20)
    refused = 0

    for _ in range(10_000):
        problems = problems_of(mutated(random_))
        refused += bool(problems)
        assert not any(UNPRINTABLE.search(problem.replace("\n", "")) for problem in problems)

    assert refused > 5_000


def test_mutated_manifests_are_read_or_refused_without_libyaml_too(monkeypatch):
    monkeypatch.setattr(yaml_reader, "LOADER", yaml.SafeLoader)
    random_ = random.Random(21)

    assert sum(bool(problems_of(mutated(random_))) for _ in range(300)) > 100


@given(st.binary() | st.text().map(str.encode) | st.text())
@settings(max_examples=200, deadline=None)
def test_any_bytes_and_any_text_are_read_or_refused(text):
    assert problems_of(text)


@given(st.text(alphabet="[]{}:,-&*!|>'\"\\%@`#?~ \n\tax1.", max_size=60))
@settings(max_examples=1000, deadline=None)
def test_any_yaml_as_a_value_is_read_or_refused(text):
    problems_of(case_with(text))


@pytest.mark.parametrize("text", ["\ud800", case_with("'\udfff'")])
def test_lone_surrogates_in_a_str_are_refused(text):
    assert problems_of(text)


def test_values_of_a_case_are_bounded_together():
    nearly = "{value: '" + "x" * (8 * 2**20) + "'}"

    problems = problems_of(case_with(f"{nearly}\n      y: {nearly}"))

    assert [problem.split("\n")[0] for problem in problems] == [
        "m.yaml:6:5: the values of this case are larger than 15 MiB as JSON"
    ]
    assert problems_of(case_with(nearly)) == []


MILLION = 1_000_000
MONSTERS: dict[str, Callable[[], str | bytes]] = {
    "nested lists": lambda: "[" * MILLION,
    "nested mappings": lambda: "{" * MILLION,
    "nested lists in a value": lambda: case_with("[" * MILLION),
    "nested mappings in a value": lambda: case_with("{a: " * MILLION),
    "nested dashes": lambda: "- " * MILLION,
    "nested question marks": lambda: "? " * MILLION,
    "nested colons": lambda: ": " * MILLION,
    "deep indentation": lambda: "\n".join(" " * i + "a:" for i in range(3000)),
    "a scalar of 10 MB": lambda: case_with("x" * 10 * MILLION),
    "a quoted scalar of 10 MB": lambda: case_with('"' + "x y " * 2_500_000 + '"'),
    "a folded scalar of 10 MB": lambda: case_with(">\n" + "        x y\n" * 800_000),
    "an unclosed quote of 10 MB": lambda: case_with('"' + "x y\n " * 2_000_000),
    "a key of 10 MB": lambda: case_with("{" + "x" * 10 * MILLION + ": 1}"),
    "a comment of 10 MB": lambda: "#" * 10 * MILLION,
    "one line of 10 MB with colons": lambda: "a: " * 3_000_000,
    "many keys": lambda: case_with(
        "{value: {" + ",".join(f"k{i}: 1" for i in range(100_000)) + "}}"
    ),
    "the same key many times": lambda: case_with("{value: {" + "k: 1," * 100_000 + "}}"),
    "many values in one entry": lambda: case_with("{value: [" + "1," * MILLION + "]}"),
    "many empty lists in one entry": lambda: case_with("{value: [" + "[]," * MILLION + "]}"),
    "many cases that are none": lambda: HEAD + "cases: [" + "1," * MILLION + "]",
    "many commas": lambda: "[" + "," * MILLION,
    "many documents": lambda: "---\n" * MILLION,
    "many anchors": lambda: case_with(
        "{value: [" + ",".join(f"&a{i} 1" for i in range(100_000)) + "]}"
    ),
    "many aliases of one long text": lambda: case_with(
        "{value: [&a " + "x" * 100_000 + "," + "*a," * 100_000 + "]}"
    ),
    "a quadratic tower of aliases": lambda: case_with(
        "{value: [&a0 [x], "
        + ",".join(f"&a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 90))
        + "]}"
    ),
    "many tags": lambda: case_with("{value: [" + "!x 1," * 100_000 + "]}"),
    "a tag of 1 MB": lambda: case_with("!" + "x" * MILLION + " 1"),
    "a number of 10 MB": lambda: case_with("9" * 10 * MILLION),
    "a number of 10 MB with a fraction": lambda: case_with("0." + "9" * 10 * MILLION + "e-5"),
    "a slug of 10 MB": lambda: case_with("1").replace("x: 1", "X" * 10 * MILLION + ": 1"),
    "a path of 1 MB of dots": lambda: case_with("{file: " + "../" * 300_000 + "}"),
    "a title of ampersands": lambda: case_with("1").replace(
        "name: a", "name: a\n    title: '" + "&" * MILLION + "'"
    ),
    "a name of blanks": lambda: case_with("1").replace(
        "name: a", "name: 'a" + " " * MILLION + "!'"
    ),
    "more than 64 MiB": lambda: b" " * (64 * 2**20 + 1),
}
"""Made when they are tried: together they take 200 MB, which every worker of pytest would keep."""


@pytest.mark.parametrize("name", MONSTERS)
def test_a_monster_is_answered_in_time(name):
    monster = MONSTERS[name]()
    start = time.process_time()

    problems = problems_of(monster)

    assert time.process_time() - start < 6
    assert len(problems) <= 1001
    assert all(len(problem) < 1000 for problem in problems)


def seconds_per_case(cases: int) -> float:
    text = (
        HEAD
        + "cases:\n"
        + "".join(
            f"  - {{name: n{i}, title: t{i}, sockets: {{ct: {{files: n{i}/*.dcm}}, score: {i}}}}}\n"
            for i in range(cases)
        )
    )
    start = time.process_time()
    assert problems_of(text) == []
    return (time.process_time() - start) / cases


def test_time_grows_with_the_number_of_cases_and_no_faster():
    few, many = (min(seconds_per_case(cases) for _ in range(3)) for cases in (500, 8000))

    assert many < 3 * few
