from __future__ import annotations

import inspect

import pytest

from manifest_uploader import errors
from manifest_uploader.errors import CannotGoOn, UploaderError, UsageError
from manifest_uploader.manifest.problems import ManifestInvalid, Place, Problem

ALL = [
    one
    for _, one in inspect.getmembers(errors, inspect.isclass)
    if one.__module__ == errors.__name__
]


@pytest.mark.parametrize("error", ALL)
def test_every_error_is_drawn_in_the_tree(error: type[UploaderError]) -> None:
    assert error.__name__ in (errors.__doc__ or "")
    assert issubclass(error, UploaderError)


def test_each_branch_has_its_exit_code() -> None:
    assert (UsageError.exit_code, ManifestInvalid.exit_code, CannotGoOn.exit_code) == (2, 2, 3)


@pytest.mark.parametrize(("count", "words"), [(1, "1 problem"), (2, "2 problems")])
def test_an_invalid_manifest_carries_every_problem(count: int, words: str) -> None:
    problems = tuple(Problem("x", Place("m.yaml", line, 1)) for line in range(count))

    found = ManifestInvalid(problems)

    assert (found.problems, found.message, found.rest) == (problems, words, None)
