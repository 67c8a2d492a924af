from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.entry import environment, platform, uploader

OPTIONS = (
    *("--reader-study", "lung", "--socket", "some-score=Float", "--socket", "remark=String"),
    *("--socket", "details=Anything:file", "--socket", "ct-image=Image"),
    *("--algorithm", "nodules=ct-image+some-score->details"),
)
MANIFEST = """\
version: 1
target: {kind: reader-study, slug: lung}
cases:
- {name: a, sockets: {some-score: 1, remark: good}}
- {name: b, sockets: {some-score: 2}}
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with platform(tmp_path_factory.mktemp("box"), *OPTIONS) as ready:
        yield {
            **environment(),
            "GRAND_CHALLENGE_API_URL": ready["url"],
            "GRAND_CHALLENGE_AUTHORIZATION": ready["token"],
        }


def _json(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_a_study_lists_what_its_items_hold(given: dict[str, str], tmp_path: Path) -> None:
    empty = uploader("sockets", "lung", cwd=tmp_path, given=given)
    (tmp_path / "lung.yaml").write_text(MANIFEST)
    assert uploader("run", "lung.yaml", cwd=tmp_path, given=given).code == 0

    ran = uploader("sockets", "lung", cwd=tmp_path, given=given)
    lines = uploader("sockets", "lung", "--json", cwd=tmp_path, given=given)

    assert empty.code == 1
    assert empty.out == (
        "reader study 'lung' has no items yet; "
        "to search all sockets: uploader sockets --search TEXT\n"
    )
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "reader study 'lung': 2 sockets in 2 items",
        "  remark      String  1 of 2  Remark",
        "  some-score  Float   all     Some Score",
    ]
    assert [(one["slug"], one["items"], one["of"]) for one in _json(lines.out)] == [
        ("remark", 1, 2),
        ("some-score", 2, 2),
    ]


def test_an_algorithm_lists_its_inputs_and_outputs(given: dict[str, str], tmp_path: Path) -> None:
    ran = uploader("sockets", "nodules", cwd=tmp_path, given=given)
    assert ran.out.splitlines() == [
        "algorithm 'nodules'",
        "  ct-image    Image            input   Ct Image",
        "  some-score  Float            input   Some Score",
        "  details     Anything (file)  output  Details",
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--search", "SCORE"), ["some-score"]),
        (("--search", "score some"), ["some-score"]),
        (("--kind", "string"), ["remark"]),
        (("--search", "no such"), []),
    ],
)
def test_sockets_are_searched(
    given: dict[str, str], tmp_path: Path, arguments: tuple[str, ...], expected: list[str]
) -> None:
    ran = uploader("sockets", "--json", *arguments, cwd=tmp_path, given=given)
    assert [one["slug"] for one in _json(ran.out)] == expected
    assert ran.code == (0 if expected else 1)


def test_a_slug_that_is_nearly_right_is_proposed(given: dict[str, str], tmp_path: Path) -> None:
    ran = uploader("sockets", "nodule", cwd=tmp_path, given=given)
    assert ran.code == 2
    assert "no reader study, archive or algorithm 'nodule'" in ran.err
    assert "hint: did you mean 'nodules'?" in ran.err


def test_a_slug_and_a_search_are_refused(given: dict[str, str], tmp_path: Path) -> None:
    ran = uploader("sockets", "lung", "--search", "ct", cwd=tmp_path, given=given)
    assert ran.code == 2
    assert "leave one of them out" in ran.err


def test_the_owner_of_the_token_is_told(given: dict[str, str], tmp_path: Path) -> None:
    ran = uploader("whoami", cwd=tmp_path, given=given)
    told = _json(uploader("whoami", "--json", cwd=tmp_path, given=given).out)

    assert ran.code == 0
    assert ran.out.startswith("sandbox-user (Sandbox) at 127.0.0.1:")
    assert ran.out.endswith(
        "the token is from the environment variable GRAND_CHALLENGE_AUTHORIZATION\n"
    )
    assert told[0]["username"] == "sandbox-user"
    assert given["GRAND_CHALLENGE_AUTHORIZATION"] not in ran.out + json.dumps(told)


def test_a_refused_token_is_nobodys(given: dict[str, str], tmp_path: Path) -> None:
    refused = {**given, "GRAND_CHALLENGE_AUTHORIZATION": "0" * 64}
    ran = uploader("whoami", cwd=tmp_path, given=refused)
    assert ran.code == 3
    assert "the platform does not accept the token" in ran.err
